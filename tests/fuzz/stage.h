/* What the targets of compose/ share: texts out of the input, a folder to put them into as files,
 * and what must hold of whatever loads. */
#pragma once

#include "compose/compose.h"
#include "fuzz.h"

struct text {
    const char *data;
    size_t length;
};

/* Cuts the text up to the next NUL off the input. */
struct text stage_take_text(const uint8_t **data, size_t *size);
/* Writes a file into the folder, which is empty at first, and returns its path; NULL for a text of
 * no bytes: it is taken away. Paths stay the caller's. */
char *stage_put_file(const char *name, struct text text);

/* What a project gives that is read from the files with SET, BLANK and PORT in the environment;
 * NULL where it is refused, which must have a reason. */
struct model *stage_load(char *const *files, bool is_original);
/* It prints, reads back and goes over the wire as the same project. */
void stage_check(const struct model *model);
void stage_require_same(const char *what, const char *first, const char *second);
