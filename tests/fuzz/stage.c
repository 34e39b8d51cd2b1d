/* See stage.h. */
#include "stage.h"

#include "base/alloc.h"
#include "base/fs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BACK_LIMIT ((size_t)1024 * 1024) /* printed, a file can be larger than it was */

struct text stage_take_text(const uint8_t **data, size_t *size)
{
    struct text text = {(const char *)*data, strnlen((const char *)*data, *size)};
    size_t used = text.length < *size ? text.length + 1 : text.length;
    *data += used;
    *size -= used;
    return text;
}

/* In memory where there is such a folder; for the life of the process. */
static char folder_path[64];

static void remove_folder(void)
{
    static const char *const names[] = {"base.yaml", "over.yaml", "third.yaml", "printed.yaml",
                                        ".env"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        _cleanup_free_ char *path = xasprintf("%s/%s", folder_path, names[i]);
        unlink(path);
    }
    rmdir(folder_path);
}

static const char *folder(void)
{
    if (folder_path[0])
        return folder_path;
    snprintf(folder_path, sizeof(folder_path), "%s/vmstead-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder_path))
        abort();
    atexit(remove_folder);
    return folder_path;
}

char *stage_put_file(const char *name, struct text text)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", folder(), name);
    if (text.length == 0) {
        unlink(path);
        return NULL;
    }
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || fs_write_all(fd, text.data, text.length) < 0)
        abort();
    return TAKE_PTR(path);
}

struct model *stage_load(char *const *files, bool is_original)
{
    static char set[] = "SET=value", blank[] = "BLANK=", port[] = "PORT=80";
    _cleanup_(error_done) struct error err = {0};
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_strbuf_ struct strbuf text = {0};
    struct model *model = NULL;
    struct compose_options options = {.files = files,
                                      .project_name = "fuzz",
                                      .working_directory = folder(),
                                      .environment = (char *[]){set, blank, port, NULL},
                                      .no_interpolate = is_original,
                                      .keep_all = is_original};
    /* What could not run need not be the same when it is read back. */
    diagnostics_set_purpose(diagnostics, is_original ? PURPOSE_SHOW : PURPOSE_RUN);
    int r = compose_load(&options, diagnostics, &model, &err);
    diagnostics_print(diagnostics, &(struct diagnostics_look){.color = true}, &text);
    if ((r == 0) != (model != NULL) || (r < 0 && !err.code && text.length == 0))
        abort();
    return model;
}

void stage_require_same(const char *what, const char *first, const char *second)
{
    if (second && streq(first, second))
        return;
    fprintf(stderr, "%s differs:\n%s\n---\n%s\n", what, first, second ? second : "(refused)");
    abort();
}

static void check_wire(const struct model *model)
{
    _cleanup_(error_done) struct error err = {0};
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_(model_freep) struct model *copy = NULL;
    _cleanup_free_ char *wire = compose_serialize(model);
    compose_deserialize(wire, strlen(wire), diagnostics, &copy, &err);
    _cleanup_free_ char *again = copy ? compose_serialize(copy) : NULL;
    stage_require_same("wire", wire, again);
}

static void check_output(const struct model *model, enum compose_format format)
{
    _cleanup_free_ char *text = compose_print(model, format);
    if (strlen(text) > READ_BACK_LIMIT)
        return;
    _cleanup_free_ char *file = stage_put_file("printed.yaml", (struct text){text, strlen(text)});
    _cleanup_(model_freep) struct model *copy = stage_load((char *[]){file, NULL}, false);
    if (format == COMPOSE_JSON)
        return; /* it shows, as the reference's does, and leaves out what its readers do not want */
    _cleanup_free_ char *again = copy ? compose_print(copy, format) : NULL;
    stage_require_same("output", text, again);
}

void stage_check(const struct model *model)
{
    check_wire(model);
    check_output(model, COMPOSE_YAML);
    check_output(model, COMPOSE_JSON);
}
