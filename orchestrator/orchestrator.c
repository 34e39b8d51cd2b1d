/* See orchestrator.h: the queue of jobs, and what comes from the VMs. job.c does one job,
 * instances.c answers questions. */
#include "orchestrator/orchestrator.h"

#include "base/log.h"
#include "base/str.h"
#include "orchestrator/condition.h"
#include "orchestrator/job.h"
#include "orchestrator/journal.h"
#include "orchestrator/state.h"
#include "orchestrator/supervisor.h"

#include <errno.h>

/* Jobs on one project take turns; a job that ends makes room for the next in the same turn. */
static bool must_wait(const struct orchestrator *orchestrator, size_t index)
{
    const char *project = job_project(orchestrator->jobs.items[index]);
    for (size_t i = 0; i < index; i++)
        if (streq(job_project(orchestrator->jobs.items[i]), project))
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
        bool waits = must_wait(orchestrator, index) && !job_is_cancelled(job);
        if (!waits && job_advance(job))
            remove_job(orchestrator, index);
        else
            index++;
    }
}

void orchestrator_kick(struct orchestrator *orchestrator)
{
    uv_timer_start(orchestrator->kick, on_kick, 0, 0);
}

/* The world's list, which is not ours, and one more. */
static void add_own_provider(struct orchestrator_world *world, const struct provider *provider)
{
    size_t count = world->provider_count;
    const struct provider **list = xcalloc(count + 1, sizeof(*list));
    memcpy(list, world->providers, count * sizeof(*list));
    list[count] = provider;
    world->providers = list;
    world->provider_count = count + 1;
}

int orchestrator_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                     const struct orchestrator_world *world, struct orchestrator **ret_orchestrator,
                     struct error *err)
{
    (void)paths;
    int r = store_migrate(store, state_schema(), err);
    if (r < 0)
        return r;
    struct orchestrator *orchestrator = new0(struct orchestrator);
    orchestrator->loop = loop;
    orchestrator->store = store;
    orchestrator->world = *world;
    orchestrator->kick = new0(uv_timer_t);
    uv_timer_init(loop, orchestrator->kick);
    orchestrator->kick->data = orchestrator;
    orchestrator->supervisor = supervisor_new(orchestrator);
    orchestrator->conditions = conditions_new(orchestrator);
    add_own_provider(&orchestrator->world, conditions_provider(orchestrator->conditions));
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
        if (!instance->missing)
            instance->state = status.state;
    }
    return r;
}

void orchestrator_vm_event(void *self, const struct vm_status *status)
{
    struct orchestrator *orchestrator = self;
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

/* --- jobs ------------------------------------------------------------------------------------- */

static void submit(struct orchestrator *orchestrator, const struct job_request *request,
                   struct job **ret_job)
{
    struct job *job = job_new(orchestrator, request);
    vec_add(&orchestrator->jobs, job);
    orchestrator_kick(orchestrator);
    *ret_job = job;
}

int orchestrator_up(struct orchestrator *orchestrator, struct model *model,
                    const struct up_options *options, const struct job_callbacks *callbacks,
                    void *userdata, struct job **ret_job, struct error *err)
{
    struct specs *specs = NULL;
    int r = specs_build(model, &specs, err);
    model_free(model);
    if (r < 0)
        return r;
    submit(orchestrator,
           &(struct job_request){
               .kind = JOB_UP,
               .project = specs->project,
               .specs = specs,
               .services = options->services,
               .callbacks = callbacks,
               .userdata = userdata,
           },
           ret_job);
    return 0;
}

static int submit_stop(struct orchestrator *orchestrator, enum job_kind kind, const char *project,
                       char *const *services, int64_t timeout_ms, bool kill,
                       const struct job_callbacks *callbacks, void *userdata, struct job **ret_job)
{
    submit(orchestrator,
           &(struct job_request){
               .kind = kind,
               .project = project,
               .services = services,
               .timeout_ms = timeout_ms,
               .kill = kill,
               .callbacks = callbacks,
               .userdata = userdata,
           },
           ret_job);
    return 0;
}

int orchestrator_act(struct orchestrator *orchestrator, const char *project, enum act_verb verb,
                     const struct act_options *options, const struct job_callbacks *callbacks,
                     void *userdata, struct job **ret_job, struct error *err)
{
    if (verb != ACT_STOP)
        return error_set(err, EOPNOTSUPP, "not yet");
    return submit_stop(orchestrator, JOB_STOP, project, options->selection.services,
                       options->timeout_ms, options->kill, callbacks, userdata, ret_job);
}

int orchestrator_down(struct orchestrator *orchestrator, const char *project,
                      const struct down_options *options, const struct job_callbacks *callbacks,
                      void *userdata, struct job **ret_job, struct error *err)
{
    (void)err;
    return submit_stop(orchestrator, JOB_DOWN, project, options->services, options->timeout_ms,
                       options->kill, callbacks, userdata, ret_job);
}

int orchestrator_run(struct orchestrator *orchestrator, struct model *model,
                     const struct run_options *options, const struct job_callbacks *callbacks,
                     void *userdata, struct job **ret_job, struct error *err)
{
    (void)orchestrator, (void)options, (void)callbacks, (void)userdata, (void)ret_job;
    model_free(model);
    return error_set(err, EOPNOTSUPP, "not yet");
}

int orchestrator_pull(struct orchestrator *orchestrator, struct model *model,
                      const struct image_options *options, const struct job_callbacks *callbacks,
                      void *userdata, struct job **ret_job, struct error *err)
{
    (void)orchestrator, (void)options, (void)callbacks, (void)userdata, (void)ret_job;
    model_free(model);
    return error_set(err, EOPNOTSUPP, "not yet");
}

int orchestrator_build(struct orchestrator *orchestrator, struct model *model,
                       const struct image_options *options, const struct job_callbacks *callbacks,
                       void *userdata, struct job **ret_job, struct error *err)
{
    (void)orchestrator, (void)options, (void)callbacks, (void)userdata, (void)ret_job;
    model_free(model);
    return error_set(err, EOPNOTSUPP, "not yet");
}

int orchestrator_revive(struct orchestrator *orchestrator, const char *instance,
                        const struct job_callbacks *callbacks, void *userdata, struct job **ret_job,
                        struct error *err)
{
    (void)orchestrator, (void)instance, (void)callbacks, (void)userdata, (void)ret_job;
    return error_set(err, EOPNOTSUPP, "not yet");
}
