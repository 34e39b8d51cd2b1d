/* `vmstead logs`: the services' output, several instances merged by time. */
#include "base/alloc.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/instances.h"
#include "cmd/interrupt.h"
#include "cmd/log_feed.h"
#include "cmd/output.h"
#include "cmd/project.h"
#include "compose/model.h"

#include <errno.h>
#include <unistd.h>

struct logs_values {
    bool follow, timestamps, no_log_prefix, no_color;
    int64_t tail;
};

static const struct option_row rows[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(struct logs_values, follow), NULL, NULL, 0, 0,
     "Go on with what comes"},
    {"no-color", 0, OPTION_FLAG, offsetof(struct logs_values, no_color), NULL, NULL, 0, 0,
     "Never colour"},
    {"no-log-prefix", 0, OPTION_FLAG, offsetof(struct logs_values, no_log_prefix), NULL, NULL, 0, 0,
     "Do not put the service before each line"},
    {"tail", 'n', OPTION_LINES, offsetof(struct logs_values, tail), "LINES", "all", 0, 0,
     "How many lines of each, from the end"},
    {"timestamps", 't', OPTION_FLAG, offsetof(struct logs_values, timestamps), NULL, NULL, 0, 0,
     "Show when each line was written"},
};

struct logs {
    struct log_feed *feed;
    struct error failure;
    bool interrupted;
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

static int add_sources(const struct invocation *invocation, const cJSON *instances,
                       struct log_feed *feed, struct error *err)
{
    const struct logs_values *values = invocation->values;
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (!instance_is_of(instance, invocation->operands, invocation->operand_count))
            continue;
        struct log_feed_source source = {.instance = json_string(instance, "Name", ""),
                                         .label = instance_label(instance),
                                         .color_index = instance_color_index(instances, instance),
                                         .tail = values->tail,
                                         .follow = values->follow};
        int r = log_feed_add(feed, &source, NULL, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Until all sources have ended, somebody pressed Ctrl-C, or nobody reads our output any more. */
static int pump(struct logs *logs, struct client *client, struct error *err)
{
    struct interrupt interrupt;
    interrupt_init(&interrupt, client_loop(client), on_interrupt, logs);
    while (!log_feed_has_ended(logs->feed) && !logs->interrupted &&
           log_feed_write_error(logs->feed) == 0)
        uv_run(client_loop(client), UV_RUN_ONCE);
    interrupt_done(&interrupt);
    log_feed_flush(logs->feed);
    uv_run(client_loop(client), UV_RUN_NOWAIT);
    if (logs->interrupted)
        return INTERRUPT_EXIT_STATUS;
    if (logs->failure.code)
        return error_move(err, &logs->failure);
    int r = log_feed_write_error(logs->feed);
    return r < 0 ? output_fail(-r, err) : 0;
}

static int run_feed(const struct invocation *invocation, struct client *client,
                    const cJSON *instances, struct error *err)
{
    static const struct log_feed_callbacks callbacks = {.on_end = on_source_end};
    const struct logs_values *values = invocation->values;
    struct log_view_options options = {.prefix = !values->no_log_prefix,
                                       .color =
                                           !values->no_color && output_has_color(STDOUT_FILENO),
                                       .timestamps = values->timestamps};
    struct logs logs = {0};
    logs.feed = log_feed_new(client, &options, &callbacks, &logs);
    int r = add_sources(invocation, instances, logs.feed, err);
    if (r == 0)
        r = pump(&logs, client, err);
    log_feed_free(logs.feed);
    error_done(&logs.failure);
    return r;
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_free_ char *project = NULL;
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *instances = NULL;
    int r = project_find(invocation->global, &project, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    if (r == 0 && client)
        r = instances_get(client, project, true, &instances, err);
    if (r < 0 || !client)
        return r;
    return run_feed(invocation, client, instances, err);
}

const struct command command_logs = {
    .name = "logs",
    .arguments = "[SERVICE...]",
    .summary = "Show what services have written",
    .details =
        "Standard output and standard error of the services' processes, merged by the time at\n"
        "which they were written, each line behind the name of its virtual machine. What a\n"
        "service wrote on standard error goes to standard error. With --follow the logs of a\n"
        "machine that stops and starts again go on; Ctrl-C ends it.",
    .examples = "  vmstead logs -f --tail 20\n"
                "  vmstead logs --no-log-prefix web > web.log",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct logs_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
