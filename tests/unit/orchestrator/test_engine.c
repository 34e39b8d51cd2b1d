/* The engine against fakes and a scripted clock: order, parallelism, failures, cancellation. */
#include "../unit.h"

#include "base/str.h"
#include "fake_world.h"
#include "orchestrator/engine.h"

#include <errno.h>
#include <fcntl.h>

struct recorder {
    struct fake_world world;
    struct plan *plan;
    struct engine *engine;
    VEC(char *) events; /* "done ensure network/n 2000: Created" */
    size_t begun, finished, failed;
    size_t fail_begin_at;
    size_t flushes, fail_flush_at;
    bool ended;
    struct error outcome;
};

static uint64_t now_ms(void *userdata)
{
    struct recorder *recorder = userdata;
    return recorder->world.now_ms;
}

static int begin_step(void *userdata, const struct plan_step *step, int64_t *ret_entry,
                      struct error *err)
{
    struct recorder *recorder = userdata;
    if (++recorder->begun == recorder->fail_begin_at)
        return error_set(err, ENOSPC, "the journal is full");
    *ret_entry = step - recorder->plan->steps.items;
    return 0;
}

static int finish_step(void *userdata, int64_t entry, const struct plan_step *step, bool success,
                       struct error *err)
{
    struct recorder *recorder = userdata;
    (void)err;
    assert_int_equal(entry, step - recorder->plan->steps.items);
    *(success ? &recorder->finished : &recorder->failed) += 1;
    return 0;
}

static int flush(void *userdata, struct error *err)
{
    struct recorder *recorder = userdata;
    if (++recorder->flushes == recorder->fail_flush_at)
        return error_set(err, ENOSPC, "the journal is full");
    return 0;
}

static void on_event(void *userdata, const cJSON *event)
{
    struct recorder *recorder = userdata;
    vec_add(&recorder->events,
            xasprintf("%s %s %s/%s %d: %s", json_string(event, "state", "?"),
                      json_string(event, "verb", "?"), json_string(event, "kind", "?"),
                      json_string(event, "name", "?"), (int)json_int(event, "elapsed_ms", -1),
                      json_string(event, "text", "?")));
}

static void on_end(void *userdata, const struct error *err)
{
    struct recorder *recorder = userdata;
    assert_false(recorder->ended);
    recorder->ended = true;
    error_copy(&recorder->outcome, err);
}

static size_t add_step(struct plan *plan, const char *kind, const char *name,
                       enum operation_verb verb, const char *spec_text)
{
    cJSON *spec = NULL;
    assert_int_equal(json_parse(spec_text, strlen(spec_text), &spec, NULL), 0);
    return plan_add(plan, kind, name, verb, spec, json_string(spec, "service", NULL));
}

/* A network, an endpoint and a VM on it that starts; beside it a network nobody needs. */
static struct plan *make_plan(void)
{
    struct plan *plan = plan_new("p");
    size_t network = add_step(plan, "network", "n", OPERATION_ENSURE, "{}");
    size_t endpoint =
        add_step(plan, "endpoint", "i/n", OPERATION_ENSURE,
                 "{\"instance\":\"i\",\"service\":\"s\",\"network\":\"n\",\"tap\":true}");
    size_t vm = add_step(plan, "vm", "i", OPERATION_ENSURE, "{\"id\":\"1\",\"service\":\"s\"}");
    size_t start = add_step(plan, "vm", "i", OPERATION_START,
                            "{\"id\":\"1\",\"service\":\"s\",\"image\":\"x\","
                            "\"endpoints\":[\"i/n\"]}");
    add_step(plan, "network", "alone", OPERATION_ENSURE, "{}");
    plan_order(plan, endpoint, network);
    plan_order(plan, start, endpoint);
    plan_order(plan, start, vm);
    static const char given[] = "{\"image/x\":{\"id\":\"sha256:1\"}}";
    assert_int_equal(json_parse(given, strlen(given), &plan->steps.items[start].given, NULL), 0);
    return plan;
}

static void recorder_init(struct recorder *recorder, enum fake_answer answer, struct plan *plan,
                          bool keep_going)
{
    *recorder = (struct recorder){.plan = plan};
    fake_world_init(&recorder->world, answer, NULL);
    struct engine_options options = {
        .providers = recorder->world.provider_list,
        .provider_count = FAKE_KINDS,
        .keep_going = keep_going,
        .now_ms = now_ms,
        .begin = begin_step,
        .finish = finish_step,
        .flush = flush,
        .on_event = on_event,
        .on_end = on_end,
        .userdata = recorder,
    };
    recorder->engine = engine_new(plan, &options);
}

static void recorder_done(struct recorder *recorder)
{
    engine_free(recorder->engine);
    plan_free(recorder->plan);
    fake_world_done(&recorder->world);
    for (size_t i = 0; i < recorder->events.count; i++)
        free(recorder->events.items[i]);
    vec_done(&recorder->events);
    error_done(&recorder->outcome);
}

static bool has_event(const struct recorder *recorder, const char *event)
{
    for (size_t i = 0; i < recorder->events.count; i++)
        if (streq(recorder->events.items[i], event))
            return true;
    return false;
}

static size_t count_events(const struct recorder *recorder, const char *prefix)
{
    size_t count = 0;
    for (size_t i = 0; i < recorder->events.count; i++)
        count += str_after_prefix(recorder->events.items[i], prefix) != NULL;
    return count;
}

static int count_open_files(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void test_answers_at_once(void **state)
{
    (void)state;
    int files = count_open_files();
    _cleanup_(recorder_done) struct recorder recorder;
    recorder_init(&recorder, FAKE_AT_ONCE, make_plan(), false);
    engine_run(recorder.engine);
    assert_true(recorder.ended);
    assert_int_equal(recorder.outcome.code, 0);
    assert_string_equal(fake_world_vm_state(&recorder.world, "i"), "running");
    assert_int_equal(recorder.finished, 5);
    engine_free(TAKE_PTR(recorder.engine));
    assert_int_equal(count_open_files(), files); /* the tap's descriptor is closed again */
}

static void test_independent_steps_run_together(void **state)
{
    (void)state;
    _cleanup_(recorder_done) struct recorder recorder;
    recorder_init(&recorder, FAKE_LATER, make_plan(), false);
    engine_run(recorder.engine);
    assert_int_equal(recorder.world.pending.count, 3); /* both networks and the VM's disk */
    assert_true(has_event(&recorder, "waiting ensure endpoint/i/n 0: Waiting for n"));
    assert_int_equal(count_events(&recorder, "waiting "), 1); /* not of the VM for its own parts */
    fake_world_tick(&recorder.world);
    assert_true(has_event(&recorder, "done ensure network/n 1000: Created"));
    assert_int_not_equal(fake_world_find_log(&recorder.world, "ensure endpoint i/n"), SIZE_MAX);
    assert_int_equal(fake_world_find_log(&recorder.world, "start vm i"), SIZE_MAX);
    while (fake_world_tick(&recorder.world))
        ;
    assert_true(recorder.ended);
    assert_true(has_event(&recorder, "done start vm/i 1000: Started"));
    assert_true(has_event(&recorder, "done ensure endpoint/i/n 3000: Created"));
}

static void test_failure_spares_what_runs_and_skips_dependents(void **state)
{
    (void)state;
    _cleanup_(recorder_done) struct recorder recorder;
    recorder_init(&recorder, FAKE_LATER, make_plan(), false);
    recorder.world.fail_at = 1;
    engine_run(recorder.engine);
    fake_world_tick(&recorder.world);
    assert_true(has_event(&recorder, "error ensure network/n 1000: Error"));
    assert_true(has_event(&recorder, "skipped ensure endpoint/i/n 0: Not done: n failed"));
    assert_true(has_event(&recorder, "skipped start vm/i 0: Not done: n failed"));
    assert_false(recorder.ended); /* two others still run */
    while (fake_world_tick(&recorder.world))
        ;
    assert_true(recorder.ended);
    assert_int_equal(recorder.outcome.code, EIO);
    assert_string_equal(recorder.outcome.message, "network 'n': this one fails");
    assert_true(has_event(&recorder, "done ensure network/alone 3000: Created"));
    assert_int_equal(recorder.begun, recorder.finished + recorder.failed);
}

/* Whichever step fails, in whichever way: one error, no step begun twice or left open. */
static void test_every_step_in_turn(void **state)
{
    (void)state;
    for (size_t fail_at = 1; fail_at <= 5; fail_at++)
        for (int variant = 0; variant < 8; variant++) {
            _cleanup_(recorder_done) struct recorder recorder;
            recorder_init(&recorder, variant & 1 ? FAKE_LATER : FAKE_AT_ONCE, make_plan(),
                          variant & 4);
            recorder.world.fail_at = fail_at;
            recorder.world.fail_by_code = variant & 2;
            engine_run(recorder.engine);
            while (fake_world_tick(&recorder.world))
                ;
            assert_true(recorder.ended);
            assert_int_equal(recorder.outcome.code, EIO);
            assert_null(strchr(recorder.outcome.message, '\n'));
            assert_int_equal(recorder.failed, 1);
            assert_int_equal(recorder.begun, recorder.finished + 1);
            assert_int_equal(recorder.world.starts, recorder.begun);
        }
}

static void test_keep_going_does_all_that_can_be_done(void **state)
{
    (void)state;
    _cleanup_(recorder_done) struct recorder recorder;
    recorder_init(&recorder, FAKE_AT_ONCE, make_plan(), true);
    recorder.world.fail_at = 1;
    engine_run(recorder.engine);
    assert_true(recorder.ended);
    assert_int_equal(recorder.finished, 2); /* the disk and the other network */
    assert_int_equal(recorder.world.starts, 3);
}

static void test_fail_fast_starts_nothing_more(void **state)
{
    (void)state;
    _cleanup_(recorder_done) struct recorder recorder;
    recorder_init(&recorder, FAKE_AT_ONCE, make_plan(), false);
    recorder.world.fail_at = 1;
    engine_run(recorder.engine);
    assert_true(recorder.ended);
    assert_int_equal(recorder.world.starts, 1);
    assert_true(has_event(&recorder, "skipped ensure network/alone 0: Skipped"));
}

/* After any number of answers. */
static void test_cancel_at_each_step(void **state)
{
    (void)state;
    for (int deaf = 0; deaf < 2; deaf++)
        for (size_t ticks = 0; ticks < 5; ticks++) {
            _cleanup_(recorder_done) struct recorder recorder;
            recorder_init(&recorder, FAKE_LATER, make_plan(), false);
            recorder.world.ignore_cancel = deaf;
            engine_run(recorder.engine);
            for (size_t i = 0; i < ticks; i++)
                fake_world_tick(&recorder.world);
            size_t starts = recorder.world.starts;
            engine_cancel(recorder.engine);
            engine_cancel(recorder.engine);
            while (fake_world_tick(&recorder.world))
                ;
            assert_true(recorder.ended);
            assert_int_equal(recorder.world.starts, starts);
            assert_int_equal(recorder.outcome.code, ECANCELED);
            assert_int_equal(recorder.begun, recorder.finished + recorder.failed);
        }
}

static void test_no_intent_no_effect(void **state)
{
    (void)state;
    _cleanup_(recorder_done) struct recorder recorder;
    recorder_init(&recorder, FAKE_AT_ONCE, make_plan(), false);
    recorder.fail_begin_at = 1;
    engine_run(recorder.engine);
    assert_int_equal(recorder.outcome.code, ENOSPC);
    assert_int_equal(recorder.world.starts, 0);
    assert_int_equal(fake_world_count(&recorder.world), 0);
}

static void test_check_refuses_before_anything(void **state)
{
    (void)state;
    _cleanup_(recorder_done) struct recorder recorder;
    recorder_init(&recorder, FAKE_AT_ONCE, make_plan(), false);
    recorder.world.refuse = "i/n";
    _cleanup_error_ struct error err = {0};
    assert_int_equal(engine_check(recorder.engine, &err), -EADDRINUSE);
    assert_string_equal(error_text(&err), "endpoint 'i/n' is refused");
    assert_int_equal(recorder.world.starts, 0);
}

static void test_broken_plan_ends(void **state)
{
    (void)state;
    struct plan *plan = plan_new("p");
    size_t one = add_step(plan, "network", "one", OPERATION_ENSURE, "{}");
    size_t two = add_step(plan, "network", "two", OPERATION_ENSURE, "{}");
    plan_order(plan, one, two);
    plan_order(plan, two, one);
    add_step(plan, "network", "three", OPERATION_ENSURE, "{}");
    _cleanup_(recorder_done) struct recorder recorder;
    recorder_init(&recorder, FAKE_AT_ONCE, plan, false);
    engine_run(recorder.engine);
    assert_true(recorder.ended);
    assert_int_equal(recorder.outcome.code, EDEADLK);
    assert_true(fake_world_has(&recorder.world, "network/three"));
}

/* What is not on disk is not started; and what is done but not recorded fails the whole. */
static void test_round_that_cannot_be_recorded(void **state)
{
    (void)state;
    for (size_t fail_at = 1; fail_at < 10; fail_at++) {
        _cleanup_(recorder_done) struct recorder recorder;
        recorder_init(&recorder, FAKE_AT_ONCE, make_plan(), true);
        recorder.fail_flush_at = fail_at;
        engine_run(recorder.engine);
        assert_true(recorder.ended);
        if (recorder.flushes < fail_at) {
            assert_int_equal(recorder.outcome.code, 0);
            assert_true(fail_at > 3);
            return;
        }
        assert_int_equal(recorder.outcome.code, ENOSPC);
        if (fail_at == 1)
            assert_int_equal(recorder.world.starts, 0);
    }
    fail();
}

/* `required: false`: who only waits for the end goes on, who needs it does not. */
static void test_weak_and_optional(void **state)
{
    (void)state;
    struct plan *plan = plan_new("p");
    size_t fails = add_step(plan, "network", "fails", OPERATION_ENSURE, "{}");
    size_t weak = add_step(plan, "network", "weak", OPERATION_ENSURE, "{}");
    size_t strong = add_step(plan, "network", "strong", OPERATION_ENSURE, "{}");
    size_t after_strong = add_step(plan, "network", "after", OPERATION_ENSURE, "{}");
    plan_order_weakly(plan, weak, fails);
    plan_order(plan, strong, fails);
    plan_order_weakly(plan, after_strong, strong);
    plan->steps.items[fails].optional = true;
    _cleanup_(recorder_done) struct recorder recorder;
    recorder_init(&recorder, FAKE_AT_ONCE, plan, false);
    recorder.world.fail_at = 1;
    engine_run(recorder.engine);
    assert_int_equal(recorder.outcome.code, 0);
    assert_true(fake_world_has(&recorder.world, "network/weak"));
    assert_true(fake_world_has(&recorder.world, "network/after"));
    assert_false(fake_world_has(&recorder.world, "network/strong"));
}

static void test_nobody_provides_it(void **state)
{
    (void)state;
    struct plan *plan = plan_new("p");
    add_step(plan, "teapot", "t", OPERATION_ENSURE, "{}");
    _cleanup_(recorder_done) struct recorder recorder;
    recorder_init(&recorder, FAKE_AT_ONCE, plan, false);
    engine_run(recorder.engine);
    assert_int_equal(recorder.outcome.code, EOPNOTSUPP);
}

static void test_abandoned_engine_frees_itself(void **state)
{
    (void)state;
    for (int deaf = 0; deaf < 2; deaf++) {
        _cleanup_(recorder_done) struct recorder recorder;
        recorder_init(&recorder, FAKE_LATER, make_plan(), false);
        recorder.world.ignore_cancel = deaf;
        engine_run(recorder.engine);
        size_t finished = recorder.finished + recorder.failed;
        engine_abandon(TAKE_PTR(recorder.engine), TAKE_PTR(recorder.plan));
        while (fake_world_tick(&recorder.world))
            ;
        assert_false(recorder.ended);
        assert_int_equal(recorder.finished + recorder.failed, finished);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_at_once),
        cmocka_unit_test(test_independent_steps_run_together),
        cmocka_unit_test(test_failure_spares_what_runs_and_skips_dependents),
        cmocka_unit_test(test_every_step_in_turn),
        cmocka_unit_test(test_keep_going_does_all_that_can_be_done),
        cmocka_unit_test(test_fail_fast_starts_nothing_more),
        cmocka_unit_test(test_cancel_at_each_step),
        cmocka_unit_test(test_no_intent_no_effect),
        cmocka_unit_test(test_check_refuses_before_anything),
        cmocka_unit_test(test_broken_plan_ends),
        cmocka_unit_test(test_round_that_cannot_be_recorded),
        cmocka_unit_test(test_weak_and_optional),
        cmocka_unit_test(test_nobody_provides_it),
        cmocka_unit_test(test_abandoned_engine_frees_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
