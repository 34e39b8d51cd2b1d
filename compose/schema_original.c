/* `config --no-interpolate`: values are checked as far as they can be, but shown as they are
 * written. Only the short forms that the reference writes out even then are written out here, where
 * a `$` does not stop it. What comes of it may be of any kind. */
#include "compose/schema_types.h"

#include <stdlib.h>

static bool is_written_out(const struct schema_type *type)
{
    static const struct schema_type *const types[] = {&type_mounts,
                                                      &type_ports,
                                                      &type_depends_on,
                                                      &type_env_file,
                                                      &type_service_networks,
                                                      &type_build,
                                                      &type_contexts,
                                                      &type_devices,
                                                      &type_gpus,
                                                      &type_device_requests,
                                                      &type_dns,
                                                      &type_files_list,
                                                      &type_file_refs,
                                                      &type_build_secrets,
                                                      &type_flag_text,
                                                      &type_models,
                                                      &type_extends,
                                                      &type_include,
                                                      &type_string_or_list};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (type == types[i])
            return true;
    return false;
}

/* What cannot be taken apart because of its `$` stays. */
static struct node *try_to_parse(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    _cleanup_(diagnostics_freep) struct diagnostics *attempt = diagnostics_new();
    struct diagnostics *diagnostics = schema->diagnostics;
    size_t count = 0;
    struct node *copy = node_copy(schema->arena, node, SIZE_MAX, SIZE_MAX, &count);
    schema->diagnostics = attempt;
    struct node *result = key->type->parse(schema, key, copy);
    schema->diagnostics = diagnostics;
    return result && diagnostics_count(attempt, SEVERITY_ERROR) == 0 ? result : node;
}

/* The reference takes ports all or none, the items of other lists one by one. */
static struct node *parse_with_dollars(struct schema *schema, const struct schema_key *key,
                                       struct node *node)
{
    if (node->kind != NODE_LIST || key->type->merge != MERGE_APPEND || key->type == &type_ports)
        return try_to_parse(schema, key, node);
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    for (size_t i = 0; i < node->count; i++) {
        struct node *list = node_new(schema->arena, NODE_LIST, node->position);
        node_append(schema->arena, list, node->items[i]);
        list = try_to_parse(schema, key, list);
        for (size_t j = 0; node_is(list, NODE_LIST) && j < list->count; j++)
            node_append(schema->arena, result, list->items[j]);
    }
    return result;
}

static int by_key(const void *left, const void *right)
{
    return strcmp(((const struct node_pair *)left)->key, ((const struct node_pair *)right)->key);
}

/* In the order that a mapping has where it is merged into a list (complete_original_pairs). */
static struct node *sorted(struct arena *arena, const struct node *map)
{
    struct node *result = node_new(arena, NODE_MAP, map->position);
    struct node_pair *pairs = arena_array(arena, map->count + 1, sizeof(*pairs));
    for (size_t i = 0; i < map->count; i++)
        pairs[i] = map->pairs[i];
    qsort(pairs, map->count, sizeof(*pairs), by_key);
    for (size_t i = 0; i < map->count; i++)
        node_put_ranked(arena, result, &pairs[i]);
    result->has_dollar = map->has_dollar;
    return result;
}

struct node *schema_parse_original(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    if (key->type->merge == MERGE_PAIRS && node->kind == NODE_MAP)
        node = sorted(schema->arena, node);
    size_t count = 0;
    bool in_full = is_written_out(key->type);
    if (node->has_dollar)
        return in_full ? parse_with_dollars(schema, key, node) : node;
    if (in_full)
        return key->type->parse(schema, key, node);
    struct node *copy = node_copy(schema->arena, node, SIZE_MAX, SIZE_MAX, &count);
    return key->type->parse(schema, key, copy) ? node : NULL;
}
