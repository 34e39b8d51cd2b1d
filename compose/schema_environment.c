/* The types of variables and labels: a mapping, or a list of KEY=VALUE. */
#include "compose/schema_types.h"

#include <ctype.h>

/* "KEY=VALUE" or "KEY" (null: the caller's value). */
static void add_assignment(struct schema *schema, struct node *result, const struct node *item)
{
    const char *equals = strchr(item->text, '=');
    size_t length = equals ? (size_t)(equals - item->text) : strlen(item->text);
    if (length == 0) {
        schema_error(schema, item, NULL, "names no variable: '%s'", item->text);
        return;
    }
    const char *name = arena_strndup(schema->arena, item->text, length);
    if (isspace((unsigned char)name[length - 1])) {
        schema_error(schema, item, NULL, "has a blank behind the name in '%s'", item->text);
        return;
    }
    struct node *value = equals ? node_new_string(schema->arena, equals + 1, item->position)
                                : node_new(schema->arena, NODE_NULL, item->position);
    node_put(schema->arena, result, name, item->position, value);
}

static struct node *environment_of_list(struct schema *schema, const struct node *node)
{
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    result->is_converted = true;
    for (size_t i = 0; i < node->count; i++) {
        size_t depth = schema_enter_item(schema, i);
        if (node->items[i]->kind == NODE_STRING)
            add_assignment(schema, result, node->items[i]);
        else if (node->items[i]->kind != NODE_BAD)
            schema_wrong_kind(schema, node->items[i], "a string KEY=VALUE");
        schema_leave(schema, depth);
    }
    return result;
}

struct node *schema_parse_environment(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    (void)key;
    if (node->kind == NODE_LIST)
        return environment_of_list(schema, node);
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a mapping or a list of KEY=VALUE");
    size_t kept = 0;
    for (size_t i = 0; i < node->count; i++) {
        struct node_pair *pair = &node->pairs[i];
        struct node *value = pair->value;
        size_t depth = schema_enter(schema, pair->key);
        if (pair->key[0] == '\0' || strchr(pair->key, '='))
            diagnostics_add(schema->diagnostics, SEVERITY_ERROR, pair->position, NULL,
                            "'%s' is no name of a variable", pair->key);
        else if (node_is_scalar(value) && value->kind != NODE_STRING)
            value = node_new_string(schema->arena, node_scalar_text(schema->arena, value),
                                    value->position);
        else if (!node_is_scalar(value) && value->kind != NODE_NULL && value->kind != NODE_BAD)
            schema_wrong_kind(schema, value, "a string, a number, a boolean or empty");
        pair->value = value;
        if (value->kind == NODE_STRING || value->kind == NODE_NULL)
            node->pairs[kept++] = *pair;
        schema_leave(schema, depth);
    }
    node_shrink(node, kept);
    return node;
}
const struct schema_type type_environment = {"mapping, or list of KEY=VALUE and KEY",
                                             schema_parse_environment, MERGE_PAIRS, false};

static const char *const formats[] = {"", "raw", NULL};
WORD_TYPE(env_format, "`raw`", formats, NULL);

/* Canonical: list of {path, required, format}. */
static struct node *parse_env_file(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    size_t count = node->kind == NODE_LIST ? node->count : 1;
    if (node->kind == NODE_MAP)
        return schema_wrong_kind(schema, node, "a path or a list");
    for (size_t i = 0; i < count; i++) {
        struct node *item = node->kind == NODE_LIST ? node->items[i] : node;
        size_t depth = schema_enter_item(schema, i);
        struct node *entry = NULL;
        if (item->kind == NODE_STRING) {
            entry = node_new(schema->arena, NODE_MAP, item->position);
            schema_put(schema, key->object, entry, "path", item);
        } else if (item->kind == NODE_MAP) {
            entry = schema_parse_object(schema, key->object, item);
        } else if (item->kind != NODE_BAD) {
            schema_wrong_kind(schema, item, "a path or a mapping with a path");
        }
        if (entry && !node_find(entry, "path"))
            schema_error(schema, item, NULL, "needs a 'path'");
        else if (entry)
            node_append(schema->arena, result, entry);
        schema_leave(schema, depth);
    }
    return result;
}
const struct schema_type type_env_file = {"path, or list of paths and mappings", parse_env_file,
                                          MERGE_APPEND, false};

/* Canonical: a mapping of strings; what has no value has an empty one. */
static struct node *parse_labels(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    struct node *result = schema_parse_environment(schema, key, node);
    for (size_t i = 0; result && i < result->count; i++)
        if (result->pairs[i].value->kind == NODE_NULL)
            result->pairs[i].value =
                node_new_string(schema->arena, "", result->pairs[i].value->position);
    return result;
}
const struct schema_type type_labels = {"mapping, or list of KEY=VALUE", parse_labels, MERGE_PAIRS,
                                        false};
