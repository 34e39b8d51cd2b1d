/* Writes progress to stderr; see progress.h. */
#include "cmd/progress.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "cmd/output.h"
#include "cmd/progress_json.h"
#include "cmd/progress_list.h"

#include <unistd.h>

enum progress_mode { PROGRESS_BLOCK, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_QUIET };

#define CURSOR_HIDE "\033[?25l"
#define CURSOR_SHOW "\033[?25h"
#define ERASE_LINE "\033[K"
#define ERASE_BELOW "\033[J"

struct progress {
    enum progress_mode mode;
    const char *title;
    struct progress_list *list;
    unsigned drawn; /* lines of the block above the cursor */
    bool finished, images_hidden;
};

static enum progress_mode choose_mode(const char *mode)
{
    if (streq(mode, "tty"))
        return PROGRESS_BLOCK;
    if (streq(mode, "plain"))
        return PROGRESS_PLAIN;
    if (streq(mode, "json"))
        return PROGRESS_JSON;
    if (streq(mode, "quiet"))
        return PROGRESS_QUIET;
    return output_is_terminal(STDERR_FILENO) ? PROGRESS_BLOCK : PROGRESS_PLAIN;
}

struct progress *progress_new(const char *mode, const char *title)
{
    struct progress *progress = new0(struct progress);
    progress->mode = choose_mode(mode);
    progress->title = title;
    progress->list = progress_list_new();
    return progress;
}

void progress_hide_images(struct progress *progress, bool hide)
{
    progress->images_hidden = hide;
}

/* Progress that cannot be shown is no reason to stop the work. */
static void write_text(const struct strbuf *text)
{
    (void)fs_write_all(STDERR_FILENO, strbuf_text(text), text->length);
}

static void add_cursor_up(const struct progress *progress, struct strbuf *out)
{
    if (progress->drawn)
        strbuf_addf(out, "\r\033[%uA", progress->drawn);
}

static void draw(struct progress *progress, uint64_t now_ms, bool complete)
{
    struct output_size size = output_get_size(STDERR_FILENO);
    struct progress_view view = {.title = progress->title,
                                 .width = size.columns,
                                 .rows = size.rows,
                                 .now_ms = now_ms,
                                 .color = output_has_color(STDERR_FILENO),
                                 .complete = complete,
                                 .line_end = ERASE_LINE "\n"};
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_add_str(&text, CURSOR_HIDE);
    add_cursor_up(progress, &text);
    unsigned lines = progress_list_render(progress->list, &view, &text);
    strbuf_add_str(&text, ERASE_BELOW);
    if (lines == 0 && progress->drawn == 0)
        return;
    progress->drawn = lines;
    write_text(&text);
}

void progress_clear(struct progress *progress)
{
    if (progress->mode != PROGRESS_BLOCK || !progress->drawn)
        return;
    _cleanup_strbuf_ struct strbuf text = {0};
    add_cursor_up(progress, &text);
    strbuf_add_str(&text, ERASE_BELOW);
    write_text(&text);
    progress->drawn = 0;
}

static void print_item(const struct progress_item *item, uint64_t now_ms)
{
    _cleanup_strbuf_ struct strbuf line = {0};
    strbuf_add_char(&line, ' ');
    progress_item_print(item, now_ms, &line);
    strbuf_add_char(&line, '\n');
    write_text(&line);
}

static void print_json(const cJSON *event)
{
    _cleanup_json_ cJSON *message = progress_json(event);
    if (!message)
        return;
    _cleanup_strbuf_ struct strbuf line = {0};
    _cleanup_free_ char *text = json_print(message);
    strbuf_addf(&line, "%s\n", text);
    write_text(&line);
}

static void print_message(struct progress *progress, const cJSON *event)
{
    const char *text = json_string(event, "text", "");
    progress_clear(progress);
    if (streq(json_string(event, "type", ""), "warning"))
        output_warning(text);
    else
        output_note(text);
}

static bool is_hidden(const struct progress *progress, const cJSON *event)
{
    return progress->images_hidden && streq(json_string(event, "kind", ""), "image") &&
           !streq(json_string(event, "state", ""), "error");
}

void progress_event(struct progress *progress, const cJSON *event, uint64_t now_ms)
{
    if (is_hidden(progress, event))
        return;
    if (progress->mode == PROGRESS_JSON)
        print_json(event);
    if (progress->mode == PROGRESS_JSON || progress->mode == PROGRESS_QUIET)
        return;
    const char *type = json_string(event, "type", "");
    if (streq(type, "warning") || streq(type, "message") || streq(type, "question"))
        print_message(progress, event);
    const struct progress_item *item = progress_list_apply(progress->list, event, now_ms);
    if (progress->mode == PROGRESS_PLAIN && item)
        print_item(item, now_ms);
}

void progress_tick(struct progress *progress, uint64_t now_ms)
{
    if (progress->mode == PROGRESS_BLOCK && !progress->finished)
        draw(progress, now_ms, false);
}

void progress_finish(struct progress *progress, uint64_t now_ms)
{
    if (progress->mode != PROGRESS_BLOCK || progress->finished)
        return;
    draw(progress, now_ms, true);
    if (progress->drawn)
        (void)fs_write_all(STDERR_FILENO, CURSOR_SHOW, strlen(CURSOR_SHOW));
    progress->finished = true;
}

void progress_free(struct progress *progress)
{
    if (!progress)
        return;
    progress_finish(progress, clock_monotonic_ms());
    progress_list_free(progress->list);
    free(progress);
}
