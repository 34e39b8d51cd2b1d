/* Where go-yaml reads a text and libyaml does not: the escape \' in double quotes, and a plain text
 * in a flow collection that ends with a colon ([a:, b]). The text is written so that libyaml takes
 * it, and read again; positions stay those of the original. compose/yaml*.c only. */
#pragma once

#include "base/str.h"
#include "base/vec.h"

#include <yaml.h>

/* Behind this column of a line of the mended text, that of the original is so much larger. */
struct yaml_shift {
    size_t line, column;
    int by;
};

struct yaml_mended {
    struct strbuf text; /* empty: nothing was mended */
    VEC(struct yaml_shift) shifts;
    size_t work; /* bytes to be read again */
};
void yaml_mended_done(struct yaml_mended *mended);

/* parser has failed on the text, which may be mended's. True where it is worth to read mended's
 * text now. */
bool yaml_mend(struct yaml_mended *mended, const yaml_parser_t *parser, const char *text,
               size_t length);
/* The column in the original. */
size_t yaml_mended_column(const struct yaml_mended *mended, const yaml_mark_t *mark);
