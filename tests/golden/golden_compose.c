/* Golden tests of compose/: every folder of the one named on the command line is a case.
 *
 *   compose.yaml...          what is read; `files` names others than those found by themselves
 *   environment              the caller's variables, one a line; none without it
 *   purpose                  what it is read for: "run", as `up` does; without it `config`
 *   expected.diagnostics     the problems and the error's text; absent: there must be none
 *   expected.json            `config --format json`; absent where the case is refused
 *   expected.yaml            `config`
 *   expected.model           the structs (dump_model.h)
 *
 *   json-only-shows          there: the JSON has what the reference's has, and is no Compose file
 *
 * What is printed must read back as the same project, and so must the form for the wire. */
#include "base/alloc.h"
#include "base/fs.h"
#include "compose/compose.h"
#include "dump_model.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define SIZE_LIMIT ((size_t)16 * 1024 * 1024)

struct test_case {
    const char *name, *folder;
    char **files, **environment;
    enum purpose purpose;
    unsigned failures;
};

static bool is_regenerating(void)
{
    const char *value = getenv("REGENERATE");
    return value && streq(value, "1");
}

/* The lines of a file of the case; NULL where there is none. */
static char **read_lines(const char *folder, const char *name)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
    _cleanup_free_ char *text = NULL;
    char **lines = NULL;
    if (fs_read_file(path, SIZE_LIMIT, &text, NULL, &err) < 0)
        return NULL;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            strv_add(&lines, xstrdup(line));
    return lines;
}

/* Where two texts part: the line, and both versions of it. */
static void print_difference(const char *expected, const char *actual)
{
    unsigned line = 1;
    size_t same = 0, start_offset = 0;
    for (; expected[same] && expected[same] == actual[same]; same++)
        if (expected[same] == '\n') {
            line++;
            start_offset = same + 1;
        }
    const char *start = expected + start_offset;
    printf("  line %u\n  - %.*s\n  + %.*s\n", line, (int)strcspn(start, "\n"), start,
           (int)strcspn(actual + start_offset, "\n"), actual + start_offset);
}

static char *hide(const char *folder, const char *mark, const char *text)
{
    struct strbuf out = {0};
    for (const char *found; (found = strstr(text, folder));) {
        strbuf_add(&out, text, (size_t)(found - text));
        strbuf_add_str(&out, mark);
        text = found + strlen(folder);
    }
    strbuf_add_str(&out, text);
    return strbuf_take(&out);
}

/* Where the case's folder lies is no business of the expectation; nor is that of its neighbours. */
static char *hide_folder(const char *folder, const char *text)
{
    _cleanup_free_ char *parent = xstrndup(folder, (size_t)(strrchr(folder, '/') - folder));
    _cleanup_free_ char *inside = hide(folder, "{DIR}", text);
    return hide(parent, "{DIR}/..", inside);
}

/* actual NULL or "": the file must not be there. */
static void expect(struct test_case *test, const char *file, const char *actual)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *path = xasprintf("%s/%s", test->folder, file);
    _cleanup_free_ char *expected = NULL;
    if (actual && *actual == '\0')
        actual = NULL;
    if (is_regenerating()) {
        if (!actual)
            unlink(path);
        else if (fs_write_file_atomic(path, actual, strlen(actual), 0644, &err) < 0)
            printf("%s\n", error_text(&err));
        return;
    }
    int r = fs_read_file(path, SIZE_LIMIT, &expected, NULL, &err);
    if (r == -ENOENT && !actual)
        return;
    if (r == 0 && actual && streq(expected, actual))
        return;
    test->failures++;
    printf("FAIL %s: %s\n", test->name, file);
    print_difference(r == 0 ? expected : "(no such file)", actual ? actual : "(nothing)");
}

static void expect_same(struct test_case *test, const char *what, const char *first,
                        const char *second)
{
    if (second && streq(first, second))
        return;
    test->failures++;
    printf("FAIL %s: %s does not give the same project\n", test->name, what);
    print_difference(first, second ? second : "(refused)");
}

/* A list that takes its entries as the case's purpose wants them. */
static struct diagnostics *new_diagnostics(const struct test_case *test)
{
    struct diagnostics *diagnostics = diagnostics_new();
    diagnostics_set_purpose(diagnostics, test->purpose);
    return diagnostics;
}

static bool has_file(const struct test_case *test, const char *name)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", test->folder, name);
    return access(path, F_OK) == 0;
}

static void check_wire(struct test_case *test, const struct model *model)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = new_diagnostics(test);
    _cleanup_(model_freep) struct model *copy = NULL;
    _cleanup_free_ char *wire = compose_serialize(model);
    compose_deserialize(wire, strlen(wire), diagnostics, &copy, &err);
    _cleanup_free_ char *again = copy ? compose_serialize(copy) : NULL;
    expect_same(test, "the wire", wire, again);
}

/* config's output, written to a file and loaded with no variables and all that it holds enabled,
 * prints the same. */
static void check_output(struct test_case *test, const struct model *model,
                         enum compose_format format)
{
    char path[] = "/tmp/vmstead-golden-XXXXXX", all[] = "*";
    _cleanup_error_ struct error err = {0};
    _cleanup_close_ int fd = mkstemp(path);
    _cleanup_free_ char *text = compose_print(model, format);
    if (fd < 0 || fs_write_all(fd, text, strlen(text)) < 0) {
        test->failures++;
        return;
    }
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = new_diagnostics(test);
    _cleanup_(model_freep) struct model *copy = NULL;
    struct compose_options options = {.files = (char *[]){path, NULL},
                                      .project_directory = model->directory,
                                      .working_directory = "/tmp",
                                      .profiles = (char *[]){all, NULL}};
    compose_load(&options, diagnostics, &copy, &err);
    _cleanup_free_ char *again = copy ? compose_print(copy, format) : NULL;
    _cleanup_strbuf_ struct strbuf problems = {0};
    diagnostics_print(diagnostics, NULL, &problems);
    expect_same(test, "config's output", text, again ? again : strbuf_text(&problems));
    unlink(path);
}

static void check_model(struct test_case *test, const struct model *model)
{
    _cleanup_strbuf_ struct strbuf dump = {0};
    _cleanup_free_ char *printed_yaml = model ? compose_print(model, COMPOSE_YAML) : NULL;
    _cleanup_free_ char *printed_json = model ? compose_print(model, COMPOSE_JSON) : NULL;
    _cleanup_free_ char *yaml = model ? hide_folder(test->folder, printed_yaml) : NULL;
    _cleanup_free_ char *json = model ? hide_folder(test->folder, printed_json) : NULL;
    if (model)
        dump_model(model, &dump);
    expect(test, "expected.yaml", yaml);
    expect(test, "expected.json", json);
    expect(test, "expected.model", strbuf_text(&dump));
    if (!model)
        return;
    check_wire(test, model);
    check_output(test, model, COMPOSE_YAML);
    if (!has_file(test, "json-only-shows"))
        check_output(test, model, COMPOSE_JSON);
}

static unsigned run_case(const char *root, const char *name)
{
    _cleanup_free_ char *folder = xasprintf("%s/%s", root, name);
    _cleanup_strv_ char **files = read_lines(folder, "files");
    _cleanup_strv_ char **environment = read_lines(folder, "environment");
    _cleanup_strv_ char **purpose = read_lines(folder, "purpose");
    struct test_case test = {.name = name,
                             .folder = folder,
                             .files = files,
                             .environment = environment,
                             .purpose =
                                 purpose && streq(purpose[0], "run") ? PURPOSE_RUN : PURPOSE_SHOW};
    struct compose_options options = {
        .files = files, .working_directory = folder, .environment = environment};
    _cleanup_error_ struct error err = {0};
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = new_diagnostics(&test);
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_strbuf_ struct strbuf problems = {0};

    compose_load(&options, diagnostics, &model, &err);
    diagnostics_print(diagnostics, NULL, &problems);
    if (err.code)
        strbuf_addf(&problems, "%s\n", error_text(&err));
    _cleanup_free_ char *shown = hide_folder(folder, strbuf_text(&problems));
    expect(&test, "expected.diagnostics", shown);
    check_model(&test, model);
    return test.failures;
}

static int is_case(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    unsigned failures = 0;
    _cleanup_free_ char *root = argc == 2 ? realpath(argv[1], NULL) : NULL;
    int count = root ? scandir(root, &entries, is_case, alphasort) : -1;
    if (count <= 0) {
        fprintf(stderr, "usage: golden_compose FOLDER-OF-CASES\n");
        return 2;
    }
    for (int i = 0; i < count; i++) {
        failures += run_case(root, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    printf("%d cases, %u failures\n", count, failures);
    return failures > 0;
}
