/* See orchestrator.h: the commands, each turned into a job. */
#include "orchestrator/job.h"
#include "orchestrator/state.h"

#include "base/str.h"

#include <errno.h>

static void submit(struct orchestrator *orchestrator, const struct job_request *request,
                   struct job **ret_job)
{
    struct job *job = job_new(orchestrator, request);
    vec_add(&orchestrator->jobs, job);
    orchestrator_kick(orchestrator);
    *ret_job = job;
}

/* Of a model: takes it. */
static int submit_model(struct orchestrator *orchestrator, struct model *model,
                        struct job_request *request, struct job **ret_job, struct error *err)
{
    int r = specs_build(model, &request->specs, err);
    if (r < 0)
        return r;
    request->project = request->specs->project;
    submit(orchestrator, request, ret_job);
    return 0;
}

int orchestrator_up(struct orchestrator *orchestrator, struct model *model,
                    const struct up_options *options, const struct job_callbacks *callbacks,
                    void *userdata, struct job **ret_job, struct error *err)
{
    struct job_request request = {
        .kind = JOB_UP, .up = *options, .callbacks = callbacks, .userdata = userdata};
    return submit_model(orchestrator, model, &request, ret_job, err);
}

/* As Docker Compose names them: PROJECT-SERVICE-run-<12 hex digits>. */
static char *name_oneoff(const struct model *model, const struct run_options *options)
{
    char hex[HASH_HEX_SIZE];
    if (options->name)
        return xstrdup(options->name);
    if (options->standalone)
        return xstrdup(model->name);
    return xasprintf("%s-%s-run-%.12s", model->name, options->service, hash_random_hex(hex));
}

int orchestrator_run(struct orchestrator *orchestrator, struct model *model,
                     const struct run_options *options, const struct job_callbacks *callbacks,
                     void *userdata, struct job **ret_job, struct error *err)
{
    if (!model_find_service(model, options->service)) {
        model_free(model);
        return error_set(err, ENOENT, "no such service: %s", options->service);
    }
    _cleanup_free_ char *name = name_oneoff(model, options);
    struct job_request request = {
        .kind = JOB_RUN,
        .up = {.files = options->files,
               .no_deps = options->no_deps,
               .timeout_ms = -1,
               .build = options->build,
               .pull = options->pull,
               .changed_volumes = CHANGED_VOLUMES_KEEP},
        .oneoff = {.service = options->service,
                   .name = name,
                   .standalone = options->standalone,
                   .auto_remove = options->remove,
                   .detached = options->detach},
        .callbacks = callbacks,
        .userdata = userdata,
    };
    return submit_model(orchestrator, model, &request, ret_job, err);
}

static int submit_images(struct orchestrator *orchestrator, enum job_kind kind, struct model *model,
                         const struct image_options *options, const struct job_callbacks *callbacks,
                         void *userdata, struct job **ret_job, struct error *err)
{
    struct job_request request = {
        .kind = kind, .image = *options, .callbacks = callbacks, .userdata = userdata};
    return submit_model(orchestrator, model, &request, ret_job, err);
}

int orchestrator_pull(struct orchestrator *orchestrator, struct model *model,
                      const struct image_options *options, const struct job_callbacks *callbacks,
                      void *userdata, struct job **ret_job, struct error *err)
{
    return submit_images(orchestrator, JOB_PULL, model, options, callbacks, userdata, ret_job, err);
}

int orchestrator_build(struct orchestrator *orchestrator, struct model *model,
                       const struct image_options *options, const struct job_callbacks *callbacks,
                       void *userdata, struct job **ret_job, struct error *err)
{
    return submit_images(orchestrator, JOB_BUILD, model, options, callbacks, userdata, ret_job,
                         err);
}

int orchestrator_act(struct orchestrator *orchestrator, const char *project, enum act_verb verb,
                     const struct act_options *options, const struct job_callbacks *callbacks,
                     void *userdata, struct job **ret_job, struct error *err)
{
    (void)err;
    struct job_request request = {.kind = JOB_ACT,
                                  .project = project,
                                  .verb = verb,
                                  .act = *options,
                                  .callbacks = callbacks,
                                  .userdata = userdata};
    submit(orchestrator, &request, ret_job);
    return 0;
}

int orchestrator_down(struct orchestrator *orchestrator, const char *project,
                      const struct down_options *options, const struct job_callbacks *callbacks,
                      void *userdata, struct job **ret_job, struct error *err)
{
    (void)err;
    struct job_request request = {.kind = JOB_DOWN,
                                  .project = project,
                                  .down = *options,
                                  .callbacks = callbacks,
                                  .userdata = userdata};
    submit(orchestrator, &request, ret_job);
    return 0;
}

int orchestrator_revive(struct orchestrator *orchestrator, const char *instance,
                        const struct job_callbacks *callbacks, void *userdata, struct job **ret_job,
                        struct error *err)
{
    _cleanup_error_ struct error local = {0};
    _cleanup_free_ char *project = NULL;
    int r = state_find_project(orchestrator->store, instance, &project, &local);
    if (r < 0)
        return error_move(err, &local);
    struct job_request request = {.kind = JOB_REVIVE,
                                  .project = project,
                                  .instance = instance,
                                  .callbacks = callbacks,
                                  .userdata = userdata};
    submit(orchestrator, &request, ret_job);
    return 0;
}
