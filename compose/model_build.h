/* Last but one stage: the complete canonical tree -> the structs of compose/model.h. compose/ only.
 */
#pragma once

#include "compose/model.h"
#include "compose/node.h"
#include "compose/variables.h"

struct model_input {
    struct node *tree;
    const char *directory;
    char *const *files;                /* NULL: none */
    const struct node *disabled;       /* list of names; NULL: none */
    const struct variables *variables; /* the caller's, for configs and secrets `environment:` */
    bool is_bare;              /* only name and tree: what was not interpolated has no types */
    const struct node *values; /* the same over the wire: {"secrets": {KEY: VALUE}, ...} */
    /* Called with each service before and after it is built, while it is at hand: a large project
     * fits no cache, and each walk over it costs as much as what is done there. NULL: nothing. */
    void (*before_service)(void *data, const struct node_pair *pair);
    void (*after_service)(void *data, const struct model *model, const struct node_pair *pair,
                          const struct model_service *service);
    void *data;
};

/* The model takes arena. References to what is not there were reported before and are left out. */
struct model *model_build(struct arena *arena, struct diagnostics *diagnostics,
                          const struct model_input *input);
/* The arena a model lives in, and its tree. */
struct arena *model_arena(const struct model *model);
