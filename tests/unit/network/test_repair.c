/* When a repair comes, and what people hear of it, by a scripted clock. */
#include "network/repair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_at_once_at_first(void **state)
{
    (void)state;
    struct repair_pace pace = {0};
    assert_int_equal(repair_pace_delay(&pace, 1000), REPAIR_DELAY_MS);
    assert_int_equal(repair_pace_note(&pace, 1000), REPAIR_FIRST);
    assert_int_equal(repair_pace_delay(&pace, 1100), REPAIR_DELAY_MS);
    assert_int_equal(repair_pace_note(&pace, 1100), REPAIR_AGAIN);
}

/* For an hour somebody deletes as soon as it is put back. */
static void test_who_keeps_at_it(void **state)
{
    (void)state;
    struct repair_pace pace = {0};
    unsigned repairs = 0, told = 0;
    for (uint64_t now = 5000; now < 5000 + 3600 * 1000; now += repair_pace_delay(&pace, now)) {
        told += repair_pace_note(&pace, now) != REPAIR_AGAIN;
        repairs++;
    }
    assert_in_range(repairs, 1800, 1800 + REPAIR_BURST + 1);
    assert_int_equal(told, 2); /* the first, and that it does not end */
}

static void test_forgiven_after_a_while(void **state)
{
    (void)state;
    struct repair_pace pace = {0};
    uint64_t now = 5000;
    for (int i = 0; i < 100; i++) {
        now += repair_pace_delay(&pace, now);
        repair_pace_note(&pace, now);
    }
    assert_in_range(repair_pace_delay(&pace, now), REPAIR_DELAY_MS + 1, REPAIR_INTERVAL_MS);
    now += (REPAIR_BURST + 1) * REPAIR_INTERVAL_MS;
    assert_int_equal(repair_pace_delay(&pace, now), REPAIR_DELAY_MS);
    assert_int_equal(repair_pace_note(&pace, now), REPAIR_FIRST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once_at_first),
        cmocka_unit_test(test_who_keeps_at_it),
        cmocka_unit_test(test_forgiven_after_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
