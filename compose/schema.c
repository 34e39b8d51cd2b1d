/* See compose/schema.h. The walk over the table; the types are in schema_types.c and
 * schema_ports.c. */
#include "compose/schema.h"

#include "base/alloc.h"
#include "compose/schema_types.h"

#include <math.h>
#include <stdio.h>

const char *schema_path(struct schema *schema)
{
    return value_path_text(&schema->path);
}

__attribute__((format(printf, 5, 0))) static void report(struct schema *schema,
                                                         enum severity severity,
                                                         const struct node *node, const char *hint,
                                                         const char *format, va_list args)
{
    struct diagnostics *diagnostics = schema->diagnostics;
    bool is_full = diagnostics_is_full(diagnostics); /* long values, again and again */
    _cleanup_free_ char *message = is_full ? NULL : xvasprintf(format, args);
    if (node->kind == NODE_STRING && !is_full)
        hint = schema_text_hint(node->text, hint);
    diagnostics_add_kind(diagnostics, severity, node->position, hint, format, "'%s' %s",
                         is_full ? "" : schema_path(schema), is_full ? "" : message);
}

struct node *schema_error(struct schema *schema, const struct node *node, const char *hint,
                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(schema, SEVERITY_ERROR, node, hint, format, args);
    va_end(args);
    return NULL;
}

void schema_engine(struct schema *schema, const struct node *node, const char *hint,
                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(schema, SEVERITY_ENGINE, node, hint, format, args);
    va_end(args);
}

struct node *schema_wrong_kind(struct schema *schema, const struct node *node, const char *wanted)
{
    const char *hint = diagnostics_is_full(schema->diagnostics)
                           ? NULL
                           : schema_kind_hint(schema->arena, node, wanted);
    if (node->kind == NODE_NULL)
        return schema_error(schema, node, hint, "must be %s, but has no value", wanted);
    return schema_error(schema, node, hint, "must be %s, not %s", wanted,
                        node_kind_name(node->kind));
}

const struct schema_key *schema_find(const struct schema_object *object, const char *name)
{
    for (size_t i = 0; i < object->count; i++)
        if (object->keys[i].name[0] == name[0] && streq(object->keys[i].name, name))
            return &object->keys[i];
    return NULL;
}

bool schema_has_entries(const struct schema_key *key)
{
    return key->object && key->type->merge == MERGE_MAP;
}

void schema_each(const struct schema_key *key, struct node *value, schema_visit_fn *visit,
                 void *data)
{
    if (value->kind == NODE_MAP && !schema_has_entries(key))
        visit(key->object, value, data);
    for (size_t i = 0; value->kind == NODE_LIST && i < value->count; i++)
        if (value->items[i]->kind == NODE_MAP)
            visit(key->object, value->items[i], data);
    for (size_t i = 0; value->kind == NODE_MAP && schema_has_entries(key) && i < value->count; i++)
        if (value->pairs[i].value->kind == NODE_MAP)
            visit(key->object, value->pairs[i].value, data);
}

struct walk {
    schema_visit_fn *visit;
    void *data;
};

static void walk_map(const struct schema_object *rows, struct node *map, void *data)
{
    const struct walk *walk = data;
    for (size_t i = 0; i < map->count; i++) {
        const struct schema_key *key = schema_row(rows, &map->pairs[i]);
        if (key && key->object) /* most values need not be looked at: they lie far apart */
            schema_each(key, map->pairs[i].value, walk_map, data);
    }
    walk->visit(rows, map, walk->data);
}

void schema_walk(const struct schema_object *rows, struct node *map, schema_visit_fn *visit,
                 void *data)
{
    struct walk walk = {visit, data};
    walk_map(rows, map, &walk);
}

void schema_put_value(struct arena *arena, const struct schema_object *object, struct node *map,
                      const char *name, struct node *value)
{
    const struct schema_key *key = schema_find(object, name);
    size_t rank = key ? (size_t)(key - object->keys) : object->count;
    node_put_ranked(
        arena, map,
        &(struct node_pair){
            .key = name, .position = value->position, .rank = (unsigned)rank, .value = value});
}

/* A type whose values are looked at one by one. */
static bool is_container(const struct schema_key *key)
{
    return key->object && key->type->merge != MERGE_APPEND && key->type->merge != MERGE_CONCAT;
}

struct node *schema_parse_value(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    if (node->kind == NODE_BAD)
        return NULL;
    if (schema->no_interpolate && !is_container(key))
        return schema_parse_original(schema, key, node);
    return key->type->parse(schema, key, node);
}

static bool is_in_item(const struct schema *schema)
{
    size_t i = schema->path.steps.count;
    while (i > 0 && schema->path.steps.items[i - 1].key)
        i--;
    return i > 0;
}

/* Not so in items of lists: these are never merged. */
bool schema_leave_open(struct schema *schema, const struct node *value)
{
    bool is_open = value->kind == NODE_NULL && !schema->is_final && !is_in_item(schema);
    schema->is_open = schema->is_open || is_open;
    return is_open;
}

static bool is_left_open(struct schema *schema, const struct schema_key *key,
                         const struct node *value)
{
    return value->kind == NODE_NULL &&
           (!key->type->null_is_absent || key->type->merge == MERGE_OVERRIDE) &&
           key->class != KEY_OBSOLETE && key->type != &type_services &&
           schema_leave_open(schema, value);
}

void schema_check_distinct(struct schema *schema, struct node *list)
{
    struct node *seen = node_new(schema->arena, NODE_MAP, list->position);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct node *item = list->items[i];
        const struct node_pair pair = {
            .key = item->text, .position = item->position, .value = item};
        const struct node_pair *earlier =
            node_is_scalar(item) ? node_add(schema->arena, seen, &pair) : NULL;
        if (!earlier) {
            list->items[kept++] = item;
            continue;
        }
        _cleanup_free_ char *hint =
            diagnostics_other_place(schema->diagnostics, item->position, earlier->position);
        schema_error(schema, item, hint, "holds '%s' twice", item->text);
    }
    list->count = (uint32_t)kept;
}

/* Each of these makes a pair canonical; false: it goes. */
static bool parse_known(struct schema *schema, const struct schema_object *object,
                        const struct schema_key *key, struct node_pair *pair)
{
    if (is_left_open(schema, key, pair->value)) {
        pair->rank = (unsigned)(key - object->keys);
        return true;
    }
    if (pair->value->kind == NODE_NULL && key->type->null_is_absent)
        return false;
    if (key->is_distinct && pair->value->kind == NODE_LIST)
        schema_check_distinct(schema, pair->value);
    struct node *value = schema_parse_value(schema, key, pair->value);
    if (key->class == KEY_OBSOLETE)
        return false;
    pair->value = value ? value : node_new(schema->arena, NODE_BAD, pair->value->position);
    pair->rank = (unsigned)(key - object->keys);
    pair->key = key->name;
    return true;
}

/* The model travels as JSON, which has no infinity. */
static void check_finite(struct schema *schema, const struct node *node)
{
    if (node->kind == NODE_FLOAT && !isfinite(node->number))
        diagnostics_add(schema->diagnostics, SEVERITY_ERROR, node->position, "put it in quotes",
                        "'%s' is no number that JSON can hold", node->text);
    for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
        check_finite(schema, node->items[i]);
    for (size_t i = 0; node->kind == NODE_MAP && i < node->count; i++)
        check_finite(schema, node->pairs[i].value);
}

static bool is_row(const struct schema_object *object, const struct schema_key *key)
{
    return key >= object->keys && key < object->keys + object->count;
}

/* As schema_find(). */
static const struct schema_key *find_row(struct schema *schema, const struct schema_object *object,
                                         const struct node_pair *pair)
{
    const struct schema_key **recent = &schema->recent_rows[pair->hash % SCHEMA_RECENT_ROWS];
    if (!is_row(object, *recent) || !streq((*recent)->name, pair->key))
        *recent = schema_find(object, pair->key);
    return *recent;
}

static bool parse_pair(struct schema *schema, const struct schema_object *object,
                       struct node_pair *pair, struct node *mistyped)
{
    const struct schema_key *key = find_row(schema, object, pair);
    if (!key && object->extensions && str_after_prefix(pair->key, "x-")) {
        pair->rank = (unsigned)object->count;
        check_finite(schema, pair->value);
        return true;
    }
    if (!key) {
        const char *meant = schema_report_unknown(schema, object, pair);
        if (meant)
            node_put(schema->arena, mistyped, meant, pair->position,
                     node_new(schema->arena, NODE_BAD, pair->value->position));
        return false;
    }
    size_t depth = schema_enter(schema, pair->key);
    if (key->class == KEY_OBSOLETE)
        diagnostics_add(schema->diagnostics, SEVERITY_WARNING, pair->position, NULL,
                        "'%s' is obsolete and ignored, please remove it", schema_path(schema));
    bool is_kept = parse_known(schema, object, key, pair);
    schema_leave(schema, depth);
    return is_kept;
}

/* What is mistyped counts as what was meant, with a bad value: nobody shall miss it. */
struct node *schema_parse_object(struct schema *schema, const struct schema_object *object,
                                 struct node *node)
{
    if (node->kind != NODE_MAP)
        return schema_wrong_object(schema, object, node);
    struct node mistyped = {.kind = NODE_MAP};
    size_t kept = 0;
    for (size_t i = 0; i < node->count; i++) {
        struct node_pair pair = node->pairs[i];
        if (parse_pair(schema, object, &pair, &mistyped))
            node->pairs[kept++] = pair;
    }
    node_shrink(node, kept);
    for (size_t i = 0; i < mistyped.count; i++)
        if (!node_find(node, mistyped.pairs[i].key))
            schema_put(schema, object, node, mistyped.pairs[i].key, mistyped.pairs[i].value);
    schema->is_open = schema->is_open || (object->needs && !node_find(node, object->needs));
    return node;
}

bool schema_has_empty_entries(const struct schema_key *key)
{
    return key->type == &type_service_networks || key->type == &type_models;
}

struct node *schema_parse_entry(struct schema *schema, const struct schema_key *key,
                                struct node *value)
{
    bool is_open = !schema_has_empty_entries(key) && !schema->is_final;
    if (value->kind == NODE_NULL) {
        schema->is_open = schema->is_open || is_open;
        if (is_open || schema_has_empty_entries(key))
            return value;
    }
    struct node *result =
        value->kind == NODE_BAD ? NULL : schema_parse_object(schema, key->object, value);
    return result ? result : node_new(schema->arena, NODE_BAD, value->position);
}

static struct schema begin(const struct schema_run *run)
{
    return (struct schema){.arena = run->arena,
                           .diagnostics = run->diagnostics,
                           .no_interpolate = run->no_interpolate};
}

static void end(struct schema_run *run, struct schema *schema)
{
    value_path_done(&schema->path);
    run->is_open = run->is_open || schema->is_open;
}

static bool is_file(const struct schema_run *run, const struct node *document)
{
    if (document->kind != NODE_MAP)
        diagnostics_add(run->diagnostics, SEVERITY_ERROR, document->position,
                        "begin with 'services:'", "a Compose file must be a mapping, not %s",
                        node_kind_name(document->kind));
    return document->kind == NODE_MAP;
}

struct node *schema_normalise(struct schema_run *run, struct node *document)
{
    struct schema schema = begin(run);
    struct node *result = NULL;
    if (is_file(run, document)) {
        schema_report_misplaced(&schema, document);
        result = schema_parse_object(&schema, &schema_root, document);
    }
    end(run, &schema);
    return result ? result : node_new(run->arena, NODE_MAP, document->position);
}

struct node *schema_normalise_service(struct schema_run *run, const struct node *document,
                                      const char *name)
{
    struct schema schema = begin(run);
    const struct schema_key *key = schema_find(&schema_root, "services");
    struct node *services = is_file(run, document) ? node_get(document, key->name) : NULL;
    struct node *service = node_get(services, name), *result = NULL;
    schema_enter(&schema, key->name);
    if (services && services->kind != NODE_MAP)
        schema_wrong_kind(&schema, services, "a mapping of names");
    schema_enter(&schema, name);
    if (service)
        result = schema_parse_entry(&schema, key, service);
    end(run, &schema);
    return result;
}
