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

/* Where something was written. file is interned in the diagnostics list and lives as long as it;
 * line and column count from 1, columns in characters; line 0: the file as a whole; file NULL: none
 * (command line, environment). */
struct position {
    const char *file;
    unsigned line, column;
};

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diagnostics;

struct diagnostics *diagnostics_new(void);
void diagnostics_free(struct diagnostics *diagnostics);
DEFINE_FREEP(struct diagnostics *, diagnostics_free)

/* Makes a file known under the name that positions show; text (copied) is what the lines are shown
 * from. Returns the interned name. Positions sort in the order in which files were added. */
const char *diagnostics_add_file(struct diagnostics *diagnostics, const char *name,
                                 const char *text, size_t length);

/* Adds one; hint may be NULL. The same text at the same place is added once. */
void diagnostics_add(struct diagnostics *diagnostics, enum severity severity,
                     struct position position, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* True where so many were added that further ones are only counted: a hint need not be looked for.
 */
bool diagnostics_is_full(const struct diagnostics *diagnostics);
size_t diagnostics_count(const struct diagnostics *diagnostics, enum severity severity);
/* All of them as text, sorted by file in order of reading, then line and column; errors and
 * warnings together. */
void diagnostics_print(const struct diagnostics *diagnostics, bool color, struct strbuf *out);
