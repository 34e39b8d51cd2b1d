/* See host_boot.h. */
#include "orchestrator/host_boot.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "orchestrator/restart.h"
#include "orchestrator/state.h"
#include "orchestrator/state_watch.h"
#include "orchestrator/supervisor.h"

/* One project's start. */
struct boot_start {
    struct orchestrator *orchestrator;
    size_t *pending; /* shared by all */
    char *project;
    char **instances;
};

static void boot_start_free(struct boot_start *start)
{
    free(start->project);
    strv_free(start->instances);
    free(start);
}

static void note_boot(struct orchestrator *orchestrator)
{
    _cleanup_error_ struct error err = {0};
    if (state_write_boot(orchestrator->store, clock_boot_id(), &err) < 0)
        log_error("cannot record the host's boot: %s", error_text(&err));
}

int host_boot_is_new(struct orchestrator *orchestrator, struct error *err)
{
    _cleanup_free_ char *seen = NULL;
    int r = state_read_boot(orchestrator->store, &seen, err);
    if (r < 0)
        return r;
    if (!seen)
        note_boot(orchestrator);
    return seen && !streq(seen, clock_boot_id());
}

/* The last one to let go writes the boot down. */
static void let_go(struct orchestrator *orchestrator, size_t *pending)
{
    if (--*pending > 0)
        return;
    note_boot(orchestrator);
    free(pending);
}

static void end_start(struct boot_start *start)
{
    let_go(start->orchestrator, start->pending);
    boot_start_free(start);
}

static void on_started(void *userdata, const struct error *err)
{
    struct boot_start *start = userdata;
    if (err->code)
        log_warning("project '%s' has not come back whole: %s", start->project, error_text(err));
    for (size_t i = 0; err->code && start->instances[i]; i++)
        supervisor_retry(start->orchestrator->supervisor, start->instances[i]);
    end_start(start);
}

static void start_project(struct boot_start *start)
{
    static const struct job_callbacks callbacks = {.on_end = on_started};
    struct act_options options = {
        .selection.instances = start->instances, .timeout_ms = -1, .in_order = true};
    struct job *job;
    _cleanup_error_ struct error err = {0};
    if (orchestrator_act(start->orchestrator, start->project, ACT_START, &options, &callbacks,
                         start, &job, &err) < 0) {
        log_warning("project '%s' cannot be started: %s", start->project, error_text(&err));
        end_start(start);
    }
}

/* Whether it has ended, and comes back with the host. */
static bool comes_back(struct orchestrator *orchestrator, const struct state_instance *instance)
{
    struct vm_status status;
    if (orchestrator->world.vm_status(orchestrator->world.userdata, instance->name, &status) < 0 ||
        status.state != VM_EXITED)
        return false;
    _cleanup_error_ struct error err = {0};
    _cleanup_(state_watched_done) struct state_watched watched = {0};
    if (state_find_watched(orchestrator->store, instance->name, &watched, &err) <= 0)
        return false;
    struct restart_policy policy = restart_read_policy(json_object(watched.vm_spec, "restart"));
    return restart_wants_boot(&policy, status.exit_code, instance->is_wanted);
}

struct boot_starts {
    VEC(struct boot_start *) list;
};

static void collect(struct orchestrator *orchestrator, const struct state_instance *instance,
                    struct boot_starts *starts)
{
    struct boot_start *start = NULL;
    for (size_t i = 0; i < starts->list.count; i++)
        if (streq(starts->list.items[i]->project, instance->project))
            start = starts->list.items[i];
    if (!start) {
        start = new0(struct boot_start);
        start->orchestrator = orchestrator;
        start->project = xstrdup(instance->project);
        vec_add(&starts->list, start);
    }
    strv_add(&start->instances, xstrdup(instance->name));
}

void host_boot_start(struct orchestrator *orchestrator)
{
    struct state_instances instances = {0};
    struct boot_starts starts = {0};
    _cleanup_error_ struct error err = {0};
    if (state_list_instances(orchestrator->store, NULL, &instances, &err) < 0)
        log_error("what should run after the host's boot is not known: %s", error_text(&err));
    for (size_t i = 0; i < instances.list.count; i++)
        if (comes_back(orchestrator, &instances.list.items[i]))
            collect(orchestrator, &instances.list.items[i], &starts);
    state_instances_done(&instances);
    size_t *pending = new0(size_t);
    *pending = starts.list.count + 1; /* one is ours, until all were begun */
    for (size_t i = 0; i < starts.list.count; i++) {
        log_info("the host has booted: project '%s' is started", starts.list.items[i]->project);
        starts.list.items[i]->pending = pending;
        start_project(starts.list.items[i]);
    }
    vec_done(&starts.list);
    let_go(orchestrator, pending);
}

/* --- going down ------------------------------------------------------------------------------- */

struct host_stop {
    struct orchestrator *orchestrator;
    size_t pending; /* projects, and ourselves until all were begun */
    struct error failure;
    void (*on_done)(void *userdata, const struct error *err);
    void *userdata;
};

/* An empty boot is none that ever was: the next daemon starts what should run, booted or not. */
static void end_stop(struct host_stop *stop)
{
    if (--stop->pending > 0)
        return;
    if (stop->failure.code == 0)
        state_write_boot(stop->orchestrator->store, "", &stop->failure);
    stop->on_done(stop->userdata, &stop->failure);
}

static void on_stopped(void *userdata, const struct error *err)
{
    struct host_stop *stop = userdata;
    if (err->code)
        log_error("%s", error_text(err));
    if (err->code && stop->failure.code == 0)
        error_copy(&stop->failure, err);
    end_stop(stop);
}

static void stop_project(struct host_stop *stop, const char *project)
{
    static const struct job_callbacks callbacks = {.on_end = on_stopped};
    struct act_options options = {.timeout_ms = -1, .keep_wish = true};
    struct job *job;
    _cleanup_error_ struct error err = {0};
    stop->pending++;
    if (orchestrator_act(stop->orchestrator, project, ACT_STOP, &options, &callbacks, stop, &job,
                         &err) < 0)
        on_stopped(stop, &err);
}

void orchestrator_shutdown(struct orchestrator *orchestrator,
                           void (*on_done)(void *userdata, const struct error *err), void *userdata)
{
    if (orchestrator->going_down)
        return;
    struct host_stop *stop = orchestrator->going_down = new0(struct host_stop);
    *stop = (struct host_stop){
        .orchestrator = orchestrator, .pending = 1, .on_done = on_done, .userdata = userdata};
    supervisor_retire(orchestrator->supervisor);
    for (size_t i = 0; i < orchestrator->jobs.count; i++)
        job_cancel(orchestrator->jobs.items[i]);
    struct state_instances instances = {0};
    state_list_instances(orchestrator->store, NULL, &instances, &stop->failure);
    for (size_t i = 0; i < instances.list.count; i++) {
        const char *project = instances.list.items[i].project;
        bool is_first = true;
        for (size_t j = 0; j < i && is_first; j++)
            is_first = !streq(instances.list.items[j].project, project);
        if (is_first)
            stop_project(stop, project);
    }
    state_instances_done(&instances);
    end_stop(stop);
}

void host_stop_free(struct host_stop *stop)
{
    if (stop)
        error_done(&stop->failure);
    free(stop);
}
