/* See supervisor.h: the watches, what they hear of, and the one timer. */
#include "orchestrator/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "orchestrator/condition.h"
#include "orchestrator/events.h"
#include "orchestrator/exit_wait.h"
#include "orchestrator/host_boot.h"
#include "orchestrator/state.h"
#include "orchestrator/state_watch.h"
#include "orchestrator/watch.h"

/* --- watches ---------------------------------------------------------------------------------- */

static struct watch *find_watch(const struct supervisor *supervisor, const char *instance)
{
    for (size_t i = 0; i < supervisor->watches.count; i++)
        if (streq(supervisor->watches.items[i]->instance, instance))
            return supervisor->watches.items[i];
    return NULL;
}

static void read_spec(struct watch *watch, const cJSON *spec)
{
    cJSON_Delete(watch->healthcheck);
    const cJSON *healthcheck = json_object(spec, "healthcheck");
    watch->healthcheck = healthcheck ? cJSON_Duplicate(healthcheck, true) : NULL;
    watch->restart.policy = restart_read_policy(json_object(spec, "restart"));
    watch->auto_remove_ms = json_int(spec, "auto_remove_ms", -1);
}

static struct watch *watch_new(struct supervisor *supervisor, const char *instance,
                               const struct state_watched *watched)
{
    struct watch *watch = new0(struct watch);
    watch->supervisor = supervisor;
    watch->instance = xstrdup(instance);
    watch->project = xstrdup(watched->project);
    watch->seen = VM_STATE_COUNT;
    watch->remove_at_ms = UINT64_MAX;
    watch->told = health_state_parse(watched->health);
    restart_init(&watch->restart, &(struct restart_policy){0}, watched->restarts);
    read_spec(watch, watched->vm_spec);
    vec_add(&supervisor->watches, watch);
    return watch;
}

static void watch_free(struct watch *watch)
{
    const struct orchestrator_world *world = &watch->supervisor->orchestrator->world;
    if (watch->probe)
        world->abandon_probe(world->userdata, watch->probe);
    watch_drop_jobs(watch);
    watch_clear_log(watch);
    cJSON_Delete(watch->healthcheck);
    free(watch->instance);
    free(watch->project);
    free(watch);
}

/* NULL for an instance that no project has: the runtime alone knows it, and it is about to go. */
static struct watch *need_watch(struct supervisor *supervisor, const char *instance)
{
    struct watch *watch = find_watch(supervisor, instance);
    if (watch)
        return watch;
    _cleanup_error_ struct error err = {0};
    _cleanup_(state_watched_done) struct state_watched watched = {0};
    int r = state_find_watched(supervisor->orchestrator->store, instance, &watched, &err);
    if (r < 0)
        log_error("%s: cannot be looked after: %s", instance, error_text(&err));
    return r > 0 ? watch_new(supervisor, instance, &watched) : NULL;
}

void supervisor_forget(struct supervisor *supervisor, const char *instance)
{
    for (size_t i = 0; i < supervisor->watches.count; i++) {
        if (!streq(supervisor->watches.items[i]->instance, instance))
            continue;
        watch_free(supervisor->watches.items[i]);
        supervisor->watches.items[i] = supervisor->watches.items[--supervisor->watches.count];
        break;
    }
    exit_waits_tell_removed(supervisor->orchestrator, instance);
    supervisor_kick(supervisor);
}

/* --- time ------------------------------------------------------------------------------------- */

static uint64_t next_deadline(const struct supervisor *supervisor)
{
    uint64_t next_ms = conditions_deadline(supervisor->orchestrator->conditions);
    for (size_t i = 0; i < supervisor->watches.count; i++) {
        const struct watch *watch = supervisor->watches.items[i];
        uint64_t health_ms = health_deadline(&watch->health);
        uint64_t restart_ms = restart_deadline(&watch->restart);
        next_ms = health_ms < next_ms ? health_ms : next_ms;
        next_ms = restart_ms < next_ms ? restart_ms : next_ms;
        next_ms = watch->remove_at_ms < next_ms ? watch->remove_at_ms : next_ms;
    }
    return next_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct supervisor *supervisor = timer->data;
    uint64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < supervisor->watches.count; i++) {
        watch_run_health(supervisor->watches.items[i], now_ms);
        watch_run_restart(supervisor->watches.items[i], now_ms);
        watch_run_removal(supervisor->watches.items[i], now_ms);
    }
    conditions_advance(supervisor->orchestrator->conditions, now_ms);
    uint64_t next_ms = next_deadline(supervisor);
    if (next_ms != UINT64_MAX && !uv_is_active((uv_handle_t *)timer))
        uv_timer_start(timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 0, 0);
}

void supervisor_kick(struct supervisor *supervisor)
{
    uv_timer_start(supervisor->timer, on_timer, 0, 0);
}

struct supervisor *supervisor_new(struct orchestrator *orchestrator)
{
    struct supervisor *supervisor = new0(struct supervisor);
    supervisor->orchestrator = orchestrator;
    supervisor->timer = new0(uv_timer_t);
    uv_timer_init(orchestrator->loop, supervisor->timer);
    supervisor->timer->data = supervisor;
    return supervisor;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void supervisor_free(struct supervisor *supervisor)
{
    if (!supervisor)
        return;
    for (size_t i = 0; i < supervisor->watches.count; i++)
        watch_free(supervisor->watches.items[i]);
    vec_done(&supervisor->watches);
    uv_close((uv_handle_t *)supervisor->timer, on_timer_closed);
    free(supervisor);
}

void supervisor_retire(struct supervisor *supervisor)
{
    supervisor->retired = true;
    for (size_t i = 0; i < supervisor->watches.count; i++) {
        watch_health_pause(supervisor->watches.items[i]);
        restart_cancel(&supervisor->watches.items[i]->restart);
    }
}

/* --- what happens to VMs ---------------------------------------------------------------------- */

/* The spec is whole from the first start on, and what this instance was made from. */
static void refresh_spec(struct watch *watch)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_(state_watched_done) struct state_watched watched = {0};
    if (state_find_watched(watch->supervisor->orchestrator->store, watch->instance, &watched,
                           &err) > 0)
        read_spec(watch, watched.vm_spec);
    else
        log_error("%s: its spec cannot be read: %s", watch->instance, error_text(&err));
}

static void note_start(struct watch *watch, const struct vm_status *status, bool adopting)
{
    uint64_t now_ms = clock_monotonic_ms();
    int64_t age_ms = clock_realtime_ms() - status->started_at_ms;
    if (watch->seen == VM_PAUSED) {
        watch_health_resume(watch, now_ms);
        return;
    }
    if (!adopting) {
        refresh_spec(watch);
        bool by_policy = watch->restart.phase == RESTART_DUE;
        restart_started(&watch->restart, now_ms);
        _cleanup_error_ struct error err = {0};
        if (!by_policy && state_set_restarts(watch->supervisor->orchestrator->store,
                                             watch->instance, 0, &err) < 0)
            log_error("%s: %s", watch->instance, error_text(&err));
        watch_health_start(watch, now_ms);
        return;
    }
    uint64_t age = age_ms > 0 ? (uint64_t)age_ms : 0; /* the wall clock may have been set back */
    restart_adopt(&watch->restart, age, now_ms);
    watch_health_adopt(watch, watch->told, age, now_ms);
}

static void note_end(struct watch *watch, const struct vm_status *status, bool adopting)
{
    struct orchestrator *orchestrator = watch->supervisor->orchestrator;
    _cleanup_error_ struct error err = {0};
    watch_health_stop(watch);
    if (state_set_oom(orchestrator->store, watch->instance, status->oom_killed, &err) < 0)
        log_error("%s: %s", watch->instance, error_text(&err));
    if (!adopting) /* else supervisor_begin() does, which knows whether the host has booted */
        watch_ended(watch, status, clock_monotonic_ms());
    exit_waits_tell_exit(orchestrator, watch->instance, status->exit_code);
}

static void move_watch(struct watch *watch, const struct vm_status *status, bool adopting)
{
    switch (status->state) {
    case VM_STARTING:
        if (watch->restart.phase == RESTART_PENDING) /* somebody was quicker than the policy */
            restart_cancel(&watch->restart);
        break;
    case VM_RUNNING:
        note_start(watch, status, adopting);
        break;
    case VM_PAUSED:
        if (adopting)
            note_start(watch, status, adopting);
        watch_health_pause(watch);
        break;
    case VM_STOPPING:
        watch_health_stop(watch);
        break;
    case VM_EXITED:
        note_end(watch, status, adopting);
        break;
    case VM_CREATED:
    case VM_STATE_COUNT:
        break;
    }
    watch->seen = status->state;
    watch_update_dns(watch);
}

static void tell_end(struct orchestrator *orchestrator, const struct vm_status *status)
{
    _cleanup_json_ cJSON *attributes = cJSON_CreateObject();
    _cleanup_free_ char *code = xasprintf("%d", status->exit_code);
    json_set_string(attributes, "exitCode", code);
    json_set_string(attributes, "reason", vm_exit_reason_name(status->reason));
    if (status->oom_killed)
        events_note(orchestrator, status->instance, "oom", NULL);
    events_note(orchestrator, status->instance, "die", attributes);
}

/* Told before the consequences: the log's order is the world's. */
static void tell(struct orchestrator *orchestrator, const struct vm_status *status,
                 enum vm_state before)
{
    switch (status->state) {
    case VM_RUNNING:
        events_note(orchestrator, status->instance, before == VM_PAUSED ? "unpause" : "start",
                    NULL);
        break;
    case VM_PAUSED:
        events_note(orchestrator, status->instance, "pause", NULL);
        break;
    case VM_STOPPING:
        events_note(orchestrator, status->instance, "kill", NULL);
        break;
    case VM_EXITED:
        tell_end(orchestrator, status);
        break;
    case VM_CREATED:
    case VM_STARTING:
    case VM_STATE_COUNT:
        break;
    }
}

void supervisor_vm_event(struct supervisor *supervisor, const struct vm_status *status,
                         bool adopting)
{
    struct orchestrator *orchestrator = supervisor->orchestrator;
    _cleanup_error_ struct error err = {0};
    struct watch *watch = need_watch(supervisor, status->instance);
    if (!watch)
        return;
    int changed = state_set_instance_state(orchestrator->store, status->instance,
                                           vm_state_name(status->state), &err);
    if (changed < 0)
        log_error("%s: cannot record that it is %s: %s", status->instance,
                  vm_state_name(status->state), error_text(&err));
    if (changed > 0)
        tell(orchestrator, status, watch->seen);
    move_watch(watch, status, adopting);
    supervisor_kick(supervisor);
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* It ended while no daemon was there; one that never came up was somebody's failed start. */
static void resume_ended(struct watch *watch)
{
    const struct orchestrator_world *world = &watch->supervisor->orchestrator->world;
    struct vm_status status;
    if (watch->seen == VM_EXITED &&
        world->vm_status(world->userdata, watch->instance, &status) == 0)
        watch_ended(watch, &status, clock_monotonic_ms());
}

void supervisor_begin(struct supervisor *supervisor)
{
    _cleanup_error_ struct error err = {0};
    int r = host_boot_is_new(supervisor->orchestrator, &err);
    if (r < 0)
        log_error("whether the host has booted is not known: %s", error_text(&err));
    if (r > 0)
        host_boot_start(supervisor->orchestrator);
    for (size_t i = 0; r <= 0 && i < supervisor->watches.count; i++)
        resume_ended(supervisor->watches.items[i]);
    supervisor_kick(supervisor);
}

/* --- questions and wishes --------------------------------------------------------------------- */

void supervisor_let_be(struct supervisor *supervisor, const char *instance)
{
    struct watch *watch = find_watch(supervisor, instance);
    if (watch)
        restart_cancel(&watch->restart);
    supervisor_kick(supervisor);
}

void supervisor_retry(struct supervisor *supervisor, const char *instance)
{
    struct watch *watch = find_watch(supervisor, instance);
    if (watch && watch->seen == VM_EXITED && watch->restart.phase == RESTART_IDLE)
        watch_retry(watch, clock_monotonic_ms());
}

bool supervisor_is_busy(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->watches.count; i++)
        if (supervisor->watches.items[i]->restart.phase != RESTART_IDLE)
            return true;
    return false;
}

bool supervisor_look(const struct supervisor *supervisor, const char *instance,
                     struct supervision *ret_supervision)
{
    const struct watch *watch = find_watch(supervisor, instance);
    if (!watch)
        return false;
    *ret_supervision = (struct supervision){
        .state = watch->seen == VM_STATE_COUNT ? VM_CREATED : watch->seen,
        .has_check = watch->healthcheck,
        .health = watch->health.state,
        .failures = watch->health.failures,
        .retries = watch->health.options.retries,
        .output = watch_output(watch),
        .restarting = watch->restart.phase != RESTART_IDLE,
        .restarts = watch->restart.count,
    };
    return true;
}

static void add_record(cJSON *log, const struct probe_record *record)
{
    char start[CLOCK_TEXT_SIZE], end[CLOCK_TEXT_SIZE];
    cJSON *entry = cJSON_CreateObject();
    json_set_string(entry, "Start", clock_format_ns(record->start_ns, start));
    json_set_string(entry, "End", clock_format_ns(record->end_ns, end));
    json_set_int(entry, "ExitCode", record->exit_code);
    json_set_string(entry, "Output", record->output);
    cJSON_AddItemToArray(log, entry);
}

cJSON *supervisor_describe_health(const struct supervisor *supervisor, const char *instance)
{
    const struct watch *watch = find_watch(supervisor, instance);
    if (!watch || !watch->healthcheck)
        return NULL;
    cJSON *health = cJSON_CreateObject();
    bool runs = watch->health.state != HEALTH_NONE;
    json_set_string(health, "Status", runs ? health_state_name(watch->health.state) : "none");
    json_set_int(health, "FailingStreak", watch->health.failures);
    cJSON *log = cJSON_AddArrayToObject(health, "Log");
    for (size_t i = 0; i < watch->log_count; i++)
        add_record(log, &watch->log[i]);
    return health;
}

cJSON *orchestrator_describe_health(struct orchestrator *orchestrator, const char *instance)
{
    return supervisor_describe_health(orchestrator->supervisor, instance);
}
