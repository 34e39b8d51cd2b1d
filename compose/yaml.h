/* First stage: YAML text -> trees of nodes with positions, by libyaml's events. Aliases are copied,
 * merge keys (`<<`) applied, scalars resolved (compose/scalar.h). The only user of libyaml.
 *
 * Refused, with position: more than YAML_DEPTH_LIMIT nested collections (libyaml needs seconds for
 * them), more than YAML_ALIAS_LIMIT nodes or YAML_SIZE_LIMIT bytes of text born from aliases,
 * duplicate keys, anything but UTF-8. */
#pragma once

#include "compose/node.h"

#define YAML_SIZE_LIMIT ((size_t)16 * 1024 * 1024)
#define YAML_DEPTH_LIMIT 64
#define YAML_ALIAS_LIMIT 100000

/* Reads all documents of a file into a list node (empty documents are null nodes). Problems go to
 * diagnostics; returns NULL where the text cannot be read at all. file is its number in positions.
 */
struct node *yaml_read(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                       const char *text, size_t length);
/* The same; *ret_resets has for each document a tree (reset.h) of what was tagged `!reset`, and is
 * left out, or `!override`. */
struct node *yaml_read_tagged(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                              const char *text, size_t length, struct node **ret_resets);
