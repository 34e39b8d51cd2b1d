/* The course of an `up`; see up.h.
 *
 *   JOB ──done──> ATTACHED ──all exited──> DONE
 *    │ Ctrl-C        │ Ctrl-C
 *    v               v
 *   CANCELLING    STOPPING ──Ctrl-C──> KILLING
 *    │               └──done──> DONE <──done──┘
 *    └──ended──> DONE (detached) or STOPPING (attached)
 */
#include "cmd/up.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "cmd/instances.h"
#include "cmd/interrupt.h"
#include "cmd/log_feed.h"
#include "cmd/output.h"
#include "cmd/remote_job.h"
#include "cmd/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum up_phase {
    UP_JOB,
    UP_CANCELLING,
    UP_ATTACHED,
    UP_STOPPING,
    UP_KILLING,
    UP_DONE,
    UP_PHASE_COUNT
};

static const char *const phase_names[] = {
    [UP_JOB] = "job",           [UP_CANCELLING] = "cancelling", [UP_ATTACHED] = "attached",
    [UP_STOPPING] = "stopping", [UP_KILLING] = "killing",       [UP_DONE] = "done",
};
static_assert(ARRAY_SIZE(phase_names) == UP_PHASE_COUNT, "a name for every phase");

/* How long the last lines of a service that exited may take to arrive. */
#define DRAIN_TIMEOUT_MS 2000
/* The same where only new lines were asked for and none came: its last line may be an old one. */
#define DRAIN_SILENT_MS 200
#define LAST_WORDS_MS 1000

/* An instance whose logs are shown. */
struct attached {
    struct up *up;
    char *instance, *label;
    size_t source;
    bool only_new;      /* it ran before: its earlier lines are not asked for */
    bool died;          /* the daemon said so */
    bool exit_reported; /* and all it wrote is shown */
    int64_t exit_code;
    struct client_request *tail; /* asks which line is the last */
    struct strbuf tail_data;
    char *last_time; /* NULL: not known yet; "": there is none */
    uint64_t died_at_ms;
};

struct up {
    const struct invocation *invocation;
    const struct up_values *values;
    struct client *client;
    const char *project;
    enum up_phase phase;
    struct remote_job *job;
    struct progress *progress;
    struct client_request *events;
    struct strbuf events_pending;
    cJSON *before; /* the instances before the job: what they logged then is not shown */
    struct log_feed *feed;
    VEC(struct attached *) attached;
    uv_timer_t tick;
    uint64_t stopped_at_ms; /* 0: not yet */
    bool job_ended, interrupted, kill_wanted;
    int status;
    struct error job_result, failure;
};

static void set_phase(struct up *up, enum up_phase phase)
{
    assert(up->phase < UP_PHASE_COUNT && phase < UP_PHASE_COUNT);
    log_debug("up: %s -> %s", phase_names[up->phase], phase_names[phase]);
    up->phase = phase;
}

static void up_advance(struct up *up);

/* --- jobs ----------------------------------------------------------------------------------- */

static void on_job_end(void *userdata, const struct error *err)
{
    struct up *up = userdata;
    up->job_ended = true;
    error_done(&up->job_result);
    if (err->code)
        error_copy(&up->job_result, err);
}

static void forget_job(struct up *up)
{
    remote_job_free(up->job);
    up->job = NULL;
    progress_free(up->progress);
    up->progress = NULL;
    up->job_ended = false;
}

static int start_job(struct up *up, const char *verb, const char *title, const char *body,
                     struct error *err)
{
    _cleanup_free_ char *path = remote_job_path(up->project, verb);
    up->progress = progress_new(up->invocation->global->progress, title);
    return remote_job_start(up->client, path, body, up->progress, on_job_end, up, &up->job, err);
}

static char *print_stop_body(const struct up *up, bool kill)
{
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    cJSON *services = cJSON_AddArrayToObject(body, "services");
    for (size_t i = 0; i < up->invocation->operand_count; i++)
        cJSON_AddItemToArray(services, cJSON_CreateString(up->invocation->operands[i]));
    json_set_int(body, "timeout_ms", up->values->timeout_s * 1000);
    json_set_bool(body, "kill", kill);
    return json_print(body);
}

static void start_stop(struct up *up, bool kill)
{
    _cleanup_free_ char *body = print_stop_body(up, kill);
    forget_job(up);
    if (start_job(up, "stop", kill ? "Killing" : "Stopping", body, &up->failure) < 0)
        set_phase(up, UP_DONE);
    else
        set_phase(up, kill ? UP_KILLING : UP_STOPPING);
}

/* --- who exits ------------------------------------------------------------------------------ */

static struct attached *find_attached(struct up *up, const char *instance)
{
    for (size_t i = 0; i < up->attached.count; i++)
        if (streq(up->attached.items[i]->instance, instance))
            return up->attached.items[i];
    return NULL;
}

static void on_tail_frame(void *userdata, unsigned type, const char *payload, size_t length)
{
    (void)type;
    struct attached *attached = userdata;
    const char *blank = length ? memchr(payload, ' ', length) : NULL;
    free(attached->last_time);
    attached->last_time = xstrndup(payload, blank ? (size_t)(blank - payload) : 0);
}

static void on_tail_data(void *userdata, const char *data, size_t length)
{
    struct attached *attached = userdata;
    (void)stream_feed_frames(&attached->tail_data, data, length, on_tail_frame, attached, NULL);
}

static void on_tail_end(void *userdata, const struct error *err)
{
    (void)err;
    struct attached *attached = userdata;
    attached->tail = NULL;
    if (!attached->last_time)
        attached->last_time = xstrdup("");
}

/* The end is told over one connection and the log comes over another: before "exited" is printed,
 * the last line that the daemon has must have arrived. */
static void mark_died(struct attached *attached, int64_t exit_code)
{
    static const struct client_handlers handlers = {on_tail_data, on_tail_end};
    if (attached->died)
        return;
    attached->died = true;
    attached->exit_code = exit_code;
    attached->died_at_ms = clock_monotonic_ms();
    _cleanup_free_ char *instance = client_escape(attached->instance);
    _cleanup_free_ char *path =
        xasprintf("/containers/%s/logs?stdout=1&stderr=1&timestamps=1&tail=1", instance);
    if (client_start(attached->up->client, "GET", path, NULL, &handlers, attached, &attached->tail,
                     NULL) < 0)
        attached->last_time = xstrdup("");
}

static bool has_drained(const struct attached *attached, uint64_t now_ms)
{
    const char *arrived = log_feed_last_time(attached->up->feed, attached->source);
    bool silent = attached->only_new && !*arrived;
    if (now_ms > attached->died_at_ms + (silent ? DRAIN_SILENT_MS : DRAIN_TIMEOUT_MS))
        return true;
    return attached->last_time && strcmp(arrived, attached->last_time) >= 0;
}

static void report_exits(struct up *up)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < up->attached.count; i++) {
        struct attached *attached = up->attached.items[i];
        if (!attached->died || attached->exit_reported || !has_drained(attached, now_ms))
            continue;
        attached->exit_reported = true;
        _cleanup_free_ char *text =
            xasprintf("exited with code %lld", (long long)attached->exit_code);
        log_feed_note(up->feed, attached->source, text);
    }
}

static bool all_exited(const struct up *up)
{
    for (size_t i = 0; i < up->attached.count; i++)
        if (!up->attached.items[i]->exit_reported)
            return false;
    return true;
}

static void on_event_line(void *userdata, char *line, size_t length)
{
    struct up *up = userdata;
    _cleanup_json_ cJSON *event = NULL;
    if (json_parse(line, length, &event, NULL) < 0)
        return;
    const cJSON *attributes = json_object(json_object(event, "Actor"), "Attributes");
    struct attached *attached = find_attached(up, json_string(attributes, "name", ""));
    uint64_t exit_code = 0;
    (void)str_to_u64(json_string(attributes, "exitCode", "0"), &exit_code);
    if (attached && streq(json_string(event, "Action", ""), "die"))
        mark_died(attached, (int64_t)exit_code);
}

static void on_events_data(void *userdata, const char *data, size_t length)
{
    struct up *up = userdata;
    (void)stream_feed_lines(&up->events_pending, data, length, on_event_line, up, NULL);
}

static void on_events_end(void *userdata, const struct error *err)
{
    struct up *up = userdata;
    up->events = NULL;
    if (up->failure.code || up->phase == UP_DONE)
        return;
    error_set(&up->failure, err->code ? err->code : ECONNRESET,
              "the daemon went away (%s); virtual machines run on: 'vmstead logs -f' shows their "
              "output",
              err->code ? error_text(err) : "it closed the connection");
}

/* Opened before the job, so that no end is missed. */
static int open_events(struct up *up, struct error *err)
{
    static const struct client_handlers handlers = {on_events_data, on_events_end};
    _cleanup_free_ char *filter = xasprintf(
        "{\"type\":[\"container\"],\"label\":[\"com.docker.compose.project=%s\"]}", up->project);
    _cleanup_free_ char *escaped = client_escape(filter);
    _cleanup_free_ char *path = xasprintf("/events?filters=%s", escaped);
    return client_start(up->client, "GET", path, NULL, &handlers, up, &up->events, err);
}

/* --- logs ----------------------------------------------------------------------------------- */

static void on_before_write(void *userdata)
{
    struct up *up = userdata;
    if (up->progress)
        progress_clear(up->progress);
}

static const cJSON *find_before(const struct up *up, const cJSON *instance)
{
    const cJSON *before;
    cJSON_ArrayForEach(before, up->before)
    {
        if (streq(json_string(before, "Id", ""), json_string(instance, "Id", "-")))
            return before;
    }
    return NULL;
}

/* Of an instance that ran before and still does only what comes now is shown; of one that was
 * started again, what it has written since its last end; of a new one, all. */
static int attach(struct up *up, const cJSON *instances, const cJSON *instance, struct error *err)
{
    const cJSON *before = find_before(up, instance);
    bool same_run =
        before && json_int(before, "StartedMs", 0) == json_int(instance, "StartedMs", 0);
    char after[CLOCK_TEXT_SIZE] = "";
    if (before && !same_run)
        clock_format_ns(json_int(before, "FinishedMs", 0) * 1000000, after);
    struct attached *attached = new0(struct attached);
    attached->up = up;
    attached->instance = xstrdup(json_string(instance, "Name", ""));
    attached->label = xstrdup(instance_label(instance));
    attached->only_new = same_run;
    vec_add(&up->attached, attached);
    struct log_feed_source source = {.instance = attached->instance,
                                     .label = attached->label,
                                     .color_index = instance_color_index(instances, instance),
                                     .tail = same_run ? 0 : -1,
                                     .follow = true,
                                     .after = *after ? after : NULL};
    int r = log_feed_add(up->feed, &source, &attached->source, err);
    if (r == 0 && streq(json_string(instance, "State", ""), "exited"))
        mark_died(attached, json_int(instance, "ExitCode", 0));
    return r;
}

static void announce(const struct up *up)
{
    _cleanup_strbuf_ struct strbuf names = {0};
    for (size_t i = 0; i < up->attached.count; i++)
        strbuf_addf(&names, "%s%s", i ? ", " : "", up->attached.items[i]->label);
    _cleanup_free_ char *text = xasprintf("Attaching to %s", strbuf_text(&names));
    output_note(text);
}

static int attach_all(struct up *up, struct error *err)
{
    static const struct log_feed_callbacks callbacks = {.on_before_write = on_before_write};
    struct log_view_options options = {.prefix = !up->values->no_log_prefix,
                                       .color =
                                           !up->values->no_color && output_has_color(STDOUT_FILENO),
                                       .timestamps = up->values->timestamps};
    _cleanup_json_ cJSON *instances = NULL;
    int r = instances_get(up->client, up->project, true, &instances, err);
    if (r < 0)
        return r;
    up->feed = log_feed_new(up->client, &options, &callbacks, up);
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (instance_is_of(instance, up->invocation->operands, up->invocation->operand_count))
            r = attach(up, instances, instance, err);
        if (r < 0)
            return r;
    }
    announce(up);
    return 0;
}

/* --- the course ----------------------------------------------------------------------------- */

static void enter_attached(struct up *up)
{
    forget_job(up);
    set_phase(up, UP_ATTACHED);
    if (attach_all(up, &up->failure) < 0)
        set_phase(up, UP_DONE);
}

/* The first job has ended, well or not. */
static void leave_job(struct up *up)
{
    if (up->job_result.code && !up->interrupted) {
        error_move(&up->failure, &up->job_result);
        set_phase(up, UP_DONE);
    } else if (up->interrupted && !up->values->detach) {
        start_stop(up, up->kill_wanted);
    } else if (up->values->detach) {
        set_phase(up, UP_DONE);
    } else {
        enter_attached(up);
    }
}

/* Stopped: what the services said last, and how they exited, is still shown when it comes soon. */
static void leave_stop(struct up *up)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (!up->stopped_at_ms)
        up->stopped_at_ms = now_ms;
    if (up->job_result.code && !(up->kill_wanted && up->phase == UP_STOPPING))
        error_move(&up->failure, &up->job_result);
    else if (up->kill_wanted && up->phase == UP_STOPPING)
        start_stop(up, true);
    else if (all_exited(up) || now_ms > up->stopped_at_ms + LAST_WORDS_MS)
        set_phase(up, UP_DONE);
}

static void up_advance(struct up *up)
{
    if (up->feed)
        report_exits(up);
    if (up->feed && log_feed_write_error(up->feed) < 0) {
        up->status = output_fail(-log_feed_write_error(up->feed), &up->failure);
        set_phase(up, UP_DONE);
    }
    switch (up->phase) {
    case UP_JOB:
    case UP_CANCELLING:
        if (up->job_ended)
            leave_job(up);
        break;
    case UP_ATTACHED:
        if (up->interrupted)
            start_stop(up, up->kill_wanted);
        else if (all_exited(up))
            set_phase(up, UP_DONE);
        break;
    case UP_STOPPING:
    case UP_KILLING:
        if (up->job_ended)
            leave_stop(up);
        break;
    case UP_DONE:
    case UP_PHASE_COUNT:
        break;
    }
    if (up->failure.code)
        set_phase(up, UP_DONE);
}

static void on_interrupt(void *userdata, unsigned count)
{
    struct up *up = userdata;
    up->interrupted = true;
    up->kill_wanted = count > 1;
    if (up->progress)
        progress_clear(up->progress);
    if (count == 1 && !up->values->detach)
        output_note("Gracefully stopping... (press Ctrl+C again to force)");
    if (up->phase == UP_JOB)
        set_phase(up, UP_CANCELLING);
    if (up->phase == UP_CANCELLING || (up->phase == UP_STOPPING && up->kill_wanted))
        remote_job_cancel(up->job);
}

/* Deadlines of draining logs pass without any other event. */
static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static void run_loop(struct up *up)
{
    struct interrupt interrupt;
    uv_timer_init(client_loop(up->client), &up->tick);
    uv_timer_start(&up->tick, on_tick, PROGRESS_TICK_MS, PROGRESS_TICK_MS);
    interrupt_init(&interrupt, client_loop(up->client), on_interrupt, up);
    while (up->phase != UP_DONE) {
        uv_run(client_loop(up->client), UV_RUN_ONCE);
        up_advance(up);
    }
    interrupt_done(&interrupt);
    uv_close((uv_handle_t *)&up->tick, NULL);
    uv_run(client_loop(up->client), UV_RUN_NOWAIT);
}

static void up_done(struct up *up)
{
    if (up->feed)
        log_feed_flush(up->feed);
    log_feed_free(up->feed);
    for (size_t i = 0; i < up->attached.count; i++) {
        struct attached *attached = up->attached.items[i];
        client_request_cancel(attached->tail);
        strbuf_done(&attached->tail_data);
        free(attached->instance);
        free(attached->label);
        free(attached->last_time);
        free(attached);
    }
    vec_done(&up->attached);
    client_request_cancel(up->events);
    strbuf_done(&up->events_pending);
    cJSON_Delete(up->before);
    forget_job(up);
    error_done(&up->job_result);
    error_done(&up->failure);
}

static int prepare(struct up *up, struct error *err)
{
    if (up->values->detach)
        return 0;
    int r = instances_get(up->client, up->project, true, &up->before, err);
    return r < 0 ? r : open_events(up, err);
}

int up_run(const struct invocation *invocation, struct client *client, const char *project,
           const char *body, struct error *err)
{
    struct up up = {.invocation = invocation,
                    .values = invocation->values,
                    .client = client,
                    .project = project};
    int r = prepare(&up, err);
    if (r == 0)
        r = start_job(&up, "up", "Running", body, err);
    if (r == 0) {
        run_loop(&up);
        if (up.failure.code)
            r = error_move(err, &up.failure);
        else if (up.interrupted)
            r = INTERRUPT_EXIT_STATUS;
        else
            r = up.status;
    }
    up_done(&up);
    return r;
}
