/* Between diagnostics.c, which collects, diagnostics_source.c, which knows the files' lines, and
 * diagnostics_print.c, which shows. compose/ only. */
#pragma once

#include "base/vec.h"
#include "compose/diagnostics.h"

#define SOURCE_LINE_STEP 128

struct source {
    char *name;
    char *text;
    size_t length;
    VEC(size_t) lines; /* where every 128th begins, found when the first line is asked for */
    /* The place that was asked for last: those of one line come in order, and it may be long. */
    size_t last_line, last_column, last_offset;
};

struct diagnostic {
    enum severity severity;
    struct position position;
    const char *kind; /* NULL: none; see diagnostics_add_kind() */
    char *message;
    char *hint;
    size_t order;
    bool is_held;
};

struct diagnostics {
    VEC(struct source *) sources;
    VEC(struct diagnostic) entries;
    size_t counts[2]; /* by severity, of all */
    size_t kept[2];   /* of entries */
    size_t formatted; /* bytes of messages so far */
    enum purpose purpose;
    bool is_holding;
    size_t held; /* entries that are held back */
};

/* NULL: none. */
struct source *diagnostics_source(const struct diagnostics *diagnostics, struct position position);
/* The line without its end, or NULL where the file has no such line. */
const char *diagnostics_line(struct source *source, size_t line, size_t *ret_length);
/* The offset of a position's column in its line. */
size_t diagnostics_column(struct source *source, struct position position, const char *line,
                          size_t length);
/* A byte and all that continue it, as positions count; whether it is one of the latter. */
size_t diagnostics_character(const char *text, size_t length);
bool diagnostics_is_inside(char byte);
