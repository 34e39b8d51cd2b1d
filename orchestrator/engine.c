/* See engine.h. Sits between the plan and the providers; engine_advance() is the only place where
 * steps start and where the end is noticed. */
#include "orchestrator/engine.h"

#include "base/log.h"
#include "base/str.h"
#include "orchestrator/step_event.h"

#include <errno.h>

enum { PROGRESS_INTERVAL_MS = 100 };

struct step_run {
    struct engine *engine;
    const struct plan_step *step;
    enum step_state state;
    size_t missing; /* dependencies that are not done */
    uint64_t begun_ms, reported_ms;
    int64_t entry; /* in the journal */
    struct operation operation;
    cJSON *inputs, *result;
    bool answered;       /* by its provider; still STEP_WORKING until the next round */
    struct error answer; /* code 0: done */
};

struct engine {
    const struct plan *plan;
    struct plan *abandoned_plan; /* ours to free */
    struct engine_options options;
    struct graph *graph; /* over steps */
    struct step_run *runs;
    size_t running, waiting;
    VEC(struct step_run *) answered, begun; /* of this round */
    struct strbuf failures;                 /* one line each */
    int first_failure;                      /* errno */
    char **warnings;                        /* of operations, each said once */
    bool started, ended, cancelled, abandoned;
    bool advancing; /* engine_advance is on the stack: providers may answer from within start() */
};

static void on_operation_done(struct operation *operation, cJSON *result, struct error *err);
static void on_operation_progress(struct operation *operation, const char *text, int64_t current,
                                  int64_t total, const char *unit);
static void on_operation_warning(struct operation *operation, const char *text);
static const struct operation_listener listener = {on_operation_done, on_operation_progress,
                                                   on_operation_warning};

struct engine *engine_new(const struct plan *plan, const struct engine_options *options)
{
    struct engine *engine = new0(struct engine);
    size_t count = plan->steps.count;
    engine->plan = plan;
    engine->options = *options;
    engine->graph = graph_new(count);
    engine->runs = xcalloc(count + 1, sizeof(*engine->runs));
    engine->waiting = count;
    for (size_t i = 0; i < count; i++) {
        struct step_run *run = &engine->runs[i];
        run->engine = engine;
        run->step = &plan->steps.items[i];
        for (size_t j = 0; j < run->step->after.count; j++)
            graph_add(engine->graph, i, run->step->after.items[j].step);
        run->missing = graph_dependencies(engine->graph, i).count;
    }
    return engine;
}

static void close_descriptors(const cJSON *result)
{
    const cJSON *fd;
    cJSON_ArrayForEach(fd, json_array(result, "fds")) if (cJSON_IsNumber(fd) && fd->valueint >= 0)
        close(fd->valueint);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    for (size_t i = 0; i < engine->plan->steps.count; i++) {
        close_descriptors(engine->runs[i].result);
        cJSON_Delete(engine->runs[i].result);
        cJSON_Delete(engine->runs[i].inputs);
        error_done(&engine->runs[i].answer);
    }
    vec_done(&engine->answered);
    vec_done(&engine->begun);
    free(engine->runs);
    graph_free(engine->graph);
    strbuf_done(&engine->failures);
    strv_free(engine->warnings);
    plan_free(engine->abandoned_plan);
    free(engine);
}

/* --- events ----------------------------------------------------------------------------------- */

static void report(struct step_run *run, const char *text)
{
    struct engine *engine = run->engine;
    if (engine->abandoned || (run->step->quiet && run->state != STEP_ERROR))
        return;
    uint64_t now = engine->options.now_ms(engine->options.userdata);
    _cleanup_json_ cJSON *event = step_event_new(
        run->step, run->state, text, run->state == STEP_WAITING ? 0 : now - run->begun_ms);
    engine->options.on_event(engine->options.userdata, event);
}

/* Names what belongs to others; that a VM waits for its own disk is no news. */
static void report_waiting(struct step_run *run, size_t index)
{
    struct graph_neighbours needs = graph_dependencies(run->engine->graph, index);
    _cleanup_strv_ char **names = NULL;
    for (size_t i = 0; i < needs.count; i++) {
        const struct plan_step *step = run->engine->runs[needs.items[i]].step;
        bool is_own = step->service && streq_null(step->service, run->step->service);
        if (!step->quiet && !is_own && !strv_contains(names, step->name))
            strv_add(&names, xstrdup(step->name));
    }
    if (!names)
        return;
    _cleanup_free_ char *list = strv_join(names, ", ");
    _cleanup_free_ char *text = xasprintf("Waiting for %s", list);
    report(run, text);
}

static void on_operation_progress(struct operation *operation, const char *text, int64_t current,
                                  int64_t total, const char *unit)
{
    struct step_run *run = operation->engine_data;
    struct engine *engine = run->engine;
    if (engine->abandoned || run->step->quiet)
        return;
    uint64_t now = engine->options.now_ms(engine->options.userdata);
    if (now - run->reported_ms < PROGRESS_INTERVAL_MS)
        return;
    run->reported_ms = now;
    _cleanup_json_ cJSON *event =
        step_event_new(run->step, STEP_WORKING, text, now - run->begun_ms);
    json_set_int(event, "current", current);
    json_set_int(event, "total", total);
    json_set_string(event, "unit", unit ? unit : "");
    engine->options.on_event(engine->options.userdata, event);
}

/* --- one step --------------------------------------------------------------------------------- */

/* What is done to a VM beside making, starting and ending it, and taking images away, is for the
 * orchestrator's own provider (control.h). */
static const struct provider *find_provider(const struct engine *engine,
                                            const struct plan_step *step)
{
    bool is_control = step->verb == OPERATION_PAUSE || step->verb == OPERATION_UNPAUSE ||
                      step->verb == OPERATION_KILL ||
                      (step->verb == OPERATION_REMOVE && streq(step->kind, "image"));
    const char *kind = is_control ? "control" : step->kind;
    for (size_t i = 0; i < engine->options.provider_count; i++)
        if (streq(engine->options.providers[i]->kind, kind))
            return engine->options.providers[i];
    return NULL;
}

static void describe_operation(struct step_run *run)
{
    run->operation = (struct operation){
        .project = run->engine->plan->project,
        .kind = run->step->kind,
        .name = run->step->name,
        .verb = run->step->verb,
        .spec = run->step->spec,
        .inputs = run->inputs,
        .listener = &listener,
        .engine_data = run,
    };
}

static cJSON *collect_inputs(const struct step_run *run, size_t index)
{
    const struct engine *engine = run->engine;
    cJSON *inputs =
        run->step->given ? cJSON_Duplicate(run->step->given, true) : cJSON_CreateObject();
    struct graph_neighbours needs = graph_dependencies(engine->graph, index);
    for (size_t i = 0; i < needs.count; i++) {
        const struct step_run *other = &engine->runs[needs.items[i]];
        _cleanup_free_ char *key = xasprintf("%s/%s", other->step->kind, other->step->name);
        if (other->step->verb == OPERATION_ENSURE && other->result)
            json_set(inputs, key, cJSON_Duplicate(other->result, true));
    }
    return inputs;
}

static void set_state(struct step_run *run, enum step_state state)
{
    log_debug("%s %s '%s': %s -> %s", operation_verb_name(run->step->verb), run->step->kind,
              run->step->name, step_state_name(run->state), step_state_name(state));
    run->state = state;
}

static bool needs_strongly(const struct step_run *run, size_t step)
{
    for (size_t i = 0; i < run->step->after.count; i++)
        if (run->step->after.items[i].step == step && !run->step->after.items[i].weak)
            return true;
    return false;
}

/* Names who does not start, and because of whom; a service knows of its own steps. */
static void note_skipped(struct engine *engine, const struct step_run *skipped,
                         const struct step_run *failed)
{
    const struct plan_step *step = skipped->step, *cause = failed->step;
    if (step->verb != OPERATION_START || !cause->service || cause->optional ||
        streq_null(step->service, cause->service))
        return;
    strbuf_addf(&engine->failures, "%sservice '%s': '%s' was not started: it depends on '%s'",
                engine->failures.length ? "\n" : "", step->service, step->name, cause->name);
}

static void skip_step(struct engine *engine, struct step_run *run, const struct step_run *failed)
{
    _cleanup_free_ char *text = xasprintf("Not done: %s failed", failed->step->name);
    run->begun_ms = engine->options.now_ms(engine->options.userdata);
    set_state(run, STEP_SKIPPED);
    engine->waiting--;
    report(run, text);
    note_skipped(engine, run, failed);
}

/* Who needs it does not come either; who only waits for its end may go on. */
static void skip_dependents(struct engine *engine, size_t index)
{
    VEC(size_t) queue = {0};
    vec_add(&queue, index);
    for (size_t next = 0; next < queue.count; next++) {
        struct graph_neighbours dependents = graph_dependents(engine->graph, queue.items[next]);
        for (size_t i = 0; i < dependents.count; i++) {
            struct step_run *run = &engine->runs[dependents.items[i]];
            if (run->state != STEP_WAITING)
                continue;
            if (!needs_strongly(run, queue.items[next])) {
                run->missing--;
                continue;
            }
            skip_step(engine, run, &engine->runs[index]);
            vec_add(&queue, dependents.items[i]);
        }
    }
    vec_done(&queue);
}

static void warn(struct engine *engine, const char *text)
{
    _cleanup_json_ cJSON *event = cJSON_CreateObject();
    json_set_string(event, "type", "warning");
    json_set_string(event, "text", text);
    engine->options.on_event(engine->options.userdata, event);
}

static void on_operation_warning(struct operation *operation, const char *text)
{
    struct engine *engine = ((struct step_run *)operation->engine_data)->engine;
    if (engine->abandoned || strv_contains(engine->warnings, text))
        return;
    strv_add(&engine->warnings, xstrdup(text));
    warn(engine, text);
}

/* Cancelled steps are no failures of their own: the job's end says what happened. */
static void note_failure(struct step_run *run, struct error *err)
{
    struct engine *engine = run->engine;
    if (engine->cancelled && err->code == ECANCELED) {
        report(run, "Cancelled");
        return;
    }
    step_event_name_error(run->step, err);
    report(run, NULL);
    if (run->step->optional) {
        warn(engine, error_text(err));
        return;
    }
    if (engine->first_failure == 0)
        engine->first_failure = err->code;
    strbuf_addf(&engine->failures, "%s%s", engine->failures.length ? "\n" : "", error_text(err));
}

/* Takes err's content. */
static void end_step(struct step_run *run, struct error *err)
{
    struct engine *engine = run->engine;
    size_t index = (size_t)(run - engine->runs);
    if (err->code == 0) {
        set_state(run, STEP_DONE);
        report(run, NULL);
        struct graph_neighbours dependents = graph_dependents(engine->graph, index);
        for (size_t i = 0; i < dependents.count; i++)
            engine->runs[dependents.items[i]].missing--;
        return;
    }
    set_state(run, run->step->optional ? STEP_SKIPPED : STEP_ERROR);
    note_failure(run, err);
    skip_dependents(engine, index);
}

/* Up to the intent; the provider comes later in the round. */
static void begin_step(struct engine *engine, size_t index)
{
    struct step_run *run = &engine->runs[index];
    _cleanup_error_ struct error err = {0};
    run->begun_ms = run->reported_ms = engine->options.now_ms(engine->options.userdata);
    engine->waiting--;
    set_state(run, STEP_WORKING);
    report(run, NULL);
    run->inputs = collect_inputs(run, index);
    describe_operation(run);
    int r = find_provider(engine, run->step)
                ? 0
                : error_set(&err, EOPNOTSUPP, "nobody provides '%s'", run->step->kind);
    if (r == 0 && engine->options.begin)
        r = engine->options.begin(engine->options.userdata, run->step, &run->entry, &err);
    if (r < 0)
        end_step(run, &err);
    else
        vec_add(&engine->begun, run);
}

static void start_provider(struct engine *engine, struct step_run *run)
{
    const struct provider *provider = find_provider(engine, run->step);
    _cleanup_error_ struct error err = {0};
    engine->running++;
    if (provider->start(provider->self, &run->operation, &err) < 0)
        on_operation_done(&run->operation, NULL, &err);
}

/* A provider has answered; what that means is on its way to the disk. */
static void settle_answer(struct engine *engine, struct step_run *run)
{
    _cleanup_error_ struct error write = {0};
    engine->running--;
    if (engine->options.finish &&
        engine->options.finish(engine->options.userdata, run->entry, run->step,
                               run->answer.code == 0, &write) < 0 &&
        run->answer.code == 0)
        error_move(&run->answer, &write);
    end_step(run, &run->answer);
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool may_start(const struct engine *engine)
{
    return !engine->cancelled && (engine->first_failure == 0 || engine->options.keep_going);
}

static void settle_answers(struct engine *engine)
{
    for (size_t i = 0; i < engine->answered.count; i++)
        settle_answer(engine, engine->answered.items[i]);
    engine->answered.count = 0;
}

/* Where a failure is to stop everything, one at a time: it may come at once. */
static void begin_ready_steps(struct engine *engine)
{
    size_t limit = engine->options.keep_going ? SIZE_MAX : 1;
    for (size_t i = 0; i < engine->plan->steps.count && may_start(engine); i++) {
        if (engine->runs[i].state != STEP_WAITING || engine->runs[i].missing > 0)
            continue;
        if (engine->begun.count == limit)
            return;
        begin_step(engine, i);
    }
}

/* Nothing of the round is on disk: who has not been started is not, and the job has failed. */
static void fail_round(struct engine *engine, const struct error *err)
{
    for (size_t i = 0; i < engine->begun.count; i++) {
        _cleanup_error_ struct error copy = {0};
        error_copy(&copy, err);
        end_step(engine->begun.items[i], &copy);
    }
    engine->begun.count = 0;
    if (engine->first_failure)
        return;
    engine->first_failure = err->code;
    strbuf_add_str(&engine->failures, error_text(err));
}

static void flush_round(struct engine *engine)
{
    _cleanup_error_ struct error err = {0};
    if (engine->options.flush && engine->options.flush(engine->options.userdata, &err) < 0)
        fail_round(engine, &err);
}

/* True where something moved. */
static bool do_round(struct engine *engine)
{
    bool moved = engine->answered.count > 0;
    settle_answers(engine);
    begin_ready_steps(engine);
    flush_round(engine);
    moved = moved || engine->begun.count > 0;
    for (size_t i = 0; i < engine->begun.count; i++)
        start_provider(engine, engine->begun.items[i]);
    engine->begun.count = 0;
    return moved;
}

static void skip_rest(struct engine *engine)
{
    for (size_t i = 0; i < engine->plan->steps.count; i++) {
        struct step_run *run = &engine->runs[i];
        if (run->state != STEP_WAITING)
            continue;
        run->begun_ms = engine->options.now_ms(engine->options.userdata);
        set_state(run, STEP_SKIPPED);
        engine->waiting--;
        report(run, NULL);
    }
}

static void end_run(struct engine *engine)
{
    _cleanup_error_ struct error err = {0};
    if (engine->first_failure)
        error_set(&err, engine->first_failure, "%s", strbuf_text(&engine->failures));
    else if (engine->cancelled)
        error_set(&err, ECANCELED, "cancelled");
    else if (engine->waiting > 0) /* no plan of ours has one; a broken one must not hang */
        error_set(&err, EDEADLK, "%zu steps of the plan wait for each other", engine->waiting);
    skip_rest(engine);
    engine->options.on_end(engine->options.userdata, &err);
}

void engine_advance(struct engine *engine)
{
    if (engine->advancing || !engine->started || engine->ended)
        return;
    engine->advancing = true;
    while (do_round(engine))
        ;
    engine->advancing = false;
    if (engine->running > 0)
        return;
    engine->ended = true;
    end_run(engine); /* the engine may be gone now */
}

static void settle_abandoned(struct engine *engine)
{
    if (engine->running == 0 && !engine->advancing)
        engine_free(engine);
}

static void on_operation_done(struct operation *operation, cJSON *result, struct error *err)
{
    struct step_run *run = operation->engine_data;
    struct engine *engine = run->engine;
    if (err)
        error_move(&run->answer, err);
    run->result = result;
    run->answered = true;
    if (engine->abandoned) {
        engine->running--;
        settle_abandoned(engine);
        return;
    }
    vec_add(&engine->answered, run);
    if (engine->options.schedule)
        engine->options.schedule(engine->options.userdata);
    else
        engine_advance(engine);
}

int engine_check(struct engine *engine, struct error *err)
{
    size_t count = engine->plan->steps.count;
    _cleanup_free_ struct operation **operations = xcalloc(count + 1, sizeof(*operations));
    _cleanup_json_ cJSON *no_inputs = cJSON_CreateObject();
    int r = 0;
    for (size_t p = 0; p < engine->options.provider_count && r == 0; p++) {
        const struct provider *provider = engine->options.providers[p];
        size_t chosen = 0;
        for (size_t i = 0; i < count; i++) {
            struct step_run *run = &engine->runs[i];
            bool makes = run->step->verb == OPERATION_ENSURE || run->step->verb == OPERATION_START;
            if (!makes || !streq(run->step->kind, provider->kind))
                continue;
            describe_operation(run);
            run->operation.inputs = no_inputs;
            operations[chosen++] = &run->operation;
        }
        if (chosen > 0 && provider->check)
            r = provider->check(provider->self, operations, chosen, err);
    }
    return r;
}

void engine_run(struct engine *engine)
{
    for (size_t i = 0; i < engine->plan->steps.count; i++)
        if (engine->runs[i].missing > 0)
            report_waiting(&engine->runs[i], i);
    engine->started = true;
    engine_advance(engine);
}

bool engine_concerns(const struct engine *engine, const char *instance)
{
    for (size_t i = 0; i < engine->plan->steps.count; i++) {
        const struct step_run *run = &engine->runs[i];
        bool is_open = run->state == STEP_WAITING || run->state == STEP_WORKING;
        if (is_open && run->step->verb != OPERATION_WAIT &&
            streq(json_string(run->step->spec, "instance", ""), instance))
            return true;
    }
    return false;
}

/* A provider may answer from within cancel(): the end is looked for once, after all were told. */
static void cancel_running(struct engine *engine)
{
    engine->advancing = true;
    for (size_t i = 0; i < engine->plan->steps.count; i++) {
        struct step_run *run = &engine->runs[i];
        const struct provider *provider = find_provider(engine, run->step);
        if (run->state == STEP_WORKING && !run->answered && provider && provider->cancel)
            provider->cancel(provider->self, &run->operation);
    }
    engine->advancing = false;
}

void engine_cancel(struct engine *engine)
{
    if (engine->cancelled)
        return;
    engine->cancelled = true;
    cancel_running(engine);
    engine_advance(engine);
}

void engine_abandon(struct engine *engine, struct plan *plan)
{
    engine->abandoned = true;
    engine->cancelled = true;
    engine->abandoned_plan = plan;
    engine->running -= engine->answered.count;
    cancel_running(engine);
    settle_abandoned(engine);
}

cJSON *engine_results(const struct engine *engine)
{
    cJSON *results = cJSON_CreateObject();
    for (size_t i = 0; i < engine->plan->steps.count; i++) {
        const struct step_run *run = &engine->runs[i];
        _cleanup_free_ char *key = xasprintf("%s/%s", run->step->kind, run->step->name);
        if (run->state == STEP_DONE && run->result)
            json_set(results, key, cJSON_Duplicate(run->result, true));
    }
    return results;
}
