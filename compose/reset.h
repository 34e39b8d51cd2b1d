/* What `!reset` and `!override` name: a tree of keys, whose leaves go from what earlier files (or
 * the service that is extended) say. compose/ only. */
#pragma once

#include "compose/node.h"

/* Adds a path, a list of keys; position: the tag's. */
void reset_add(struct arena *arena, struct node *resets, const struct node *path,
               struct position position);
/* Takes the leaves out of a tree. resets may be NULL. A key of what has come to be a list in
 * Docker Compose stays, as there, with a warning. */
void reset_apply(struct diagnostics *diagnostics, struct node *tree, const struct node *resets);
