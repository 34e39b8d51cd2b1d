/* The part of compose/complete.h about what was not interpolated (`config --no-interpolate`): it is
 * shown as it is written, but for what files that are merged make of it. */
#include "compose/complete.h"

static struct node *list_of(struct arena *arena, const struct node *map)
{
    struct node *list = node_new(arena, NODE_LIST, map->position);
    for (size_t i = 0; i < map->count; i++) {
        const struct node_pair *pair = &map->pairs[i];
        const char *text =
            pair->value->kind == NODE_NULL
                ? pair->key
                : arena_printf(arena, "%s=%s", pair->key, node_scalar_text(arena, pair->value));
        node_append(arena, list, node_new_string(arena, text, pair->position));
    }
    return list;
}

static void list_pairs(const struct schema_object *rows, struct node *map, void *data)
{
    for (size_t i = 0; i < map->count; i++) {
        struct node_pair *pair = &map->pairs[i];
        const struct schema_key *key = schema_row(rows, pair);
        if (key && key->type->merge == MERGE_PAIRS && key->type != &type_contexts &&
            pair->value->kind == NODE_MAP && pair->value->is_converted)
            pair->value = list_of(data, pair->value);
    }
}

void complete_original_pairs(struct arena *arena, struct node *tree)
{
    schema_walk(&schema_root, tree, list_pairs, arena);
}
