/* Where in a tree a walk is: "services.web.ports[0]", for messages. Entering and leaving costs next
 * to nothing; the text is made when one is asked for. compose/ only. */
#pragma once

#include "base/str.h"
#include "base/vec.h"

struct value_path_step {
    const char *key; /* NULL: an item of a list; lives as long as it is entered */
    size_t index;
};

struct value_path {
    VEC(struct value_path_step) steps;
    struct strbuf text;
};

/* Both return what value_path_leave() takes to come back. */
static inline size_t value_path_enter(struct value_path *path, const char *key)
{
    vec_add(&path->steps, ((struct value_path_step){.key = key}));
    return path->steps.count - 1;
}

static inline size_t value_path_enter_item(struct value_path *path, size_t index)
{
    vec_add(&path->steps, ((struct value_path_step){.index = index}));
    return path->steps.count - 1;
}

static inline void value_path_leave(struct value_path *path, size_t depth)
{
    path->steps.count = depth;
}

/* Valid until the next call; "" at the root. */
const char *value_path_text(struct value_path *path);
void value_path_done(struct value_path *path);
