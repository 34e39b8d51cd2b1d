/* How a line of log is shown: "web-1  | text", in a colour of the service's own. Pure. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct log_view;

struct log_view_options {
    bool prefix, color, timestamps;
};

struct log_view *log_view_new(const struct log_view_options *options);
void log_view_free(struct log_view *view);
DEFINE_FREEP(struct log_view *, log_view_free)
/* A source of lines; returns its index. All prefixes are as wide as the widest label that was added
 * so far, and one blank. The colour is chosen by color_index alone. */
size_t log_view_add(struct log_view *view, const char *label, size_t color_index);
/* One line as it is printed, with its newline. time: RFC 3339. */
void log_view_print(const struct log_view *view, size_t source, const char *time, const char *text,
                    size_t length, struct strbuf *out);
/* A line of ours about a source: "web-1 exited with code 0", in its colour. */
void log_view_print_note(const struct log_view *view, size_t source, const char *text,
                         struct strbuf *out);
