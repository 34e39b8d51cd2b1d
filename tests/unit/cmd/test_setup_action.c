/* One action of `vmstead setup`, as a shell is told of it and as it is carried out. */
#include "unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "cmd/setup_steps.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void commands(void **state)
{
    char name[] = "true", word[] = "word", failing[] = "false", missing[] = "no-such-program";
    char *argv[] = {name, word, NULL}, *fails[] = {failing, NULL}, *lacks[] = {missing, NULL};
    struct setup_action action = {.argv = argv};
    _cleanup_strbuf_ struct strbuf script = {0};
    _cleanup_error_ struct error err = {0};
    (void)state;
    setup_action_format(&action, &script);
    assert_string_equal(script.data, "true word");
    assert_ok(setup_action_run(&action, &err), &err);
    action.argv = fails;
    assert_int_equal(setup_action_run(&action, &err), -ECHILD);
    assert_string_equal(err.message, "'false' ended with 1");
    action.argv = lacks;
    assert_int_equal(setup_action_run(&action, &err), -ENOENT);
}

static void files(void **state)
{
    char folder[] = "/tmp/setup-action.XXXXXX", text[] = "a = 1\n";
    _cleanup_strbuf_ struct strbuf script = {0};
    _cleanup_error_ struct error err = {0};
    (void)state;
    assert_non_null(mkdtemp(folder));
    _cleanup_free_ char *path = xasprintf("%s/file", folder), *there = NULL, *shell = NULL;
    struct setup_action action = {.path = path, .text = text};
    assert_ok(setup_action_run(&action, &err), &err);
    assert_ok(fs_read_file(path, 100, &there, NULL, &err), &err);
    assert_string_equal(there, text);
    unlink(path);
    setup_action_format(&action, &script);
    assert_int_equal(system(script.data), 0);
    assert_ok(fs_read_file(path, 100, &shell, NULL, &err), &err);
    assert_string_equal(shell, text);
    fs_remove_tree(folder, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
