/* Restart policies by script; see test_health.c for the kind.
 *
 *   run MS          the clock goes on for MS; a restart that falls due is written down
 *   up              its service was started
 *   exit CODE       it has ended by itself        stopped CODE   it has ended, a user wanted it so
 *   cancel, adopt AGE_MS, put-off MS */
#include "orchestrator/restart.h"

#include "../unit.h"

#include "base/str.h"

#include <stdio.h>

struct script {
    struct restart restart;
    uint64_t now_ms;
    struct strbuf log;
};

static void run(struct script *script, uint64_t duration_ms)
{
    uint64_t end_ms = script->now_ms + duration_ms, deadline_ms;
    while ((deadline_ms = restart_deadline(&script->restart)) <= end_ms) {
        if (deadline_ms > script->now_ms)
            assert_int_equal(restart_run(&script->restart, deadline_ms - 1), RESTART_WAIT);
        script->now_ms = deadline_ms;
        assert_int_equal(restart_run(&script->restart, script->now_ms), RESTART_START);
        strbuf_addf(&script->log, "%llu start #%lld\n", (unsigned long long)script->now_ms,
                    (long long)script->restart.count);
    }
    script->now_ms = end_ms;
}

static void play(struct script *script, const char *line)
{
    unsigned long long number;
    int code;
    if (sscanf(line, "run %llu", &number) == 1)
        run(script, number);
    else if (sscanf(line, "exit %d", &code) == 1)
        restart_ended(&script->restart, code, true, script->now_ms);
    else if (sscanf(line, "stopped %d", &code) == 1)
        restart_ended(&script->restart, code, false, script->now_ms);
    else if (sscanf(line, "adopt %llu", &number) == 1)
        restart_adopt(&script->restart, number, script->now_ms);
    else if (sscanf(line, "put-off %llu", &number) == 1)
        restart_put_off(&script->restart, number, script->now_ms);
    else if (streq(line, "up"))
        restart_started(&script->restart, script->now_ms);
    else if (streq(line, "cancel"))
        restart_cancel(&script->restart);
    else
        fail_msg("no such command: %s", line);
}

static struct restart_policy parse(const char *text)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_json_ cJSON *value = NULL;
    assert_ok(json_parse(text, strlen(text), &value, &err), &err);
    return restart_read_policy(value);
}

static void check(const char *policy, int64_t count, const char *const *lines, const char *expected)
{
    struct script script = {0};
    struct restart_policy parsed = parse(policy);
    restart_init(&script.restart, &parsed, count);
    for (size_t i = 0; lines[i]; i++)
        play(&script, lines[i]);
    assert_string_equal(strbuf_text(&script.log), expected);
    strbuf_done(&script.log);
}
#define SCRIPT(...) ((const char *const[]){__VA_ARGS__, NULL})

#define NO "{\"mode\":\"no\"}"
#define ALWAYS "{\"mode\":\"always\"}"
#define UNLESS "{\"mode\":\"unless-stopped\"}"
#define FAILURE "{\"mode\":\"on-failure\"}"
#define TWICE "{\"mode\":\"on-failure\",\"max_attempts\":2}"

static void no_policy_no_restart(void **state)
{
    (void)state;
    check(NO, 0, SCRIPT("up", "exit 1", "run 100000"), "");
    check("null", 0, SCRIPT("up", "exit 1", "run 100000"), "");
    check("{\"mode\":\"sometimes\"}", 0, SCRIPT("up", "exit 1", "run 100000"), "");
}

static void each_policy_looks_at_the_exit_code_in_its_way(void **state)
{
    (void)state;
    check(ALWAYS, 0, SCRIPT("up", "exit 0", "run 1000"), "100 start #1\n");
    check(UNLESS, 0, SCRIPT("up", "exit 0", "run 1000"), "100 start #1\n");
    check(FAILURE, 0, SCRIPT("up", "exit 0", "run 1000"), "");
    check(FAILURE, 0, SCRIPT("up", "exit 137", "run 1000"), "100 start #1\n");
}

static void who_was_stopped_stays_stopped(void **state)
{
    (void)state;
    check(ALWAYS, 0, SCRIPT("up", "run 50", "stopped 143", "run 100000"), "");
    check(UNLESS, 0, SCRIPT("up", "run 50", "stopped 143", "run 100000"), "");
    check(ALWAYS, 0, SCRIPT("up", "exit 1", "run 50", "cancel", "run 100000"), "");
}

static void the_delay_doubles_up_to_a_minute(void **state)
{
    (void)state;
    check(ALWAYS, 0,
          SCRIPT("up", "exit 1", "run 100", "up", "exit 1", "run 200", "up", "exit 1", "run 400",
                 "up", "exit 1", "run 800", "up", "exit 1", "run 1600", "up", "exit 1", "run 3200",
                 "up", "exit 1", "run 6400", "up", "exit 1", "run 12800", "up", "exit 1",
                 "run 25600", "up", "exit 1", "run 51200", "up", "exit 1", "run 60000", "up",
                 "exit 1", "run 59999", "run 1"),
          "100 start #1\n300 start #2\n700 start #3\n1500 start #4\n3100 start #5\n6300 start #6\n"
          "12700 start #7\n25500 start #8\n51100 start #9\n102300 start #10\n162300 start #11\n"
          "222300 start #12\n");
}

static void ten_seconds_of_running_forget_the_delay(void **state)
{
    (void)state;
    check(ALWAYS, 0,
          SCRIPT("up", "exit 1", "run 100", "up", "exit 1", "run 200", "up", "run 9999", "exit 1",
                 "run 400", "up", "run 10000", "exit 1", "run 1000"),
          "100 start #1\n300 start #2\n10699 start #3\n20799 start #4\n");
}

static void attempts_run_out(void **state)
{
    (void)state;
    check(TWICE, 0,
          SCRIPT("up", "exit 1", "run 1000", "up", "exit 1", "run 1000", "up", "exit 1",
                 "run 100000"),
          "100 start #1\n1200 start #2\n");
    /* A long run gives none back, as in Docker; a user's start does. */
    check(TWICE, 2, SCRIPT("adopt 60000", "exit 1", "run 1000"), "");
    check(TWICE, 2, SCRIPT("up", "exit 1", "run 1000"), "100 start #1\n");
}

static void a_window_gives_attempts_back(void **state)
{
    (void)state;
    check("{\"mode\":\"on-failure\",\"max_attempts\":1,\"window_ms\":500}", 0,
          SCRIPT("up", "exit 1", "run 100", "up", "run 500", "exit 1", "run 100", "up", "run 400",
                 "exit 1", "run 100000"),
          "100 start #1\n700 start #2\n");
}

static void an_explicit_delay_is_the_first(void **state)
{
    (void)state;
    check("{\"mode\":\"always\",\"delay_ms\":5000}", 0,
          SCRIPT("up", "exit 1", "run 5000", "up", "exit 1", "run 10000"),
          "5000 start #1\n15000 start #2\n");
    check("{\"mode\":\"always\",\"delay_ms\":120000}", 0,
          SCRIPT("up", "exit 1", "run 120000", "up", "exit 1", "run 120000"),
          "120000 start #1\n240000 start #2\n");
}

static void a_start_that_fails_is_an_attempt_and_one_put_off_is_none(void **state)
{
    (void)state;
    check(TWICE, 0,
          SCRIPT("up", "exit 1", "run 100", "exit 125", "run 200", "exit 125", "run 9999"),
          "100 start #1\n300 start #2\n");
    check(TWICE, 0, SCRIPT("up", "exit 1", "run 100", "put-off 1000", "run 1000"),
          "100 start #1\n1100 start #1\n");
    check(TWICE, 0, SCRIPT("up", "put-off 1000", "run 10000"), ""); /* nothing was due */
}

static void after_a_boot_only_always_forgets_the_users_stop(void **state)
{
    (void)state;
    const struct {
        const char *policy;
        int exit_code;
        bool wanted, expected;
    } cases[] = {
        {ALWAYS, 0, true, true},     {ALWAYS, 143, false, true}, {UNLESS, 137, true, true},
        {UNLESS, 143, false, false}, {FAILURE, 137, true, true}, {FAILURE, 0, true, false},
        {FAILURE, 1, false, false},  {NO, 137, true, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct restart_policy policy = parse(cases[i].policy);
        assert_int_equal(restart_wants_boot(&policy, cases[i].exit_code, cases[i].wanted),
                         cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_policy_no_restart),
        cmocka_unit_test(each_policy_looks_at_the_exit_code_in_its_way),
        cmocka_unit_test(who_was_stopped_stays_stopped),
        cmocka_unit_test(the_delay_doubles_up_to_a_minute),
        cmocka_unit_test(ten_seconds_of_running_forget_the_delay),
        cmocka_unit_test(attempts_run_out),
        cmocka_unit_test(a_window_gives_attempts_back),
        cmocka_unit_test(an_explicit_delay_is_the_first),
        cmocka_unit_test(a_start_that_fails_is_an_attempt_and_one_put_off_is_none),
        cmocka_unit_test(after_a_boot_only_always_forgets_the_users_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
