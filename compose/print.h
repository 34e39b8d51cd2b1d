/* Trees as text: what `config` prints (print.c) and what goes over the wire (the same JSON,
 * unsorted). compose/ only. */
#pragma once

#include "base/str.h"
#include "compose/node.h"

struct print_options {
    bool sort;           /* keys by rank, then name; else as they stand */
    bool escape_dollars; /* `$` as `$$` in strings */
};

void print_yaml(const struct node *tree, const struct print_options *options, struct strbuf *out);
void print_json(const struct node *tree, const struct print_options *options, struct strbuf *out);
