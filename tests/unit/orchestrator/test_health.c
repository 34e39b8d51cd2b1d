/* Health by script, as Open vSwitch tests its reconnect: each line is an event or a wait, and the
 * transcript of what the state machine asked for is compared with what Docker would have done.
 *
 *   run MS     the clock goes on for MS; every action on the way is written down with its time
 *   ok, fail   the probe that runs has ended
 *   start, stop, pause, resume, adopt STATE AGE_MS */
#include "orchestrator/health.h"

#include "../unit.h"

#include "base/str.h"

#include <stdio.h>

struct script {
    struct health health;
    struct health_options options;
    uint64_t now_ms;
    enum health_state told;
    struct strbuf log;
};

static const char *state_text(enum health_state state)
{
    return state == HEALTH_NONE ? "none" : health_state_name(state);
}

static void note(struct script *script, const char *text)
{
    strbuf_addf(&script->log, "%llu %s\n", (unsigned long long)script->now_ms, text);
}

static void note_state(struct script *script)
{
    if (script->health.state == script->told)
        return;
    script->told = script->health.state;
    note(script, state_text(script->told));
}

static void run(struct script *script, uint64_t duration_ms)
{
    uint64_t end_ms = script->now_ms + duration_ms;
    for (;;) {
        uint64_t deadline_ms = health_deadline(&script->health);
        if (deadline_ms > end_ms)
            break;
        if (deadline_ms > script->now_ms) {
            script->now_ms = deadline_ms - 1;
            assert_int_equal(health_run(&script->health, script->now_ms), HEALTH_WAIT);
            script->now_ms = deadline_ms;
        }
        switch (health_run(&script->health, script->now_ms)) {
        case HEALTH_PROBE:
            note(script, "probe");
            break;
        case HEALTH_ABANDON:
            note(script, "abandon");
            break;
        case HEALTH_WAIT:
            fail_msg("its deadline had nothing to say");
        }
        note_state(script);
    }
    script->now_ms = end_ms;
}

static void play(struct script *script, const char *line)
{
    unsigned long long number;
    char word[32];
    if (sscanf(line, "run %llu", &number) == 1)
        run(script, number);
    else if (sscanf(line, "adopt %31s %llu", word, &number) == 2)
        health_adopt(&script->health, &script->options, health_state_parse(word), number,
                     script->now_ms);
    else if (streq(line, "start"))
        health_start(&script->health, &script->options, script->now_ms);
    else if (streq(line, "ok") || streq(line, "fail"))
        health_probe_done(&script->health, streq(line, "ok"), script->now_ms);
    else if (streq(line, "pause"))
        health_pause(&script->health);
    else if (streq(line, "resume"))
        health_resume(&script->health, script->now_ms);
    else if (streq(line, "stop"))
        health_stop(&script->health);
    else
        fail_msg("no such command: %s", line);
    note_state(script);
}

/* options: a spec's "healthcheck" as JSON. */
static void check(const char *options, const char *const *lines, const char *expected)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_json_ cJSON *healthcheck = NULL;
    assert_ok(json_parse(options, strlen(options), &healthcheck, &err), &err);
    struct script script = {.now_ms = 1000};
    health_read_options(healthcheck, &script.options);
    for (size_t i = 0; lines[i]; i++)
        play(&script, lines[i]);
    assert_string_equal(strbuf_text(&script.log), expected);
    strbuf_done(&script.log);
}
#define SCRIPT(...) ((const char *const[]){__VA_ARGS__, NULL})

#define QUICK "{\"interval_ms\":1000,\"timeout_ms\":300,\"retries\":3}"
#define PATIENT                                                                                    \
    "{\"interval_ms\":10000,\"timeout_ms\":300,\"retries\":2,\"start_period_ms\":5000,"            \
    "\"start_interval_ms\":500}"

static void defaults_are_dockers(void **state)
{
    (void)state;
    check("{}", SCRIPT("start", "run 30000", "run 30000", "run 30000"),
          "1000 starting\n31000 probe\n61000 abandon\n91000 probe\n");
}

static void probes_come_an_interval_after_the_last_ones_end(void **state)
{
    (void)state;
    check(QUICK, SCRIPT("start", "run 1250", "ok", "run 999", "run 1", "run 100", "ok", "run 1000"),
          "1000 starting\n2000 probe\n2250 healthy\n3250 probe\n4350 probe\n");
}

static void retries_in_a_row_make_it_unhealthy_and_one_success_healthy(void **state)
{
    (void)state;
    check(QUICK,
          SCRIPT("start", "run 1000", "fail", "run 1000", "fail", "run 1000",
                 "ok", /* streak ends */
                 "run 1000", "fail", "run 1000", "fail", "run 1000", "fail", "run 1000", "fail",
                 "run 1000", "ok"),
          "1000 starting\n2000 probe\n3000 probe\n4000 probe\n4000 healthy\n5000 probe\n"
          "6000 probe\n7000 probe\n7000 unhealthy\n8000 probe\n9000 probe\n9000 healthy\n");
}

static void a_probe_out_of_time_is_a_failure(void **state)
{
    (void)state;
    check(QUICK, SCRIPT("start", "run 4000", "ok"), /* too late: nobody waits for it */
          "1000 starting\n2000 probe\n2300 abandon\n3300 probe\n3600 abandon\n4600 probe\n"
          "4900 abandon\n4900 unhealthy\n");
}

static void the_start_period_probes_often_and_counts_no_failure(void **state)
{
    (void)state;
    check(PATIENT,
          SCRIPT("start", "run 500", "fail", "run 500", "fail", "run 500", "fail", "run 4000",
                 "fail", "run 10000", "fail", "run 10000", "fail"),
          "1000 starting\n1500 probe\n2000 probe\n2500 probe\n3000 probe\n3300 abandon\n"
          "3800 probe\n4100 abandon\n4600 probe\n4900 abandon\n5400 probe\n5700 abandon\n"
          "6200 probe\n6500 abandon\n16500 probe\n16500 unhealthy\n26500 probe\n");
}

static void a_success_ends_the_start_period(void **state)
{
    (void)state;
    check(PATIENT, SCRIPT("start", "run 500", "ok", "run 10000", "fail", "run 10000", "fail"),
          "1000 starting\n1500 probe\n1500 healthy\n11500 probe\n21500 probe\n21500 unhealthy\n");
}

static void the_paused_are_left_alone(void **state)
{
    (void)state;
    check(QUICK,
          SCRIPT("start", "run 1000", "ok", "run 1000", "pause", "fail", "run 60000", "resume",
                 "resume", "run 1000", "fail"),
          "1000 starting\n2000 probe\n2000 healthy\n3000 probe\n64000 probe\n");
}

static void the_stopped_have_no_health(void **state)
{
    (void)state;
    check(QUICK, SCRIPT("start", "run 1000", "stop", "ok", "run 60000", "start", "run 1000"),
          "1000 starting\n2000 probe\n2000 none\n62000 starting\n63000 probe\n");
}

static void what_was_known_stays_while_the_daemon_is_away(void **state)
{
    (void)state;
    check(QUICK, SCRIPT("adopt healthy 500", "run 1000", "ok"), "1000 healthy\n2000 probe\n");
    check(QUICK, SCRIPT("adopt unhealthy 500", "run 1000", "fail", "run 1000", "ok"),
          "1000 unhealthy\n2000 probe\n3000 probe\n3000 healthy\n");
    /* Nothing was known yet, and the start period is over: failures count. */
    check(PATIENT, SCRIPT("adopt starting 900", "run 500"), "1000 starting\n1500 probe\n");
    check(PATIENT, SCRIPT("run 20000", "adopt starting 7000", "run 10000"),
          "21000 starting\n31000 probe\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_dockers),
        cmocka_unit_test(probes_come_an_interval_after_the_last_ones_end),
        cmocka_unit_test(retries_in_a_row_make_it_unhealthy_and_one_success_healthy),
        cmocka_unit_test(a_probe_out_of_time_is_a_failure),
        cmocka_unit_test(the_start_period_probes_often_and_counts_no_failure),
        cmocka_unit_test(a_success_ends_the_start_period),
        cmocka_unit_test(the_paused_are_left_alone),
        cmocka_unit_test(the_stopped_have_no_health),
        cmocka_unit_test(what_was_known_stays_while_the_daemon_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
