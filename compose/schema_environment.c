/* The types of variables, labels and options: a mapping, some of them also a list of KEY=VALUE.
 * Canonical: a mapping of strings, and of nulls in environments. */
#include "compose/schema_types.h"

#include <ctype.h>

struct pair_rules {
    bool are_variables; /* what has no value takes the caller's; names are those of variables */
    bool may_be_list;
    bool takes_null, takes_booleans, takes_fractions;
    bool takes_strings_only;
};

/* --- lists ------------------------------------------------------------------------------------ */

/* "KEY=VALUE" or "KEY". */
static void add_assignment(struct schema *schema, const struct pair_rules *rules,
                           struct node *result, const struct node *item)
{
    const char *equals = strchr(item->text, '=');
    size_t length = equals ? (size_t)(equals - item->text) : strlen(item->text);
    const char *name = arena_strndup(schema->arena, item->text, length);
    if (length == 0)
        schema_engine(schema, item, NULL, "has no name: '%s'", item->text);
    if (length > 0 && rules->are_variables && isspace((unsigned char)name[length - 1])) {
        schema_error(schema, item, NULL, "has a blank behind the name in '%s'", item->text);
        return;
    }
    struct node *value = equals ? node_new_string(schema->arena, equals + 1, item->position)
                                : node_new(schema->arena, NODE_NULL, item->position);
    node_put(schema->arena, result, name, item->position, value);
}

static struct node *pairs_of_list(struct schema *schema, const struct pair_rules *rules,
                                  const struct node *node)
{
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    result->is_converted = true;
    for (size_t i = 0; i < node->count; i++) {
        size_t depth = schema_enter_item(schema, i);
        if (node->items[i]->kind == NODE_STRING)
            add_assignment(schema, rules, result, node->items[i]);
        else if (node->items[i]->kind != NODE_BAD)
            schema_wrong_kind(schema, node->items[i], "a string KEY=VALUE");
        schema_leave(schema, depth);
    }
    return result;
}

/* --- mappings --------------------------------------------------------------------------------- */

static bool check_name(struct schema *schema, const struct pair_rules *rules,
                       const struct node_pair *pair)
{
    if (pair->key[0] == '\0' && rules->may_be_list) {
        diagnostics_add(schema->diagnostics, SEVERITY_ERROR, pair->position, NULL,
                        "'%s' is no name", pair->key);
        return false;
    }
    if (rules->are_variables && strchr(pair->key, '='))
        diagnostics_add(schema->diagnostics, SEVERITY_ENGINE, pair->position, NULL,
                        "'%s' is no name of a variable", pair->key);
    return true;
}

static bool is_taken(const struct pair_rules *rules, const struct node *value)
{
    if (rules->takes_strings_only)
        return value->kind == NODE_STRING;
    if (value->kind == NODE_NULL)
        return rules->takes_null;
    if (value->kind == NODE_BOOL)
        return rules->takes_booleans;
    if (value->kind == NODE_FLOAT)
        return rules->takes_fractions;
    return node_is_scalar(value);
}

static const char *wanted_value(const struct pair_rules *rules)
{
    if (rules->takes_booleans)
        return "a string, a number, a boolean or empty";
    if (rules->takes_strings_only)
        return "a string";
    if (!rules->takes_fractions)
        return "a string or a whole number";
    return rules->takes_null ? "a string, a number or empty" : "a string or a number";
}

static struct node *pair_value(struct schema *schema, const struct pair_rules *rules,
                               struct node *value)
{
    if (value->kind == NODE_BAD || (is_taken(rules, value) && value->kind == NODE_NULL) ||
        schema_leave_open(schema, value))
        return value;
    if (!is_taken(rules, value)) {
        schema_wrong_kind(schema, value, wanted_value(rules));
        return node_new(schema->arena, NODE_BAD, value->position);
    }
    return value->kind == NODE_STRING
               ? value
               : node_new_string(schema->arena, node_scalar_text(schema->arena, value),
                                 value->position);
}

/* In place: environments are long. */
static struct node *pairs_of_map(struct schema *schema, const struct pair_rules *rules,
                                 struct node *node)
{
    size_t kept = 0;
    for (size_t i = 0; i < node->count; i++) {
        struct node_pair pair = node->pairs[i];
        size_t depth = schema_enter(schema, pair.key);
        pair.value = pair_value(schema, rules, pair.value);
        if (check_name(schema, rules, &pair))
            node->pairs[kept++] = pair;
        schema_leave(schema, depth);
    }
    node_shrink(node, kept);
    return node;
}

static struct node *parse_pairs(struct schema *schema, const struct pair_rules *rules,
                                struct node *node)
{
    if (node->kind == NODE_LIST && rules->may_be_list)
        node = pairs_of_list(schema, rules, node);
    else if (node->kind == NODE_MAP)
        node = pairs_of_map(schema, rules, node);
    else
        return schema_wrong_kind(
            schema, node, rules->may_be_list ? "a mapping or a list of KEY=VALUE" : "a mapping");
    for (size_t i = 0; !rules->are_variables && i < node->count; i++) {
        bool is_open = !rules->takes_null && !rules->may_be_list;
        if (node->pairs[i].value->kind != NODE_NULL || is_open)
            continue;
        struct node *text = node_new_string(schema->arena, "", node->pairs[i].value->position);
        text->is_converted = !rules->may_be_list; /* leaves an earlier file's option */
        node->pairs[i].value = text;
    }
    return node;
}

/* --- types ------------------------------------------------------------------------------------ */

#define ANY_VALUE .takes_null = true, .takes_booleans = true, .takes_fractions = true

struct node *schema_parse_environment(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    static const struct pair_rules rules = {.are_variables = true, .may_be_list = true, ANY_VALUE};
    (void)key;
    return parse_pairs(schema, &rules, node);
}
const struct schema_type type_environment = {"mapping, or list of KEY=VALUE and KEY",
                                             schema_parse_environment, MERGE_PAIRS, false};

static struct node *parse_labels(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    static const struct pair_rules rules = {.may_be_list = true, ANY_VALUE};
    (void)key;
    return parse_pairs(schema, &rules, node);
}
const struct schema_type type_labels = {"mapping, or list of KEY=VALUE", parse_labels, MERGE_PAIRS,
                                        false};

static struct node *parse_options(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    static const struct pair_rules rules = {.takes_null = true, .takes_fractions = true};
    (void)key;
    return parse_pairs(schema, &rules, node);
}
const struct schema_type type_options = {"mapping of options", parse_options, MERGE_MAP, false};

static struct node *parse_driver_options(struct schema *schema, const struct schema_key *key,
                                         struct node *node)
{
    static const struct pair_rules rules = {.takes_fractions = true};
    (void)key;
    return parse_pairs(schema, &rules, node);
}
const struct schema_type type_driver_options = {"mapping of strings and numbers",
                                                parse_driver_options, MERGE_MAP, false};

static struct node *parse_storage_options(struct schema *schema, const struct schema_key *key,
                                          struct node *node)
{
    static const struct pair_rules rules = {.takes_null = true};
    (void)key;
    return parse_pairs(schema, &rules, node);
}
const struct schema_type type_storage_options = {"mapping of options", parse_storage_options,
                                                 MERGE_MAP, false};

static struct node *parse_string_map(struct schema *schema, const struct schema_key *key,
                                     struct node *node)
{
    static const struct pair_rules rules = {.takes_strings_only = true};
    (void)key;
    return parse_pairs(schema, &rules, node);
}
const struct schema_type type_string_map = {"mapping of strings", parse_string_map, MERGE_MAP,
                                            false};

/* --- files of variables ----------------------------------------------------------------------- */

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
            schema_error(schema, item, "add 'path: FILE'", "needs a 'path'");
        else if (entry)
            node_append(schema->arena, result, entry);
        schema_leave(schema, depth);
    }
    return result;
}
const struct schema_type type_env_file = {"path, or list of paths and mappings", parse_env_file,
                                          MERGE_APPEND, false};
