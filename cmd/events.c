/* `vmstead events`: what happens to the project's instances. */
#include "base/alloc.h"
#include "base/clock.h"
#include "cmd/daemon_start.h"
#include "cmd/event_line.h"
#include "cmd/event_watch.h"
#include "cmd/interrupt.h"
#include "cmd/output.h"
#include "cmd/project.h"
#include "cmd/time_point.h"
#include "compose/model.h"

struct events_values {
    bool json;
    const char *since, *until;
};

static const struct option_row rows[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct events_values, json), NULL, NULL, 0, 0,
     "One JSON object a line"},
    {"since", 0, OPTION_STRING, offsetof(struct events_values, since), "TIME", NULL, 0, 0,
     "Begin with what happened then: 2026-01-02T03:04:05Z, seconds since 1970, or 10m for ten "
     "minutes ago"},
    {"until", 0, OPTION_STRING, offsetof(struct events_values, until), "TIME", NULL, 0, 0,
     "End when this time has passed"},
};

struct events {
    const struct invocation *invocation;
    bool ended, interrupted;
    int result;
    struct error failure;
};

static bool is_wanted(const struct invocation *invocation, const cJSON *event)
{
    const char *service = event_attribute(event, "com.docker.compose.service");
    bool wanted = invocation->operand_count == 0;
    for (size_t i = 0; i < invocation->operand_count && !wanted; i++)
        wanted = streq(invocation->operands[i], service);
    return wanted && !streq(event_attribute(event, "com.docker.compose.oneoff"), "True");
}

static void on_event(void *userdata, const cJSON *event)
{
    struct events *events = userdata;
    const struct events_values *values = events->invocation->values;
    if (!is_wanted(events->invocation, event) || events->ended)
        return;
    _cleanup_strbuf_ struct strbuf line = {0};
    if (values->json)
        event_line_json(event, &line);
    else
        event_line_print(event, &line);
    events->result = output_write(strbuf_text(&line), line.length, &events->failure);
    events->ended = events->result != 0;
}

static void on_end(void *userdata, const struct error *err)
{
    struct events *events = userdata;
    events->ended = true;
    if (err->code && !events->failure.code)
        events->result = (error_copy(&events->failure, err), -err->code);
}

static void on_interrupt(void *userdata, unsigned count)
{
    (void)count;
    ((struct events *)userdata)->interrupted = true;
}

static int pump(struct events *events, struct client *client, struct error *err)
{
    struct interrupt interrupt;
    interrupt_init(&interrupt, client_loop(client), on_interrupt, events);
    while (!events->ended && !events->interrupted)
        uv_run(client_loop(client), UV_RUN_ONCE);
    interrupt_done(&interrupt);
    uv_run(client_loop(client), UV_RUN_NOWAIT);
    if (events->failure.code)
        return error_move(err, &events->failure);
    return events->interrupted ? INTERRUPT_EXIT_STATUS : events->result;
}

static char *print_query(const struct events_values *values, const char *project, struct error *err)
{
    char since[TIME_POINT_SIZE], until[TIME_POINT_SIZE];
    int64_t now_ns = clock_realtime_ns();
    if (time_point_query(values->since, now_ns, since, err) < 0 ||
        time_point_query(values->until, now_ns, until, err) < 0)
        return NULL;
    _cleanup_free_ char *filters = event_watch_query(project);
    return xasprintf("%s&since=%s&until=%s", filters, since, until);
}

static int watch(const struct invocation *invocation, const char *query, struct error *err)
{
    static const struct event_watch_handlers handlers = {on_event, on_end};
    struct events events = {.invocation = invocation};
    struct event_watch *watched = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    int r = daemon_open(invocation, DAEMON_START, &client, err);
    if (r == 0)
        r = event_watch_start(client, query, &handlers, &events, &watched, err);
    if (r == 0)
        r = pump(&events, client, err);
    event_watch_free(watched);
    error_done(&events.failure);
    return r;
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_free_ char *project = NULL, *query = NULL;
    _cleanup_(model_freep) struct model *model = NULL;
    int r = project_find(invocation->global, &project, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r < 0)
        return r;
    query = print_query(invocation->values, project, err);
    return query ? watch(invocation, query, err) : -err->code;
}

const struct command command_events = {
    .name = "events",
    .arguments = "[SERVICE...]",
    .summary = "Show what happens to the project's virtual machines",
    .details =
        "Starts, ends and their exit codes, health, pauses, commands run by exec: as they come,\n"
        "and with --since what was before. Ctrl-C ends it.",
    .examples = "  vmstead events --json\n"
                "  vmstead events --since 10m --until 1s",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct events_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
