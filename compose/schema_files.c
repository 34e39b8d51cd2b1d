/* The types of what stands in other files or programs: extends, include, hooks, models, providers.
 */
#include "compose/schema_types.h"

/* Canonical: {service, file}. */
static struct node *parse_extends(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    if (node->kind == NODE_STRING) {
        struct node *entry = node_new(schema->arena, NODE_MAP, node->position);
        schema_put(schema, key->object, entry, "service", node);
        return entry;
    }
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a service's name or a mapping");
    struct node *entry = schema_parse_object(schema, key->object, node);
    const struct node_pair *service = node_find(entry, "service");
    if (!service || service->value->kind == NODE_NULL)
        return schema_error(schema, node, "add 'service: NAME'", "needs a 'service'");
    return entry;
}
const struct schema_type type_extends = {"name of a service, or mapping", parse_extends,
                                         MERGE_REPLACE, false};

/* Canonical: {path: [...], env_file: [...], project_directory}. */
static struct node *parse_include_item(struct schema *schema, const struct schema_key *key,
                                       struct node *item)
{
    struct node *entry = node_new(schema->arena, NODE_MAP, item->position);
    if (item->kind == NODE_STRING) {
        struct node *paths = node_new(schema->arena, NODE_LIST, item->position);
        node_append(schema->arena, paths, item);
        schema_put(schema, key->object, entry, "path", paths);
        return entry;
    }
    if (item->kind != NODE_MAP)
        return schema_wrong_kind(schema, item, "a path or a mapping with a path");
    entry = schema_parse_object(schema, key->object, item);
    const struct node *paths = node_get(entry, "path");
    if (entry && (!node_find(entry, "path") || (paths && paths->count == 0)))
        return schema_error(schema, item, "add 'path: FILE'", "needs a 'path'");
    return entry;
}

static struct node *parse_include(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    return schema_parse_items(schema, key, node, parse_include_item);
}
const struct schema_type type_include = {"list of paths and mappings", parse_include, MERGE_CONCAT,
                                         true};

/* No value is none at all, but written. */
static struct node *parse_hook_command(struct schema *schema, const struct schema_key *key,
                                       struct node *node)
{
    return node->kind == NODE_NULL ? node : type_command.parse(schema, key, node);
}
const struct schema_type type_hook_command = {"string (split as a shell would) or list of strings",
                                              parse_hook_command, MERGE_REPLACE, false};

static struct node *parse_hook(struct schema *schema, const struct schema_key *key,
                               struct node *item)
{
    struct node *entry = schema_parse_object(schema, key->object, item);
    if (entry && !node_find(entry, "command"))
        return schema_error(schema, item, "add 'command: [PROGRAM, ...]'", "needs a 'command'");
    return entry;
}
const struct schema_type type_hook = {"mapping", parse_hook, MERGE_OBJECT, false};

static struct node *parse_hooks(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    return schema_parse_items(schema, key, node, parse_hook);
}
const struct schema_type type_hooks = {"list of mappings", parse_hooks, MERGE_CONCAT, false};

static struct node *fill_nothing(struct schema *schema, const struct schema_key *key,
                                 const struct node *item)
{
    (void)key;
    return node_new(schema->arena, NODE_NULL, item->position);
}

static struct node *parse_models(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    if (node->kind == NODE_LIST)
        return schema_parse_names(schema, key, node, fill_nothing);
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a list of names or a mapping");
    return schema_parse_entries(schema, key, node);
}
const struct schema_type type_models = {"list of names, or mapping", parse_models, MERGE_MAP,
                                        false};

static const char *const watch_actions[] = {"rebuild",      "sync",      "restart",
                                            "sync+restart", "sync+exec", NULL};
WORD_TYPE(watch_action, "`sync`, `rebuild`, `restart`, `sync+restart` or `sync+exec`",
          watch_actions, NULL);

static struct node *parse_watch_rule(struct schema *schema, const struct schema_key *key,
                                     struct node *item)
{
    static const char *const needed[] = {"path", "action"};
    struct node *entry = schema_parse_object(schema, key->object, item);
    for (size_t i = 0; entry && i < 2; i++)
        if (!node_find(entry, needed[i]))
            return schema_error(schema, item, NULL, "needs '%s'", needed[i]);
    const char *action = node_get_string(entry, "action", "");
    if (str_after_prefix(action, "sync") && streq(node_get_string(entry, "target", ""), ""))
        return schema_error(schema, item, "say where it is copied to", "needs a 'target' for '%s'",
                            action);
    return entry;
}

static struct node *parse_watch(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    return schema_parse_items(schema, key, node, parse_watch_rule);
}
const struct schema_type type_watch = {"list of mappings", parse_watch, MERGE_CONCAT, false};
