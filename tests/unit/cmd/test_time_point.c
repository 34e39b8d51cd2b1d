#include "cmd/time_point.h"

#include "../unit.h"

#include "base/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define NOW_NS 1700000000000000000LL
#define SECOND_NS 1000000000LL

static void spans_count_back_from_now(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t back_ns;
    } cases[] = {
        {"42m", 42 * 60 * SECOND_NS},
        {"1h30m", 5400 * SECOND_NS},
        {"1.5h", 5400 * SECOND_NS},
        {"250ms", 250 * SECOND_NS / 1000},
        {"0s", 0},
        {".5s", SECOND_NS / 2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t ns = 0;
        assert_int_equal(time_point_parse(cases[i].text, NOW_NS, &ns, NULL), 0);
        assert_int_equal(ns, NOW_NS - cases[i].back_ns);
    }
}

static void dates_and_seconds_are_moments(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"1136073600", 1136073600 * SECOND_NS},
        {"1136073600.000000001", 1136073600 * SECOND_NS + 1},
        {"2006-01-02T15:04:05Z", 1136214245 * SECOND_NS},
        {"2006-01-02T15:04:05.5Z", 1136214245 * SECOND_NS + SECOND_NS / 2},
        {"2006-01-02T15:04:05-07:00", 1136239445 * SECOND_NS},
        {"2006-01-02T15:04:05", 1136210645 * SECOND_NS}, /* our zone, an hour east */
        {"2006-01-02T15:04Z", 1136214240 * SECOND_NS},
        {"2006-01-02", 1136156400 * SECOND_NS},
    };
    setenv("TZ", "XST-1", 1);
    tzset();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t ns = 0;
        assert_int_equal(time_point_parse(cases[i].text, NOW_NS, &ns, NULL), 0);
        if (ns != cases[i].ns)
            fail_msg("%s: %lld, not %lld", cases[i].text, (long long)ns, (long long)cases[i].ns);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "yesterday",

        "10x",
        "m",
        "-5m",
        "2006-13-02",
        "2006-01-02T15:04:05+7",
        "2006-01-02T15:04:05Zx",
        "99999999999999",
        "1e5",
        "5m ago",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t ns = 0;
        int r = time_point_parse(cases[i], NOW_NS, &ns, NULL);
        if (r != -EINVAL)
            fail_msg("'%s' is taken for %lld", cases[i], (long long)ns);
    }
}

static void queries_have_nine_digits(void **state)
{
    (void)state;
    char text[TIME_POINT_SIZE];
    assert_int_equal(time_point_query("1s", NOW_NS, text, NULL), 0);
    assert_string_equal(text, "1699999999.000000000");
    assert_int_equal(time_point_query(NULL, NOW_NS, text, NULL), 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_count_back_from_now),
        cmocka_unit_test(dates_and_seconds_are_moments),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(queries_have_nine_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
