/* See watch.h: what becomes of an instance that has ended. restart.h decides, a job does it. */
#include "orchestrator/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "orchestrator/state_watch.h"

#include <errno.h>

enum {
    PUT_OFF_MS = 200,            /* until somebody else's work on the instance is looked at again */
    EXIT_CODE_NOT_STARTED = 125, /* as the runtime has it for who did not boot */
};

bool watch_is_wanted(const struct watch *watch)
{
    struct orchestrator *orchestrator = watch->supervisor->orchestrator;
    _cleanup_error_ struct error err = {0};
    int r = state_is_wanted(orchestrator->store, watch->instance, &err);
    if (r < 0)
        log_error("%s: is it to run? %s", watch->instance, error_text(&err));
    return r > 0;
}

static void note_outcome(struct watch *watch, uint64_t now_ms)
{
    const struct restart *restart = &watch->restart;
    _cleanup_error_ struct error err = {0};
    if (restart->phase != RESTART_PENDING)
        return;
    log_info("%s: restart %lld in %llu ms", watch->instance, (long long)restart->count,
             (unsigned long long)(restart->due_ms - now_ms));
    if (state_set_restarts(watch->supervisor->orchestrator->store, watch->instance, restart->count,
                           &err) < 0)
        log_error("%s: cannot record its restart: %s", watch->instance, error_text(&err));
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void on_removed(void *userdata, const struct error *err)
{
    (void)userdata;
    if (err->code)
        log_warning("what was to go when it ended is still there: %s", error_text(err));
}

/* `run --rm` */
static void remove_instance(struct watch *watch)
{
    static const struct job_callbacks callbacks = {.on_end = on_removed};
    char *names[] = {watch->instance, NULL};
    struct act_options options = {.selection.instances = names, .timeout_ms = -1, .volumes = true};
    struct job *job;
    _cleanup_error_ struct error err = {0};
    if (orchestrator_act(watch->supervisor->orchestrator, watch->project, ACT_REMOVE, &options,
                         &callbacks, NULL, &job, &err) < 0)
        log_warning("%s: cannot be removed: %s", watch->instance, error_text(&err));
}

static void on_revived(void *userdata, const struct error *err)
{
    struct watch *watch = userdata;
    uint64_t now_ms = clock_monotonic_ms();
    watch->revival = NULL;
    if (err->code == EBUSY || err->code == ECANCELED) {
        restart_put_off(&watch->restart, PUT_OFF_MS, now_ms);
    } else if (err->code) {
        log_warning("%s: was not restarted: %s", watch->instance, error_text(err));
        if (watch->restart.phase == RESTART_DUE) /* else its end was told already */
            watch_retry(watch, now_ms);
    } else {
        restart_cancel(&watch->restart); /* it runs, or ran and its end was told */
    }
    supervisor_kick(watch->supervisor);
}

static void revive(struct watch *watch, uint64_t now_ms)
{
    static const struct job_callbacks callbacks = {.on_end = on_revived};
    _cleanup_error_ struct error err = {0};
    int r = orchestrator_revive(watch->supervisor->orchestrator, watch->instance, &callbacks, watch,
                                &watch->revival, &err);
    if (r == -EBUSY) {
        restart_put_off(&watch->restart, PUT_OFF_MS, now_ms);
    } else if (r < 0) {
        log_warning("%s: cannot be restarted: %s", watch->instance, error_text(&err));
        watch_retry(watch, now_ms);
    }
}

void watch_drop_jobs(struct watch *watch)
{
    if (watch->revival)
        job_detach(TAKE_PTR(watch->revival));
}

/* --- decisions -------------------------------------------------------------------------------- */

/* Who asked for a start that failed was told so; only our own starts are tried again. */
static bool is_failed_start(const struct watch *watch, const struct vm_status *status)
{
    return status->reason == VM_EXIT_BOOT && watch->restart.phase != RESTART_DUE;
}

void watch_ended(struct watch *watch, const struct vm_status *status, uint64_t now_ms)
{
    bool wanted =
        !watch->supervisor->retired && !is_failed_start(watch, status) && watch_is_wanted(watch);
    watch->exit_code = status->exit_code;
    restart_ended(&watch->restart, status->exit_code, wanted, now_ms);
    note_outcome(watch, now_ms);
    bool goes = watch->auto_remove_ms >= 0 && watch->restart.phase == RESTART_IDLE;
    watch->remove_at_ms = goes ? now_ms + (uint64_t)watch->auto_remove_ms : UINT64_MAX;
    supervisor_kick(watch->supervisor);
}

void watch_run_removal(struct watch *watch, uint64_t now_ms)
{
    if (now_ms < watch->remove_at_ms || watch->supervisor->retired)
        return;
    watch->remove_at_ms = UINT64_MAX;
    remove_instance(watch);
}

void watch_retry(struct watch *watch, uint64_t now_ms)
{
    restart_ended(&watch->restart, EXIT_CODE_NOT_STARTED, watch_is_wanted(watch), now_ms);
    note_outcome(watch, now_ms);
    supervisor_kick(watch->supervisor);
}

void watch_run_restart(struct watch *watch, uint64_t now_ms)
{
    if (watch->supervisor->retired || restart_run(&watch->restart, now_ms) != RESTART_START)
        return;
    if (watch_is_wanted(watch))
        revive(watch, now_ms);
    else
        restart_cancel(&watch->restart);
}
