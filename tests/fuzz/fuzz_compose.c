/* YAML -> model. The input is up to three texts with a NUL between them: a Compose file, one over
 * it, and an .env. Whatever loads must print, read back and go over the wire as the same project;
 * where nothing is interpolated, it must print. */
#include "compose/compose.h"
#include "compose/dotenv.h"
#include "fuzz.h"

#include "base/alloc.h"
#include "base/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

struct text {
    const char *data;
    size_t length;
};

/* Cuts the text up to the next NUL off the input. */
static struct text take_text(const uint8_t **data, size_t *size)
{
    struct text text = {(const char *)*data, strnlen((const char *)*data, *size)};
    size_t used = text.length < *size ? text.length + 1 : text.length;
    *data += used;
    *size -= used;
    return text;
}

/* The text as a file without a name; fd is kept for the life of the process. */
static char *as_file(int *fd, struct text text)
{
    if (*fd < 0)
        *fd = memfd_create("compose", MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, 0) < 0 || lseek(*fd, 0, SEEK_SET) < 0 ||
        fs_write_all(*fd, text.data, text.length) < 0)
        abort();
    return xasprintf("/proc/self/fd/%d", *fd);
}

static struct model *load(char *const *files, bool is_original)
{
    static char set[] = "SET=value", blank[] = "BLANK=", port[] = "PORT=80";
    _cleanup_(error_done) struct error err = {0};
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_strbuf_ struct strbuf text = {0};
    struct model *model = NULL;
    struct compose_options options = {.files = files,
                                      .project_name = "fuzz",
                                      .project_directory = "/proc/self/nowhere",
                                      .working_directory = "/proc/self",
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

static void require_same(const char *what, const char *first, const char *second)
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
    require_same("wire", wire, again);
}

static void check_output(const struct model *model, enum compose_format format)
{
    static int fd = -1;
    _cleanup_free_ char *text = compose_print(model, format);
    if (strlen(text) > (size_t)1024 * 1024)
        return; /* printed, a file can be larger than one that may be read */
    _cleanup_free_ char *file = as_file(&fd, (struct text){text, strlen(text)});
    _cleanup_(model_freep) struct model *copy = load((char *[]){file, NULL}, false);
    if (format == COMPOSE_JSON)
        return; /* it shows, as the reference's does, and leaves out what its readers do not want */
    _cleanup_free_ char *again = copy ? compose_print(copy, format) : NULL;
    require_same("output", text, again);
}

/* What is not interpolated may be of any kind everywhere. */
static void check_original(char *const *files)
{
    _cleanup_(model_freep) struct model *model = load(files, true);
    if (!model)
        return;
    free(compose_print(model, COMPOSE_YAML));
    free(compose_print(model, COMPOSE_JSON));
    free(compose_list_variables(model, COMPOSE_TABLE));
    free(compose_list_hashes(model, NULL));
    for (enum compose_list list = 0; list < COMPOSE_LIST_COUNT; list++)
        free(compose_list(model, list));
}

static void check_dotenv(struct text text)
{
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_free_ char *copy = xstrndup(text.data, text.length);
    unsigned file = diagnostics_add_file(diagnostics, ".env", copy, text.length);
    dotenv_read(arena, diagnostics, file, copy, text.length, variables_new(arena, NULL));
    _cleanup_strbuf_ struct strbuf problems = {0};
    diagnostics_print(diagnostics, NULL, &problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int first_fd = -1, second_fd = -1;
    struct text first = take_text(&data, &size), second = take_text(&data, &size);
    check_dotenv(take_text(&data, &size));
    _cleanup_free_ char *base = as_file(&first_fd, first);
    _cleanup_free_ char *over = as_file(&second_fd, second);
    char *files[] = {base, second.length > 0 ? over : NULL, NULL};
    check_original(files);
    _cleanup_(model_freep) struct model *model = load(files, false);
    if (!model)
        return 0;
    check_wire(model);
    check_output(model, COMPOSE_YAML);
    check_output(model, COMPOSE_JSON);
    return 0;
}
