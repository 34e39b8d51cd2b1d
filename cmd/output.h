/* What commands print for people: terminal detection, colours, tables. Results go to stdout,
 * progress and problems to stderr; nothing here decides which.
 *
 * Colour and redrawing only where the descriptor is a terminal that is not "dumb"; NO_COLOR
 * (no-color.org) takes the colour away, not the redrawing. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stddef.h>

#define OUTPUT_RESET "\033[0m"

struct output_size {
    unsigned rows, columns;
};

/* A terminal on which cursor movements work. */
bool output_is_terminal(int fd);
bool output_has_color(int fd);
/* The terminal's size; 24 x 80 where it cannot be known. COLUMNS and LINES are not asked: they go
 * stale. */
struct output_size output_get_size(int fd);

/* "error: TEXT", "warning: TEXT" (the word coloured on a terminal) and the bare text, on stderr. */
void output_error(const char *text);
void output_warning(const char *text);
void output_note(const char *text);
/* A reader that went away (vmstead logs | head) is no error to report: the command ends with the
 * status of a process that SIGPIPE ended. */
#define OUTPUT_CLOSED_STATUS 141
/* What a failed write means for a command: OUTPUT_CLOSED_STATUS for EPIPE, else -code with err set.
 */
int output_fail(int code, struct error *err);
/* Writes all of it to stdout: 0, or as output_fail(). */
int output_write(const char *text, size_t length, struct error *err);

/* Columns a UTF-8 text takes: code points, as everything we print is one column wide. */
size_t output_text_width(const char *text);
/* The first `width` columns of text, the last one "…" where something was cut. Owned by the caller.
 */
char *output_truncate(const char *text, size_t width);

/* A table in the shape Docker prints: left-aligned columns at least 10 wide, 3 blanks between them,
 * the last column as long as it likes. */
struct table;
struct table *table_new(size_t columns, const char *const *headings);
/* Compose's own tables are not Docker's: columns at least 20 wide (ls, images) or 4 with 2 blanks
 * (top). */
struct table *table_new_shaped(size_t columns, const char *const *headings, size_t minimum,
                               size_t gap);
void table_free(struct table *table);
DEFINE_FREEP(struct table *, table_free)
/* One row: as many cells as there are columns; copies them. */
void table_add_row(struct table *table, const char *const *cells);
void table_print(const struct table *table, struct strbuf *out);
