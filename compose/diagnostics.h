/* The list of problems found while reading Compose files: each with the place where the value was
 * written, in order, all of one run. Printed by cmd/ (or by diagnostics_print for golden tests) as
 *
 *     compose.yaml:4:9: error: invalid port '80:80:80:80'
 *         4 |       - "80:80:80:80"
 *           |         ^
 *     hint: use [HOST:]CONTAINER[/PROTOCOL]
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where something was written. file is the number that diagnostics_add_file gave it, 0: none
 * (command line, environment); line and column count from 1, columns in characters; line 0: the
 * file as a whole. Every node has two of these: small, they make a large file's tree small. */
struct position {
    uint64_t file : 16, line : 24, column : 24;
};
#define DIAGNOSTICS_FILE_LIMIT UINT16_MAX

enum severity {
    SEVERITY_ERROR,
    SEVERITY_WARNING,
    /* What these are depends on the purpose; they become one of the two above, or nothing, as they
     * are added. */
    SEVERITY_ENGINE,  /* Docker Compose leaves it to its engine to refuse this */
    SEVERITY_LATER,   /* not supported yet: taken, and nothing done with it */
    SEVERITY_INSTEAD, /* a VM does something else, or nothing */
    SEVERITY_COUNT
};

/* What the files are read for. */
enum purpose {
    PURPOSE_FIND, /* to know what there is: ENGINE, LATER and INSTEAD are left out */
    PURPOSE_SHOW, /* to be shown: ENGINE and INSTEAD are warnings, LATER is left out */
    PURPOSE_RUN,  /* to be run: ENGINE is an error, LATER and INSTEAD are warnings */
    PURPOSE_COUNT
};

struct diagnostics;

struct diagnostics *diagnostics_new(void);
void diagnostics_free(struct diagnostics *diagnostics);
/* PURPOSE_FIND without this. */
void diagnostics_set_purpose(struct diagnostics *diagnostics, enum purpose purpose);
DEFINE_FREEP(struct diagnostics *, diagnostics_free)

/* Makes a file known under the name that positions show; text (copied) is what the lines are shown
 * from. Returns its number for positions, which sort by it; 0 for those behind
 * DIAGNOSTICS_FILE_LIMIT. A file that is added again, as it was, keeps its number. */
unsigned diagnostics_add_file(struct diagnostics *diagnostics, const char *name, const char *text,
                              size_t length);
/* The same of a text from malloc, which it takes. */
unsigned diagnostics_take_file(struct diagnostics *diagnostics, const char *name, char *text,
                               size_t length);
/* The name of a position's file; NULL: none. */
const char *diagnostics_file_name(const struct diagnostics *diagnostics, struct position position);

/* The file's text from a position on, *ret_length bytes; NULL where there is none. */
const char *diagnostics_text(const struct diagnostics *diagnostics, struct position position,
                             size_t *ret_length);

/* Adds one; hint may be NULL. The same text at the same place is added once, and so is the same
 * format, whatever its arguments are: one written value has one such problem, however many aliases
 * repeat it. */
void diagnostics_add(struct diagnostics *diagnostics, enum severity severity,
                     struct position position, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The same where the format says little: kind, a constant, stands for it. */
void diagnostics_add_kind(struct diagnostics *diagnostics, enum severity severity,
                          struct position position, const char *hint, const char *kind,
                          const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The same of a text that is to be said once, at whichever place. */
void diagnostics_add_once(struct diagnostics *diagnostics, enum severity severity,
                          struct position position, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* True where so many were added that further ones are only counted: a hint need not be looked for.
 */
bool diagnostics_is_full(const struct diagnostics *diagnostics);
size_t diagnostics_count(const struct diagnostics *diagnostics, enum severity severity);

/* From here on ENGINE, LATER and INSTEAD are held back: a value that is looked at file by file may
 * be replaced by a later file's, or belong to a service that is not enabled. */
void diagnostics_hold(struct diagnostics *diagnostics);
bool diagnostics_has_held(const struct diagnostics *diagnostics);
/* Ends that: only what was said of one of these places stays. Sorts them. */
void diagnostics_release(struct diagnostics *diagnostics, struct position *places, size_t count);

/* A hint for what is there twice: where the other one stands; NULL where it was not written. Owned
 * by the caller, as is the next. */
char *diagnostics_other_place(const struct diagnostics *diagnostics, struct position here,
                              struct position other);
/* The same for two that exclude each other: "keep one of them; the other one is in line 5". */
char *diagnostics_keep_one(const struct diagnostics *diagnostics, struct position here,
                           struct position other);
/* The same as JSON, one object a line: severity, file, line, column, message, hint. */
void diagnostics_print_json(const struct diagnostics *diagnostics, struct strbuf *out);
/* One that is not of the list, in the same form. */
void diagnostics_print_json_error(const char *message, struct strbuf *out);

struct diagnostics_look {
    bool color;
    unsigned width; /* columns of the terminal; 0: no terminal */
};
/* All of them as text, sorted by file in order of reading, then line and column; errors and
 * warnings together. Lines too long for the terminal are shown around the caret. look may be NULL.
 */
void diagnostics_print(const struct diagnostics *diagnostics, const struct diagnostics_look *look,
                       struct strbuf *out);
