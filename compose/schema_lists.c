/* The types of lists and mappings of texts: names, hosts, options of drivers, SSH agents. */
#include "compose/schema_types.h"

#include "base/ip.h"
#include "base/vec.h"

#include <stdlib.h>

/* --- lists of texts --------------------------------------------------------------------------- */

static struct node *single(struct schema *schema, struct node *node)
{
    struct node *list = node_new(schema->arena, NODE_LIST, node->position);
    node_append(schema->arena, list, node);
    return list;
}

static struct node *parse_string_or_list(struct schema *schema, const struct schema_key *key,
                                         struct node *node)
{
    if (node->kind == NODE_STRING)
        return single(schema, node);
    if (node->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a string or a list of strings");
    return schema_parse_strings(schema, key, node);
}
const struct schema_type type_string_or_list = {"string or list of strings", parse_string_or_list,
                                                MERGE_APPEND, false};

/* No item twice, over all files (schema_finish.c): the reference's schema has it so where a later
 * file's items are only appended. */
static struct node *parse_distinct(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    schema->is_open = true;
    return schema_parse_strings(schema, key, node);
}
const struct schema_type type_distinct = {"list of distinct strings", parse_distinct,
                                          MERGE_DISTINCT, false};
const struct schema_type type_plain_strings = {"list of strings", schema_parse_strings,
                                               MERGE_CONCAT, false};
const struct schema_type type_files_or_none = {"string or list of strings", parse_string_or_list,
                                               MERGE_CONCAT, true};
const struct schema_type type_files_list = {"string or list of strings", parse_string_or_list,
                                            MERGE_CONCAT, false};

/* Canonical: strings. */
static struct node *parse_texts(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    (void)key;
    if (node->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a list");
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    for (size_t i = 0; i < node->count; i++) {
        const struct node *item = node->items[i];
        size_t depth = schema_enter_item(schema, i);
        if (item->kind == NODE_STRING || item->kind == NODE_INT)
            node_append(schema->arena, result,
                        node_new_string(schema->arena, node_scalar_text(schema->arena, item),
                                        item->position));
        else if (item->kind != NODE_BAD)
            schema_wrong_kind(schema, item, "a string or a whole number");
        schema_leave(schema, depth);
    }
    return result;
}
const struct schema_type type_texts = {"list of strings and numbers", parse_texts, MERGE_APPEND,
                                       false};

static struct node *parse_distinct_texts(struct schema *schema, const struct schema_key *key,
                                         struct node *node)
{
    schema->is_open = true;
    return parse_texts(schema, key, node);
}
const struct schema_type type_distinct_texts = {"list of distinct strings and numbers",
                                                parse_distinct_texts, MERGE_DISTINCT, false};

/* --- mappings of texts ------------------------------------------------------------------------ */

/* Canonical: each option a list of strings. */
static struct node *parse_provider_options(struct schema *schema, const struct schema_key *key,
                                           struct node *node)
{
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a mapping");
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    for (size_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        size_t depth = schema_enter(schema, pair->key);
        struct node *list =
            pair->value->kind == NODE_LIST ? pair->value : single(schema, pair->value);
        struct node *texts = node_new(schema->arena, NODE_LIST, pair->value->position);
        for (size_t j = 0; j < list->count; j++) {
            const struct node *item = list->items[j];
            if (!node_is_scalar(item) && item->kind != NODE_BAD)
                schema_wrong_kind(schema, item, "a string, a number or a boolean");
            else
                node_append(schema->arena, texts,
                            node_new_string(schema->arena, node_scalar_text(schema->arena, item),
                                            item->position));
        }
        if (texts->count > 0)
            node_put(schema->arena, result, pair->key, pair->position, texts);
        schema_leave(schema, depth);
    }
    (void)key;
    return result;
}
const struct schema_type type_provider_options = {"mapping of options", parse_provider_options,
                                                  MERGE_MAP, false};

/* --- hosts ------------------------------------------------------------------------------------ */

#define HOSTS_HINT "write HOST=ADDRESS, or a mapping"

static void add_host(struct schema *schema, struct node *result, const char *host,
                     const struct node *address, const char *text)
{
    size_t length = strlen(text);
    struct ip_address ignored;
    if (host[0] == '\0' || strpbrk(host, ":=")) {
        schema_error(schema, address, HOSTS_HINT, "has a bad host name '%s'", host);
        return;
    }
    if (length > 2 && text[0] == '[' && text[length - 1] == ']')
        text = arena_strndup(schema->arena, text + 1, length - 2);
    if (!streq(text, "host-gateway") && ip_address_parse(text, &ignored) < 0)
        schema_engine(schema, address, "write an IP address, or 'host-gateway'",
                      "gives host '%s' no IP address: '%s'", host, text);
    node_append(schema->arena, result,
                node_new_string(schema->arena, arena_printf(schema->arena, "%s=%s", host, text),
                                address->position));
}

/* HOST=ADDRESS[,ADDRESS...] or HOST:ADDRESS... */
static void add_host_text(struct schema *schema, struct node *result, const struct node *item)
{
    const char *cut = strchr(item->text, '=');
    if (!cut)
        cut = strchr(item->text, ':');
    if (!cut) {
        schema_error(schema, item, HOSTS_HINT, "must be HOST=ADDRESS, not '%s'", item->text);
        return;
    }
    const char *host = arena_strndup(schema->arena, item->text, (size_t)(cut - item->text));
    char *rest = arena_strdup(schema->arena, cut + 1);
    for (const char *address; (address = strsep(&rest, ","));)
        add_host(schema, result, host, item, address);
}

static void add_host_pair(struct schema *schema, struct node *result, const struct node_pair *pair)
{
    struct node *value = pair->value;
    size_t depth = schema_enter(schema, pair->key);
    if (value->kind == NODE_STRING)
        add_host(schema, result, pair->key, value, value->text);
    else if (value->kind == NODE_LIST) {
        value = schema_parse_strings(schema, NULL, value);
        for (size_t i = 0; value && i < value->count; i++)
            add_host(schema, result, pair->key, value->items[i], value->items[i]->text);
    } else if (value->kind != NODE_BAD) {
        schema_wrong_kind(schema, value, "an address or a list of addresses");
    }
    schema_leave(schema, depth);
}

/* Canonical: a list of HOST=ADDRESS. */
static struct node *parse_hosts(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    (void)key;
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    result->is_converted = node->kind == NODE_MAP;
    if (node->kind == NODE_MAP) {
        for (size_t i = 0; i < node->count; i++)
            add_host_pair(schema, result, &node->pairs[i]);
        return result;
    }
    if (node->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a list of HOST=ADDRESS or a mapping");
    for (size_t i = 0; i < node->count; i++) {
        size_t depth = schema_enter_item(schema, i);
        if (node->items[i]->kind == NODE_STRING)
            add_host_text(schema, result, node->items[i]);
        else if (node->items[i]->kind != NODE_BAD)
            schema_wrong_kind(schema, node->items[i], "a string HOST=ADDRESS");
        schema_leave(schema, depth);
    }
    return result;
}
const struct schema_type type_hosts = {"list of HOST=ADDRESS, or mapping", parse_hosts, MERGE_HOSTS,
                                       false};

/* --- SSH agents of builds --------------------------------------------------------------------- */

static struct node *check_agents(struct schema *schema, struct node *list)
{
    for (size_t i = 0; i < list->count; i++) {
        size_t depth = schema_enter_item(schema, i);
        if (!strchr(list->items[i]->text, '=') && !streq(list->items[i]->text, "default"))
            schema_error(schema, list->items[i], "write ID=PATH",
                         "must be 'default' or have a path, not '%s'", list->items[i]->text);
        schema_leave(schema, depth);
    }
    return list;
}

/* Canonical: a list of ID and ID=PATH. */
static struct node *parse_ssh(struct schema *schema, const struct schema_key *key,
                              struct node *node)
{
    if (node->kind == NODE_LIST)
        return check_agents(schema, schema_parse_strings(schema, key, node));
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a list of ID[=PATH] or a mapping");
    node = schema_parse_environment(schema, key, node);
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    for (size_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        bool bare = pair->value->kind != NODE_STRING || pair->value->text[0] == '\0';
        const char *text =
            bare ? pair->key : arena_printf(schema->arena, "%s=%s", pair->key, pair->value->text);
        node_append(schema->arena, result, node_new_string(schema->arena, text, pair->position));
    }
    return result;
}
const struct schema_type type_ssh = {"list of ID and ID=PATH, or mapping", parse_ssh, MERGE_APPEND,
                                     false};
