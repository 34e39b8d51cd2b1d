/* See job.h. up, run: look ahead (checks), images, then the changes; pull, build: images only; the
 * others: the changes only. */
#include "orchestrator/job_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vault.h"
#include "orchestrator/events.h"
#include "orchestrator/journal.h"
#include "orchestrator/state.h"
#include "orchestrator/supervisor.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>

static const char *const kind_names[] = {
    [JOB_UP] = "up",   [JOB_RUN] = "run",   [JOB_PULL] = "pull",      [JOB_BUILD] = "build",
    [JOB_ACT] = "act", [JOB_DOWN] = "down", [JOB_REVIVE] = "restart",
};
static_assert(ARRAY_SIZE(kind_names) == JOB_KIND_COUNT, "a name for every kind");

static const char *const verb_names[] = {
    [ACT_START] = "start", [ACT_STOP] = "stop",   [ACT_RESTART] = "restart", [ACT_KILL] = "kill",
    [ACT_REMOVE] = "rm",   [ACT_PAUSE] = "pause", [ACT_UNPAUSE] = "unpause",
};
static_assert(ARRAY_SIZE(verb_names) == ACT_VERB_COUNT, "a name for every verb");

static const char *const phase_names[] = {
    [PHASE_QUEUED] = "queued",
    [PHASE_IMAGES] = "images",
    [PHASE_CHANGES] = "changes",
    [PHASE_ENDED] = "ended",
};
static_assert(ARRAY_SIZE(phase_names) == PHASE_COUNT, "a name for every phase");

/* As people typed it. */
static const char *job_name(const struct job *job)
{
    return job->kind == JOB_ACT ? verb_names[job->wishes.verb] : kind_names[job->kind];
}

struct job *job_new(struct orchestrator *orchestrator, const struct job_request *request)
{
    struct job *job = new0(struct job);
    job->orchestrator = orchestrator;
    job->kind = request->kind;
    job->project = xstrdup(request->project);
    job->specs = request->specs;
    wishes_init(&job->wishes, request);
    job->submitted_ms = clock_monotonic_ms();
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

bool job_runs_beside(const struct job *job)
{
    return job->kind == JOB_REVIVE;
}

bool job_concerns(const struct job *job, const char *instance)
{
    return job->phase == PHASE_CHANGES && job->engine && !job->engine_ended &&
           engine_concerns(job->engine, instance);
}

void job_tell_waiting(struct job *job, const struct job *other)
{
    if (job->waiting_told)
        return;
    job->waiting_told = true;
    uint64_t since_ms = clock_monotonic_ms() - other->submitted_ms;
    _cleanup_free_ char *text =
        xasprintf("waiting for another command on project '%s' (%s, since %llu s)", job->project,
                  job_name(other), (unsigned long long)(since_ms / 1000));
    job_send_text(job, "message", text);
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
    wishes_done(&job->wishes);
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
    log_debug("%s of project '%s': %s -> %s", job_name(job), job->project, phase_names[job->phase],
              phase_names[phase]);
    job->phase = phase;
}

/* --- the engine's callbacks ------------------------------------------------------------------- */

static uint64_t now_ms(void *userdata)
{
    (void)userdata;
    return clock_monotonic_ms();
}

/* Steps that leave nothing behind, and images, which belong to no project. */
static bool is_journalled(const struct plan_step *step)
{
    return step->verb <= OPERATION_REMOVE && !streq(step->kind, "image");
}

static int open_journal(struct job *job, struct error *err)
{
    int r = job->journal_open ? 0 : journal_open(job->orchestrator->store, err);
    job->journal_open = r == 0;
    return r;
}

static int flush(void *userdata, struct error *err)
{
    struct job *job = userdata;
    bool was_open = job->journal_open;
    job->journal_open = false;
    return was_open ? journal_close(job->orchestrator->store, err) : 0;
}

static int begin_step(void *userdata, const struct plan_step *step, int64_t *ret_entry,
                      struct error *err)
{
    struct job *job = userdata;
    struct store *store = job->orchestrator->store;
    if (streq(step->kind, "vm") && !job_runs_beside(job))
        supervisor_let_be(job->orchestrator->supervisor, step->name);
    int64_t signal_number = json_int(step->spec, "signal", 0);
    bool ends = signal_number == SIGKILL || signal_number == SIGTERM; /* people want it to */
    if (!is_journalled(step) && !ends)
        return 0;
    int r = open_journal(job, err);
    if (r < 0)
        return r;
    return ends ? state_set_wanted(store, step->name, false, err)
                : journal_begin(store, job->project, step, ret_entry, err);
}

static void note_event(struct job *job, const struct plan_step *step)
{
    events_note_step(job->orchestrator, step);
    if (job->kind == JOB_ACT && job->wishes.verb == ACT_RESTART && streq(step->kind, "vm") &&
        step->verb == OPERATION_START)
        events_note(job->orchestrator, step->name, "restart", NULL);
}

static int finish_step(void *userdata, int64_t entry, const struct plan_step *step, bool success,
                       struct error *err)
{
    struct job *job = userdata;
    int r = is_journalled(step) ? open_journal(job, err) : 0;
    if (r < 0)
        return r;
    if (success)
        note_event(job, step);
    if (!is_journalled(step))
        return 0;
    r = journal_finish(job->orchestrator->store, job->project, entry, step, success, err);
    if (r == 0 && success && streq(step->kind, "vm") && step->verb == OPERATION_REMOVE)
        supervisor_forget(job->orchestrator->supervisor, step->name);
    return r;
}

static void on_engine_event(void *userdata, const cJSON *event)
{
    job_report_step(userdata, event);
}

static void schedule(void *userdata)
{
    orchestrator_kick(((struct job *)userdata)->orchestrator);
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
    bool changes = job->phase == PHASE_CHANGES;
    bool up_to_images = job->phase == PHASE_IMAGES && (job->kind == JOB_UP || job->kind == JOB_RUN);
    struct engine_options options = {
        .providers = job->orchestrator->world.providers,
        .provider_count = job->orchestrator->world.provider_count,
        .keep_going = !up_to_images, /* one missing image stops an up, so the others are no use */
        .now_ms = now_ms,
        .begin = changes ? begin_step : NULL,
        .finish = changes ? finish_step : NULL,
        .flush = changes ? flush : NULL,
        .schedule = schedule,
        .on_event = on_engine_event,
        .on_end = on_engine_end,
        .userdata = job,
    };
    return engine_new(plan, &options);
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
 * providers first: a busy port is no news to wait a download for. 1: that was all (a dry run). */
static int look_ahead(struct job *job, struct error *err)
{
    _cleanup_(observed_freep) struct observed *observed = NULL;
    int r = orchestrator_observe(job->orchestrator, job->project, &observed, err);
    if (r < 0)
        return r;
    _cleanup_(plan_freep) struct plan *plan = NULL;
    r = job_plan_changes(job, observed, &plan, err);
    if (r < 0)
        return r;
    if (job->wishes.up.dry_run) {
        job_report_changes(job, plan);
        return 1;
    }
    r = job_ask(job, plan, err);
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

/* 1: nothing more is to be done. */
static int begin_images(struct job *job, struct error *err)
{
    int r = 0;
    if (job->kind == JOB_UP || job->kind == JOB_RUN) {
        r = journal_settle(job->orchestrator->store, job->project, err);
        if (r >= 0)
            r = look_ahead(job, err);
    }
    if (r != 0)
        return r < 0 ? r : 1;
    r = job_plan_images(job, &job->plan, err);
    if (r < 0)
        return r;
    set_phase(job, PHASE_IMAGES);
    return run_plan(job, err);
}

static int record_project(struct job *job, struct error *err)
{
    if (!job_has_model(job))
        return 0;
    struct state_project about = {.files = job->wishes.up.files,
                                  .standalone = job->wishes.oneoff.standalone};
    int r = state_record_project(job->orchestrator->store, job->specs, &about, err);
    return r < 0 ? r : job_fill_vault(job, err);
}

static int begin_changes(struct job *job, struct error *err)
{
    _cleanup_(observed_freep) struct observed *observed = NULL;
    int r = 0;
    if (!job_runs_beside(job)) /* else the entries may be those of somebody who works on them */
        r = journal_settle(job->orchestrator->store, job->project, err);
    if (r >= 0)
        r = orchestrator_observe(job->orchestrator, job->project, &observed, err);
    if (r >= 0)
        r = job_plan_changes(job, observed, &job->plan, err);
    if (r >= 0)
        r = job_ask(job, job->plan, err);
    if (r < 0)
        return r;
    set_phase(job, PHASE_CHANGES);
    job_report_plan(job, job->plan);
    r = record_project(job, err);
    return r < 0 ? r : run_plan(job, err);
}

/* The images are there: what they resolved to decides what has changed. */
static int go_on_to_changes(struct job *job, struct error *err)
{
    job->images = engine_results(job->engine);
    drop_engine(job);
    return begin_changes(job, err);
}

/* Also after an up that failed before it made anything: a project is what has something. */
static void forget_project(struct job *job, struct error *err)
{
    bool may_be_gone = job->kind == JOB_DOWN || job->kind == JOB_RUN ||
                       (job->kind == JOB_ACT && job->wishes.verb == ACT_REMOVE);
    if (!may_be_gone || err->code != 0)
        return;
    if (state_forget_project(job->orchestrator->store, job->project, err) > 0)
        vault_forget_project(job->orchestrator->root_id, job->project);
}

/* True: the phase's engine is through. */
static bool advance_engine(struct job *job)
{
    if (job->cancelled && !job->engine_ended)
        engine_cancel(job->engine);
    if (!job->engine_ended)
        engine_advance(job->engine);
    return job->engine_ended;
}

/* Somebody starts an instance of the project again: its end kicks us. */
static bool must_wait_for_revival(const struct job *job)
{
    return !job->cancelled && orchestrator_has_revival(job->orchestrator, job->project);
}

/* 0: goes on; 1: nothing is left to do. */
static int begin(struct job *job, struct error *err)
{
    if (job->cancelled)
        return error_set(err, ECANCELED, "cancelled");
    if (job->orchestrator->going_down && !job->wishes.act.keep_wish)
        return error_set(err, ESHUTDOWN, "everything is being stopped for the host's sake");
    if (job->kind == JOB_REVIVE &&
        orchestrator_is_concerned(job->orchestrator, job, job->wishes.instance))
        return error_set(err, EBUSY, "another command is about '%s'", job->wishes.instance);
    return job_has_model(job) ? begin_images(job, err) : begin_changes(job, err);
}

/* True: the job goes on. */
static bool end_images(struct job *job, struct error *err)
{
    error_move(err, &job->outcome);
    if (err->code == 0 && job->cancelled)
        error_set(err, ECANCELED, "cancelled");
    bool has_changes = job->kind == JOB_UP || job->kind == JOB_RUN;
    return err->code == 0 && has_changes && go_on_to_changes(job, err) >= 0;
}

bool job_advance(struct job *job)
{
    _cleanup_error_ struct error err = {0};
    switch (job->phase) {
    case PHASE_QUEUED:
        if (begin(job, &err) == 0)
            return false;
        break;
    case PHASE_IMAGES:
        if (!advance_engine(job) || must_wait_for_revival(job) || end_images(job, &err))
            return false;
        break;
    case PHASE_CHANGES:
        if (!advance_engine(job))
            return false;
        error_move(&err, &job->outcome);
        forget_project(job, &err);
        break;
    case PHASE_ENDED:
    case PHASE_COUNT:
        return true;
    }
    end_job(job, &err);
    return true;
}
