/* Prefixes and colours of logs; see log_view.h. */
#include "cmd/log_view.h"

#include "base/vec.h"
#include "cmd/output.h"

/* Compose's rainbow in Compose's order: five colours, then the same brighter. Red is for errors. */
static const char *const rainbow[] = {
    "\033[36m",   "\033[33m",   "\033[32m",   "\033[35m",   "\033[34m",
    "\033[36;1m", "\033[33;1m", "\033[32;1m", "\033[35;1m", "\033[34;1m",
};

struct source {
    char *label;
    const char *color;
};

struct log_view {
    struct log_view_options options;
    VEC(struct source) sources;
    size_t width;
};

struct log_view *log_view_new(const struct log_view_options *options)
{
    struct log_view *view = new0(struct log_view);
    view->options = *options;
    return view;
}

void log_view_free(struct log_view *view)
{
    if (!view)
        return;
    for (size_t i = 0; i < view->sources.count; i++)
        free(view->sources.items[i].label);
    vec_done(&view->sources);
    free(view);
}

size_t log_view_add(struct log_view *view, const char *label, size_t color_index)
{
    vec_add(&view->sources,
            (struct source){xstrdup(label), rainbow[color_index % ARRAY_SIZE(rainbow)]});
    size_t width = output_text_width(label) + 1;
    if (width > view->width)
        view->width = width;
    return view->sources.count - 1;
}

static void add_color(const struct log_view *view, const char *color, struct strbuf *out)
{
    if (view->options.color)
        strbuf_add_str(out, color);
}

void log_view_print(const struct log_view *view, size_t source, const char *time, const char *text,
                    size_t length, struct strbuf *out)
{
    const struct source *from = &view->sources.items[source];
    if (view->options.prefix) {
        add_color(view, from->color, out);
        strbuf_addf(out, "%-*s | ", (int)view->width, from->label);
        add_color(view, OUTPUT_RESET, out);
    }
    if (view->options.timestamps)
        strbuf_addf(out, "%s ", time);
    strbuf_add(out, text, length);
    strbuf_add_char(out, '\n');
}

void log_view_print_note(const struct log_view *view, size_t source, const char *text,
                         struct strbuf *out)
{
    const struct source *from = &view->sources.items[source];
    add_color(view, from->color, out);
    strbuf_addf(out, "%s %s", from->label, text);
    add_color(view, OUTPUT_RESET, out);
    strbuf_add_char(out, '\n');
}
