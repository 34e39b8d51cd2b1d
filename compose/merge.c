/* See compose/merge.h. Both sides are canonical: each key has one shape. */
#include "compose/merge.h"

#include "base/str.h"
#include "compose/schema_types.h"

static void merge_map(struct arena *arena, const struct schema_object *object,
                      const struct schema_key *owner, struct node *base, struct node *over);

/* What makes two items of a list the same: a string itself, a mount's target, a config's or a
 * secret's target or else its name, a port's addresses, a file's path. */
static const char *item_identity(struct arena *arena, const struct node *item)
{
    if (item->kind == NODE_STRING)
        return item->text;
    if (node_find(item, "type"))
        return node_get_string(item, "target", "");
    if (node_find(item, "source"))
        return node_get_string(item, "target", node_get_string(item, "source", ""));
    if (node_find(item, "target"))
        return arena_printf(arena, "%s:%s:%lld/%s", node_get_string(item, "host_ip", ""),
                            node_get_string(item, "published", ""),
                            (long long)node_get_int(item, "target", 0),
                            node_get_string(item, "protocol", ""));
    return node_get_string(item, "path", "");
}

/* A later item takes the place of an earlier one that is the same. */
static struct node *unite(struct arena *arena, const struct node *base, const struct node *over)
{
    struct node *seen = node_new(arena, NODE_MAP, over->position);
    for (size_t i = 0; i < base->count; i++)
        node_put(arena, seen, item_identity(arena, base->items[i]), base->position, base->items[i]);
    for (size_t i = 0; i < over->count; i++)
        node_put(arena, seen, item_identity(arena, over->items[i]), over->position, over->items[i]);
    struct node *result = node_new(arena, NODE_LIST, over->position);
    for (size_t i = 0; i < seen->count; i++)
        node_append(arena, result, seen->pairs[i].value);
    return result;
}

#define FEW_ITEMS 8

/* Of a short list, as most are, this is told without memory. */
static bool is_short_and_unique(struct arena *arena, const struct node *list)
{
    const char *identities[FEW_ITEMS];
    for (size_t i = 0; i < list->count && i < FEW_ITEMS; i++) {
        identities[i] = item_identity(arena, list->items[i]);
        for (size_t j = 0; j < i; j++)
            if (streq(identities[i], identities[j]))
                return false;
    }
    return list->count <= FEW_ITEMS;
}

struct node *merge_unique(struct arena *arena, struct node *list)
{
    if (is_short_and_unique(arena, list))
        return list;
    struct node none = {.kind = NODE_LIST, .position = list->position};
    return unite(arena, list, &none);
}

/* Options of one driver mean nothing to another. */
static bool is_same_driver(const struct node *base, const struct node *over)
{
    const char *before = node_get_string(base, "driver", NULL);
    const char *after = node_get_string(over, "driver", NULL);
    return base->kind == NODE_MAP && over->kind == NODE_MAP &&
           (!before || !after || streq(before, after));
}

static struct node *merge_subnets(struct arena *arena, const struct schema_key *key,
                                  struct node *base, struct node *over)
{
    if (base->kind != NODE_LIST || over->kind != NODE_LIST)
        return over;
    for (size_t i = 0; i < over->count; i++) {
        struct node *same = NULL;
        const char *subnet = node_get_string(over->items[i], "subnet", "");
        for (size_t j = 0; j < base->count && !same; j++)
            if (streq(node_get_string(base->items[j], "subnet", ""), subnet))
                same = base->items[j];
        if (same)
            merge_map(arena, key->object, NULL, same, over->items[i]);
        else
            node_append(arena, base, over->items[i]);
    }
    return base;
}

/* key is NULL for values the table does not know (x-...). */
static struct node *merge_value(struct arena *arena, const struct schema_key *key,
                                struct node *base, struct node *over)
{
    enum merge_rule rule = key && key->type ? key->type->merge : MERGE_MAP;
    switch (rule) {
    case MERGE_CONCAT:
        if (base->kind != NODE_LIST || over->kind != NODE_LIST)
            return over;
        for (size_t i = 0; i < over->count; i++)
            node_append(arena, base, over->items[i]);
        return base;
    case MERGE_SUBNETS:
        return merge_subnets(arena, key, base, over);
    case MERGE_LOGGING:
        if (!is_same_driver(base, over))
            return over;
        merge_map(arena, key->object, key, base, over);
        return base;
    case MERGE_APPEND:
        if (base->kind == NODE_LIST && over->kind == NODE_LIST)
            return unite(arena, base, over);
        return over;
    case MERGE_MAP:
    case MERGE_OBJECT:
        if (!key && base->kind == NODE_LIST && over->kind == NODE_LIST) {
            for (size_t i = 0; i < over->count; i++)
                node_append(arena, base, over->items[i]);
            return base;
        }
        if (base->kind == NODE_MAP && over->kind == NODE_NULL && key)
            return base; /* `networks: {front: }` adds nothing */
        if (base->kind != NODE_MAP || over->kind != NODE_MAP)
            return over;
        merge_map(arena, rule == MERGE_OBJECT ? key->object : NULL, key, base, over);
        return base;
    case MERGE_REPLACE:
    case MERGE_RULE_COUNT:
        break;
    }
    return over;
}

/* object: the mapping's own rows. owner: the row of a mapping of names, whose values have rows. */
static void merge_map(struct arena *arena, const struct schema_object *object,
                      const struct schema_key *owner, struct node *base, struct node *over)
{
    const struct schema_type *mapping = &type_object;
    struct schema_key entry = {.type = mapping, .object = owner ? owner->object : NULL};
    for (size_t i = 0; i < over->count; i++) {
        struct node_pair pair = over->pairs[i];
        const struct node_pair *earlier = node_find(base, pair.key);
        const struct schema_key *key = object ? schema_find(object, pair.key) : NULL;
        if (!object && entry.object)
            key = &entry;
        if (earlier)
            pair.value = merge_value(arena, key, earlier->value, pair.value);
        node_put_ranked(arena, base, &pair);
    }
}

void merge_tree(struct arena *arena, struct node *base, struct node *over)
{
    merge_map(arena, &schema_root, NULL, base, over);
}

void merge_service(struct arena *arena, struct node *base, struct node *over)
{
    merge_map(arena, schema_find(&schema_root, "services")->object, NULL, base, over);
}
