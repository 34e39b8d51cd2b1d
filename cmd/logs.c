/* `vmstead logs`: the services' output, several instances merged by time. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/vec.h"
#include "cmd/event_watch.h"
#include "cmd/instances.h"
#include "cmd/interrupt.h"
#include "cmd/log_feed.h"
#include "cmd/output.h"
#include "cmd/target.h"
#include "cmd/time_point.h"

#include <errno.h>
#include <unistd.h>

struct logs_values {
    bool follow, timestamps, no_log_prefix, no_color;
    int64_t tail, index;
    const char *since, *until;
};

static const struct option_row rows[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(struct logs_values, follow), NULL, NULL, 0, 0,
     "Go on with what comes, also of virtual machines that come"},
    {"index", 0, OPTION_NUMBER, offsetof(struct logs_values, index), "N", NULL, 0, 10000,
     "Which virtual machine of the service"},
    {"no-color", 0, OPTION_FLAG, offsetof(struct logs_values, no_color), NULL, NULL, 0, 0,
     "Never colour"},
    {"no-log-prefix", 0, OPTION_FLAG, offsetof(struct logs_values, no_log_prefix), NULL, NULL, 0, 0,
     "Do not put the service before each line"},
    {"since", 0, OPTION_STRING, offsetof(struct logs_values, since), "TIME", NULL, 0, 0,
     "Begin there: 2026-01-02T03:04:05Z, seconds since 1970, or 10m for ten minutes ago"},
    {"tail", 'n', OPTION_LINES, offsetof(struct logs_values, tail), "LINES", "all", 0, 0,
     "How many lines of each, from the end"},
    {"timestamps", 't', OPTION_FLAG, offsetof(struct logs_values, timestamps), NULL, NULL, 0, 0,
     "Show when each line was written"},
    {"until", 0, OPTION_STRING, offsetof(struct logs_values, until), "TIME", NULL, 0, 0,
     "End there; as --since"},
};

struct logs {
    const struct invocation *invocation;
    const struct targets *targets;
    struct log_feed *feed;
    char **shown;                      /* IDs of instances: one that was made anew has another */
    VEC(struct event_watch *) watches; /* of those who may come; only with --follow */
    bool rescan;
    struct error failure;
    bool interrupted;
    char since[TIME_POINT_SIZE], until[TIME_POINT_SIZE];
};

static void on_source_end(void *userdata, size_t source, const struct error *err)
{
    (void)source;
    struct logs *logs = userdata;
    if (err->code && !logs->failure.code)
        error_copy(&logs->failure, err);
}

static void on_interrupt(void *userdata, unsigned count)
{
    (void)count;
    ((struct logs *)userdata)->interrupted = true;
}

static int add_source(struct logs *logs, const cJSON *all, const cJSON *instance, int64_t tail,
                      struct error *err)
{
    const struct logs_values *values = logs->invocation->values;
    const char *id = json_string(instance, "Id", "");
    if (strv_contains(logs->shown, id) ||
        (values->index && json_int(instance, "Number", 0) != values->index))
        return 0;
    strv_add(&logs->shown, xstrdup(id));
    struct log_feed_source source = {.instance = id,
                                     .label = instance_label(instance),
                                     .color_index = instance_color_index(all, instance),
                                     .tail = tail,
                                     .follow = values->follow,
                                     .since = logs->since,
                                     .until = logs->until};
    return log_feed_add(logs->feed, &source, NULL, err);
}

/* Of those that came while we look all is shown, whatever --tail says. */
static int add_sources(struct logs *logs, bool is_first, struct error *err)
{
    const struct logs_values *values = logs->invocation->values;
    _cleanup_json_ cJSON *instances = NULL;
    int r = targets_instances(logs->targets, TARGET_ALL, &instances, err);
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (r == 0)
            r = add_source(logs, instances, instance, is_first ? values->tail : -1, err);
    }
    return r;
}

static void on_event(void *userdata, const cJSON *event)
{
    struct logs *logs = userdata;
    if (streq(event_action(event), "start") &&
        !strv_contains(logs->shown, event_instance_id(event)))
        logs->rescan = true;
}

static void on_events_end(void *userdata, const struct error *err)
{
    struct logs *logs = userdata;
    if (!logs->failure.code)
        error_set(&logs->failure, err->code ? err->code : ECONNRESET, "the daemon went away");
}

static int watch_events(struct logs *logs, struct error *err)
{
    static const struct event_watch_handlers handlers = {on_event, on_events_end};
    int r = 0;
    for (size_t i = 0; r == 0 && i < logs->targets->count; i++) {
        _cleanup_free_ char *query = event_watch_query(logs->targets->items[i].project);
        struct event_watch *watch = NULL;
        r = event_watch_start(logs->targets->client, query, &handlers, logs, &watch, err);
        if (r == 0)
            vec_add(&logs->watches, watch);
    }
    return r;
}

/* Until all sources have ended, somebody pressed Ctrl-C, or nobody reads our output any more. */
static int pump(struct logs *logs, struct error *err)
{
    uv_loop_t *loop = client_loop(logs->targets->client);
    struct interrupt interrupt;
    interrupt_init(&interrupt, loop, on_interrupt, logs);
    while (!log_feed_has_ended(logs->feed) && !logs->interrupted && !logs->failure.code &&
           log_feed_write_error(logs->feed) == 0) {
        uv_run(loop, UV_RUN_ONCE);
        if (logs->rescan && add_sources(logs, false, &logs->failure) == 0)
            logs->rescan = false;
    }
    interrupt_done(&interrupt);
    log_feed_flush(logs->feed);
    uv_run(loop, UV_RUN_NOWAIT);
    if (logs->interrupted)
        return INTERRUPT_EXIT_STATUS;
    if (logs->failure.code)
        return error_move(err, &logs->failure);
    int r = log_feed_write_error(logs->feed);
    return r < 0 ? output_fail(-r, err) : 0;
}

static int run_feed(struct logs *logs, struct error *err)
{
    static const struct log_feed_callbacks callbacks = {.on_end = on_source_end};
    const struct logs_values *values = logs->invocation->values;
    struct log_view_options options = {.prefix = !values->no_log_prefix,
                                       .color =
                                           !values->no_color && output_has_color(STDOUT_FILENO),
                                       .timestamps = values->timestamps};
    logs->feed = log_feed_new(logs->targets->client, &options, &callbacks, logs);
    int r = values->follow ? watch_events(logs, err) : 0;
    if (r == 0)
        r = add_sources(logs, true, err);
    if (r == 0)
        r = pump(logs, err);
    for (size_t i = 0; i < logs->watches.count; i++)
        event_watch_free(logs->watches.items[i]);
    vec_done(&logs->watches);
    log_feed_free(logs->feed);
    strv_free(logs->shown);
    error_done(&logs->failure);
    return r;
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct logs_values *values = invocation->values;
    _cleanup_targets_ struct targets targets = {0};
    struct logs logs = {.invocation = invocation, .targets = &targets};
    int64_t now_ns = clock_realtime_ns();
    int r = time_point_query(values->since, now_ns, logs.since, err);
    if (r == 0)
        r = time_point_query(values->until, now_ns, logs.until, err);
    if (r == 0)
        r = target_find(invocation, invocation->operands, invocation->operand_count, &targets, err);
    return r < 0 || !targets.client ? r : run_feed(&logs, err);
}

const struct command command_logs = {
    .name = "logs",
    .arguments = "[SERVICE...]",
    .summary = "Show what services have written",
    .details =
        "Standard output and standard error of the services' processes, merged by the time at\n"
        "which they were written, each line behind the name of its virtual machine. What a\n"
        "service wrote on standard error goes to standard error. With --follow the logs of a\n"
        "machine that stops and starts again go on, and new ones join; Ctrl-C ends it. SERVICE\n"
        "may be a virtual machine's name or ID as well.",
    .examples = "  vmstead logs -f --tail 20\n"
                "  vmstead logs --since 10m web\n"
                "  vmstead logs --no-log-prefix web > web.log",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct logs_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
