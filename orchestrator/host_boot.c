/* See host_boot.h. */
#include "orchestrator/host_boot.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "orchestrator/restart.h"
#include "orchestrator/state.h"
#include "orchestrator/state_watch.h"
#include "orchestrator/supervisor.h"

struct project_start {
    struct host_boot *boot;
    char *project;
    char **instances;
};

struct host_boot {
    struct orchestrator *orchestrator;
    VEC(struct project_start *) starts;
    size_t pending; /* of them, and ourselves until all were begun */
};

void host_boot_free(struct host_boot *boot)
{
    if (!boot)
        return;
    for (size_t i = 0; i < boot->starts.count; i++) {
        free(boot->starts.items[i]->project);
        strv_free(boot->starts.items[i]->instances);
        free(boot->starts.items[i]);
    }
    vec_done(&boot->starts);
    free(boot);
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

/* The last one writes the boot down. */
static void end_start(struct host_boot *boot)
{
    if (--boot->pending > 0)
        return;
    note_boot(boot->orchestrator);
    boot->orchestrator->booting = NULL;
    host_boot_free(boot);
}

static void on_started(void *userdata, const struct error *err)
{
    struct project_start *start = userdata;
    if (err->code)
        log_warning("project '%s' has not come back whole: %s", start->project, error_text(err));
    for (size_t i = 0; err->code && start->instances[i]; i++)
        supervisor_retry(start->boot->orchestrator->supervisor, start->instances[i]);
    end_start(start->boot);
}

static void start_project(struct project_start *start)
{
    static const struct job_callbacks callbacks = {.on_end = on_started};
    struct act_options options = {
        .selection.instances = start->instances, .timeout_ms = -1, .in_order = true};
    struct job *job;
    _cleanup_error_ struct error err = {0};
    log_info("the host has booted: project '%s' is started", start->project);
    if (orchestrator_act(start->boot->orchestrator, start->project, ACT_START, &options, &callbacks,
                         start, &job, &err) < 0) {
        log_warning("project '%s' cannot be started: %s", start->project, error_text(&err));
        end_start(start->boot);
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

static void collect(struct host_boot *boot, const struct state_instance *instance)
{
    struct project_start *start = NULL;
    for (size_t i = 0; i < boot->starts.count; i++)
        if (streq(boot->starts.items[i]->project, instance->project))
            start = boot->starts.items[i];
    if (!start) {
        start = new0(struct project_start);
        start->boot = boot;
        start->project = xstrdup(instance->project);
        vec_add(&boot->starts, start);
    }
    strv_add(&start->instances, xstrdup(instance->name));
}

void host_boot_start(struct orchestrator *orchestrator)
{
    struct state_instances instances = {0};
    struct host_boot *boot = orchestrator->booting = new0(struct host_boot);
    boot->orchestrator = orchestrator;
    _cleanup_error_ struct error err = {0};
    if (state_list_instances(orchestrator->store, NULL, &instances, &err) < 0)
        log_error("what should run after the host's boot is not known: %s", error_text(&err));
    for (size_t i = 0; i < instances.list.count; i++)
        if (comes_back(orchestrator, &instances.list.items[i]))
            collect(boot, &instances.list.items[i]);
    state_instances_done(&instances);
    boot->pending = boot->starts.count + 1;
    for (size_t i = 0; i < boot->starts.count; i++)
        start_project(boot->starts.items[i]);
    end_start(boot);
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
