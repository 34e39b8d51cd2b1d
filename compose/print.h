/* Trees as text: what `config` prints and what goes over the wire (the same JSON, unsorted). The
 * layout of both formats is that of Docker Compose's `config`: YAML as go-yaml writes it, JSON as
 * Go's encoding/json. compose/ only. */
#pragma once

#include "base/str.h"
#include "compose/schema.h"

struct print_options {
    bool sort;        /* keys by rank, then name; else as they stand */
    bool by_name;     /* with sort: by name alone, as the reference prints what it left as it is */
    bool top_by_name; /* that of the first level, in JSON */
    bool escape_dollars; /* `$` as `$$` in strings */
    bool is_compact;     /* JSON without a blank */
    unsigned indent;     /* 0: 2 */
};

void print_yaml(const struct node *tree, const struct print_options *options, struct strbuf *out);
void print_json(const struct node *tree, const struct print_options *options, struct strbuf *out);
/* Published ports are texts to whom they are shown. */
void print_write_out_ports(struct arena *arena, const struct node *service);
/* The reference's JSON has a few members even where they say nothing, and no extensions below the
 * top level. */
void print_prepare_json(struct arena *arena, const struct schema_object *rows, struct node *tree);

/* --- between print.c, print_json.c and print_yaml.c ------------------------------------------- */

typedef int print_compare_fn(const void *left, const void *right); /* of struct node_pair ** */

/* The pairs in the order to print; freed by the caller. */
const struct node_pair **print_sorted(const struct node *map, print_compare_fn *compare);
void print_blanks(struct strbuf *out, size_t count);
/* The string as its reader will have to see it; freed by the caller. */
char *print_text(const struct print_options *options, const struct node *node);
