/* A stream of events; see event_watch.h. */
#include "cmd/event_watch.h"

#include "base/alloc.h"
#include "base/str.h"
#include "cmd/stream.h"

struct event_watch {
    struct client_request *request;
    struct strbuf pending;
    struct event_watch_handlers handlers;
    void *userdata;
};

static void on_line(void *userdata, char *line, size_t length)
{
    struct event_watch *watch = userdata;
    _cleanup_json_ cJSON *event = NULL;
    if (json_parse(line, length, &event, NULL) == 0)
        watch->handlers.on_event(watch->userdata, event);
}

static void on_data(void *userdata, const char *data, size_t length)
{
    struct event_watch *watch = userdata;
    (void)stream_feed_lines(&watch->pending, data, length, on_line, watch, NULL);
}

static void on_end(void *userdata, const struct error *err)
{
    struct event_watch *watch = userdata;
    watch->request = NULL;
    watch->handlers.on_end(watch->userdata, err);
}

int event_watch_start(struct client *client, const char *query,
                      const struct event_watch_handlers *handlers, void *userdata,
                      struct event_watch **ret_watch, struct error *err)
{
    static const struct client_handlers request_handlers = {on_data, on_end};
    struct event_watch *watch = new0(struct event_watch);
    watch->handlers = *handlers;
    watch->userdata = userdata;
    _cleanup_free_ char *path = xasprintf("/events?%s", query);
    int r = client_start(client, "GET", path, NULL, &request_handlers, watch, &watch->request, err);
    if (r < 0) {
        event_watch_free(watch);
        return r;
    }
    *ret_watch = watch;
    return 0;
}

void event_watch_free(struct event_watch *watch)
{
    if (!watch)
        return;
    client_request_cancel(watch->request);
    strbuf_done(&watch->pending);
    free(watch);
}

char *event_watch_query(const char *project)
{
    _cleanup_json_ cJSON *filters = cJSON_CreateObject();
    _cleanup_free_ char *label = xasprintf("com.docker.compose.project=%s", project);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(filters, "type"), cJSON_CreateString("container"));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(filters, "label"), cJSON_CreateString(label));
    _cleanup_free_ char *text = json_print(filters);
    _cleanup_free_ char *escaped = client_escape(text);
    return xasprintf("filters=%s", escaped);
}

const char *event_action(const cJSON *event)
{
    return json_string(event, "Action", "");
}

const char *event_instance_id(const cJSON *event)
{
    return json_string(json_object(event, "Actor"), "ID", "");
}

const char *event_attribute(const cJSON *event, const char *key)
{
    return json_string(json_object(json_object(event, "Actor"), "Attributes"), key, "");
}

int64_t event_exit_code(const cJSON *event)
{
    uint64_t code = 0;
    (void)str_to_u64(event_attribute(event, "exitCode"), &code);
    return (int64_t)code;
}
