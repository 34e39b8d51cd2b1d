/* First stage: YAML text -> trees of nodes with positions, by libyaml's events. Aliases are copied,
 * merge keys (`<<`) applied, scalars resolved (compose/scalar.h). The only user of libyaml.
 *
 * Refused, with position: more than YAML_DEPTH_LIMIT nested collections (libyaml needs seconds for
 * them), more than YAML_ALIAS_LIMIT nodes or YAML_SIZE_LIMIT bytes of text born from aliases,
 * more values than any project has, duplicate keys, anything but UTF-8. */
#pragma once

#include "compose/node.h"

#define YAML_SIZE_LIMIT ((size_t)16 * 1024 * 1024)
#define YAML_DEPTH_LIMIT 64
#define YAML_ALIAS_LIMIT 100000
#define YAML_COLLECTION_LIMIT 20000           /* what one mapping or list holds */
#define YAML_VALUE_LIMIT 500000               /* what all files hold, */
#define YAML_TEXT_LIMIT (2 * YAML_SIZE_LIMIT) /* and their size */
#define YAML_DOCUMENT_LIMIT 1000              /* of one file */

/* What was read so far of all files that are read together. */
struct yaml_budget {
    size_t values, size;
};

/* Reads all documents of a text of ours into a list node (empty documents are null nodes), however
 * many values it holds. Problems go to diagnostics; returns NULL where the text cannot be read at
 * all. file is its number in positions. */
struct node *yaml_read(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                       const char *text, size_t length);
/* The same of a file that is anybody's; *ret_resets has for each document a tree (reset.h) of what
 * was tagged `!reset`, and is left out, or `!override`. */
struct node *yaml_read_file(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                            const char *text, size_t length, struct yaml_budget *budget,
                            struct node **ret_resets);
