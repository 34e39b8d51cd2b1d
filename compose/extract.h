/* Which variables the files name, for `config --variables`: found in a tree that was not
 * interpolated. compose/ only. */
#pragma once

#include "compose/node.h"

/* Adds NAME: {"name": NAME, "required": B, "default": S, "alternate": S} for every variable in a
 * tree's values to map; the first place that says more than the name counts. */
void extract_variables(struct arena *arena, const struct node *tree, struct node *map);
