/* What both formats of compose/print.h share. */
#include "compose/print.h"

#include "base/alloc.h"

#include <stdlib.h>

const struct node_pair **print_sorted(const struct node *map, print_compare_fn *compare)
{
    const struct node_pair **pairs = xcalloc(map->count + 1, sizeof(*pairs));
    for (size_t i = 0; i < map->count; i++)
        pairs[i] = &map->pairs[i];
    if (compare)
        qsort(pairs, map->count, sizeof(*pairs), compare);
    return pairs;
}

void print_blanks(struct strbuf *out, size_t count)
{
    while (count-- > 0)
        strbuf_add_char(out, ' ');
}

char *print_text(const struct print_options *options, const struct node *node)
{
    struct strbuf out = {0};
    for (const char *text = node->text; *text; text++) {
        if (*text == '$' && options->escape_dollars && !node->is_escaped)
            strbuf_add_char(&out, '$');
        strbuf_add_char(&out, *text);
    }
    return strbuf_take(&out);
}
