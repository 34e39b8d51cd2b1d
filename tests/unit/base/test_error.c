#include "base/error.h"

#include "../unit.h"

#include "base/alloc.h"

#include <errno.h>

static void prefixes_stand_before_the_cause(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    assert_int_equal(error_set(&err, ENOENT, "no such file '%s'", "x"), -ENOENT);
    assert_int_equal(error_prefix(&err, "service '%s'", "web"), -ENOENT);
    assert_string_equal(err.message, "service 'web': no such file 'x'");
    /* The old text may be an argument of the new one. */
    assert_int_equal(error_set(&err, EIO, "again: %s", err.message), -EIO);
    assert_string_equal(err.message, "again: service 'web': no such file 'x'");
}

static void errors_move_once(void **state)
{
    (void)state;
    _cleanup_error_ struct error from = {0}, to = {0};
    error_set(&from, EBUSY, "busy");
    assert_int_equal(error_move(&to, &from), -EBUSY);
    assert_int_equal(from.code, 0);
    assert_null(from.message);
    assert_string_equal(error_text(&to), "busy");
    assert_int_equal(error_move(NULL, &to), -EBUSY);
    assert_int_equal(to.code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_stand_before_the_cause),
        cmocka_unit_test(errors_move_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
