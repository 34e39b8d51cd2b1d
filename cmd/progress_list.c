/* Progress items and how they are drawn; see progress_list.h. */
#include "cmd/progress_list.h"

#include "base/provider.h"
#include "base/vec.h"
#include "cmd/bytes.h"
#include "cmd/duration.h"
#include "cmd/output.h"

#include <assert.h>

/* In order of weight: an item is as far as its least finished step; an error outweighs all. */
enum item_state {
    ITEM_DONE,
    ITEM_SKIPPED, /* not done because another one failed */
    ITEM_WAITING,
    ITEM_WORKING,
    ITEM_ERROR,
    ITEM_STATE_COUNT
};

static const struct {
    const char *event; /* in events */
    const char *mark, *color;
} state_looks[] = {
    [ITEM_DONE] = {"done", "✔", "\033[32m"},
    [ITEM_SKIPPED] = {"skipped", "-", "\033[2m"},
    [ITEM_WAITING] = {"waiting", "·", "\033[2m"},
    [ITEM_WORKING] = {"working", NULL, "\033[36m"}, /* the spinner */
    [ITEM_ERROR] = {"error", "✘", "\033[31m"},
};
static_assert(ARRAY_SIZE(state_looks) == ITEM_STATE_COUNT, "every state has its looks");

static const char *const spinner[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
#define SPINNER_STEP_MS 100
#define TIMER_COLOR "\033[34m"
#define HEADER_DONE_COLOR "\033[34m"
#define WIDEST 100          /* beyond that, eyes lose the line on the way to the elapsed time */
#define TIMER_WIDTH 7       /* " 12.3s", " 9m59s" and the column that stays free against wrapping */
#define TIMER_FROM_WIDTH 30 /* narrower terminals have no room for it */

struct progress_item {
    char *kind, *name, *text, *unit;
    bool known[OPERATION_VERB_COUNT]; /* which steps there are, and how far each is */
    enum item_state steps[OPERATION_VERB_COUNT];
    enum item_state state;
    uint64_t started_ms, ended_ms; /* 0: not yet */
    int64_t current, total;
};

struct progress_list {
    VEC(struct progress_item *) items;
};

struct progress_list *progress_list_new(void)
{
    return new0(struct progress_list);
}

static void item_free(struct progress_item *item)
{
    free(item->kind);
    free(item->name);
    free(item->text);
    free(item->unit);
    free(item);
}

void progress_list_free(struct progress_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->items.count; i++)
        item_free(list->items.items[i]);
    vec_done(&list->items);
    free(list);
}

static bool read_state(const char *text, enum item_state *ret_state)
{
    for (size_t i = 0; i < ITEM_STATE_COUNT; i++)
        if (streq(text, state_looks[i].event)) {
            *ret_state = (enum item_state)i;
            return true;
        }
    return false;
}

static bool read_verb(const char *text, enum operation_verb *ret_verb)
{
    for (size_t i = 0; i < OPERATION_VERB_COUNT; i++)
        if (streq(text, operation_verb_name((enum operation_verb)i))) {
            *ret_verb = (enum operation_verb)i;
            return true;
        }
    return false;
}

static const struct {
    const char *kind, *title;
} kind_titles[] = {
    {"network", "Network"},     {"image", "Image"}, {"vm", "VM"},
    {"endpoint", "Endpoint"},   {"ports", "Ports"}, {"volume", "Volume"},
    {"condition", "Condition"}, {"copy", "Copy"},
};

const char *progress_kind_title(const char *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(kind_titles); i++)
        if (streq(kind, kind_titles[i].kind))
            return kind_titles[i].title;
    return kind;
}

static bool kind_is_shown(const char *kind)
{
    return !streq(kind, "endpoint") && !streq(kind, "ports");
}

static struct progress_item *find_item(struct progress_list *list, const char *kind,
                                       const char *name)
{
    for (size_t i = 0; i < list->items.count; i++) {
        struct progress_item *item = list->items.items[i];
        if (streq(item->kind, kind) && streq(item->name, name))
            return item;
    }
    struct progress_item *item = new0(struct progress_item);
    item->kind = xstrdup(kind);
    item->name = xstrdup(name);
    item->state = ITEM_WAITING;
    vec_add(&list->items, item);
    return item;
}

static bool has_ended(const struct progress_item *item)
{
    return item->state != ITEM_WAITING && item->state != ITEM_WORKING;
}

static enum item_state combine_steps(const struct progress_item *item)
{
    enum item_state state = ITEM_DONE;
    for (size_t i = 0; i < OPERATION_VERB_COUNT; i++)
        if (item->known[i] && item->steps[i] > state)
            state = item->steps[i];
    return state;
}

/* What to say where an event brings no text. */
static const char *default_text(enum operation_verb verb, enum item_state state)
{
    static const char *const texts[OPERATION_VERB_COUNT][2] = {
        [OPERATION_ENSURE] = {"Creating", "Created"},
        [OPERATION_START] = {"Starting", "Started"},
        [OPERATION_STOP] = {"Stopping", "Stopped"},
        [OPERATION_REMOVE] = {"Removing", "Removed"},
        [OPERATION_WAIT] = {"Waiting", "Ready"},
        [OPERATION_PAUSE] = {"Pausing", "Paused"},
        [OPERATION_UNPAUSE] = {"Unpausing", "Unpaused"},
        [OPERATION_KILL] = {"Killing", "Killed"},
    };
    if (state == ITEM_WAITING || state == ITEM_SKIPPED)
        return state == ITEM_WAITING ? "Waiting" : "Skipped";
    return state == ITEM_ERROR ? "Error" : texts[verb][state == ITEM_DONE];
}

const char *progress_default_text(const cJSON *event)
{
    enum operation_verb verb;
    enum item_state state;
    if (!read_verb(json_string(event, "verb", ""), &verb) ||
        !read_state(json_string(event, "state", ""), &state))
        return "";
    return default_text(verb, state);
}

/* A step that merely waits does not take the word from one that has begun. */
static void set_text(struct progress_item *item, const char *text, enum item_state step)
{
    if ((step == ITEM_WAITING || step == ITEM_SKIPPED) && item->started_ms)
        return;
    free(item->text);
    item->text = xstrdup(text);
}

static void set_amount(struct progress_item *item, const cJSON *event)
{
    item->current = json_int(event, "current", 0);
    item->total = json_int(event, "total", 0);
    free(item->unit);
    item->unit = xstrdup(json_string(event, "unit", ""));
}

static void set_times(struct progress_item *item, const cJSON *event, enum item_state step,
                      uint64_t now_ms)
{
    int64_t elapsed_ms = json_int(event, "elapsed_ms", 0);
    if (step != ITEM_WAITING && step != ITEM_SKIPPED && !item->started_ms)
        item->started_ms = elapsed_ms > 0 && (uint64_t)elapsed_ms < now_ms
                               ? now_ms - (uint64_t)elapsed_ms
                               : now_ms;
    item->ended_ms = has_ended(item) ? now_ms : 0;
}

const struct progress_item *progress_list_apply(struct progress_list *list, const cJSON *event,
                                                uint64_t now_ms)
{
    enum operation_verb verb;
    enum item_state step;
    const char *kind = json_string(event, "kind", "");
    if (!streq(json_string(event, "type", ""), "step") ||
        !read_verb(json_string(event, "verb", ""), &verb) ||
        !read_state(json_string(event, "state", ""), &step))
        return NULL;
    if (!kind_is_shown(kind) && step != ITEM_ERROR)
        return NULL;
    struct progress_item *item = find_item(list, kind, json_string(event, "name", ""));
    enum item_state old_state = item->state;
    _cleanup_free_ char *old_text = xstrdup(item->text);
    item->known[verb] = true;
    item->steps[verb] = step;
    item->state = combine_steps(item);
    const char *text = json_string(event, "text", "");
    set_text(item, *text ? text : default_text(verb, step), step);
    set_amount(item, event);
    set_times(item, event, step, now_ms);
    bool changed = item->state != old_state || !streq_null(old_text, item->text);
    return changed && step != ITEM_WAITING ? item : NULL;
}

static void add_amount(const struct progress_item *item, struct strbuf *out)
{
    if (item->state != ITEM_WORKING || (item->current <= 0 && item->total <= 0))
        return;
    strbuf_add_char(out, ' ');
    if (streq(item->unit, "%")) {
        strbuf_addf(out, "%lld%%", (long long)item->current);
    } else if (streq(item->unit, "B")) {
        bytes_add(item->current, out);
        if (item->total > 0) {
            strbuf_add_str(out, " / ");
            bytes_add(item->total, out);
        }
    } else if (item->total > 0) {
        strbuf_addf(out, "%lld/%lld%s%s", (long long)item->current, (long long)item->total,
                    *item->unit ? " " : "", item->unit);
    }
}

static int64_t elapsed(const struct progress_item *item, uint64_t now_ms)
{
    if (!item->started_ms)
        return -1;
    return (int64_t)((item->ended_ms ? item->ended_ms : now_ms) - item->started_ms);
}

void progress_item_print(const struct progress_item *item, uint64_t now_ms, struct strbuf *out)
{
    char buffer[DURATION_TEXT_SIZE];
    strbuf_addf(out, "%s %s  %s", progress_kind_title(item->kind), item->name, item->text);
    if (has_ended(item) && item->started_ms)
        strbuf_addf(out, "  %s", duration_format_elapsed(elapsed(item, now_ms), buffer));
}

static void add_colored(const struct progress_view *view, const char *color, const char *text,
                        struct strbuf *out)
{
    if (view->color && *text)
        strbuf_addf(out, "%s%s%s", color, text, OUTPUT_RESET);
    else
        strbuf_add_str(out, text);
}

static size_t label_width(const struct progress_list *list)
{
    size_t width = 0;
    for (size_t i = 0; i < list->items.count; i++) {
        const struct progress_item *item = list->items.items[i];
        size_t own = strlen(progress_kind_title(item->kind)) + 1 + output_text_width(item->name);
        if (own > width)
            width = own;
    }
    return width;
}

static void add_padding(struct strbuf *out, size_t from, size_t to)
{
    for (; from < to; from++)
        strbuf_add_char(out, ' ');
}

/* " ✔ LABEL  TEXT      1.2s": mark, label and text share what the timer leaves; the label gives way
 * only when it alone fills more than half. */
static void render_item(const struct progress_item *item, const struct progress_view *view,
                        size_t labels, struct strbuf *out)
{
    size_t width = view->width < WIDEST ? view->width : WIDEST;
    bool timed = width >= TIMER_FROM_WIDTH;
    size_t room = width - (timed ? TIMER_WIDTH : 1);
    size_t used = 3;
    if (room <= used)
        return;
    size_t label_room = room - used;
    if (labels > label_room / 2 && labels + 12 > label_room)
        labels = label_room > 24 ? label_room - 12 : label_room;
    const char *mark = state_looks[item->state].mark;
    if (!mark)
        mark = spinner[view->now_ms / SPINNER_STEP_MS % ARRAY_SIZE(spinner)];
    const char *color = state_looks[item->state].color;
    strbuf_add_char(out, ' ');
    add_colored(view, color, mark, out);
    strbuf_add_char(out, ' ');

    _cleanup_free_ char *full = xasprintf("%s %s", progress_kind_title(item->kind), item->name);
    _cleanup_free_ char *label = output_truncate(full, labels);
    strbuf_add_str(out, label);
    used += output_text_width(label);

    _cleanup_strbuf_ struct strbuf amount = {0};
    strbuf_add_str(&amount, item->text);
    add_amount(item, &amount);
    size_t text_at = 3 + labels + 2;
    if (text_at < room) {
        _cleanup_free_ char *text = output_truncate(strbuf_text(&amount), room - text_at);
        add_padding(out, used, text_at);
        add_colored(view, color, text, out);
        used = text_at + output_text_width(text);
    }
    int64_t elapsed_ms = elapsed(item, view->now_ms);
    if (timed && elapsed_ms >= 0) {
        char buffer[DURATION_TEXT_SIZE];
        duration_format_elapsed(elapsed_ms, buffer);
        add_padding(out, used, width - 1 - output_text_width(buffer));
        add_colored(view, TIMER_COLOR, buffer, out);
    }
}

static size_t count_done(const struct progress_list *list)
{
    size_t done = 0;
    for (size_t i = 0; i < list->items.count; i++)
        done += list->items.items[i]->state == ITEM_DONE;
    return done;
}

static void render_header(const struct progress_list *list, const struct progress_view *view,
                          struct strbuf *out)
{
    size_t done = count_done(list), count = list->items.count;
    _cleanup_free_ char *full = xasprintf("[+] %s %zu/%zu", view->title, done, count);
    _cleanup_free_ char *header = output_truncate(full, view->width ? view->width - 1 : 0);
    if (done == count)
        add_colored(view, HEADER_DONE_COLOR, header, out);
    else
        strbuf_add_str(out, header);
    strbuf_add_str(out, view->line_end);
}

/* Marks which items fit into `room` lines: what fails or works first, then what waits, then the
 * latest of what is done. */
static void choose_items(const struct progress_list *list, size_t room, bool *chosen)
{
    static const enum item_state order[] = {ITEM_ERROR, ITEM_WORKING, ITEM_WAITING, ITEM_SKIPPED};
    for (size_t pass = 0; pass < ARRAY_SIZE(order); pass++)
        for (size_t i = 0; i < list->items.count && room; i++)
            if (list->items.items[i]->state == order[pass]) {
                chosen[i] = true;
                room--;
            }
    for (size_t i = list->items.count; i-- > 0 && room;)
        if (list->items.items[i]->state == ITEM_DONE) {
            chosen[i] = true;
            room--;
        }
}

unsigned progress_list_render(const struct progress_list *list, const struct progress_view *view,
                              struct strbuf *out)
{
    size_t count = list->items.count;
    if (count == 0)
        return 0;
    render_header(list, view, out);
    size_t room = view->rows > 4 ? view->rows - 3 : 1; /* header, "more" line, the cursor's line */
    bool all = view->complete || count <= room + 1;
    _cleanup_free_ bool *chosen = xcalloc(count, sizeof(bool));
    choose_items(list, all ? count : room, chosen);
    size_t labels = label_width(list);
    unsigned lines = 1;
    for (size_t i = 0; i < count; i++) {
        if (!chosen[i])
            continue;
        render_item(list->items.items[i], view, labels, out);
        strbuf_add_str(out, view->line_end);
        lines++;
    }
    if (all)
        return lines;
    _cleanup_free_ char *full = xasprintf("   ... %zu more", count - room);
    _cleanup_free_ char *more = output_truncate(full, view->width ? view->width - 1 : 0);
    strbuf_addf(out, "%s%s", more, view->line_end);
    return lines + 1;
}
