/* See job_internal.h: from what a job is asked for to its plan, and what a plan needs beside the
 * providers: answers, the salt, values in the vault. */
#include "orchestrator/job_internal.h"

#include "base/str.h"
#include "base/vault.h"

#include <assert.h>
#include <errno.h>

bool job_has_model(const struct job *job)
{
    return job->specs;
}

static struct plan_up_options up_options(const struct job *job)
{
    return (struct plan_up_options){
        .up = &job->wishes.up,
        .oneoff = job->kind == JOB_RUN ? &job->wishes.oneoff : NULL,
        .images = job->images,
        .new_id = hash_random_hex,
    };
}

int job_plan_images(const struct job *job, struct plan **ret_plan, struct error *err)
{
    struct plan_up_options options = up_options(job);
    if (job->kind == JOB_PULL)
        return plan_pull(job->specs, &job->wishes.image, ret_plan, err);
    if (job->kind == JOB_BUILD)
        return plan_build(job->specs, &job->wishes.image, ret_plan, err);
    return plan_images(job->specs, &options, ret_plan, err);
}

/* Else the one-off would take the place of what is there. */
static int check_name(const struct job *job, const struct observed *observed, struct error *err)
{
    const struct plan_oneoff *oneoff = &job->wishes.oneoff;
    if (!observed_find_instance(observed, oneoff->name))
        return 0;
    return error_set(err, EEXIST,
                     "the name '%s' is already in use: give another one, or remove that instance "
                     "first ('vmstead rm %s')",
                     oneoff->name, oneoff->name);
}

int job_plan_changes(struct job *job, const struct observed *observed, struct plan **ret_plan,
                     struct error *err)
{
    struct plan_up_options options = up_options(job);
    int r = 0;
    switch (job->kind) {
    case JOB_RUN:
        r = check_name(job, observed, err);
        if (r < 0)
            return r;
        job_set_salt(job, observed);
        return plan_up(job->specs, observed, &options, ret_plan, err);
    case JOB_UP:
        job_set_salt(job, observed);
        return plan_up(job->specs, observed, &options, ret_plan, err);
    case JOB_ACT:
        return plan_act(observed, job->wishes.verb, &job->wishes.act, ret_plan, err);
    case JOB_DOWN:
        return plan_down(observed, &job->wishes.down, ret_plan, err);
    case JOB_REVIVE:
        return plan_revive(observed, job->wishes.instance, ret_plan, err);
    case JOB_PULL:
    case JOB_BUILD:
    case JOB_KIND_COUNT:
        break;
    }
    assert(false);
    return -EINVAL;
}

int job_ask(struct job *job, const struct plan *plan, struct error *err)
{
    if (!plan->diverged_volumes)
        return 0;
    for (size_t i = 0; plan->diverged_volumes[i]; i++) {
        const char *volume = plan->diverged_volumes[i];
        _cleanup_free_ char *text =
            xasprintf("Volume \"%s\" exists but doesn't match configuration in compose file. "
                      "Recreate (data will be lost)?",
                      volume);
        _cleanup_json_ cJSON *event = cJSON_CreateObject();
        json_set_string(event, "type", "question");
        json_set_string(event, "volume", volume);
        json_set_string(event, "text", text);
        job_send(job, event);
    }
    return error_set(err, EEXIST,
                     "volume '%s' is there, but not as the file describes it: say whether it is "
                     "to be recreated ('up -y': its data is lost) or kept",
                     plan->diverged_volumes[0]);
}

void job_set_salt(struct job *job, const struct observed *observed)
{
    if (*observed->salt)
        snprintf(job->specs->salt, sizeof(job->specs->salt), "%s", observed->salt);
    else if (!*job->specs->salt)
        hash_random_hex(job->specs->salt);
}

static int put_values(const struct job *job, const char *kind, const struct model_source *sources,
                      size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = spec_source_value(&sources[i]);
        _cleanup_free_ char *key = spec_vault_key(kind, &sources[i]);
        if (!value)
            continue;
        int r = vault_put(job->orchestrator->root_id, job->project, key, value, strlen(value), err);
        if (r < 0)
            return error_prefix(err, "cannot keep %s", key);
    }
    return 0;
}

int job_fill_vault(const struct job *job, struct error *err)
{
    const struct model *model = job->specs->model;
    int r = put_values(job, "configs", model->configs, model->config_count, err);
    return r < 0 ? r : put_values(job, "secrets", model->secrets, model->secret_count, err);
}
