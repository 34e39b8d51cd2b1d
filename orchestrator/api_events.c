/* GET /events: changes of VM state, as Docker's container events, to all who listen. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"

/* A listener that reads nothing loses events beyond this. */
enum { LISTENER_QUEUE_LIMIT = 1 << 20 };

struct api_listener {
    struct api *api;
    struct http_stream *stream;
    cJSON *filters;
    struct api_listener *next;
};

static void on_close(void *userdata)
{
    struct api_listener *listener = userdata;
    struct api_listener **link = &listener->api->listeners;
    while (*link != listener)
        link = &(*link)->next;
    *link = listener->next;
    cJSON_Delete(listener->filters);
    free(listener);
}

void api_events(const struct api_call *call)
{
    static const struct http_stream_callbacks callbacks = {.on_close = on_close};
    static const char *const known[] = {"label", "type", "event", "container", NULL};
    cJSON *filters;
    if (!api_read_filters(call->request, known, &filters))
        return;
    struct api_listener *listener = new0(struct api_listener);
    listener->api = call->api;
    listener->filters = filters;
    listener->next = call->api->listeners;
    call->api->listeners = listener;
    listener->stream =
        http_respond_stream(call->request, "application/x-ndjson", &callbacks, listener);
}

/* NULL: a state that is no event. */
static const char *action_of_state(enum vm_state state)
{
    if (state == VM_RUNNING)
        return "start";
    return state == VM_EXITED ? "die" : NULL;
}

static cJSON *find_by_name(struct api *api, const char *name)
{
    _cleanup_json_ cJSON *list = api_list_instances(api, NULL, true);
    cJSON *instance;
    cJSON_ArrayForEach(instance, list) if (streq(json_string(instance, "Name", ""),
                                                 name)) return cJSON_DetachItemViaPointer(list,
                                                                                          instance);
    return NULL;
}

static cJSON *describe_event(const cJSON *instance, const char *action,
                             const struct vm_status *status)
{
    int64_t now_ns = clock_realtime_ns();
    cJSON *attributes = api_describe_labels(instance);
    json_set_string(attributes, "name", status->instance);
    json_set_string(attributes, "image", json_string(instance, "Image", ""));
    if (status->state == VM_EXITED) {
        _cleanup_free_ char *code = xasprintf("%d", status->exit_code);
        json_set_string(attributes, "exitCode", code);
    }
    const char *id = json_string(instance, "Id", "");
    cJSON *event = cJSON_CreateObject();
    json_set_string(event, "Type", "container");
    json_set_string(event, "Action", action);
    json_set_string(event, "id", id);
    json_set_string(event, "status", action);
    json_set_string(event, "from", json_string(instance, "Image", ""));
    cJSON *actor = cJSON_AddObjectToObject(event, "Actor");
    json_set_string(actor, "ID", id);
    json_set(actor, "Attributes", attributes);
    json_set_string(event, "scope", "local");
    json_set_int(event, "time", now_ns / 1000000000);
    _cleanup_free_ char *nanoseconds = xasprintf("%lld", (long long)now_ns);
    json_set(event, "timeNano", cJSON_CreateRaw(nanoseconds)); /* a double would round it */
    return event;
}

static bool listener_wants(const struct api_listener *listener, const cJSON *attributes,
                           const char *action)
{
    _cleanup_strv_ char **types = json_strv(json_array(listener->filters, "type"));
    _cleanup_strv_ char **actions = json_strv(json_array(listener->filters, "event"));
    return (!types || strv_contains(types, "container")) &&
           (!actions || strv_contains(actions, action)) &&
           api_labels_match(attributes, json_array(listener->filters, "label"));
}

void api_vm_event(struct api *api, const struct vm_status *status)
{
    const char *action = action_of_state(status->state);
    if (!action || !api->listeners)
        return;
    _cleanup_json_ cJSON *instance = find_by_name(api, status->instance);
    if (!instance)
        return;
    _cleanup_json_ cJSON *event = describe_event(instance, action, status);
    const cJSON *attributes = json_object(json_object(event, "Actor"), "Attributes");
    _cleanup_free_ char *text = json_print(event);
    _cleanup_free_ char *line = xasprintf("%s\n", text);
    for (struct api_listener *listener = api->listeners; listener; listener = listener->next)
        if (listener_wants(listener, attributes, action) &&
            http_stream_queued(listener->stream) < LISTENER_QUEUE_LIMIT)
            http_stream_write(listener->stream, line, strlen(line));
}
