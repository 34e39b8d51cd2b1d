/* The types of what an engine gives a container of the host: ulimits, devices, GPUs. */
#include "compose/schema_types.h"

#include "base/vec.h"

#include <stdlib.h>

/* --- ulimits ---------------------------------------------------------------------------------- */

/* A text with a number comes from a variable. */
static struct node *parse_ulimit_number(struct schema *schema, const struct schema_key *key,
                                        struct node *node)
{
    if (node->kind == NODE_FLOAT)
        return schema_error(schema, node, NULL, "must be a whole number, not '%s'", node->text);
    return schema_parse_whole(schema, key, node);
}
const struct schema_type type_ulimit_number = {"whole number; -1 is none", parse_ulimit_number,
                                               MERGE_REPLACE, false};

/* A 0 for both is written as two, as the reference's JSON has it. */
static struct node *both_zero(struct schema *schema, const struct schema_key *key,
                              const struct node *node)
{
    struct node *entry = node_new(schema->arena, NODE_MAP, node->position);
    schema_put(schema, key->object, entry, "soft", node_new_int(schema->arena, 0, node->position));
    schema_put(schema, key->object, entry, "hard", node_new_int(schema->arena, 0, node->position));
    return entry;
}

static struct node *parse_ulimit(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    static const char *const needed[] = {"soft", "hard"};
    if (node->kind != NODE_MAP) {
        node = parse_ulimit_number(schema, key, node);
        return node && node->integer == 0 ? both_zero(schema, key, node) : node;
    }
    struct node *result = schema_parse_object(schema, key->object, node);
    for (size_t i = 0; result && i < ARRAY_SIZE(needed); i++)
        if (!node_find(result, needed[i]))
            return schema_error(schema, node, "write both, or one number for both", "needs '%s'",
                                needed[i]);
    return result;
}

static struct node *parse_ulimits(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a mapping");
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    for (size_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        size_t depth = schema_enter(schema, pair->key);
        struct node *value =
            pair->value->kind == NODE_BAD ? NULL : parse_ulimit(schema, key, pair->value);
        node_put(schema->arena, result, pair->key, pair->position,
                 value ? value : node_new(schema->arena, NODE_BAD, pair->value->position));
        schema_leave(schema, depth);
    }
    return result;
}
const struct schema_type type_ulimits = {"mapping of numbers, or of `soft` and `hard`",
                                         parse_ulimits, MERGE_MAP, false};

/* --- devices ---------------------------------------------------------------------------------- */

static void put_text(struct schema *schema, const struct schema_key *key, struct node *entry,
                     const char *name, const char *text)
{
    schema_put(schema, key->object, entry, name,
               node_new_string(schema->arena, text, entry->position));
}

/* SOURCE[:TARGET[:PERMISSIONS]] */
static struct node *parse_device_text(struct schema *schema, const struct schema_key *key,
                                      const struct node *item)
{
    char *source = arena_strdup(schema->arena, item->text), *rest = source;
    strsep(&rest, ":");
    const char *target = strsep(&rest, ":");
    const char *permissions = rest;
    struct node *entry = node_new(schema->arena, NODE_MAP, item->position);
    if (permissions && strchr(permissions, ':'))
        return schema_error(schema, item, "use SOURCE[:TARGET[:PERMISSIONS]]",
                            "has too many colons: '%s'", item->text);
    put_text(schema, key, entry, "source", source);
    put_text(schema, key, entry, "target", target && target[0] ? target : source);
    put_text(schema, key, entry, "permissions", permissions ? permissions : "rwm");
    return entry;
}

static struct node *parse_device(struct schema *schema, const struct schema_key *key,
                                 struct node *item)
{
    static const char *const needed[] = {"source", "target"};
    if (item->kind != NODE_STRING && item->kind != NODE_MAP)
        return schema_wrong_kind(schema, item, "a string or a mapping");
    if (item->kind == NODE_MAP && schema_report_split(schema, key->object, item))
        return NULL;
    struct node *entry = item->kind == NODE_STRING ? parse_device_text(schema, key, item)
                                                   : schema_parse_object(schema, key->object, item);
    for (size_t i = 0; entry && i < ARRAY_SIZE(needed); i++) {
        if (!node_find(entry, needed[i]))
            return schema_error(schema, item, NULL, "needs a '%s'", needed[i]);
        if (streq(node_get_string(entry, needed[i], "-"), ""))
            schema_engine(schema, item, NULL, "has an empty '%s'", needed[i]);
    }
    return entry;
}

static struct node *parse_devices(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    return schema_parse_items(schema, key, node, parse_device);
}
const struct schema_type type_devices = {"list of `SOURCE[:TARGET[:PERMISSIONS]]` and mappings",
                                         parse_devices, MERGE_APPEND, false};

/* Canonical: a number, -1 is all. */
static struct node *parse_device_count(struct schema *schema, const struct schema_key *key,
                                       struct node *node)
{
    if (node->kind == NODE_STRING && strcasecmp(node->text, "all") == 0)
        return node_new_int(schema->arena, -1, node->position);
    return schema_parse_whole(schema, key, node);
}
const struct schema_type type_device_count = {"whole number, or `all`", parse_device_count,
                                              MERGE_REPLACE, false};

static struct node *parse_request(struct schema *schema, const struct schema_key *key,
                                  struct node *item)
{
    struct node *entry = schema_parse_object(schema, key->object, item);
    if (entry && !streq(key->name, "gpus") && !node_find(entry, "capabilities"))
        return schema_error(schema, item, "add 'capabilities: [gpu]'", "needs 'capabilities'");
    if (entry && node_find(entry, "count") && node_find(entry, "device_ids"))
        return schema_error(schema, item, "keep one of them", "has both 'count' and 'device_ids'");
    if (entry && !node_find(entry, "count") && !node_find(entry, "device_ids"))
        schema_put(schema, key->object, entry, "count",
                   node_new_int(schema->arena, -1, entry->position));
    return entry;
}

static struct node *parse_requests(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    return schema_parse_items(schema, key, node, parse_request);
}
const struct schema_type type_device_requests = {"list of mappings", parse_requests, MERGE_CONCAT,
                                                 false};

static struct node *parse_gpus(struct schema *schema, const struct schema_key *key,
                               struct node *node)
{
    if (node->kind == NODE_LIST)
        return parse_requests(schema, key, node);
    if (node->kind != NODE_STRING || !streq(node->text, "all"))
        return schema_error(schema, node, NULL, "must be 'all' or a list of mappings");
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    struct node *entry = node_new(schema->arena, NODE_MAP, node->position);
    schema_put(schema, key->object, entry, "count",
               node_new_int(schema->arena, -1, node->position));
    node_append(schema->arena, result, entry);
    return result;
}
const struct schema_type type_gpus = {"`all`, or list of mappings", parse_gpus, MERGE_CONCAT,
                                      false};
