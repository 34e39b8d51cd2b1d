/* Which variables the files name, for `config --variables`: found in the text before interpolation.
 * compose/ only. */
#pragma once

#include "compose/node.h"

/* Adds NAME: {"required": B, "default": S, "alternate": S} for every variable in a document's
 * values to map; the first place that says more than the name counts. */
void extract_variables(struct arena *arena, const struct node *document, struct node *map);
