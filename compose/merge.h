/* Fourth stage: the canonical trees of several files (or documents of one) become one, the later
 * over the earlier, by each key's rule in the schema table. */
#pragma once

#include "compose/schema.h"

/* Changes base; over's nodes become part of it. What the merge leaves open (no value, no
 * `condition`) is for schema_finish() to look at. */
void merge_tree(struct arena *arena, struct diagnostics *diagnostics, struct node *base,
                struct node *over);
/* The same for two services. */
void merge_service(struct arena *arena, struct diagnostics *diagnostics, struct node *base,
                   struct node *over);
/* A list without what it holds twice; the last one counts, at the place of the first. */
struct node *merge_unique(struct arena *arena, struct node *list);
