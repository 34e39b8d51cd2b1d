/* The command line that starts a daemon outside of the login session. */
#include "unit.h"

#include "base/str.h"
#include "cmd/daemon_scope.h"

static void the_daemon_gets_a_scope_of_its_own(void **state)
{
    _cleanup_strv_ char **argv =
        daemon_scope_argv(true, "/usr/bin/systemd-run", "1a2b3c", 4711, "/opt/vmstead-daemon");
    _cleanup_free_ char *line = strv_join(argv, "|");
    (void)state;
    assert_string_equal(line, "/usr/bin/systemd-run|--scope|--quiet|--collect|--slice=system.slice|"
                              "--unit=vmstead-1a2b3c-4711.scope|"
                              "--description=vmstead: a daemon and its virtual machines|--|"
                              "/opt/vmstead-daemon|--background");
}

static void without_systemd_there_is_no_session_to_leave(void **state)
{
    (void)state;
    assert_null(daemon_scope_argv(false, "/usr/bin/systemd-run", "1a2b3c", 1, "/opt/d"));
    assert_null(daemon_scope_argv(true, NULL, "1a2b3c", 1, "/opt/d"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_daemon_gets_a_scope_of_its_own),
        cmocka_unit_test(without_systemd_there_is_no_session_to_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
