/* See job.h. up: look ahead (checks), images, then the changes; stop and down: the changes only. */
#include "orchestrator/job.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "orchestrator/engine.h"
#include "orchestrator/events.h"
#include "orchestrator/journal.h"
#include "orchestrator/state.h"
#include "orchestrator/step_event.h"
#include "orchestrator/supervisor.h"

#include <assert.h>
#include <errno.h>

static const char *const kind_names[] = {
    [JOB_UP] = "up",
    [JOB_STOP] = "stop",
    [JOB_DOWN] = "down",
};
static_assert(ARRAY_SIZE(kind_names) == JOB_KIND_COUNT, "a name for every kind");

enum job_phase {
    PHASE_QUEUED,
    PHASE_IMAGES,  /* the engine gets the images */
    PHASE_CHANGES, /* the engine makes the host as planned */
    PHASE_ENDED,
    PHASE_COUNT
};

static const char *const phase_names[] = {
    [PHASE_QUEUED] = "queued",
    [PHASE_IMAGES] = "images",
    [PHASE_CHANGES] = "changes",
    [PHASE_ENDED] = "ended",
};
static_assert(ARRAY_SIZE(phase_names) == PHASE_COUNT, "a name for every phase");

struct job {
    struct orchestrator *orchestrator;
    enum job_kind kind;
    enum job_phase phase;
    char *project;
    struct specs *specs;
    char **services;
    int64_t timeout_ms;
    bool kill;
    bool cancelled;
    struct job_callbacks callbacks;
    void *userdata;

    bool acceleration_told; /* that VMs are slow here: once a job */
    cJSON *images;          /* results, once PHASE_IMAGES is over */
    struct plan *plan;
    struct engine *engine;
    bool engine_ended;
    struct error outcome;
};

struct job *job_new(struct orchestrator *orchestrator, const struct job_request *request)
{
    struct job *job = new0(struct job);
    job->orchestrator = orchestrator;
    job->kind = request->kind;
    job->project = xstrdup(request->project);
    job->specs = request->specs;
    job->services = strv_copy((const char *const *)request->services);
    job->timeout_ms = request->timeout_ms;
    job->kill = request->kill;
    job->callbacks = *request->callbacks;
    job->userdata = request->userdata;
    return job;
}

const char *job_project(const struct job *job)
{
    return job->project;
}

bool job_is_cancelled(const struct job *job)
{
    return job->cancelled;
}

static void drop_engine(struct job *job)
{
    if (job->engine && !job->engine_ended) {
        engine_abandon(TAKE_PTR(job->engine), TAKE_PTR(job->plan));
        return;
    }
    engine_free(TAKE_PTR(job->engine));
    plan_free(TAKE_PTR(job->plan));
}

void job_free(struct job *job)
{
    if (!job)
        return;
    drop_engine(job);
    specs_free(job->specs);
    strv_free(job->services);
    cJSON_Delete(job->images);
    error_done(&job->outcome);
    free(job->project);
    free(job);
}

void job_detach(struct job *job)
{
    job->callbacks = (struct job_callbacks){0};
}

void job_cancel(struct job *job)
{
    job->cancelled = true;
    orchestrator_kick(job->orchestrator);
}

static void set_phase(struct job *job, enum job_phase phase)
{
    log_debug("%s of project '%s': %s -> %s", kind_names[job->kind], job->project,
              phase_names[job->phase], phase_names[phase]);
    job->phase = phase;
}

/* --- the engine's callbacks ------------------------------------------------------------------- */

static uint64_t now_ms(void *userdata)
{
    (void)userdata;
    return clock_monotonic_ms();
}

static int begin_step(void *userdata, const struct plan_step *step, int64_t *ret_entry,
                      struct error *err)
{
    struct job *job = userdata;
    return journal_begin(job->orchestrator->store, job->project, step, ret_entry, err);
}

static int finish_step(void *userdata, int64_t entry, const struct plan_step *step, bool success,
                       struct error *err)
{
    struct job *job = userdata;
    if (success)
        events_note_step(job->orchestrator, step);
    int r = journal_finish(job->orchestrator->store, job->project, entry, step, success, err);
    if (r == 0 && success && streq(step->kind, "vm") && step->verb == OPERATION_REMOVE)
        supervisor_forget(job->orchestrator->supervisor, step->name);
    return r;
}

static void send_event(struct job *job, const cJSON *event)
{
    if (job->callbacks.on_event)
        job->callbacks.on_event(job->userdata, event);
}

static void send_text(struct job *job, const char *type, const char *text)
{
    _cleanup_json_ cJSON *event = cJSON_CreateObject();
    json_set_string(event, "type", type);
    json_set_string(event, "text", text);
    send_event(job, event);
}

/* How VMs run here is known by the time the first of them boots; a job that boots none keeps quiet.
 */
static void tell_acceleration(struct job *job, const cJSON *event)
{
    const struct orchestrator_world *world = &job->orchestrator->world;
    if (job->acceleration_told || !streq(json_string(event, "kind", ""), "vm") ||
        !streq(json_string(event, "verb", ""), operation_verb_name(OPERATION_START)))
        return;
    const char *note = world->acceleration_note(world->userdata);
    if (!note)
        return;
    job->acceleration_told = true;
    send_text(job, "message", note);
}

static void on_engine_event(void *userdata, const cJSON *event)
{
    struct job *job = userdata;
    tell_acceleration(job, event);
    send_event(job, event);
}

static void on_engine_end(void *userdata, const struct error *err)
{
    struct job *job = userdata;
    job->engine_ended = true;
    error_copy(&job->outcome, err);
    orchestrator_kick(job->orchestrator);
}

static struct engine *make_engine(struct job *job, const struct plan *plan)
{
    bool journalled = job->phase == PHASE_CHANGES; /* images belong to no project */
    struct engine_options options = {
        .providers = job->orchestrator->world.providers,
        .provider_count = job->orchestrator->world.provider_count,
        .keep_going = job->kind != JOB_UP,
        .now_ms = now_ms,
        .begin = journalled ? begin_step : NULL,
        .finish = journalled ? finish_step : NULL,
        .on_event = on_engine_event,
        .on_end = on_engine_end,
        .userdata = job,
    };
    return engine_new(plan, &options);
}

/* --- events of our own ------------------------------------------------------------------------ */

static void report_unchanged(struct job *job, const char *instance)
{
    struct plan_step step = {.kind = "vm", .name = (char *)instance, .verb = OPERATION_START};
    _cleanup_json_ cJSON *event = step_event_new(&step, STEP_DONE, "Running", 0);
    send_event(job, event);
}

static void report_plan(struct job *job)
{
    for (size_t i = 0; job->plan->warnings && job->plan->warnings[i]; i++)
        send_text(job, "warning", job->plan->warnings[i]);
    for (size_t i = 0; job->plan->unchanged && job->plan->unchanged[i]; i++)
        report_unchanged(job, job->plan->unchanged[i]);
}

/* --- the phases ------------------------------------------------------------------------------- */

static void end_job(struct job *job, struct error *err)
{
    set_phase(job, PHASE_ENDED);
    error_move(&job->outcome, err);
    if (job->callbacks.on_end)
        job->callbacks.on_end(job->userdata, &job->outcome);
}

/* What up would change, as far as can be said before the images are known, is shown to the
 * providers first: a busy port is no news to wait a download for. */
static int look_ahead(struct job *job, struct error *err)
{
    struct plan_up_options options = {.services = job->services, .new_id = hash_random_hex};
    _cleanup_(observed_freep) struct observed *observed = NULL;
    int r = orchestrator_observe(job->orchestrator, job->project, &observed, err);
    if (r < 0)
        return r;
    _cleanup_(plan_freep) struct plan *plan = NULL;
    r = plan_up(job->specs, observed, &options, &plan, err);
    if (r < 0)
        return r;
    struct engine *engine = make_engine(job, plan);
    r = engine_check(engine, err);
    engine_free(engine);
    return r;
}

static int run_plan(struct job *job, struct error *err)
{
    job->engine = make_engine(job, job->plan);
    job->engine_ended = false;
    int r = engine_check(job->engine, err);
    if (r < 0) {
        job->engine_ended = true; /* it never began */
        return r;
    }
    engine_run(job->engine);
    return 0;
}

static int begin_images(struct job *job, struct error *err)
{
    struct plan_up_options options = {.services = job->services, .new_id = hash_random_hex};
    int r = journal_settle(job->orchestrator->store, job->project, err);
    if (r < 0)
        return r;
    r = look_ahead(job, err);
    if (r < 0)
        return r;
    r = plan_images(job->specs, &options, &job->plan, err);
    if (r < 0)
        return r;
    set_phase(job, PHASE_IMAGES);
    return run_plan(job, err);
}

static int make_plan(struct job *job, const struct observed *observed, struct error *err)
{
    struct plan_up_options up = {job->services, job->images, hash_random_hex};
    struct plan_stop_options stop = {job->services, job->timeout_ms, job->kill};
    switch (job->kind) {
    case JOB_UP:
        return plan_up(job->specs, observed, &up, &job->plan, err);
    case JOB_STOP:
        return plan_stop(observed, &stop, &job->plan, err);
    case JOB_DOWN:
        return plan_down(observed, &stop, &job->plan, err);
    case JOB_KIND_COUNT:
        break;
    }
    assert(false);
    return -EINVAL;
}

static int begin_changes(struct job *job, struct error *err)
{
    _cleanup_(observed_freep) struct observed *observed = NULL;
    int r = journal_settle(job->orchestrator->store, job->project, err);
    if (r >= 0)
        r = orchestrator_observe(job->orchestrator, job->project, &observed, err);
    if (r >= 0)
        r = make_plan(job, observed, err);
    if (r < 0)
        return r;
    set_phase(job, PHASE_CHANGES);
    report_plan(job);
    if (job->kind == JOB_UP)
        r = state_record_project(job->orchestrator->store, job->specs, err);
    return r < 0 ? r : run_plan(job, err);
}

/* The images are there: what they resolved to decides what has changed. */
static int go_on_to_changes(struct job *job, struct error *err)
{
    job->images = engine_results(job->engine);
    drop_engine(job);
    return begin_changes(job, err);
}

static int finish_changes(struct job *job, struct error *err)
{
    if (job->kind != JOB_DOWN)
        return 0;
    return state_forget_project(job->orchestrator->store, job->project, err);
}

/* True: the phase's engine is through; its error, if any, is in err. */
static bool collect_engine(struct job *job, struct error *err)
{
    if (job->cancelled && !job->engine_ended)
        engine_cancel(job->engine);
    if (!job->engine_ended)
        return false;
    error_move(err, &job->outcome);
    return true;
}

bool job_advance(struct job *job)
{
    _cleanup_error_ struct error err = {0};
    switch (job->phase) {
    case PHASE_QUEUED:
        if (job->cancelled)
            error_set(&err, ECANCELED, "cancelled");
        else if ((job->kind == JOB_UP ? begin_images : begin_changes)(job, &err) >= 0)
            return false;
        break;
    case PHASE_IMAGES:
        if (!collect_engine(job, &err))
            return false;
        if (err.code == 0 && job->cancelled)
            error_set(&err, ECANCELED, "cancelled");
        if (err.code == 0 && go_on_to_changes(job, &err) >= 0)
            return false;
        break;
    case PHASE_CHANGES:
        if (!collect_engine(job, &err))
            return false;
        if (err.code == 0)
            finish_changes(job, &err);
        break;
    case PHASE_ENDED:
    case PHASE_COUNT:
        return true;
    }
    end_job(job, &err);
    return true;
}
