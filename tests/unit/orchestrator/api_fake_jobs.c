/* Jobs of api_fakes.h. */
#include "api_fakes.h"
#include "api_fakes_internal.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
    uv_timer_t timer;
    const struct job_callbacks *callbacks;
    void *userdata;
    char *project;
    int step;
};

static void job_end(struct job *job, int code, const char *message)
{
    _cleanup_error_ struct error err = {0};
    if (code)
        error_set(&err, code, "%s", message);
    uv_timer_stop(&job->timer);
    free(job->project);
    job->callbacks->on_end(job->userdata, &err);
    fakes.jobs_ended++;
    uv_close((uv_handle_t *)&job->timer, fake_free_on_close);
}

static void job_report(struct job *job, const char *type, const char *state, int number)
{
    _cleanup_json_ cJSON *event = cJSON_CreateObject();
    json_set_string(event, "type", type);
    if (state)
        json_set_string(event, "state", state);
    json_set_int(event, "number", number);
    job->callbacks->on_event(job->userdata, event);
}

static void on_job_timer(uv_timer_t *timer)
{
    struct job *job = (struct job *)timer;
    job->step++;
    if (streq(job->project, "chatty")) {
        for (int i = 0; i < 200000; i++)
            job_report(job, "step", "working", i);
        job_report(job, "warning", NULL, 0);
        job_end(job, 0, "");
        return;
    }
    job_report(job, "step", job->step < 3 ? "working" : "done", job->step);
    if (streq(job->project, "endless") || job->step < 3)
        return;
    job_end(job, streq(job->project, "broken") ? EADDRINUSE : 0, "port 80 is \"busy\"");
}

static struct job *job_start(const char *project, const struct job_callbacks *callbacks,
                             void *userdata)
{
    struct job *job = new0(struct job);
    job->callbacks = callbacks;
    job->userdata = userdata;
    job->project = xstrdup(project);
    fakes.jobs_started++;
    uv_timer_init(fake_loop, &job->timer);
    job->timer.data = job;
    uv_timer_start(&job->timer, on_job_timer, 5, 5);
    return job;
}

/* --- what was asked -----------------------------------------------------------------------------
 */

static char last_asked[4096];

const char *fake_last_asked(void)
{
    return last_asked;
}

/* printf's; each call goes behind what is there. */
static void __attribute__((format(printf, 1, 2))) asked(const char *format, ...)
{
    size_t length = strlen(last_asked);
    va_list args;
    va_start(args, format);
    vsnprintf(last_asked + length, sizeof(last_asked) - length, format, args);
    va_end(args);
}

static void asked_list(const char *name, char *const *list)
{
    _cleanup_free_ char *text = list ? strv_join(list, ",") : NULL;
    if (text && *text)
        asked(" %s=%s", name, text);
}

static void asked_number(const char *name, int64_t number, int64_t unsaid)
{
    if (number != unsaid)
        asked(" %s=%lld", name, (long long)number);
}

static void asked_text(const char *name, const char *text)
{
    if (text)
        asked(" %s=%s", name, text);
}

static int start(const char *project, const struct job_callbacks *callbacks, void *userdata,
                 struct job **ret_job, struct error *err)
{
    if (streq(project, "nobody"))
        return error_set(err, ENOENT, "no such project: nobody");
    struct job *job = job_start(project, callbacks, userdata);
    if (streq(project, "early")) {
        job_report(job, "message", NULL, 1);
        job_end(job, 0, "");
    }
    *ret_job = job;
    return 0;
}

static int start_model(struct model *model, const struct job_callbacks *callbacks, void *userdata,
                       struct job **ret_job, struct error *err)
{
    int code = start(model->name, callbacks, userdata, ret_job, err);
    model_free(model);
    return code;
}

int orchestrator_up(struct orchestrator *orchestrator, struct model *model,
                    const struct up_options *options, const struct job_callbacks *callbacks,
                    void *userdata, struct job **ret_job, struct error *err)
{
    (void)orchestrator;
    snprintf(last_asked, sizeof(last_asked), "up");
    asked_list("services", options->services);
    asked_list("files", options->files);
    for (size_t i = 0; i < options->scale_count; i++)
        asked(" scale:%s=%lld", options->scales[i].service, (long long)options->scales[i].replicas);
    asked_number("recreate", options->recreate, RECREATE_DIVERGED);
    asked_number("recreate_deps", options->recreate_dependencies, 0);
    asked_number("no_deps", options->no_deps, 0);
    asked_number("no_start", options->no_start, 0);
    asked_number("remove_orphans", options->remove_orphans, 0);
    asked_number("renew", options->renew_anonymous, 0);
    asked_number("wait", options->wait, 0);
    asked_number("wait_timeout", options->wait_timeout_ms, 0);
    asked_number("timeout", options->timeout_ms, -1);
    asked_number("build", options->build, BUILD_MISSING);
    asked_number("pull", options->pull, PULL_DEFAULT);
    asked_number("changed_volumes", options->changed_volumes, CHANGED_VOLUMES_ASK);
    asked_number("dry_run", options->dry_run, 0);
    return start_model(model, callbacks, userdata, ret_job, err);
}

int orchestrator_run(struct orchestrator *orchestrator, struct model *model,
                     const struct run_options *options, const struct job_callbacks *callbacks,
                     void *userdata, struct job **ret_job, struct error *err)
{
    (void)orchestrator;
    const struct model_service *service = model_find_service(model, options->service);
    snprintf(last_asked, sizeof(last_asked), "run %s", options->service);
    asked_text("name", options->name);
    asked_number("no_deps", options->no_deps, 0);
    asked_number("standalone", options->standalone, 0);
    asked_number("remove", options->remove, 0);
    asked_list("command", service->command);
    asked_list("entrypoint", service->entrypoint);
    asked_text("user", service->user);
    asked_text("working_dir", service->working_dir);
    asked_number("tty", service->tty, 0);
    asked_number("stdin", service->stdin_open, 0);
    for (size_t i = 0; i < service->environment_count; i++)
        asked(" %s=%s", service->environment[i].name, service->environment[i].value);
    for (size_t i = 0; i < service->port_count; i++)
        asked(" port=%d:%d", service->ports[i].published, service->ports[i].target);
    for (size_t i = 0; i < service->mount_count; i++)
        asked(" mount=%s:%s",
              service->mounts[i].type == MOUNT_VOLUME
                  ? model->volumes[service->mounts[i].volume].name
                  : service->mounts[i].source,
              service->mounts[i].target);
    return start_model(model, callbacks, userdata, ret_job, err);
}

static void asked_images(const struct image_options *options)
{
    asked_list("services", options->services);
    asked_number("dependencies", options->dependencies, 0);
    asked_number("pull", options->pull, PULL_DEFAULT);
    asked_number("ignore_buildable", options->ignore_buildable, 0);
    asked_number("no_cache", options->no_cache, 0);
    asked_number("pull_base", options->pull_base, 0);
    asked_list("args", options->args);
}

int orchestrator_pull(struct orchestrator *orchestrator, struct model *model,
                      const struct image_options *options, const struct job_callbacks *callbacks,
                      void *userdata, struct job **ret_job, struct error *err)
{
    (void)orchestrator;
    snprintf(last_asked, sizeof(last_asked), "pull");
    asked_images(options);
    return start_model(model, callbacks, userdata, ret_job, err);
}

int orchestrator_build(struct orchestrator *orchestrator, struct model *model,
                       const struct image_options *options, const struct job_callbacks *callbacks,
                       void *userdata, struct job **ret_job, struct error *err)
{
    (void)orchestrator;
    snprintf(last_asked, sizeof(last_asked), "build");
    asked_images(options);
    return start_model(model, callbacks, userdata, ret_job, err);
}

int orchestrator_down(struct orchestrator *orchestrator, const char *project,
                      const struct down_options *options, const struct job_callbacks *callbacks,
                      void *userdata, struct job **ret_job, struct error *err)
{
    (void)orchestrator;
    snprintf(last_asked, sizeof(last_asked), "down");
    asked_list("services", options->services);
    asked_list("known", options->known_services);
    asked_number("timeout", options->timeout_ms, -1);
    asked_number("kill", options->kill, 0);
    asked_number("volumes", options->volumes, 0);
    asked_number("images", options->remove_images, REMOVE_IMAGES_NONE);
    asked_number("remove_orphans", options->remove_orphans, 0);
    return start(project, callbacks, userdata, ret_job, err);
}

int orchestrator_act(struct orchestrator *orchestrator, const char *project, enum act_verb verb,
                     const struct act_options *options, const struct job_callbacks *callbacks,
                     void *userdata, struct job **ret_job, struct error *err)
{
    static const char *const names[] = {
        [ACT_START] = "start",    [ACT_STOP] = "stop",     [ACT_RESTART] = "restart",
        [ACT_KILL] = "kill",      [ACT_REMOVE] = "remove", [ACT_PAUSE] = "pause",
        [ACT_UNPAUSE] = "unpause"};
    (void)orchestrator;
    snprintf(last_asked, sizeof(last_asked), "%s", names[verb]);
    asked_list("services", options->selection.services);
    asked_list("instances", options->selection.instances);
    asked_number("timeout", options->timeout_ms, -1);
    asked_number("kill", options->kill, 0);
    asked_number("signal", options->signal_number, 0);
    asked_number("force", options->force, 0);
    asked_number("stop", options->stop, 0);
    asked_number("volumes", options->volumes, 0);
    asked_number("no_deps", options->no_deps, 0);
    asked_number("wait", options->wait, 0);
    asked_number("wait_timeout", options->wait_timeout_ms, 0);
    return start(project, callbacks, userdata, ret_job, err);
}

static void drop_event(void *userdata, const cJSON *event)
{
    (void)userdata;
    (void)event;
}

static void drop_end(void *userdata, const struct error *err)
{
    (void)userdata;
    (void)err;
}

void job_detach(struct job *job)
{
    static const struct job_callbacks nobody = {.on_event = drop_event, .on_end = drop_end};
    job->callbacks = &nobody;
    job_end(job, ECANCELED, "the loop ends");
}

void job_cancel(struct job *job)
{
    fakes.jobs_cancelled++;
    job_end(job, ECANCELED, "cancelled");
}
