/* Plan lines -> a diff; see plan_view.h. */
#include "cmd/plan_view.h"

#include "base/vec.h"
#include "cmd/output.h"
#include "cmd/progress_list.h"

#include <assert.h>

enum action {
    ACTION_CREATE,
    ACTION_RECREATE,
    ACTION_UPDATE,
    ACTION_START,
    ACTION_STOP,
    ACTION_REMOVE,
    ACTION_KEEP,
    ACTION_COUNT
};

#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RED "\033[31m"

static const struct {
    const char *name; /* in events, and as it is shown */
    char mark;
    const char *color;
} actions[] = {
    [ACTION_CREATE] = {"create", '+', GREEN},  [ACTION_RECREATE] = {"recreate", '~', YELLOW},
    [ACTION_UPDATE] = {"update", '~', YELLOW}, [ACTION_START] = {"start", '+', GREEN},
    [ACTION_STOP] = {"stop", '-', RED},        [ACTION_REMOVE] = {"remove", '-', RED},
    [ACTION_KEEP] = {"keep", ' ', ""},
};
static_assert(ARRAY_SIZE(actions) == ACTION_COUNT, "every action has its looks");

struct plan_view {
    bool color;
    size_t counts[ACTION_COUNT];
    struct strbuf text;
};

struct plan_view *plan_view_new(bool color)
{
    struct plan_view *view = new0(struct plan_view);
    view->color = color;
    return view;
}

void plan_view_free(struct plan_view *view)
{
    if (!view)
        return;
    strbuf_done(&view->text);
    free(view);
}

static void add_colored(struct plan_view *view, const char *color, const char *text)
{
    if (view->color)
        strbuf_addf(&view->text, "%s%s%s", color, text, OUTPUT_RESET);
    else
        strbuf_add_str(&view->text, text);
}

/* A value that was not there, or will not be, is "none". */
static char *print_value(const cJSON *value)
{
    return !value || cJSON_IsNull(value) ? xstrdup("none") : json_print(value);
}

static void add_change(struct plan_view *view, const cJSON *change)
{
    _cleanup_free_ char *old = print_value(cJSON_GetObjectItemCaseSensitive(change, "old"));
    _cleanup_free_ char *new = print_value(cJSON_GetObjectItemCaseSensitive(change, "new"));
    strbuf_addf(&view->text, "    %s: ", json_string(change, "path", ""));
    add_colored(view, RED, old);
    strbuf_add_str(&view->text, " -> ");
    add_colored(view, GREEN, new);
    strbuf_add_char(&view->text, '\n');
}

static void add_item(struct plan_view *view, enum action action, const cJSON *event)
{
    const char *reason = json_string(event, "reason", "");
    _cleanup_free_ char *line = xasprintf("%c %s %s  %s%s%s", actions[action].mark,
                                          progress_kind_title(json_string(event, "kind", "")),
                                          json_string(event, "name", ""), actions[action].name,
                                          *reason ? ": " : "", reason);
    add_colored(view, actions[action].color, line);
    strbuf_add_char(&view->text, '\n');
    const cJSON *change;
    cJSON_ArrayForEach(change, json_array(event, "changes")) add_change(view, change);
}

void plan_view_add(struct plan_view *view, const cJSON *event)
{
    if (!streq(json_string(event, "type", ""), "plan"))
        return;
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (!streq(json_string(event, "action", ""), actions[i].name))
            continue;
        view->counts[i]++;
        if (i != ACTION_KEEP)
            add_item(view, (enum action)i, event);
        return;
    }
}

void plan_view_print(const struct plan_view *view, struct strbuf *out)
{
    bool changes = view->text.length > 0;
    strbuf_add_str(out, strbuf_text(&view->text));
    const char *separator = changes ? "\n" : "nothing to change";
    for (size_t i = 0; i < ACTION_KEEP; i++) {
        if (!view->counts[i])
            continue;
        strbuf_addf(out, "%s%zu to %s", separator, view->counts[i], actions[i].name);
        separator = ", ";
    }
    strbuf_addf(out, "%s; %zu unchanged\n", changes ? "" : separator, view->counts[ACTION_KEEP]);
}
