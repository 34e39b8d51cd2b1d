/* Who has ended under an attached `up`; see up.h. */
#include "cmd/up_internal.h"

#include "base/clock.h"
#include "base/str.h"
#include "cmd/instances.h"
#include "cmd/output.h"
#include "cmd/stream.h"

/* How long the last lines of a service that exited may take to arrive. */
#define DRAIN_TIMEOUT_MS 2000
/* The same where only new lines were asked for and none came: its last line may be an old one. */
#define DRAIN_SILENT_MS 200
/* Events tell of changes; this is for one that was missed. */
#define CHECK_MS 5000

static void on_tail_frame(void *userdata, unsigned type, const char *payload, size_t length)
{
    (void)type;
    struct watched *watched = userdata;
    const char *blank = length ? memchr(payload, ' ', length) : NULL;
    free(watched->last_time);
    watched->last_time = xstrndup(payload, blank ? (size_t)(blank - payload) : 0);
}

static void on_tail_data(void *userdata, const char *data, size_t length)
{
    struct watched *watched = userdata;
    (void)stream_feed_frames(&watched->tail_data, data, length, on_tail_frame, watched, NULL);
}

static void on_tail_end(void *userdata, const struct error *err)
{
    (void)err;
    struct watched *watched = userdata;
    watched->tail = NULL;
    if (!watched->last_time)
        watched->last_time = xstrdup("");
}

/* The end is told over one connection and the log comes over another: before "exited" is printed,
 * the last line that the daemon has must have arrived. */
void up_mark_died(struct watched *watched, int64_t exit_code)
{
    static const struct client_handlers handlers = {on_tail_data, on_tail_end};
    if (watched->died)
        return;
    watched->died = true;
    watched->exit_code = exit_code;
    watched->died_at_ms = clock_monotonic_ms();
    if (!watched->shown)
        return;
    _cleanup_free_ char *instance = client_escape(watched->instance);
    _cleanup_free_ char *path =
        xasprintf("/containers/%s/logs?stdout=1&stderr=1&timestamps=1&tail=1", instance);
    if (client_start(watched->up->client, "GET", path, NULL, &handlers, watched, &watched->tail,
                     NULL) < 0)
        watched->last_time = xstrdup("");
}

static bool has_drained(const struct watched *watched, uint64_t now_ms)
{
    if (!watched->shown)
        return true;
    const char *arrived = log_feed_last_time(watched->up->feed, watched->source);
    bool silent = watched->only_new && !*arrived;
    if (now_ms > watched->died_at_ms + (silent ? DRAIN_SILENT_MS : DRAIN_TIMEOUT_MS))
        return true;
    return watched->last_time && strcmp(arrived, watched->last_time) >= 0;
}

/* --- what an exit means --------------------------------------------------------------------- */

static bool comes_back(const char *state)
{
    return streq(state, "restarting") || streq(state, "running") || streq(state, "starting") ||
           streq(state, "paused");
}

/* Asks how the watched stand: whether those that died come back. */
static void look_again(struct up *up)
{
    _cleanup_json_ cJSON *instances = NULL;
    up->checked_at_ms = clock_monotonic_ms();
    if (instances_get(up->client, up->project, true, &instances, NULL) < 0)
        return;
    for (size_t i = 0; i < up->watched.count; i++) {
        struct watched *watched = up->watched.items[i];
        watched->will_come_back = false;
        const cJSON *instance;
        cJSON_ArrayForEach(instance, instances)
        {
            if (streq(json_string(instance, "Name", ""), watched->instance))
                watched->will_come_back = comes_back(json_string(instance, "State", ""));
        }
    }
}

/* --abort-on-container-exit, --abort-on-container-failure, --exit-code-from: the first exit ends
 * all and gives the status; with a service named, its own does. */
static void judge(struct up *up, const struct watched *watched)
{
    const struct up_values *values = up->values;
    bool counts = values->abort_on_exit || values->exit_code_from ||
                  (values->abort_on_failure && watched->exit_code != 0);
    bool is_named = values->exit_code_from && streq(watched->service, values->exit_code_from);
    if (is_named && !up->status_set) {
        up->status = (int)watched->exit_code;
        up->status_set = true;
    }
    if (!counts || up->aborting || up->phase != UP_ATTACHED)
        return;
    up->aborting = true;
    if (!values->exit_code_from)
        up->status = (int)watched->exit_code;
    output_note("Aborting on container exit...");
}

static void report(struct watched *watched)
{
    struct up *up = watched->up;
    watched->exit_reported = true;
    if (watched->shown) {
        _cleanup_free_ char *text =
            xasprintf("exited with code %lld%s", (long long)watched->exit_code,
                      watched->will_come_back ? " (restarting)" : "");
        log_feed_note(up->feed, watched->source, text);
    }
    if (!watched->will_come_back)
        judge(up, watched);
}

void up_report_exits(struct up *up)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < up->watched.count; i++) {
        struct watched *watched = up->watched.items[i];
        if (!watched->died || watched->exit_reported || !has_drained(watched, now_ms))
            continue;
        look_again(up);
        report(watched);
    }
}

bool up_all_ended(struct up *up)
{
    for (size_t i = 0; i < up->watched.count; i++)
        if (!up->watched.items[i]->exit_reported)
            return false;
    if (clock_monotonic_ms() > up->checked_at_ms + CHECK_MS)
        look_again(up);
    for (size_t i = 0; i < up->watched.count; i++)
        if (up->watched.items[i]->will_come_back)
            return false;
    return true;
}

/* --- events --------------------------------------------------------------------------------- */

static struct watched *find(struct up *up, const char *instance)
{
    for (size_t i = 0; i < up->watched.count; i++)
        if (streq(up->watched.items[i]->instance, instance))
            return up->watched.items[i];
    return NULL;
}

/* It runs again: what it wrote before its end has been shown, or comes in its order. */
static void revive(struct watched *watched)
{
    if (watched->died && !watched->exit_reported) {
        watched->will_come_back = true;
        report(watched);
    }
    watched->died = watched->exit_reported = watched->will_come_back = false;
    client_request_cancel(watched->tail);
    watched->tail = NULL;
    strbuf_clear(&watched->tail_data);
    free(watched->last_time);
    watched->last_time = NULL;
}

void up_take_event(struct up *up, const cJSON *event)
{
    const char *action = event_action(event);
    struct watched *watched = find(up, event_attribute(event, "name"));
    up->checked_at_ms = 0;
    if (watched && streq(action, "die"))
        up_mark_died(watched, event_exit_code(event));
    else if (watched && streq(action, "destroy"))
        up_mark_died(watched, watched->exit_code);
    else if (watched && streq(action, "start"))
        revive(watched);
    else if (streq(action, "start"))
        up->rescan = true;
}
