/* The types of numbers and limits: sizes with a sign, fractions, ulimits, device requests. */
#include "compose/parse.h"
#include "compose/schema_types.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* --- numbers ---------------------------------------------------------------------------------- */

/* Canonical: bytes as a string; -1 is "unlimited". */
static struct node *parse_limit(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    if (node_is_scalar(node) && streq(node_scalar_text(schema->arena, node), "-1"))
        return node_new_string(schema->arena, "-1", node->position);
    return type_bytes.parse(schema, key, node);
}
const struct schema_type type_limit = {"size, or -1", parse_limit, MERGE_REPLACE, false};

static struct node *parse_number(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    (void)key;
    char *end = NULL;
    double value = 0;
    if (!node_is_scalar(node) || node->kind == NODE_BOOL)
        return schema_wrong_kind(schema, node, "a number");
    const char *text = node_scalar_text(schema->arena, node);
    value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return schema_error(schema, node, NULL, "must be a number, not '%s'", text);
    struct node *result = node_new(schema->arena, NODE_FLOAT, node->position);
    result->number = value;
    return result;
}
const struct schema_type type_number = {"number", parse_number, MERGE_REPLACE, false};

static struct node *check_range(struct schema *schema, struct node *node, int64_t least,
                                int64_t most)
{
    if (node && (node->integer < least || node->integer > most))
        return schema_error(schema, node, NULL, "must be from %lld to %lld, not %lld",
                            (long long)least, (long long)most, (long long)node->integer);
    return node;
}

static struct node *parse_oom_score(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    return check_range(schema, schema_parse_whole(schema, key, node), -1000, 1000);
}
const struct schema_type type_oom_score = {"whole number, -1000 to 1000", parse_oom_score,
                                           MERGE_REPLACE, false};

static struct node *parse_percent(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    node = parse_number(schema, key, node);
    if (node && (node->number < 0 || node->number > 100))
        return schema_error(schema, node, NULL, "must be from 0 to 100");
    return node;
}
const struct schema_type type_percent = {"number, 0 to 100", parse_percent, MERGE_REPLACE, false};

/* A word or a boolean. Canonical: a string. */
static struct node *parse_flag_text(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    (void)key;
    if (node->kind != NODE_STRING && node->kind != NODE_BOOL)
        return schema_wrong_kind(schema, node, "a string or a boolean");
    return node_new_string(schema->arena, node_scalar_text(schema->arena, node), node->position);
}
const struct schema_type type_flag_text = {"string or boolean", parse_flag_text, MERGE_REPLACE,
                                           false};

/* --- ulimits ---------------------------------------------------------------------------------- */

static struct node *parse_ulimit(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    if (node->kind != NODE_MAP)
        return schema_parse_whole(schema, key, node);
    struct node *result = schema_parse_object(schema, key->object, node);
    for (size_t i = 0; result && i < 2; i++) {
        const char *name = i == 0 ? "soft" : "hard";
        if (!node_find(result, name))
            return schema_error(schema, node, "write both, or one number for both", "needs '%s'",
                                name);
    }
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
    put_text(schema, key, entry, "target", target ? target : source);
    put_text(schema, key, entry, "permissions", permissions ? permissions : "rwm");
    return entry;
}

static struct node *parse_device(struct schema *schema, const struct schema_key *key,
                                 struct node *item)
{
    if (item->kind == NODE_STRING)
        return parse_device_text(schema, key, item);
    if (item->kind != NODE_MAP)
        return schema_wrong_kind(schema, item, "a string or a mapping");
    struct node *entry = schema_parse_object(schema, key->object, item);
    if (entry && !node_find(entry, "source"))
        return schema_error(schema, item, NULL, "needs a 'source'");
    if (entry && !node_find(entry, "target"))
        return schema_error(schema, item, NULL, "needs a 'target'");
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
