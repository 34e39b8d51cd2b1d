/* Jobs as clients see them: a job's events become the lines of a stream, or its end the answer of a
 * request that waits for it. A job outlives its client; until it ends it can be cancelled by its
 * number. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

enum {
    QUEUE_PROGRESS = 1 << 20, /* beyond this a slow client loses progress lines */
    QUEUE_LIMIT = 16 << 20,   /* beyond this it has left for good */
};

struct api_job {
    struct api *api;
    uint64_t id;
    struct job *handle;           /* NULL once it has ended */
    struct http_stream *stream;   /* NULL before the answer and after the client has left */
    struct http_request *waiting; /* wants the outcome alone; NULL as above */
    struct strbuf early;          /* lines from within orchestrator_up() and its like */
    struct error error;           /* once it has ended */
    bool ended;
    struct api_job *next;
};

/* --- life ------------------------------------------------------------------------------------ */

struct api_job *api_job_new(struct api *api)
{
    struct api_job *job = new0(struct api_job);
    job->api = api;
    job->id = ++api->last_job_id;
    job->next = api->jobs;
    api->jobs = job;
    return job;
}

void api_job_free(struct api_job *job)
{
    struct api_job **link = &job->api->jobs;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    strbuf_done(&job->early);
    error_done(&job->error);
    free(job);
}

void api_jobs_close(struct api *api)
{
    while (api->jobs) {
        if (api->jobs->handle)
            job_detach(api->jobs->handle);
        api_job_free(api->jobs);
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

static void job_respond(struct http_request *request, const struct error *err)
{
    if (err->code)
        api_respond_failure(request, err);
    else
        http_respond(request, 204, NULL, "");
}

/* Nobody reads its stream. */
static void job_answer_outcome(struct api_job *job)
{
    if (job->waiting)
        job_respond(job->waiting, &job->error);
    api_job_free(job);
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
    if (err && err->code)
        error_copy(&job->error, err);
    if (job->stream)
        http_stream_end(job->stream);
    else if (!early)
        job_answer_outcome(job);
    if (!api->closing)
        api->options.on_activity(api->options.userdata);
}

/* The client has left, or has everything. */
static void on_close(void *userdata)
{
    struct api_job *job = userdata;
    job->stream = NULL;
    if (job->ended)
        api_job_free(job);
}

/* The orchestrator did not take it on. */
static bool job_refused(struct api_job *job, int code, struct http_request *request,
                        const struct error *err)
{
    if (code >= 0)
        return false;
    api_job_free(job);
    api_respond_failure(request, err);
    return true;
}

void api_job_stream(struct api_job *job, int code, struct job *handle, struct http_request *request,
                    const struct error *err)
{
    static const struct http_stream_callbacks callbacks = {.on_close = on_close};
    if (job_refused(job, code, request, err))
        return;
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

static void on_leave(void *userdata)
{
    struct api_job *job = userdata;
    job->waiting = NULL;
}

void api_job_await(struct api_job *job, int code, struct job *handle, struct http_request *request,
                   const struct error *err)
{
    if (job_refused(job, code, request, err))
        return;
    if (job->ended) {
        job_respond(request, &job->error);
        api_job_free(job);
        return;
    }
    job->handle = handle;
    job->waiting = request;
    http_request_defer(request, on_leave, job);
}

const struct job_callbacks api_job_callbacks = {.on_event = on_event, .on_end = on_end};

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
