/* See compose/value_path.h. */
#include "compose/value_path.h"

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
