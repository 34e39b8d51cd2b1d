/* Docker's wording of times; the expected texts are what go-units' HumanDuration gives. */
#include "base/str.h"
#include "base/vec.h"
#include "orchestrator/api_status.h"
#include "unit.h"

#include <stdlib.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-5, "Less than a second"},      {999, "Less than a second"},
        {1 * SECOND, "1 second"},        {59 * SECOND, "59 seconds"},
        {60 * SECOND, "About a minute"}, {119 * SECOND, "About a minute"},
        {2 * MINUTE, "2 minutes"},       {59 * MINUTE, "59 minutes"},
        {60 * MINUTE, "About an hour"},  {89 * MINUTE, "About an hour"},
        {90 * MINUTE, "2 hours"},        {47 * HOUR, "47 hours"},
        {48 * HOUR, "2 days"},           {13LL * DAY, "13 days"},
        {14LL * DAY, "2 weeks"},         {59LL * DAY, "8 weeks"},
        {60LL * DAY, "2 months"},        {729LL * DAY, "24 months"},
        {730LL * DAY, "2 years"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = api_status_duration(cases[i].ms);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_states(void **state)
{
    (void)state;
    static const struct {
        const char *state, *health;
        int exit_code;
        const char *text;
    } cases[] = {
        {"running", "", 0, "Up 10 seconds"},
        {"stopping", "", 0, "Up 10 seconds"},
        {"paused", "", 0, "Up 10 seconds (Paused)"},
        {"exited", "", 137, "Exited (137) 4 seconds ago"},
        {"created", "", 0, "Created"},
        {"starting", "", 0, "Starting"},
        {"", "", 0, ""},
        {"running", "starting", 0, "Up 10 seconds (health: starting)"},
        {"running", "healthy", 0, "Up 10 seconds (healthy)"},
        {"running", "unhealthy", 0, "Up 10 seconds (unhealthy)"},
        {"paused", "healthy", 0, "Up 10 seconds (Paused)"},
        {"restarting", "", 7, "Restarting (7) 4 seconds ago"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text =
            api_status_text(cases[i].state, cases[i].health, cases[i].exit_code, 90 * SECOND,
                            96 * SECOND, 100 * SECOND);
        assert_string_equal(text, cases[i].text);
    }
    _cleanup_free_ char *again = api_status_text("restarting", "", 0, 0, 0, 100 * SECOND);
    assert_string_equal(again, "Restarting");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
