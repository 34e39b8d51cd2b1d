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
    memset(strbuf_reserve(out, count), ' ', count);
    out->length += count;
    out->data[out->length] = '\0';
}

char *print_text(const struct print_options *options, const struct node *node)
{
    struct strbuf out = {0};
    const char *text = node->text;
    while (options->escape_dollars && !node->is_escaped && strchr(text, '$')) {
        size_t length = strcspn(text, "$") + 1;
        strbuf_add(&out, text, length);
        strbuf_add_char(&out, '$');
        text += length;
    }
    strbuf_add_str(&out, text);
    return strbuf_take(&out);
}

void print_write_out_ports(struct arena *arena, const struct node *service)
{
    const struct node *ports = node_get(service, "ports");
    for (size_t i = 0; node_is(ports, NODE_LIST) && i < ports->count; i++) {
        struct node_pair *pair = node_find(ports->items[i], "published");
        if (pair && pair->value->kind == NODE_INT)
            pair->value =
                node_new_string(arena, node_scalar_text(arena, pair->value), pair->value->position);
    }
}
