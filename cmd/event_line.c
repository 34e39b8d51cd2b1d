/* Events as text; see event_line.h. */
#include "cmd/event_line.h"

#include "base/clock.h"
#include "cmd/event_watch.h"

#include <time.h>

/* Labels of Compose's own are left out, as the reference does. */
static const cJSON *next_attribute(const cJSON *attribute)
{
    while (attribute && (!cJSON_IsString(attribute) ||
                         str_after_prefix(attribute->string, "com.docker.compose.")))
        attribute = attribute->next;
    return attribute;
}

static const cJSON *first_attribute(const cJSON *event)
{
    const cJSON *attributes = json_object(json_object(event, "Actor"), "Attributes");
    return next_attribute(attributes ? attributes->child : NULL);
}

static int64_t time_ns(const cJSON *event)
{
    int64_t seconds = json_int(event, "time", 0);
    return json_int(event, "timeNano", seconds * 1000000000);
}

void event_line_print(const cJSON *event, struct strbuf *out)
{
    int64_t ns = time_ns(event);
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm parts;
    char date[40];
    localtime_r(&seconds, &parts);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &parts);
    strbuf_addf(out, "%s.%06lld container %s %s (", date, (long long)(ns / 1000 % 1000000),
                event_action(event), event_instance_id(event));
    const char *separator = "";
    for (const cJSON *attribute = first_attribute(event); attribute;
         attribute = next_attribute(attribute->next)) {
        strbuf_addf(out, "%s%s=%s", separator, attribute->string, attribute->valuestring);
        separator = ", ";
    }
    strbuf_add_str(out, ")\n");
}

void event_line_json(const cJSON *event, struct strbuf *out)
{
    char time[CLOCK_TEXT_SIZE];
    _cleanup_json_ cJSON *line = cJSON_CreateObject();
    json_set_string(line, "action", event_action(event));
    cJSON *attributes = cJSON_AddObjectToObject(line, "attributes");
    for (const cJSON *attribute = first_attribute(event); attribute;
         attribute = next_attribute(attribute->next))
        json_set_string(attributes, attribute->string, attribute->valuestring);
    json_set_string(line, "id", event_instance_id(event));
    json_set_string(line, "service", event_attribute(event, "com.docker.compose.service"));
    json_set_string(line, "time", clock_format_ns(time_ns(event), time));
    json_set_string(line, "type", "container");
    _cleanup_free_ char *text = json_print(line);
    strbuf_addf(out, "%s\n", text);
}
