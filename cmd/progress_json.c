/* Progress for programs; see progress_json.h. */
#include "cmd/progress_json.h"

#include "base/alloc.h"
#include "base/str.h"
#include "cmd/progress_list.h"

static const char *status_word(const char *state)
{
    if (streq(state, "done"))
        return "Done";
    return streq(state, "error") ? "Error" : "Working";
}

static void set_amount(cJSON *line, const cJSON *event)
{
    int64_t current = json_int(event, "current", 0), total = json_int(event, "total", 0);
    bool is_percent = streq(json_string(event, "unit", ""), "%");
    if (current > 0 && !is_percent)
        json_set_int(line, "current", current);
    if (total > 0 && !is_percent)
        json_set_int(line, "total", total);
    if (current > 0 && (is_percent || total > 0))
        json_set_int(line, "percent", is_percent ? current : current * 100 / total);
}

cJSON *progress_json(const cJSON *event)
{
    const char *type = json_string(event, "type", "");
    cJSON *line = cJSON_CreateObject();
    if (streq(type, "step")) {
        _cleanup_free_ char *id =
            xasprintf("%s %s", progress_kind_title(json_string(event, "kind", "")),
                      json_string(event, "name", ""));
        const char *text = json_string(event, "text", "");
        json_set_string(line, "id", id);
        json_set_string(line, "status", status_word(json_string(event, "state", "")));
        json_set_string(line, "text", *text ? text : progress_default_text(event));
        set_amount(line, event);
    } else if (streq(type, "warning") || streq(type, "message") || streq(type, "question")) {
        if (streq(type, "warning"))
            json_set_string(line, "status", "Warning");
        json_set_string(line, "text", json_string(event, "text", ""));
    } else {
        cJSON_Delete(line);
        return NULL;
    }
    return line;
}
