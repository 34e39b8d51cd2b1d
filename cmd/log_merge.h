/* Lines of several sources, each in its own order, into one order by time. Pure.
 *
 * A line can go out when every other source has one waiting too or has ended: then none older can
 * follow. Somebody who follows logs cannot wait for silent sources; log_merge_take(force) gives
 * what is there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct log_merge;

struct log_line {
    char *time; /* RFC 3339 with a fixed number of digits, in UTC: compares as text */
    char *text;
    size_t length;
    bool is_stderr;
    size_t source;
};
void log_line_done(struct log_line *line);

struct log_merge *log_merge_new(void);
void log_merge_free(struct log_merge *merge);
/* Returns the source's index: 0, 1, 2... */
size_t log_merge_add_source(struct log_merge *merge);
/* Takes the line. */
void log_merge_push(struct log_merge *merge, struct log_line line);
void log_merge_end_source(struct log_merge *merge, size_t source);
/* The next line in order, owned by the caller; false where there is none yet. */
bool log_merge_take(struct log_merge *merge, bool force, struct log_line *ret_line);
/* How many lines of a source wait. */
size_t log_merge_waiting(const struct log_merge *merge, size_t source);
