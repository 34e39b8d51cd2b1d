/* See orchestrator.h: the queue of jobs, and what comes from the VMs. commands.c makes
 * jobs, job.c does one, instances.c answers questions. */
#include "orchestrator/orchestrator.h"

#include "base/log.h"
#include "base/str.h"
#include "orchestrator/condition.h"
#include "orchestrator/control.h"
#include "orchestrator/host_boot.h"
#include "orchestrator/job.h"
#include "orchestrator/journal.h"
#include "orchestrator/state.h"
#include "orchestrator/supervisor.h"

#include <errno.h>

/* Jobs on one project take turns; a job that ends makes room for the next in the same turn. Only
 * who starts an instance again after its end does not, and is waited for. NULL: it is its turn. */
static const struct job *find_predecessor(const struct orchestrator *orchestrator, size_t index)
{
    const struct job *job = orchestrator->jobs.items[index];
    for (size_t i = 0; !job_runs_beside(job) && i < index; i++)
        if (streq(job_project(orchestrator->jobs.items[i]), job_project(job)))
            return orchestrator->jobs.items[i];
    return NULL;
}

bool orchestrator_has_revival(const struct orchestrator *orchestrator, const char *project)
{
    for (size_t i = 0; i < orchestrator->jobs.count; i++)
        if (job_runs_beside(orchestrator->jobs.items[i]) &&
            streq(job_project(orchestrator->jobs.items[i]), project))
            return true;
    return false;
}

bool orchestrator_is_concerned(const struct orchestrator *orchestrator, const struct job *but,
                               const char *instance)
{
    for (size_t i = 0; i < orchestrator->jobs.count; i++)
        if (orchestrator->jobs.items[i] != but &&
            job_concerns(orchestrator->jobs.items[i], instance))
            return true;
    return false;
}

static void remove_job(struct orchestrator *orchestrator, size_t index)
{
    job_free(orchestrator->jobs.items[index]);
    orchestrator->jobs.count--;
    for (size_t i = index; i < orchestrator->jobs.count; i++)
        orchestrator->jobs.items[i] = orchestrator->jobs.items[i + 1];
}

static void on_kick(uv_timer_t *timer)
{
    struct orchestrator *orchestrator = timer->data;
    size_t index = 0;
    while (index < orchestrator->jobs.count) {
        struct job *job = orchestrator->jobs.items[index];
        const struct job *other =
            job_is_cancelled(job) ? NULL : find_predecessor(orchestrator, index);
        if (other)
            job_tell_waiting(job, other);
        if (!other && job_advance(job))
            remove_job(orchestrator, index);
        else
            index++;
    }
}

void orchestrator_kick(struct orchestrator *orchestrator)
{
    uv_timer_start(orchestrator->kick, on_kick, 0, 0);
}

/* After those of the world, which so can have others of their kind: a test's fakes. */
static void add_own_providers(struct orchestrator *orchestrator)
{
    struct orchestrator_world *world = &orchestrator->world;
    const struct provider *const own[] = {conditions_provider(orchestrator->conditions),
                                          control_provider(orchestrator->control)};
    const struct provider **list = xcalloc(world->provider_count + ARRAY_SIZE(own), sizeof(*list));
    memcpy(list, world->providers, world->provider_count * sizeof(*list));
    memcpy(&list[world->provider_count], own, sizeof(own));
    world->providers = list;
    world->provider_count += ARRAY_SIZE(own);
}

int orchestrator_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                     const struct orchestrator_world *world, struct orchestrator **ret_orchestrator,
                     struct error *err)
{
    int r = store_migrate(store, state_schema(), err);
    if (r < 0)
        return r;
    struct orchestrator *orchestrator = new0(struct orchestrator);
    orchestrator->loop = loop;
    orchestrator->store = store;
    orchestrator->world = *world;
    orchestrator->control = control_new(&orchestrator->world, store);
    snprintf(orchestrator->root_id, sizeof(orchestrator->root_id), "%s",
             paths ? paths->root_id : "");
    orchestrator->kick = new0(uv_timer_t);
    uv_timer_init(loop, orchestrator->kick);
    orchestrator->kick->data = orchestrator;
    orchestrator->supervisor = supervisor_new(orchestrator);
    orchestrator->conditions = conditions_new(orchestrator);
    add_own_providers(orchestrator);
    *ret_orchestrator = orchestrator;
    return 0;
}

static void on_kick_closed(uv_handle_t *handle)
{
    free(handle);
}

void orchestrator_free(struct orchestrator *orchestrator)
{
    if (!orchestrator)
        return;
    for (size_t i = 0; i < orchestrator->jobs.count; i++)
        job_free(orchestrator->jobs.items[i]);
    vec_done(&orchestrator->jobs);
    conditions_free(orchestrator->conditions);
    supervisor_free(orchestrator->supervisor);
    while (orchestrator->exit_waits.count > 0)
        exit_wait_free(orchestrator->exit_waits.items[0]);
    control_free(orchestrator->control);
    host_boot_free(orchestrator->booting);
    host_stop_free(orchestrator->going_down);
    uv_close((uv_handle_t *)orchestrator->kick, on_kick_closed);
    free((void *)orchestrator->world.providers);
    free(orchestrator);
}

/* --- what is there ---------------------------------------------------------------------------- */

int orchestrator_observe(struct orchestrator *orchestrator, const char *project,
                         struct observed **ret_observed, struct error *err)
{
    int r = state_observe(orchestrator->store, project, ret_observed, err);
    for (size_t i = 0; r >= 0 && i < (*ret_observed)->instances.count; i++) {
        struct observed_instance *instance = &(*ret_observed)->instances.items[i];
        struct vm_status status;
        instance->missing = orchestrator->world.vm_status(orchestrator->world.userdata,
                                                          instance->name, &status) < 0;
        if (instance->missing)
            continue;
        instance->state = status.state;
        struct supervision supervision;
        instance->restarting =
            status.state == VM_EXITED &&
            supervisor_look(orchestrator->supervisor, instance->name, &supervision) &&
            supervision.restarting;
    }
    return r;
}

void orchestrator_vm_event(void *self, const struct vm_status *status)
{
    struct orchestrator *orchestrator = self;
    control_vm_event(orchestrator->control, status);
    supervisor_vm_event(orchestrator->supervisor, status, false);
}

int orchestrator_adopt(struct orchestrator *orchestrator, struct error *err)
{
    _cleanup_error_ struct error local = {0};
    int r = journal_settle(orchestrator->store, NULL, &local);
    if (r < 0)
        return error_move(err, &local);
    if (r > 0)
        log_warning("%d operations were interrupted; the next up or down deals with them", r);
    struct state_instances instances = {0};
    r = state_list_instances(orchestrator->store, NULL, &instances, &local);
    for (size_t i = 0; r >= 0 && i < instances.list.count; i++) {
        struct vm_status status;
        if (orchestrator->world.vm_status(orchestrator->world.userdata,
                                          instances.list.items[i].name, &status) >= 0)
            supervisor_vm_event(orchestrator->supervisor, &status, true);
    }
    state_instances_done(&instances);
    if (r < 0)
        return error_move(err, &local);
    supervisor_begin(orchestrator->supervisor);
    return 0;
}
