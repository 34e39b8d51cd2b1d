/* See compose/merge.h. Both sides are canonical: each key has one shape. */
#include "compose/merge.h"

#include "base/str.h"
#include "compose/schema_table.h"

struct merge {
    struct arena *arena;
    struct diagnostics *diagnostics;
};

static void merge_map(const struct merge *merge, const struct schema_object *object,
                      const struct schema_key *owner, struct node *base, struct node *over);

/* --- lists ------------------------------------------------------------------------------------ */

/* A port's addresses. One that is published as a number is another than as a text. */
static const char *port_identity(struct arena *arena, const struct node *port)
{
    const struct node *published = node_get(port, "published");
    return arena_printf(arena, "%s:%s%s:%lld/%s", node_get_string(port, "host_ip", "0.0.0.0"),
                        node_is(published, NODE_INT) ? "#" : "",
                        published ? node_scalar_text(arena, published) : "",
                        (long long)node_get_int(port, "target", 0),
                        node_get_string(port, "protocol", "tcp"));
}

/* What makes two items of a list the same: a string up to its `=`, a mount's target, a config's or
 * a secret's file in the VM, a port's addresses, a file's path. */
static const char *item_identity(struct arena *arena, const struct node *item)
{
    if (item->kind == NODE_STRING && strchr(item->text, '='))
        return arena_strndup(arena, item->text, strcspn(item->text, "="));
    if (item->kind == NODE_STRING)
        return item->text;
    if (node_find(item, "type"))
        return node_get_string(item, "target", "");
    if (node_find(item, "source")) {
        const char *target = node_get_string(item, "target", NULL);
        return target ? target : arena_printf(arena, "/%s", node_get_string(item, "source", ""));
    }
    if (node_find(item, "target"))
        return port_identity(arena, item);
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

static struct node *concatenate(struct arena *arena, struct node *base, const struct node *over)
{
    for (size_t i = 0; i < over->count; i++)
        node_append(arena, base, over->items[i]);
    return base;
}

static bool has_text(const struct node *list, size_t count, const struct node *item)
{
    for (size_t i = 0; node_is(item, NODE_STRING) && i < count; i++)
        if (node_is(list->items[i], NODE_STRING) && streq(list->items[i]->text, item->text))
            return true;
    return false;
}

static struct node *merge_hosts(struct arena *arena, struct node *base, const struct node *over)
{
    size_t count = base->count;
    for (size_t i = 0; i < over->count; i++)
        if (!has_text(base, count, over->items[i]))
            node_append(arena, base, over->items[i]);
    return base;
}

static const char *subnet_of(const struct node *entry)
{
    return node_get_string(entry, "subnet", "");
}

static size_t find_subnet(const struct node *list, const char *subnet)
{
    size_t i = 0;
    while (i < list->count && !streq(subnet_of(list->items[i]), subnet))
        i++;
    return i;
}

/* The reference's rule, found by trying: an earlier subnet stays where a later file names it again;
 * the others make room for the later file's. */
static struct node *merge_subnets(const struct merge *merge, const struct schema_key *key,
                                  const struct node *base, const struct node *over)
{
    struct node *result = node_new(merge->arena, NODE_LIST, over->position);
    for (size_t i = 0; i < base->count; i++)
        for (size_t j = 0; j < over->count; j++) {
            struct node *earlier = base->items[i], *later = over->items[j];
            if (!streq(subnet_of(earlier), subnet_of(later)) &&
                find_subnet(result, subnet_of(later)) == result->count) {
                node_append(merge->arena, result, later);
                continue;
            }
            merge_map(merge, key->object, NULL, earlier, later);
            size_t place = find_subnet(result, subnet_of(earlier));
            if (place == result->count)
                node_append(merge->arena, result, earlier);
            result->items[place] = earlier;
        }
    return result;
}

/* --- values ----------------------------------------------------------------------------------- */

/* Options of one driver mean nothing to another. */
static bool is_same_driver(const struct node *base, const struct node *over)
{
    const char *before = node_get_string(base, "driver", NULL);
    const char *after = node_get_string(over, "driver", NULL);
    return !before || !after || streq(before, after);
}

/* Of one kind, and not null. */
static struct node *merge_known(const struct merge *merge, const struct schema_key *key,
                                struct node *base, struct node *over)
{
    bool is_map = base->kind == NODE_MAP;
    switch (key->type->merge) {
    case MERGE_CONCAT:
    case MERGE_DISTINCT:
        return is_map ? over : concatenate(merge->arena, base, over);
    case MERGE_HOSTS:
        return is_map ? over : merge_hosts(merge->arena, base, over);
    case MERGE_APPEND:
        return is_map ? over : unite(merge->arena, base, over);
    case MERGE_SUBNETS:
        return is_map ? over : merge_subnets(merge, key, base, over);
    case MERGE_LOGGING:
        if (!is_map || !is_same_driver(base, over))
            return over;
        merge_map(merge, key->object, key, base, over);
        return base;
    case MERGE_OBJECT:
    case MERGE_MAP:
    case MERGE_PAIRS:
        if (!is_map)
            return over;
        merge_map(merge, key->type->merge == MERGE_OBJECT ? key->object : NULL, key, base, over);
        base->is_converted = key->type->merge == MERGE_PAIRS;
        return base;
    case MERGE_REPLACE:
    case MERGE_OVERRIDE:
    case MERGE_RULE_COUNT:
        break;
    }
    return over;
}

/* Below x-... nothing is known of the values: lists and mappings only go with their like. */
static struct node *merge_foreign(const struct merge *merge, const char *name, struct node *base,
                                  struct node *over)
{
    if (base->kind != NODE_MAP && base->kind != NODE_LIST)
        return over;
    if (base->kind != over->kind) {
        _cleanup_free_ char *hint =
            diagnostics_other_place(merge->diagnostics, over->position, base->position);
        diagnostics_add(merge->diagnostics, SEVERITY_ERROR, over->position, hint,
                        "'%s' is %s here and %s before, which cannot be merged", name,
                        node_kind_name(over->kind), node_kind_name(base->kind));
        return base;
    }
    if (base->kind == NODE_LIST)
        return concatenate(merge->arena, base, over);
    merge_map(merge, NULL, NULL, base, over);
    return base;
}

/* What was not interpolated may be in its short form still. */
static struct node *shaped(struct arena *arena, enum merge_rule rule, struct node *node)
{
    bool is_map = rule == MERGE_MAP || rule == MERGE_PAIRS;
    bool is_list = rule == MERGE_APPEND || rule == MERGE_CONCAT || rule == MERGE_DISTINCT;
    if (is_list && node->kind == NODE_STRING) {
        struct node *list = node_new(arena, NODE_LIST, node->position);
        node_append(arena, list, node);
        return list;
    }
    if (!is_map || node->kind != NODE_LIST)
        return node;
    struct node *map = node_new(arena, NODE_MAP, node->position);
    for (size_t i = 0; i < node->count; i++) {
        const struct node *item = node->items[i];
        const char *text = node_scalar_text(arena, item), *equals = strchr(text, '=');
        size_t length = equals ? (size_t)(equals - text) : strlen(text);
        node_put(arena, map, arena_strndup(arena, text, length), item->position,
                 equals ? node_new_string(arena, equals + 1, item->position)
                        : node_new(arena, NODE_NULL, item->position));
    }
    return map;
}

/* key is NULL for values the table does not know (x-...). */
static struct node *merge_value(const struct merge *merge, const struct schema_key *key,
                                const char *name, struct node *base, struct node *over)
{
    bool was_null = over->kind == NODE_NULL || (over->kind == NODE_STRING && over->is_converted);
    if (was_null && !(key && key->type->merge == MERGE_OVERRIDE))
        return base; /* `cap_add:` with nothing behind it adds nothing */
    if (over->kind == NODE_BAD || base->kind == NODE_BAD || base->kind == NODE_NULL)
        return over;
    if (!key)
        return merge_foreign(merge, name, base, over);
    base = shaped(merge->arena, key->type->merge, base);
    over = shaped(merge->arena, key->type->merge, over);
    bool is_same_kind = base->kind == over->kind;
    return is_same_kind && (base->kind == NODE_MAP || base->kind == NODE_LIST)
               ? merge_known(merge, key, base, over)
               : over;
}

/* The row of what stands under a name that the table does not have. */
static struct schema_key row_of_entries(const struct schema_key *owner)
{
    static const struct schema_type replaced = {.merge = MERGE_REPLACE},
                                    overridden = {.merge = MERGE_OVERRIDE};
    if (owner->object)
        return (struct schema_key){.type = &type_object, .object = owner->object};
    return (struct schema_key){.type = owner->type->merge == MERGE_PAIRS ? &overridden : &replaced};
}

/* object: the mapping's own rows. owner: the row of the mapping itself; NULL: below x-... */
static void merge_map(const struct merge *merge, const struct schema_object *object,
                      const struct schema_key *owner, struct node *base, struct node *over)
{
    struct schema_key entry = owner && !object ? row_of_entries(owner) : (struct schema_key){0};
    for (size_t i = 0; i < over->count; i++) {
        struct node_pair pair = over->pairs[i];
        const struct node_pair *earlier = node_find(base, pair.key);
        const struct schema_key *key = object ? schema_find(object, pair.key) : NULL;
        if (owner && !object)
            key = &entry;
        if (earlier)
            pair.value = merge_value(merge, key, pair.key, earlier->value, pair.value);
        bool is_silent = over->pairs[i].value->kind == NODE_NULL;
        if (earlier && is_silent && pair.value->kind != NODE_NULL)
            pair.position = earlier->position; /* nothing was said there */
        node_put_ranked(merge->arena, base, &pair);
    }
}

void merge_tree(struct arena *arena, struct diagnostics *diagnostics, struct node *base,
                struct node *over)
{
    struct merge merge = {arena, diagnostics};
    merge_map(&merge, &schema_root, NULL, base, over);
}

void merge_service(struct arena *arena, struct diagnostics *diagnostics, struct node *base,
                   struct node *over)
{
    struct merge merge = {arena, diagnostics};
    merge_map(&merge, &schema_service, NULL, base, over);
}
