/* The types of what a VM boots: builds, and our own bootstraps. */
#include "base/vec.h"
#include "compose/parse.h"
#include "compose/schema_types.h"

#include <ctype.h>

/* --- x-vmstead: bootstrap --------------------------------------------------------------------- */

static bool is_of(const char *text, const char *allowed)
{
    return text[0] != '\0' && isalnum((unsigned char)text[0]) &&
           text[strspn(text, allowed)] == '\0';
}

static struct node *parse_suite(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    node = schema_parse_text(schema, key, node);
    if (node && !is_of(node->text, "abcdefghijklmnopqrstuvwxyz0123456789.-"))
        return schema_error(schema, node, NULL, "must be a Debian suite, not '%s'", node->text);
    return node;
}
const struct schema_type type_suite = {"name of a Debian suite", parse_suite, MERGE_REPLACE, false};

static struct node *parse_packages(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    struct node *result = schema_parse_strings(schema, key, node);
    for (size_t i = 0; result && i < result->count; i++)
        /* Debian Policy 5.6.7, and a version or architecture behind it */
        if (!is_of(result->items[i]->text, "abcdefghijklmnopqrstuvwxyz0123456789+-.:=~"))
            schema_error(schema, result->items[i], NULL, "has no package name in '%s'",
                         result->items[i]->text);
    return result;
}
const struct schema_type type_packages = {"list of Debian package names", parse_packages,
                                          MERGE_APPEND, false};

static struct node *parse_file_mode(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    (void)key;
    int64_t mode = -1;
    if (node->kind == NODE_INT) {
        mode = node->integer;
    } else if (node->kind == NODE_STRING) {
        if (parse_octal_digits(node->text, 07777, &mode) < 0)
            mode = -1;
    } else {
        return schema_wrong_kind(schema, node, "an octal number");
    }
    if (mode < 0 || mode > 07777)
        return schema_error(schema, node, "write it in octal, like 0644",
                            "must be a file mode, not '%s'", node->text);
    return node_new_int(schema->arena, mode, node->position);
}
const struct schema_type type_file_mode = {"octal number", parse_file_mode, MERGE_REPLACE, false};

static void check_file(struct schema *schema, const struct node_pair *pair, const struct node *file)
{
    if (pair->key[0] != '/' || strstr(pair->key, "/../") || str_ends_with(pair->key, "/") ||
        str_ends_with(pair->key, "/.."))
        diagnostics_add(schema->diagnostics, SEVERITY_ERROR, pair->position, NULL,
                        "'%s' must be the absolute path of a file, not '%s'", schema_path(schema),
                        pair->key);
    if (file && !node_find(file, "content") == !node_find(file, "source"))
        diagnostics_add(schema->diagnostics, SEVERITY_ERROR, pair->position, NULL,
                        "file '%s' needs either 'content' or 'source'", pair->key);
}

static struct node *parse_files(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a mapping of paths");
    struct node *result = schema_parse_entries(schema, key, node);
    for (size_t i = 0; i < result->count; i++)
        if (result->pairs[i].value->kind == NODE_MAP)
            check_file(schema, &result->pairs[i], result->pairs[i].value);
    return result;
}
const struct schema_type type_files = {"mapping of paths", parse_files, MERGE_MAP, false};

static struct node *parse_copy(struct schema *schema, const struct schema_key *key,
                               struct node *item)
{
    struct node *entry = node_new(schema->arena, NODE_MAP, item->position);
    if (item->kind == NODE_MAP) {
        entry = schema_parse_object(schema, key->object, item);
    } else if (item->kind == NODE_STRING) {
        const char *colon = strrchr(item->text, ':');
        if (!colon || colon == item->text || colon[1] != '/')
            return schema_error(schema, item, NULL, "must be SOURCE:/TARGET, not '%s'", item->text);
        const char *source = arena_strndup(schema->arena, item->text, (size_t)(colon - item->text));
        schema_put(schema, key->object, entry, "source",
                   node_new_string(schema->arena, source, item->position));
        schema_put(schema, key->object, entry, "target",
                   node_new_string(schema->arena, colon + 1, item->position));
    } else {
        return schema_wrong_kind(schema, item, "SOURCE:/TARGET or a mapping");
    }
    for (size_t i = 0; i < 2; i++)
        if (!node_find(entry, i == 0 ? "source" : "target"))
            return schema_error(schema, item, NULL, "needs a '%s'", i == 0 ? "source" : "target");
    return entry;
}

static struct node *parse_copies(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    return schema_parse_items(schema, key, node, parse_copy);
}
const struct schema_type type_copies = {"list of `SOURCE:/TARGET` and mappings", parse_copies,
                                        MERGE_APPEND, false};

/* Commands in their order: a later file's replace an earlier one's. */
const struct schema_type type_run = {"list of shell commands", schema_parse_strings, MERGE_REPLACE,
                                     false};

/* --- build and pull -------------------------------------------------------------------------- */

/* `build: ./folder` is `build: {context: ./folder}`. */
static struct node *parse_build(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    if (node->kind == NODE_MAP)
        return schema_parse_object(schema, key->object, node);
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a path or a mapping");
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    schema_put(schema, key->object, result, "context", node);
    return result;
}
const struct schema_type type_build = {"path of the context, or mapping", parse_build, MERGE_OBJECT,
                                       false};

static struct node *parse_contexts(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    struct node *result = schema_parse_environment(schema, key, node);
    for (size_t i = 0; result && i < result->count; i++) {
        const struct node_pair *pair = &result->pairs[i];
        if (pair->value->kind != NODE_STRING || pair->value->text[0] == '\0')
            diagnostics_add(schema->diagnostics,
                            pair->value->kind == NODE_STRING ? SEVERITY_ENGINE : SEVERITY_ERROR,
                            pair->position, "write NAME=PATH", "'%s' gives '%s' no value",
                            schema_path(schema), pair->key);
    }
    return result;
}
const struct schema_type type_contexts = {"mapping, or list of NAME=PATH", parse_contexts,
                                          MERGE_PAIRS, false};

static const char *const pull_policies[] = {"always", "never", "missing", "if_not_present",
                                            "build"};
static const char *const later_pull_policies[] = {"refresh", "daily", "weekly"};

/* [0-9]+[wdhms] */
static const char *skip_period(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && text[digits] && strchr("wdhms", text[digits]) ? text + digits + 1 : NULL;
}

bool schema_is_later_pull_policy(const char *text)
{
    const char *every = str_after_prefix(text, "every_");
    for (size_t i = 0; i < ARRAY_SIZE(later_pull_policies); i++)
        if (streq(text, later_pull_policies[i]))
            return true;
    if (!every || !*every)
        return false;
    while (every && *every)
        every = skip_period(every);
    return every;
}

/* The reference only looks whether a good word is in it. */
static bool holds_pull_policy(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(pull_policies); i++)
        if (strstr(text, pull_policies[i]))
            return true;
    for (size_t i = 0; i < ARRAY_SIZE(later_pull_policies); i++)
        if (strstr(text, later_pull_policies[i]))
            return true;
    while ((text = strstr(text, "every_"))) {
        text += strlen("every_");
        if (skip_period(text))
            return true;
    }
    return false;
}

#define PULL_HINT "use always, missing, never, build, refresh, daily, weekly or every_12h"

static struct node *parse_pull_policy(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (!node)
        return NULL;
    if (streq(node->text, "if_not_present"))
        return node_new_string(schema->arena, "missing", node->position);
    for (size_t i = 0; i < ARRAY_SIZE(pull_policies); i++)
        if (streq(node->text, pull_policies[i]))
            return node;
    if (schema_is_later_pull_policy(node->text))
        return node;
    if (!holds_pull_policy(node->text))
        return schema_error(schema, node, PULL_HINT, "has an unknown value '%s'", node->text);
    schema_engine(schema, node, PULL_HINT, "has an unknown value '%s'", node->text);
    return node;
}
const struct schema_type type_pull_policy = {"`always`, `missing`, `never` or `build`",
                                             parse_pull_policy, MERGE_REPLACE, false};
