/* Projects and their jobs: /vmstead/projects, up, stop, down; a job's events become the lines of a
 * stream. A job outlives its client; until it ends it can be cancelled by its number. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "compose/compose.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

enum {
    QUEUE_PROGRESS = 1 << 20, /* beyond this a slow client loses progress lines */
    QUEUE_LIMIT = 16 << 20,   /* beyond this it has left for good */
};

struct api_job {
    struct api *api;
    uint64_t id;
    struct job *handle;         /* NULL once it has ended */
    struct http_stream *stream; /* NULL before the answer and after the client has left */
    struct strbuf early;        /* lines from within orchestrator_up() and its like */
    bool ended;
    struct api_job *next;
};

/* --- life ------------------------------------------------------------------------------------ */

static struct api_job *job_new(struct api *api)
{
    struct api_job *job = new0(struct api_job);
    job->api = api;
    job->id = ++api->last_job_id;
    job->next = api->jobs;
    api->jobs = job;
    return job;
}

/* Once it has ended and nobody reads its stream. */
static void job_free(struct api_job *job)
{
    struct api_job **link = &job->api->jobs;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    strbuf_done(&job->early);
    free(job);
}

void api_jobs_close(struct api *api)
{
    while (api->jobs) {
        if (api->jobs->handle)
            job_detach(api->jobs->handle);
        job_free(api->jobs);
    }
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool is_progress(const cJSON *event)
{
    return streq(json_string(event, "type", ""), "step") &&
           streq(json_string(event, "state", ""), "working");
}

static void job_write(struct api_job *job, const cJSON *event)
{
    _cleanup_free_ char *text = json_print(event);
    if (!job->stream) {
        if (!job->handle) /* not yet answered */
            strbuf_addf(&job->early, "%s\n", text);
        return;
    }
    size_t queued = http_stream_queued(job->stream);
    if (queued > QUEUE_LIMIT || (queued > QUEUE_PROGRESS && is_progress(event)))
        return;
    http_stream_write(job->stream, text, strlen(text));
    http_stream_write(job->stream, "\n", 1);
}

static void on_event(void *userdata, const cJSON *event)
{
    job_write(userdata, event);
}

static cJSON *describe_end(const struct error *err)
{
    cJSON *line = cJSON_CreateObject();
    json_set_string(line, "type", "end");
    if (!err || !err->code) {
        json_set(line, "error", cJSON_CreateNull());
        return line;
    }
    cJSON *error = cJSON_AddObjectToObject(line, "error");
    json_set_int(error, "code", err->code);
    json_set_string(error, "message", error_text(err));
    return line;
}

static void on_end(void *userdata, const struct error *err)
{
    struct api_job *job = userdata;
    struct api *api = job->api;
    _cleanup_json_ cJSON *line = describe_end(err);
    bool early = !job->handle;
    job_write(job, line);
    job->ended = true;
    job->handle = NULL;
    if (job->stream)
        http_stream_end(job->stream);
    else if (!early)
        job_free(job);
    if (!api->closing)
        api->options.on_activity(api->options.userdata);
}

/* The client has left, or has everything. */
static void on_close(void *userdata)
{
    struct api_job *job = userdata;
    job->stream = NULL;
    if (job->ended)
        job_free(job);
}

/* The job has been taken on: from here it answers with a stream. */
static void job_answer(struct api_job *job, struct job *handle, struct http_request *request)
{
    static const struct http_stream_callbacks callbacks = {.on_close = on_close};
    if (!job->ended)
        job->handle = handle;
    job->stream = http_respond_stream(request, "application/x-ndjson", &callbacks, job);
    _cleanup_free_ char *first =
        xasprintf("{\"type\":\"job\",\"id\":%llu}\n", (unsigned long long)job->id);
    http_stream_write(job->stream, first, strlen(first));
    http_stream_write(job->stream, job->early.data, job->early.length);
    strbuf_done(&job->early);
    if (job->ended)
        http_stream_end(job->stream);
}

static const struct job_callbacks job_callbacks = {.on_event = on_event, .on_end = on_end};

/* --- up --------------------------------------------------------------------------------------- */

static struct model *read_model(const struct api_call *call, const cJSON *body, struct error *err)
{
    const cJSON *value = json_object(body, "model");
    if (!value) {
        error_set(err, EINVAL, "the request's body has no object 'model'");
        return NULL;
    }
    _cleanup_free_ char *text = json_print(value);
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_(model_freep) struct model *model = NULL;
    if (compose_deserialize(text, strlen(text), diagnostics, &model, err) < 0) {
        _cleanup_strbuf_ struct strbuf problems = {0};
        diagnostics_print(diagnostics, false, &problems);
        if (problems.length > 0)
            error_set(err, EINVAL, "the model is not valid: %s", problems.data);
        return NULL;
    }
    if (!streq(model->name, call->name)) {
        error_set(err, EINVAL, "the model is of project '%s', the request for '%s'", model->name,
                  call->name);
        return NULL;
    }
    return TAKE_PTR(model);
}

void api_project_up(const struct api_call *call)
{
    _cleanup_json_ cJSON *body = api_read_body(call->request);
    if (!body)
        return;
    _cleanup_error_ struct error err = {0};
    struct model *model = read_model(call, body, &err);
    if (!model) {
        http_respond_error(call->request, 400, EINVAL, "%s", error_text(&err));
        return;
    }
    _cleanup_strv_ char **services = json_strv(json_array(body, "services"));
    const struct up_options options = {.services = services, .timeout_ms = -1};
    struct api_job *job = job_new(call->api);
    struct job *handle = NULL;
    if (orchestrator_up(call->api->options.orchestrator, model, &options, &job_callbacks, job,
                        &handle, &err) < 0) {
        job_free(job);
        api_respond_failure(call->request, &err);
        return;
    }
    job_answer(job, handle, call->request);
}

/* --- stop, down ------------------------------------------------------------------------------- */

static void answer_or_refuse(const struct api_call *call, struct api_job *job, struct job *handle,
                             int result, const struct error *err)
{
    if (result < 0) {
        job_free(job);
        api_respond_failure(call->request, err);
        return;
    }
    job_answer(job, handle, call->request);
}

void api_project_stop(const struct api_call *call)
{
    _cleanup_json_ cJSON *body = api_read_body(call->request);
    if (!body)
        return;
    _cleanup_strv_ char **services = json_strv(json_array(body, "services"));
    const struct act_options options = {.selection = {.services = services},
                                        .timeout_ms = json_int(body, "timeout_ms", -1),
                                        .kill = json_bool(body, "kill", false)};
    struct api_job *job = job_new(call->api);
    struct job *handle = NULL;
    _cleanup_error_ struct error err = {0};
    int r = orchestrator_act(call->api->options.orchestrator, call->name, ACT_STOP, &options,
                             &job_callbacks, job, &handle, &err);
    answer_or_refuse(call, job, handle, r, &err);
}

void api_project_down(const struct api_call *call)
{
    _cleanup_json_ cJSON *body = api_read_body(call->request);
    if (!body)
        return;
    _cleanup_strv_ char **services = json_strv(json_array(body, "services"));
    const struct down_options options = {.services = services,
                                         .timeout_ms = json_int(body, "timeout_ms", -1),
                                         .kill = json_bool(body, "kill", false)};
    struct api_job *job = job_new(call->api);
    struct job *handle = NULL;
    _cleanup_error_ struct error err = {0};
    int r = orchestrator_down(call->api->options.orchestrator, call->name, &options, &job_callbacks,
                              job, &handle, &err);
    answer_or_refuse(call, job, handle, r, &err);
}

void api_job_cancel(const struct api_call *call)
{
    uint64_t id = 0;
    str_to_u64(call->name, &id);
    struct api_job *job = call->api->jobs;
    while (job && job->id != id)
        job = job->next;
    if (!job || job->ended) {
        http_respond_error(call->request, 404, ENOENT, "no such job: %s (it may have ended)",
                           call->name);
        return;
    }
    http_respond(call->request, 204, NULL, "");
    job_cancel(job->handle);
}

/* --- lists ------------------------------------------------------------------------------------ */

void api_projects_list(const struct api_call *call)
{
    _cleanup_json_ cJSON *projects = orchestrator_projects(call->api->options.orchestrator);
    http_respond_json(call->request, 200, projects);
}

void api_project_instances(const struct api_call *call)
{
    _cleanup_json_ cJSON *instances =
        api_list_instances(call->api, call->name, http_request_flag(call->request, "all"));
    int64_t now_ms = clock_realtime_ms();
    cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        _cleanup_free_ char *status = api_describe_status(instance, now_ms);
        json_set_string(instance, "Status", status);
    }
    http_respond_json(call->request, 200, instances);
}
