#include "cmd/duration.h"

#include "../unit.h"

#include "base/vec.h"

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Expected values: go-units HumanDuration, its table of thresholds and its own test. */
static void spans_read_as_dockers(void **state)
{
    (void)state;
    static const struct {
        int64_t span_ms;
        const char *text;
    } cases[] = {
        {-5 * SECOND, "Less than a second"},
        {450, "Less than a second"},
        {1 * SECOND, "1 second"},
        {47 * SECOND, "47 seconds"},
        {1 * MINUTE, "About a minute"},
        {MINUTE + 59 * SECOND, "About a minute"},
        {3 * MINUTE, "3 minutes"},
        {35 * MINUTE + 40 * SECOND, "35 minutes"},
        {1 * HOUR, "About an hour"},
        {1 * HOUR + 29 * MINUTE, "About an hour"},
        {1 * HOUR + 30 * MINUTE, "2 hours"},
        {3 * HOUR, "3 hours"},
        {24 * HOUR, "24 hours"},
        {36 * HOUR, "36 hours"},
        {3 * DAY, "3 days"},
        {13 * DAY + 6 * HOUR, "13 days"},
        {14 * DAY, "2 weeks"},
        {20 * DAY, "2 weeks"},
        {59 * DAY, "8 weeks"},
        {60 * DAY, "2 months"},
        {365 * DAY, "12 months"},
        {3 * 365 * DAY, "3 years"},
    };
    char buffer[DURATION_TEXT_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_string_equal(duration_format(cases[i].span_ms, buffer), cases[i].text);
}

static void elapsed_time_is_short(void **state)
{
    (void)state;
    char buffer[DURATION_TEXT_SIZE];
    assert_string_equal(duration_format_elapsed(-3, buffer), "0.0s");
    assert_string_equal(duration_format_elapsed(449, buffer), "0.4s");
    assert_string_equal(duration_format_elapsed(59999, buffer), "59.9s");
    assert_string_equal(duration_format_elapsed(123456, buffer), "2m03s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_read_as_dockers),
        cmocka_unit_test(elapsed_time_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
