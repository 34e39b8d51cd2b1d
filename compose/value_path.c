/* See compose/value_path.h. */
#include "compose/value_path.h"

size_t value_path_enter(struct value_path *path, const char *key)
{
    vec_add(&path->steps, ((struct value_path_step){.key = key}));
    return path->steps.count - 1;
}

size_t value_path_enter_item(struct value_path *path, size_t index)
{
    vec_add(&path->steps, ((struct value_path_step){.index = index}));
    return path->steps.count - 1;
}

void value_path_leave(struct value_path *path, size_t depth)
{
    path->steps.count = depth;
}

const char *value_path_text(struct value_path *path)
{
    strbuf_clear(&path->text);
    for (size_t i = 0; i < path->steps.count; i++) {
        const struct value_path_step *step = &path->steps.items[i];
        if (step->key)
            strbuf_addf(&path->text, "%s%s", path->text.length > 0 ? "." : "", step->key);
        else
            strbuf_addf(&path->text, "[%zu]", step->index);
    }
    return strbuf_text(&path->text);
}

void value_path_done(struct value_path *path)
{
    vec_done(&path->steps);
    strbuf_done(&path->text);
}
