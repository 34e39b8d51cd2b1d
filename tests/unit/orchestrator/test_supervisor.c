/* The supervisor, conditions, events and waits, under real jobs against a fake host whose services
 * live, ail and end as a test wants it. Times are short but real: health.h and restart.h are tested
 * with scripted clocks. */
#include "../unit.h"

#include "base/clock.h"
#include "base/str.h"
#include "fake_world.h"
#include "orchestrator/events.h"
#include "orchestrator/orchestrator.h"
#include "orchestrator/state_watch.h"
#include "stack.h"

#include <errno.h>

#define FILE_NAME "../supervisor/compose.yaml"
#define DB "watch-db-1"
#define WEB "watch-web-1"
#define JOB "watch-job-1"
#define LAST "watch-last-1"

struct probe {
    void (*on_done)(void *userdata, const struct probe_result *result, const struct error *err);
    void *userdata;
};

struct stage {
    uv_loop_t loop;
    uv_idle_t pump;
    struct store *store;
    struct fake_world world;
    struct orchestrator *orchestrator;
    struct orchestrator_world real; /* as the orchestrator sees it */
    cJSON *seen;                    /* {INSTANCE: state} as last told */
    cJSON *codes;                   /* {INSTANCE: exit code} of those that ended by themselves */
    struct probe *probe;
    const char *ailment; /* what probes say; NULL: all is well */
    const char
        *job_ends;      /* exit code with which `job` ends as soon as it runs; NULL: it does not */
    bool db_starts;     /* DNS was told so */
    struct strbuf told; /* actions and progress, a line each */
};

/* --- the world -------------------------------------------------------------------------------- */

static int vm_status(void *userdata, const char *instance, struct vm_status *ret_status)
{
    struct stage *stage = userdata;
    const char *state = fake_world_vm_state(&stage->world, instance);
    if (!state)
        return -ENOENT;
    *ret_status = (struct vm_status){0};
    snprintf(ret_status->instance, sizeof(ret_status->instance), "%s", instance);
    for (enum vm_state known = 0; known < VM_STATE_COUNT; known++)
        if (streq(vm_state_name(known), state))
            ret_status->state = known;
    ret_status->exit_code = (int)json_int(stage->codes, instance, 0);
    ret_status->reason = ret_status->state == VM_EXITED ? VM_EXIT_SERVICE : VM_EXIT_NONE;
    ret_status->started_at_ms = clock_realtime_ms();
    return 0;
}

static void set_presence(void *userdata, const char *instance, enum instance_presence presence)
{
    struct stage *stage = userdata;
    stage->db_starts |= streq(instance, DB) && presence == INSTANCE_STARTING;
    stage->real.set_presence(stage->real.userdata, instance, presence);
}

static cJSON *describe_nothing(void *userdata, const char *instance)
{
    (void)userdata, (void)instance;
    return cJSON_CreateArray();
}

static const char *no_note(void *userdata)
{
    (void)userdata;
    return NULL;
}

static int start_probe(void *userdata, const char *instance, const struct probe_options *options,
                       void (*on_done)(void *userdata, const struct probe_result *result,
                                       const struct error *err),
                       void *done_userdata, struct probe **ret_probe, struct error *err)
{
    struct stage *stage = userdata;
    (void)err;
    assert_string_equal(instance, DB);
    assert_string_equal(options->argv[0], "true");
    assert_int_equal(options->timeout_ms, 1000);
    assert_null(stage->probe);
    *ret_probe = stage->probe = new0(struct probe);
    *stage->probe = (struct probe){on_done, done_userdata};
    return 0;
}

static void abandon_probe(void *userdata, struct probe *probe)
{
    struct stage *stage = userdata;
    assert_ptr_equal(stage->probe, probe);
    free(TAKE_PTR(stage->probe));
}

static int open_logs(void *userdata, const char *instance, const struct log_query *query,
                     bool (*on_record)(void *userdata, const struct log_record *record),
                     void (*on_end)(void *userdata, const struct error *err), void *log_userdata,
                     struct log_reader **ret_reader, struct error *err)
{
    (void)userdata, (void)instance, (void)err;
    assert_int_equal(query->tail, 10);
    *ret_reader = NULL;
    on_record(log_userdata, &(struct log_record){.text = "no such table", .length = 13});
    on_end(log_userdata, NULL);
    return 0;
}

/* As the runtime tells of changes. */
static void tell_changes(struct stage *stage)
{
    static const char *const names[] = {DB, WEB, JOB, LAST};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct vm_status status;
        const char *before = json_string(stage->seen, names[i], "");
        if (vm_status(stage, names[i], &status) < 0 || streq(before, vm_state_name(status.state)))
            continue;
        json_set_string(stage->seen, names[i], vm_state_name(status.state));
        orchestrator_vm_event(stage->orchestrator, &status);
    }
}

static void end_service(struct stage *stage, const char *instance, int code)
{
    json_set_int(stage->codes, instance, code);
    fake_world_exit_vm(&stage->world, instance);
}

static void on_pump(uv_idle_t *pump)
{
    struct stage *stage = pump->data;
    fake_world_tick(&stage->world);
    tell_changes(stage);
    const char *job = fake_world_vm_state(&stage->world, JOB);
    if (stage->job_ends && job && streq(job, "running"))
        end_service(stage, JOB, atoi(stage->job_ends));
    if (!stage->probe)
        return;
    struct probe probe = *stage->probe;
    const char *says = stage->ailment ? stage->ailment : "fine";
    free(TAKE_PTR(stage->probe));
    probe.on_done(probe.userdata,
                  &(struct probe_result){.outcome = stage->ailment ? PROBE_BAD : PROBE_GOOD,
                                         .exit_code = stage->ailment != NULL,
                                         .output = says,
                                         .length = strlen(says)},
                  NULL);
}

/* --- the stage -------------------------------------------------------------------------------- */

static void on_happening(void *userdata, const struct orchestrator_event *event)
{
    struct stage *stage = userdata;
    strbuf_addf(&stage->told, "%s %s%s\n", event->service, event->action,
                json_string(event->attributes, "exitCode", ""));
}

static void stage_open(struct stage *stage)
{
    _cleanup_error_ struct error err = {0};
    stage->real = fake_world_for_orchestrator(&stage->world);
    struct orchestrator_world world = stage->real;
    const struct provider *providers[FAKE_KINDS];
    world.provider_count = 0;
    for (size_t i = 0; i < stage->real.provider_count; i++)
        if (!streq(stage->real.providers[i]->kind, "condition"))
            providers[world.provider_count++] = stage->real.providers[i];
    world.providers = providers;
    world.vm_status = vm_status;
    world.set_presence = set_presence;
    world.describe_endpoints = world.describe_ports = describe_nothing;
    world.acceleration_note = no_note;
    world.start_probe = start_probe;
    world.abandon_probe = abandon_probe;
    world.open_logs = open_logs;
    world.userdata = stage;
    assert_ok(
        orchestrator_new(&stage->loop, NULL, stage->store, &world, &stage->orchestrator, &err),
        &err);
    orchestrator_listen(stage->orchestrator, on_happening, stage);
    assert_ok(orchestrator_adopt(stage->orchestrator, &err), &err);
}

static int setup(void **state)
{
    struct stage *stage = new0(struct stage);
    _cleanup_error_ struct error err = {0};
    assert_int_equal(uv_loop_init(&stage->loop), 0);
    uv_idle_init(&stage->loop, &stage->pump);
    stage->pump.data = stage;
    uv_idle_start(&stage->pump, on_pump);
    stage->seen = cJSON_CreateObject();
    stage->codes = cJSON_CreateObject();
    fake_world_init(&stage->world, FAKE_LATER, NULL);
    assert_ok(store_open(":memory:", &stage->store, &err), &err);
    stage_open(stage);
    *state = stage;
    return 0;
}

static void stage_close(struct stage *stage)
{
    orchestrator_free(TAKE_PTR(stage->orchestrator));
    while (fake_world_tick(&stage->world))
        ;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    stage_close(stage);
    uv_close((uv_handle_t *)&stage->pump, NULL);
    uv_run(&stage->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&stage->loop), 0);
    store_close(stage->store);
    fake_world_done(&stage->world);
    cJSON_Delete(stage->seen);
    cJSON_Delete(stage->codes);
    strbuf_done(&stage->told);
    free(stage);
    return 0;
}

/* --- callers ---------------------------------------------------------------------------------- */

struct end {
    struct stage *stage;
    bool came;
    struct error err;
};

static void on_event(void *userdata, const cJSON *event)
{
    struct end *end = userdata;
    if (streq(json_string(event, "kind", ""), "condition"))
        strbuf_addf(&end->stage->told, "> %s\n", json_string(event, "text", ""));
}

static void on_end(void *userdata, const struct error *err)
{
    struct end *end = userdata;
    end->came = true;
    error_copy(&end->err, err);
}

static const struct job_callbacks callbacks = {on_event, on_end};

static void turn_until(struct stage *stage, bool (*is_so)(struct stage *stage, const void *of),
                       const void *of)
{
    uint64_t deadline_ms = clock_monotonic_ms() + 10000;
    while (!is_so(stage, of)) {
        if (clock_monotonic_ms() > deadline_ms)
            fail_msg("not within 10 s; told so far:\n%s", strbuf_text(&stage->told));
        uv_run(&stage->loop, UV_RUN_NOWAIT);
    }
}

static bool has_come(struct stage *stage, const void *of)
{
    (void)stage;
    return ((const struct end *)of)->came;
}

/* service NULL: all. */
static void begin_up(struct stage *stage, const char *service, struct end *end)
{
    _cleanup_error_ struct error err = {0};
    char *services[] = {(char *)service, NULL};
    struct up_options options = {.services = services, .timeout_ms = -1};
    struct job *job;
    *end = (struct end){.stage = stage};
    assert_ok(orchestrator_up(stage->orchestrator, stack_load(FILE_NAME), &options, &callbacks, end,
                              &job, &err),
              &err);
}

static void up(struct stage *stage, const char *service)
{
    struct end end;
    begin_up(stage, service, &end);
    turn_until(stage, has_come, &end);
    if (end.err.code)
        fail_msg("%s", error_text(&end.err));
}

static void act(struct stage *stage, enum act_verb verb, const char *instance)
{
    _cleanup_error_ struct error err = {0};
    char *names[] = {(char *)instance, NULL};
    struct act_options options = {.selection.instances = instance ? names : NULL, .timeout_ms = -1};
    struct end end = {.stage = stage};
    struct job *job;
    assert_ok(orchestrator_act(stage->orchestrator, "watch", verb, &options, &callbacks, &end, &job,
                               &err),
              &err);
    turn_until(stage, has_come, &end);
    if (end.err.code)
        fail_msg("%s", error_text(&end.err));
}

static bool was_told(struct stage *stage, const void *of)
{
    return strstr(strbuf_text(&stage->told), of) != NULL;
}

static void turn_until_told(struct stage *stage, const char *text)
{
    turn_until(stage, was_told, text);
}

static bool is_over(struct stage *stage, const void *of)
{
    (void)stage;
    return clock_monotonic_ms() >= *(const uint64_t *)of;
}

static void turn_for(struct stage *stage, uint64_t duration_ms)
{
    uint64_t until_ms = clock_monotonic_ms() + duration_ms;
    turn_until(stage, is_over, &until_ms);
}

static void assert_told(struct stage *stage, const char *text)
{
    if (!was_told(stage, text))
        fail_msg("'%s' is not in:\n%s", text, strbuf_text(&stage->told));
}

static void assert_state(struct stage *stage, const char *instance, const char *expected)
{
    _cleanup_json_ cJSON *list = orchestrator_instances(stage->orchestrator, NULL, true);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, list) if (streq(json_string(entry, "Name", ""), instance))
    {
        assert_string_equal(json_string(entry, "State", ""), expected);
        return;
    }
    fail_msg("there is no '%s'", instance);
}

static int64_t restarts_of(struct stage *stage, const char *instance)
{
    _cleanup_json_ cJSON *list = orchestrator_instances(stage->orchestrator, NULL, true);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, list) if (streq(json_string(entry, "Name", ""),
                                              instance)) return json_int(entry, "RestartCount", -1);
    return -1;
}

/* --- conditions and health -------------------------------------------------------------------- */

static void up_waits_until_a_dependency_is_healthy(void **state)
{
    struct stage *stage = *state;
    struct end end;
    stage->ailment = "connection refused\nmore";
    begin_up(stage, "web", &end);
    turn_until_told(stage, "> waiting for db to be healthy: 1 of 3 probes failed: connection "
                           "refused\n");
    assert_state(stage, WEB, "created");
    stage->ailment = NULL;
    turn_until(stage, has_come, &end);
    assert_int_equal(end.err.code, 0);
    assert_told(stage, "db create\n");
    assert_told(stage, "db start\n");
    assert_told(stage, "db health_status: healthy\n");
    _cleanup_json_ cJSON *health = orchestrator_describe_health(stage->orchestrator, DB);
    assert_string_equal(json_string(health, "Status", ""), "healthy");
    assert_int_equal(json_int(health, "FailingStreak", -1), 0);
}

static void a_dependency_that_ails_fails_who_waits(void **state)
{
    struct stage *stage = *state;
    struct end end;
    stage->ailment = "connection refused";
    begin_up(stage, "web", &end);
    turn_until(stage, has_come, &end);
    static const char expected[] =
        "dependency failed to start: 'watch-db-1' is unhealthy: 3 of 3 probes failed: connection "
        "refused; web waits for it; its last log lines:\n  | no such table";
    assert_true(strncmp(error_text(&end.err), expected, strlen(expected)) == 0);
    assert_state(stage, WEB, "created");
    error_done(&end.err);
}

static void who_ails_is_not_named(void **state)
{
    struct stage *stage = *state;
    up(stage, "web");
    assert_true(stage->db_starts); /* until its first check */
    assert_true(strv_contains(stage->world.named, DB));
    stage->ailment = "no";
    turn_until_told(stage, "db health_status: unhealthy\n");
    assert_false(strv_contains(stage->world.named, DB));
    stage->ailment = NULL;
    strbuf_clear(&stage->told);
    turn_until_told(stage, "db health_status: healthy\n");
    assert_true(strv_contains(stage->world.named, DB));
}

static void a_one_shot_is_waited_for_to_its_end(void **state)
{
    struct stage *stage = *state;
    stage->job_ends = "0";
    up(stage, "last");
    assert_state(stage, LAST, "running");
    assert_told(stage, "job die0\n");
}

static void a_one_shot_that_fails_fails_who_waits(void **state)
{
    struct stage *stage = *state;
    struct end end;
    stage->job_ends = "4";
    begin_up(stage, "last", &end);
    turn_until(stage, has_come, &end);
    assert_non_null(strstr(error_text(&end.err), "'watch-job-1' exited (4); last waits for it"));
    error_done(&end.err);
}

/* --- restarts --------------------------------------------------------------------------------- */

static void who_ends_is_started_again(void **state)
{
    struct stage *stage = *state;
    up(stage, "web");
    strbuf_clear(&stage->told);
    end_service(stage, WEB, 0);
    turn_until_told(stage, "web die0\n");
    assert_state(stage, WEB, "restarting");
    assert_false(orchestrator_is_idle(stage->orchestrator));
    turn_until_told(stage, "web start\n");
    assert_state(stage, WEB, "running");
    assert_int_equal(restarts_of(stage, WEB), 1);
    act(stage, ACT_RESTART, WEB);
    assert_told(stage, "web restart\n");
    assert_int_equal(restarts_of(stage, WEB), 0);
}

static void a_restart_comes_while_a_job_waits_for_that_instance(void **state)
{
    struct stage *stage = *state;
    struct end end;
    stage->ailment = "not yet";
    begin_up(stage, "web", &end);
    turn_until_told(stage, "> waiting for db to be healthy: 1 of 3 probes failed");
    end_service(stage, DB, 1);
    turn_until_told(stage, "> waiting for db to be healthy: it exited (1) and is restarted (1)");
    stage->ailment = NULL;
    turn_until(stage, has_come, &end);
    assert_int_equal(end.err.code, 0);
    assert_state(stage, WEB, "running");
}

static void who_is_stopped_stays_so(void **state)
{
    struct stage *stage = *state;
    up(stage, "web");
    act(stage, ACT_STOP, WEB);
    turn_until_told(stage, "web die0\n");
    turn_for(stage, 300);
    assert_state(stage, WEB, "exited");
    assert_told(stage, "web stop\n");
}

static void a_stop_ends_a_restart_that_is_due(void **state)
{
    struct stage *stage = *state;
    up(stage, "web");
    end_service(stage, WEB, 1);
    turn_until_told(stage, "web die1\n");
    assert_state(stage, WEB, "restarting");
    act(stage, ACT_STOP, WEB);
    assert_state(stage, WEB, "exited");
    turn_for(stage, 300);
    assert_state(stage, WEB, "exited");
}

/* --- the daemon and the host come back -------------------------------------------------------- */

static void come_back(struct stage *stage)
{
    stage_close(stage);
    cJSON_Delete(stage->seen);
    stage->seen = cJSON_CreateObject();
    strbuf_clear(&stage->told);
    stage_open(stage);
}

static void what_ended_without_a_daemon_is_started_by_the_next(void **state)
{
    struct stage *stage = *state;
    up(stage, "web");
    turn_until_told(stage, "db health_status: healthy\n");
    end_service(stage, WEB, 1);
    end_service(stage, DB, 0); /* on-failure: has done its work */
    come_back(stage);
    turn_until_told(stage, "web start\n");
    turn_for(stage, 300);
    assert_state(stage, DB, "exited");
}

static void health_is_known_to_the_next_daemon(void **state)
{
    struct stage *stage = *state;
    up(stage, "web");
    come_back(stage);
    assert_true(strv_contains(stage->world.named, DB));
    _cleanup_json_ cJSON *health = orchestrator_describe_health(stage->orchestrator, DB);
    assert_string_equal(json_string(health, "Status", ""), "healthy");
    assert_string_equal(strbuf_text(&stage->told), ""); /* it is no news */
}

static void write_boot(struct stage *stage, const char *boot)
{
    _cleanup_error_ struct error err = {0};
    assert_ok(state_write_boot(stage->store, boot, &err), &err);
}

static void a_boot_starts_what_policies_keep_in_order(void **state)
{
    struct stage *stage = *state;
    stage->job_ends = "0";
    up(stage, NULL);
    turn_until_told(stage, "last start\n");
    act(stage, ACT_STOP, LAST); /* unless-stopped */
    act(stage, ACT_STOP, WEB);  /* always */
    end_service(stage, DB, 137);
    write_boot(stage, "another");
    come_back(stage);
    turn_until_told(stage, "web start\n");
    turn_for(stage, 300);
    assert_told(stage, "db start\ndb health_status: healthy\nweb start\n");
    assert_state(stage, LAST, "exited");
    assert_state(stage, JOB, "exited");
}

static void on_all_stopped(void *userdata, const struct error *err)
{
    struct end *end = userdata;
    assert_int_equal(err->code, 0);
    end->came = true;
}

static void a_shutdown_stops_all_and_the_next_daemon_starts_it(void **state)
{
    struct stage *stage = *state;
    up(stage, "web");
    struct end end = {.stage = stage}, refused;
    strbuf_clear(&stage->told);
    orchestrator_shutdown(stage->orchestrator, on_all_stopped, &end);
    begin_up(stage, NULL, &refused);
    turn_until(stage, has_come, &refused);
    assert_int_equal(refused.err.code, ESHUTDOWN);
    error_done(&refused.err);
    turn_until(stage, has_come, &end);
    turn_until_told(stage, "db die0\n");
    const char *told = strbuf_text(&stage->told);
    assert_true(strstr(told, "web stop\n") < strstr(told, "db stop\n")); /* dependents first */
    assert_state(stage, WEB, "exited");
    come_back(stage);
    turn_until_told(stage, "web start\n");
}

/* --- events and waits ------------------------------------------------------------------------- */

struct listing {
    size_t count;
    int64_t first_ns, last;
};

static void on_listed(void *userdata, const struct orchestrator_event *event)
{
    struct listing *listing = userdata;
    if (listing->count++ == 0)
        listing->first_ns = event->time_ns;
    assert_true(event->number > listing->last);
    assert_string_equal(event->project, "watch");
    listing->last = event->number;
}

static void events_are_kept_up_to_a_bound(void **state)
{
    struct stage *stage = *state;
    _cleanup_error_ struct error err = {0};
    up(stage, "web");
    orchestrator_note_event(stage->orchestrator, "nobody", "exec_create: ls", NULL);
    struct listing all = {0}, late = {0};
    for (int i = 0; i < 1100; i++)
        orchestrator_note_event(stage->orchestrator, WEB, "exec_create: ls", NULL);
    assert_ok(orchestrator_list_events(stage->orchestrator, 0, INT64_MAX, on_listed, &all, &err),
              &err);
    assert_in_range(all.count, EVENTS_KEPT, EVENTS_KEPT + EVENTS_PER_SWEEP - 1);
    assert_ok(orchestrator_list_events(stage->orchestrator, all.first_ns + 1, INT64_MAX, on_listed,
                                       &late, &err),
              &err);
    assert_int_equal(late.count, all.count - 1);
    assert_null(strstr(strbuf_text(&stage->told), "nobody"));
}

struct waited {
    bool came;
    int exit_code;
    struct exit_wait *wait;
};

static void on_exit_code(void *userdata, int exit_code)
{
    struct waited *waited = userdata;
    assert_false(waited->came);
    waited->came = true;
    waited->exit_code = exit_code;
    exit_wait_free(TAKE_PTR(waited->wait));
}

static bool has_waited(struct stage *stage, const void *of)
{
    (void)stage;
    return ((const struct waited *)of)->came;
}

static void begin_wait(struct stage *stage, enum exit_condition condition, struct waited *waited)
{
    _cleanup_error_ struct error err = {0};
    *waited = (struct waited){0};
    assert_ok(orchestrator_wait_exit(stage->orchestrator, DB, condition, on_exit_code, waited,
                                     &waited->wait, &err),
              &err);
}

static void ends_are_waited_for(void **state)
{
    struct stage *stage = *state;
    struct waited over, next, removed, left;
    up(stage, "web");
    begin_wait(stage, EXIT_NOT_RUNNING, &over);
    begin_wait(stage, EXIT_NEXT, &next);
    begin_wait(stage, EXIT_REMOVED, &removed);
    begin_wait(stage, EXIT_NEXT, &left); /* given up by its caller: the orchestrator's to free */
    turn_for(stage, 50);
    assert_false(over.came || next.came);
    end_service(stage, DB, 7);
    turn_until(stage, has_waited, &over);
    turn_until(stage, has_waited, &next);
    assert_int_equal(over.exit_code, 7);
    assert_int_equal(next.exit_code, 7);
    act(stage, ACT_STOP, DB);
    begin_wait(stage, EXIT_NOT_RUNNING, &over); /* it is over */
    assert_false(over.came);
    turn_until(stage, has_waited, &over);
    assert_false(removed.came);
    act(stage, ACT_REMOVE, DB);
    turn_until(stage, has_waited, &removed);
    _cleanup_error_ struct error err = {0};
    assert_int_equal(orchestrator_wait_exit(stage->orchestrator, DB, EXIT_NEXT, on_exit_code, &next,
                                            &next.wait, &err),
                     -ENOENT);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(up_waits_until_a_dependency_is_healthy),
        TEST(a_dependency_that_ails_fails_who_waits),
        TEST(who_ails_is_not_named),
        TEST(a_one_shot_is_waited_for_to_its_end),
        TEST(a_one_shot_that_fails_fails_who_waits),
        TEST(who_ends_is_started_again),
        TEST(a_restart_comes_while_a_job_waits_for_that_instance),
        TEST(who_is_stopped_stays_so),
        TEST(a_stop_ends_a_restart_that_is_due),
        TEST(what_ended_without_a_daemon_is_started_by_the_next),
        TEST(health_is_known_to_the_next_daemon),
        TEST(a_boot_starts_what_policies_keep_in_order),
        TEST(a_shutdown_stops_all_and_the_next_daemon_starts_it),
        TEST(events_are_kept_up_to_a_bound),
        TEST(ends_are_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
