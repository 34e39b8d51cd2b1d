/* See compose/reset.h. */
#include "compose/reset.h"

#include "base/str.h"

/* A mapping has further keys below it, a boolean is a leaf. */
void reset_add(struct arena *arena, struct node *resets, const struct node *path,
               struct position position)
{
    for (size_t i = 0; i < path->count; i++) {
        const char *key = path->items[i]->text;
        struct node *below = node_get(resets, key);
        if (node_is(below, NODE_BOOL))
            return; /* it goes with all that is below it */
        if (i + 1 == path->count || !below) {
            below = i + 1 == path->count ? node_new_bool(arena, true, position)
                                         : node_new(arena, NODE_MAP, position);
            node_put(arena, resets, key, position, below);
        }
        resets = below;
    }
}

static void warn(struct diagnostics *diagnostics, const struct node_pair *reset)
{
    diagnostics_add(diagnostics, SEVERITY_WARNING, reset->position,
                    "tag the key above it with '!override', and give all that shall remain",
                    "'%s' stays as it was: the mapping above it was a list, or is of several files",
                    reset->key);
}

/* A list that was a mapping: its items are KEY=VALUE. */
static void reset_items(struct node *list, const struct node *resets)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const char *text = list->items[i]->kind == NODE_STRING ? list->items[i]->text : "";
        bool is_kept = true;
        for (size_t j = 0; j < resets->count && is_kept; j++) {
            const char *rest = str_after_prefix(text, resets->pairs[j].key);
            is_kept = !(rest && *rest == '=');
        }
        if (is_kept)
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

void reset_apply(struct diagnostics *diagnostics, struct node *tree, const struct node *resets)
{
    if (node_is(tree, NODE_LIST) && tree->is_converted && resets)
        reset_items(tree, resets);
    if (!node_is(tree, NODE_MAP) || !resets)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < resets->count; i++) {
        const struct node_pair *reset = &resets->pairs[i];
        struct node_pair *pair = node_find(tree, reset->key);
        bool is_leaf = reset->value->kind == NODE_BOOL;
        if (pair && tree->is_converted)
            warn(diagnostics, reset);
        else if (pair && is_leaf)
            pair->value = NULL; /* goes below, all at once */
        else if (pair)
            reset_apply(diagnostics, pair->value, reset->value);
    }
    for (size_t i = 0; i < tree->count; i++)
        if (tree->pairs[i].value)
            tree->pairs[kept++] = tree->pairs[i];
    if (kept < tree->count)
        node_shrink(tree, kept);
}
