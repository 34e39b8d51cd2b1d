/* Last but one stage: the complete canonical tree -> the structs of compose/model.h. compose/ only.
 */
#pragma once

#include "compose/model.h"
#include "compose/node.h"

/* The model takes arena. References to services that are not there are left out and reported. */
struct model *model_build(struct arena *arena, struct diagnostics *diagnostics, struct node *tree,
                          const char *directory, char *const *files);
/* The arena a model lives in, and its tree. */
struct arena *model_arena(const struct model *model);
