/* GET /events: what the orchestrator says that happens, in Docker's shape, to all who listen; with
 * `since` the history first. Both come from one log in one turn of the loop: no gap between them.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "orchestrator/api_internal.h"

/* A listener that reads nothing loses events beyond this. */
enum { LISTENER_QUEUE_LIMIT = 1 << 20 };

struct api_listener {
    struct api *api;
    struct http_stream *stream;
    cJSON *filters;
    uv_timer_t *deadline; /* NULL: none; freed by its own closing */
    struct api_listener *next;
};

/* --- shape ----------------------------------------------------------------------------------- */

static cJSON *describe_attributes(const struct orchestrator_event *event)
{
    cJSON *attributes = cJSON_Duplicate(event->attributes, true);
    json_set_string(attributes, "com.docker.compose.project", event->project);
    json_set_string(attributes, "com.docker.compose.service", event->service);
    json_set_string(attributes, "image", event->image);
    json_set_string(attributes, "name", event->instance);
    return attributes;
}

static cJSON *describe_event(const struct orchestrator_event *event)
{
    cJSON *value = cJSON_CreateObject();
    json_set_string(value, "Type", "container");
    json_set_string(value, "Action", event->action);
    json_set_string(value, "id", event->id);
    json_set_string(value, "status", event->action);
    json_set_string(value, "from", event->image);
    cJSON *actor = cJSON_AddObjectToObject(value, "Actor");
    json_set_string(actor, "ID", event->id);
    json_set(actor, "Attributes", describe_attributes(event));
    json_set_string(value, "scope", "local");
    json_set_int(value, "time", event->time_ns / 1000000000);
    _cleanup_free_ char *nanoseconds = xasprintf("%lld", (long long)event->time_ns);
    json_set(value, "timeNano", cJSON_CreateRaw(nanoseconds)); /* a double would round it */
    return value;
}

/* --- filters --------------------------------------------------------------------------------- */

/* Docker's: "exec_create" stands for "exec_create: ls", too. */
static bool action_is(const char *action, const char *wanted)
{
    const char *rest = str_after_prefix(action, wanted);
    return rest && (*rest == '\0' || *rest == ':');
}

static bool is_of(const struct orchestrator_event *event, const cJSON *containers)
{
    const cJSON *wanted;
    cJSON_ArrayForEach(wanted, containers)
    {
        const char *text = cJSON_IsString(wanted) ? wanted->valuestring : "";
        if (streq(event->instance, text) || (*text && str_after_prefix(event->id, text)))
            return true;
    }
    return !containers;
}

static bool listener_wants(const struct api_listener *listener,
                           const struct orchestrator_event *event, const cJSON *attributes)
{
    const cJSON *filters = listener->filters;
    return api_filter_matches(json_array(filters, "type"), "container", streq) &&
           api_filter_matches(json_array(filters, "event"), event->action, action_is) &&
           is_of(event, json_array(filters, "container")) &&
           api_labels_match(attributes, json_array(filters, "label"));
}

static void listener_tell(struct api_listener *listener, const struct orchestrator_event *event,
                          const cJSON *value)
{
    const cJSON *attributes = json_object(json_object(value, "Actor"), "Attributes");
    if (!listener_wants(listener, event, attributes) ||
        http_stream_queued(listener->stream) >= LISTENER_QUEUE_LIMIT)
        return;
    _cleanup_free_ char *text = json_print(value);
    http_stream_write(listener->stream, text, strlen(text));
    http_stream_write(listener->stream, "\n", 1);
}

void api_events_tell(void *userdata, const struct orchestrator_event *event)
{
    struct api *api = userdata;
    if (!api->listeners)
        return;
    _cleanup_json_ cJSON *value = describe_event(event);
    for (struct api_listener *listener = api->listeners; listener; listener = listener->next)
        listener_tell(listener, event, value);
}

/* Not kept: an exec is to cost no write to the disk. */
void api_events_tell_exec(struct api *api, const char *instance_id, const char *exec_id,
                          const char *action, const char *exit_code)
{
    if (!api->listeners || api->closing)
        return;
    _cleanup_json_ cJSON *list = api_list_instances(api, NULL, true);
    _cleanup_json_ cJSON *attributes = cJSON_CreateObject();
    json_set_string(attributes, "execID", exec_id);
    if (exit_code)
        json_set_string(attributes, "exitCode", exit_code);
    const cJSON *instance;
    cJSON_ArrayForEach(instance, list)
    {
        if (!streq(json_string(instance, "Id", ""), instance_id))
            continue;
        api_events_tell(api, &(struct orchestrator_event){
                                 .time_ns = clock_realtime_ns(),
                                 .project = json_string(instance, "Project", ""),
                                 .service = json_string(instance, "Service", ""),
                                 .instance = json_string(instance, "Name", ""),
                                 .id = instance_id,
                                 .image = json_string(instance, "Image", ""),
                                 .action = action,
                                 .attributes = attributes,
                             });
    }
}

/* --- a listener's life -------------------------------------------------------------------------
 */

static void on_deadline_closed(uv_handle_t *deadline)
{
    free(deadline);
}

static void on_close(void *userdata)
{
    struct api_listener *listener = userdata;
    struct api_listener **link = &listener->api->listeners;
    while (*link != listener)
        link = &(*link)->next;
    *link = listener->next;
    if (listener->deadline)
        uv_close((uv_handle_t *)listener->deadline, on_deadline_closed);
    cJSON_Delete(listener->filters);
    free(listener);
}

static void on_deadline(uv_timer_t *deadline)
{
    struct api_listener *listener = deadline->data;
    http_stream_end(listener->stream);
}

static void tell_past(void *userdata, const struct orchestrator_event *event)
{
    _cleanup_json_ cJSON *value = describe_event(event);
    listener_tell(userdata, event, value);
}

static void listener_begin(struct api_listener *listener, int64_t since_ns, int64_t until_ns)
{
    int64_t now_ns = clock_realtime_ns();
    if (since_ns || until_ns) {
        int64_t end_ns = until_ns && until_ns < now_ns ? until_ns : now_ns;
        orchestrator_list_events(listener->api->options.orchestrator, since_ns, end_ns, tell_past,
                                 listener, NULL);
    }
    if (!until_ns)
        return;
    int64_t left_ms = until_ns > now_ns ? (until_ns - now_ns + 999999) / 1000000 : 0;
    listener->deadline = new0(uv_timer_t);
    listener->deadline->data = listener;
    uv_timer_init(listener->api->options.loop, listener->deadline);
    uv_timer_start(listener->deadline, on_deadline, (uint64_t)left_ms, 0);
}

void api_events(const struct api_call *call)
{
    static const struct http_stream_callbacks callbacks = {.on_close = on_close};
    static const char *const known[] = {"label", "type", "event", "container", NULL};
    _cleanup_json_ cJSON *filters = NULL;
    int64_t since_ns, until_ns;
    if (!api_read_filters(call->request, known, &filters) ||
        !api_query_time(call->request, "since", &since_ns) ||
        !api_query_time(call->request, "until", &until_ns))
        return;
    struct api_listener *listener = new0(struct api_listener);
    listener->api = call->api;
    listener->filters = TAKE_PTR(filters);
    listener->next = call->api->listeners;
    call->api->listeners = listener;
    listener->stream =
        http_respond_stream(call->request, "application/x-ndjson", &callbacks, listener);
    listener_begin(listener, since_ns, until_ns);
}
