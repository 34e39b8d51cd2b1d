/* Versions compare by number. */
#include "base/version.h"

#include "../unit.h"

static void assert_order(const char *older, const char *newer)
{
    assert_true(version_compare(older, newer) < 0);
    assert_true(version_compare(newer, older) > 0);
}

static void numbers_not_letters_decide(void **state)
{
    (void)state;
    assert_order("0.1.0", "0.2.0");
    assert_order("0.9.2", "0.10.0");
    assert_order("0.9.9", "1.0.0");
    assert_order("1.2", "1.2.1");
    assert_order("", "0.0.1");
}

static void equal_versions_are_equal(void **state)
{
    (void)state;
    assert_int_equal(version_compare("0.1.0", "0.1.0"), 0);
    assert_int_equal(version_compare("1.0", "1.0.0"), 0);
    assert_int_equal(version_compare("1.0.0-rc1", "1.0.0"), 0);
    assert_int_equal(version_compare(vmstead_version, VMSTEAD_VERSION), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_not_letters_decide),
        cmocka_unit_test(equal_versions_are_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
