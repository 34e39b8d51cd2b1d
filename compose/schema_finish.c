/* The part of compose/schema.h that can be told of the merged files only: a key that has a value in
 * none of them, a mapping that misses what it needs, a list that has come to hold something twice.
 */
#include "compose/schema_types.h"

static void finish_object(struct schema *schema, const struct schema_object *object,
                          struct node *map, struct position place);

/* place: the key's. */
static void check_needs(struct schema *schema, const struct schema_object *object,
                        const struct node *map, struct position place)
{
    const struct schema_key *needed = object->needs ? schema_find(object, object->needs) : NULL;
    if (!needed || node_find(map, needed->name))
        return;
    diagnostics_add(schema->diagnostics, SEVERITY_ERROR, place,
                    arena_printf(schema->arena, "add '%s': %s", needed->name, needed->type->name),
                    "'%s' needs a '%s'", schema_path(schema), needed->name);
}

static void finish_entries(struct schema *schema, const struct schema_key *key, struct node *map)
{
    for (size_t i = 0; i < map->count; i++) {
        struct node_pair *pair = &map->pairs[i];
        size_t depth = schema_enter(schema, pair->key);
        if (pair->value->kind == NODE_MAP) {
            finish_object(schema, key->object, pair->value, pair->position);
        } else if (pair->value->kind == NODE_NULL && !schema_has_empty_entries(key)) {
            schema_wrong_kind(schema, pair->value, "a mapping");
            pair->value = node_new(schema->arena, NODE_BAD, pair->value->position);
        }
        schema_leave(schema, depth);
    }
}

static bool has_null(const struct node *map)
{
    for (size_t i = 0; i < map->count; i++)
        if (map->pairs[i].value->kind == NODE_NULL)
            return true;
    return false;
}

/* False: the key goes. */
static bool finish_value(struct schema *schema, const struct schema_key *key,
                         struct node_pair *pair)
{
    struct node *value = pair->value;
    if (value->kind == NODE_NULL && key->type->null_is_absent)
        return false;
    if (value->kind == NODE_NULL) {
        value = key->type->parse(schema, key, value);
        pair->value = value ? value : node_new(schema->arena, NODE_BAD, pair->value->position);
    } else if (value->kind == NODE_LIST && key->type->merge == MERGE_DISTINCT) {
        schema_check_distinct(schema, value);
    } else if (value->kind == NODE_MAP && !key->object && key->type->merge == MERGE_MAP) {
        if (has_null(value))
            key->type->parse(schema, key, value);
    } else if (value->kind == NODE_MAP && key->object && schema_has_entries(key)) {
        finish_entries(schema, key, value);
    } else if (value->kind == NODE_MAP && key->object) {
        finish_object(schema, key->object, value, pair->position);
    }
    return true;
}

static void finish_object(struct schema *schema, const struct schema_object *object,
                          struct node *map, struct position place)
{
    size_t kept = 0, count = map->count;
    for (size_t i = 0; i < count; i++) {
        struct node_pair pair = map->pairs[i];
        const struct schema_key *key = schema_row(object, &pair);
        size_t depth = schema_enter(schema, pair.key);
        bool is_kept = !key || finish_value(schema, key, &pair);
        schema_leave(schema, depth);
        if (is_kept)
            map->pairs[kept++] = pair;
    }
    if (kept < count)
        node_shrink(map, kept);
    check_needs(schema, object, map, place);
}

void schema_finish(struct schema_run *run, struct node *tree)
{
    struct schema schema = {.arena = run->arena,
                            .diagnostics = run->diagnostics,
                            .no_interpolate = run->no_interpolate,
                            .is_final = true};
    finish_object(&schema, &schema_root, tree, tree->position);
    value_path_done(&schema.path);
    run->is_open = false;
}
