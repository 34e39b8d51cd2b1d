/* A job's event stream -> progress and an outcome; see remote_job.h. */
#include "cmd/remote_job.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "cmd/stream.h"

#include <errno.h>
#include <inttypes.h>

struct remote_job {
    struct client *client;
    struct client_request *request, *cancel;
    struct progress *progress;
    struct strbuf pending;
    uv_timer_t *tick;
    int64_t id; /* 0: not known yet */
    bool cancel_wanted, had_steps, has_asked;
    bool ended;          /* the last line was there */
    bool concluded;      /* on_end was called */
    struct error result; /* what it said */
    void (*on_end)(void *userdata, const struct error *err);
    void *userdata;
    void (*on_event)(void *userdata, const cJSON *event);
    void *watch_userdata;
};

static void on_cancel_end(void *userdata, const struct error *err)
{
    (void)err; /* a job that ended meanwhile is as good */
    ((struct remote_job *)userdata)->cancel = NULL;
}

static void send_cancel(struct remote_job *job)
{
    static const struct client_handlers handlers = {NULL, on_cancel_end};
    if (!job->cancel_wanted || !job->id || job->cancel || job->ended)
        return;
    _cleanup_free_ char *path = xasprintf("/vmstead/jobs/%" PRId64 "/cancel", job->id);
    (void)client_start(job->client, "POST", path, NULL, &handlers, job, &job->cancel, NULL);
}

static void take_end(struct remote_job *job, const cJSON *event)
{
    const cJSON *error = json_object(event, "error");
    job->ended = true;
    if (!error)
        return;
    int64_t code = json_int(error, "code", EIO);
    error_set(&job->result, code > 0 && code < 4096 ? (int)code : EIO, "%s",
              json_string(error, "message", "the job failed"));
}

static void stop_tick(struct remote_job *job)
{
    if (job->tick)
        uv_close((uv_handle_t *)job->tick, (uv_close_cb)free);
    job->tick = NULL;
}

/* The outcome is known, told once. The stream may stay open (docs/api.md, run). */
static void conclude(struct remote_job *job)
{
    if (job->concluded)
        return;
    job->concluded = true;
    stop_tick(job);
    if (job->progress)
        progress_finish(job->progress, clock_monotonic_ms());
    job->on_end(job->userdata, &job->result);
}

static void on_line(void *userdata, char *line, size_t length)
{
    struct remote_job *job = userdata;
    _cleanup_json_ cJSON *event = NULL;
    if (json_parse(line, length, &event, NULL) < 0)
        return; /* the stream's end tells whether something is missing */
    const char *type = json_string(event, "type", "");
    if (streq(type, "job")) {
        job->id = json_int(event, "id", 0);
        send_cancel(job);
    } else if (streq(type, "end")) {
        take_end(job, event);
        conclude(job);
    } else if (streq(type, "plan") || streq(type, "instance")) {
        if (job->on_event)
            job->on_event(job->watch_userdata, event);
    } else {
        job->has_asked = job->has_asked || streq(type, "question");
        job->had_steps = job->had_steps || streq(type, "step");
        if (job->progress)
            progress_event(job->progress, event, clock_monotonic_ms());
    }
}

static void on_data(void *userdata, const char *data, size_t length)
{
    struct remote_job *job = userdata;
    if (stream_feed_lines(&job->pending, data, length, on_line, job, &job->result) < 0)
        job->ended = true;
}

static void on_stream_end(void *userdata, const struct error *err)
{
    struct remote_job *job = userdata;
    job->request = NULL;
    bool lost = !err->code || (job->id && err->code == ECONNRESET);
    if (!job->ended && !lost)
        error_copy(&job->result, err);
    else if (!job->ended)
        error_set(&job->result, ECONNRESET,
                  "the daemon went away in the middle of the job; run the command again to go on");
    job->ended = true;
    conclude(job);
}

static void on_tick(uv_timer_t *timer)
{
    struct remote_job *job = timer->data;
    progress_tick(job->progress, clock_monotonic_ms());
}

static void start_tick(struct remote_job *job)
{
    job->tick = new0(uv_timer_t);
    uv_timer_init(client_loop(job->client), job->tick);
    job->tick->data = job;
    uv_timer_start(job->tick, on_tick, PROGRESS_TICK_MS, PROGRESS_TICK_MS);
}

int remote_job_start(struct client *client, const char *path, const char *body,
                     struct progress *progress,
                     void (*on_end)(void *userdata, const struct error *err), void *userdata,
                     struct remote_job **ret_job, struct error *err)
{
    static const struct client_handlers handlers = {on_data, on_stream_end};
    struct remote_job *job = new0(struct remote_job);
    job->client = client;
    job->progress = progress;
    job->on_end = on_end;
    job->userdata = userdata;
    int r = client_start(client, "POST", path, body, &handlers, job, &job->request, err);
    if (r < 0) {
        remote_job_free(job);
        return r;
    }
    if (progress)
        start_tick(job);
    *ret_job = job;
    return 0;
}

void remote_job_watch(struct remote_job *job, void (*on_event)(void *userdata, const cJSON *event),
                      void *userdata)
{
    job->on_event = on_event;
    job->watch_userdata = userdata;
}

void remote_job_cancel(struct remote_job *job)
{
    job->cancel_wanted = true;
    send_cancel(job);
}

bool remote_job_had_steps(const struct remote_job *job)
{
    return job->had_steps;
}

bool remote_job_has_asked(const struct remote_job *job)
{
    return job->has_asked;
}

void remote_job_free(struct remote_job *job)
{
    if (!job)
        return;
    client_request_cancel(job->request);
    client_request_cancel(job->cancel);
    stop_tick(job);
    strbuf_done(&job->pending);
    error_done(&job->result);
    free(job);
}

char *remote_job_path(const char *project, const char *verb)
{
    _cleanup_free_ char *escaped = client_escape(project);
    return xasprintf("/vmstead/projects/%s/%s", escaped, verb);
}
