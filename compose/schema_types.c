/* The types of compose/schema_types.h, but for ports: what a value may look like and its one long
 * form. */
#include "compose/schema_types.h"

#include "base/str.h"
#include "base/vec.h"
#include "compose/model.h"
#include "compose/parse.h"

#include <ctype.h>
#include <errno.h>

/* --- anything, objects, lists --------------------------------------------------------------- */

static struct node *parse_any(struct schema *schema, const struct schema_key *key,
                              struct node *node)
{
    (void)schema;
    (void)key;
    return node;
}
const struct schema_type type_any = {"anything", parse_any, MERGE_MAP, false};

static struct node *parse_object(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    return schema_parse_object(schema, key->object, node);
}
const struct schema_type type_object = {"mapping", parse_object, MERGE_OBJECT, false};
const struct schema_type type_optional = {"mapping, or nothing", parse_object, MERGE_OBJECT, true};

const struct schema_type type_external = {"boolean", schema_parse_boolean, MERGE_REPLACE, false};

bool schema_is_name(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

static const struct schema_key old_external_keys[] = {
    {.name = "name", .type = &type_string, .help = "full name"}};
static const struct schema_object old_external = {
    .title = "external", .keys = old_external_keys, .count = 1, .extensions = true};

/* `external: {name: X}` is the old form of `external: true` with `name: X`. */
static void unfold_external(struct schema *schema, const struct schema_key *key, struct node *value)
{
    const struct node_pair *external = node_find(value, "external");
    if (!external || external->value->kind != NODE_MAP)
        return;
    struct position position = external->position;
    size_t depth = schema_enter(schema, "external");
    struct node *old = schema_parse_object(schema, &old_external, external->value);
    schema_leave(schema, depth);
    schema_put(schema, key->object, value, "external",
               node_new_bool(schema->arena, true, old->position));
    struct node *name = node_get(old, "name");
    if (!name)
        return;
    diagnostics_add(schema->diagnostics, SEVERITY_WARNING, position,
                    "write 'external: true' with 'name:' beside it",
                    "'%s.external.name' is deprecated", schema_path(schema));
    const char *beside = node_get_string(value, "name", name->text);
    if (!streq(beside, name->text))
        schema_error(schema, name, "keep one of them", "is named '%s' as well as '%s'", name->text,
                     beside);
    schema_put(schema, key->object, value, "name", name);
}

/* Docker Compose takes any name of a network or model; no engine would take all of them. */
static bool check_name(struct schema *schema, const struct schema_key *key,
                       const struct node_pair *pair)
{
    bool is_any = streq(key->name, "networks") || streq(key->name, "models");
    if (!schema_is_name(pair->key))
        diagnostics_add(schema->diagnostics, is_any ? SEVERITY_ENGINE : SEVERITY_ERROR,
                        pair->position, "use letters, digits, '.', '_' and '-'",
                        "invalid name '%s' in '%s'", pair->key, schema_path(schema));
    return is_any || schema_is_name(pair->key);
}

/* `services:`, `networks:`, `volumes:`...: NAME: {...}. That of a network or volume may be missing.
 */
static struct node *parse_named(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a mapping of names");
    bool may_be_empty = streq(key->name, "networks") || streq(key->name, "volumes");
    size_t kept = 0;
    for (size_t i = 0; i < node->count; i++) {
        struct node_pair *pair = &node->pairs[i];
        size_t flat = key->type == &type_services ? schema_report_flat(schema, node, i) : 0;
        i += flat; /* these were reported */
        if (!check_name(schema, key, pair))
            continue;
        size_t depth = schema_enter(schema, pair->key);
        if (pair->value->kind == NODE_NULL && may_be_empty)
            pair->value = node_new(schema->arena, NODE_MAP, pair->position);
        if (pair->value->kind == NODE_MAP)
            unfold_external(schema, key, pair->value);
        pair->value = schema_parse_entry(schema, key, pair->value);
        node->pairs[kept++] = *pair;
        schema_leave(schema, depth);
    }
    node_shrink(node, kept);
    return node;
}
const struct schema_type type_named = {"mapping of names", parse_named, MERGE_MAP, false};
/* `services:` with nothing below is hardly meant. */
const struct schema_type type_services = {"mapping of names", parse_named, MERGE_MAP, false};

/* --- scalars -------------------------------------------------------------------------------- */

struct node *schema_parse_string(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    (void)key;
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a string");
    return node;
}
static struct node *parse_string_or_null(struct schema *schema, const struct schema_key *key,
                                         struct node *node)
{
    return schema_parse_string(schema, key, node);
}
const struct schema_type type_string_or_null = {"string", parse_string_or_null, MERGE_REPLACE,
                                                true};
const struct schema_type type_string = {"string", schema_parse_string, MERGE_REPLACE, false};

struct node *schema_parse_text(struct schema *schema, const struct schema_key *key,
                               struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (node && node->text[0] == '\0')
        return schema_error(schema, node, NULL, "must not be empty");
    return node;
}
const struct schema_type type_text = {"string, not empty", schema_parse_text, MERGE_REPLACE, false};

/* Docker Compose takes it empty; its engine has nothing to do with it then. */
static struct node *parse_filled(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (node && node->text[0] == '\0')
        schema_engine(schema, node, NULL, "must not be empty");
    return node;
}
const struct schema_type type_filled = {"string, not empty", parse_filled, MERGE_REPLACE, false};

struct node *schema_parse_boolean(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    static const char *const words[] = {"true", "y", "yes", "on", "false", "n", "no", "off"};
    (void)key;
    if (node->kind == NODE_BOOL)
        return node;
    for (size_t i = 0; node->kind == NODE_STRING && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(node->text, words[i]) != 0)
            continue;
        if (i % 4 != 0)
            diagnostics_add(schema->diagnostics, SEVERITY_WARNING, node->position, NULL,
                            "'%s' for a boolean is not supported by YAML 1.2, please use '%s'",
                            node->text, words[i / 4 * 4]);
        return node_new_bool(schema->arena, i < 4, node->position);
    }
    if (node->kind == NODE_STRING)
        return schema_error(schema, node, "write true or false", "must be a boolean, not '%s'",
                            node->text);
    return schema_wrong_kind(schema, node, "a boolean");
}
const struct schema_type type_boolean = {"boolean", schema_parse_boolean, MERGE_REPLACE, false};

/* The reference takes no text for these, so no variable either. */
static struct node *parse_plain_boolean(struct schema *schema, const struct schema_key *key,
                                        struct node *node)
{
    (void)key;
    if (node->kind == NODE_STRING)
        return schema_error(schema, node, "write true or false, without quotes or a variable",
                            "must be a boolean, not a string");
    return node->kind == NODE_BOOL ? node : schema_wrong_kind(schema, node, "a boolean");
}
const struct schema_type type_plain_boolean = {"boolean, without quotes", parse_plain_boolean,
                                               MERGE_REPLACE, false};

/* `version: "3"`: its value is of no interest. */
const struct schema_type type_version = {"string", schema_parse_string, MERGE_REPLACE, false};

/* The file's name is made to fit as the reference does (loader.NormalizeProjectName); -p is not. */
static struct node *parse_project_name(struct schema *schema, const struct schema_key *key,
                                       struct node *node)
{
    return schema_parse_string(schema, key, node);
}
const struct schema_type type_project_name = {"string", parse_project_name, MERGE_REPLACE, false};

static struct node *parse_working_dir(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (node && node->text[0] && node->text[0] != '/')
        schema_engine(schema, node, NULL, "must be an absolute path, not '%s'", node->text);
    return node;
}
const struct schema_type type_working_dir = {"absolute path in the VM", parse_working_dir,
                                             MERGE_REPLACE, false};

struct node *schema_parse_guest_path(struct schema *schema, const struct schema_key *key,
                                     struct node *node)
{
    node = schema_parse_text(schema, key, node);
    if (node && node->text[0] != '/')
        return schema_error(schema, node, NULL, "must be an absolute path, not '%s'", node->text);
    return node;
}
const struct schema_type type_guest_path = {"absolute path in the VM", schema_parse_guest_path,
                                            MERGE_REPLACE, false};

/* The nearest word, or all of them: "use a, b or c". */
static const char *words_hint(struct arena *arena, const char *const *words, const char *text)
{
    const char *known[16] = {NULL};
    size_t count = 0;
    for (; *words && count < ARRAY_SIZE(known); words++)
        if (**words)
            known[count++] = *words;
    const char *nearest = str_nearest(text, known, count);
    if (nearest)
        return arena_printf(arena, "did you mean '%s'?", nearest);
    const char *hint = "use ";
    for (size_t i = 0; i < count; i++)
        hint = arena_printf(arena, "%s%s%s", hint,
                            i == 0           ? ""
                            : i + 1 == count ? " or "
                                             : ", ",
                            known[i]);
    return hint;
}

/* One of a few words. later: words of the specification that do not work yet; both end with NULL.
 */
struct node *schema_parse_word(struct schema *schema, struct node *node, const char *const *words,
                               const char *const *later)
{
    const char *const *first = words;
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a string");
    for (; *words; words++)
        if (streq(node->text, *words))
            return node;
    for (; later && *later; later++)
        if (streq(node->text, *later)) {
            schema_engine(schema, node, NULL, "'%s' is not supported yet", node->text);
            return node;
        }
    return schema_error(schema, node, words_hint(schema->arena, first, node->text),
                        "has an unknown value '%s'", node->text);
}

struct node *schema_parse_free_word(struct schema *schema, struct node *node,
                                    const char *const *words)
{
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a string");
    for (const char *const *word = words; *word; word++)
        if (streq(node->text, *word))
            return node;
    schema_engine(schema, node, words_hint(schema->arena, words, node->text),
                  "'%s' is not supported", node->text);
    return node;
}

static const char *const cgroups[] = {"host", "private", NULL};
WORD_TYPE(cgroup, "`host` or `private`", cgroups, NULL);

/* --- strings, commands, environments --------------------------------------------------------- */

struct node *schema_parse_strings(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    (void)key;
    if (node->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a list of strings");
    uint32_t kept = 0;
    for (size_t i = 0; i < node->count; i++) {
        size_t depth = schema_enter_item(schema, i);
        struct node *item = node->items[i]->kind == NODE_BAD
                                ? NULL
                                : schema_parse_string(schema, NULL, node->items[i]);
        if (item)
            node->items[kept++] = item;
        schema_leave(schema, depth);
    }
    node->count = kept;
    return node;
}
const struct schema_type type_strings = {"list of strings", schema_parse_strings, MERGE_APPEND,
                                         false};

static struct node *parse_command(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    if (node->kind == NODE_LIST)
        return schema_parse_strings(schema, key, node);
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a string or a list of strings");
    char **words = NULL;
    size_t count = 0, used = 0;
    int r = parse_shell_words(schema->arena, node->text, &words, &count, &used);
    if (r == -E2BIG)
        return schema_error(schema, node, NULL, "has more than %d words", PARSE_WORDS_LIMIT);
    if (r < 0)
        return schema_error(schema, node, "close every quote, or write a list of strings",
                            "is no command line a shell could split");
    if (node->text[used] != '\0')
        diagnostics_add(schema->diagnostics, SEVERITY_WARNING, node->position,
                        "no shell reads this: write [sh, -c, \"...\"], or quote the character",
                        "'%s' ends before the '%c'", schema_path(schema), node->text[used]);
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    for (size_t i = 0; i < count; i++)
        node_append(schema->arena, result,
                    node_new_string(schema->arena, words[i], node->position));
    return result;
}
const struct schema_type type_command = {"string (split as a shell would) or list of strings",
                                         parse_command, MERGE_OVERRIDE, true};

/* --- collections of mappings ------------------------------------------------------------------ */

struct node *schema_parse_names(struct schema *schema, const struct schema_key *key,
                                const struct node *node,
                                struct node *(*fill)(struct schema *, const struct schema_key *,
                                                     const struct node *))
{
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    for (size_t i = 0; i < node->count; i++) {
        const struct node *item = node->items[i];
        size_t depth = schema_enter_item(schema, i);
        if (item->kind != NODE_STRING) {
            if (item->kind != NODE_BAD)
                schema_wrong_kind(schema, item, "a name");
        } else if (node_find(result, item->text)) {
            schema_error(schema, item, NULL, "names '%s' a second time", item->text);
        } else {
            node_put(schema->arena, result, item->text, item->position, fill(schema, key, item));
        }
        schema_leave(schema, depth);
    }
    return result;
}

struct node *schema_parse_entries(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        struct node_pair *pair = &node->pairs[i];
        size_t depth = schema_enter(schema, pair->key);
        pair->value = schema_parse_entry(schema, key, pair->value);
        schema_leave(schema, depth);
    }
    return node;
}

static struct node *parse_item_object(struct schema *schema, const struct schema_key *key,
                                      struct node *item)
{
    return schema_parse_object(schema, key->object, item);
}

struct node *schema_parse_list(struct schema *schema, const struct schema_key *key,
                               struct node *node)
{
    return schema_parse_items(schema, key, node, parse_item_object);
}

struct node *schema_parse_items(struct schema *schema, const struct schema_key *key,
                                struct node *node, schema_parse_fn *parse)
{
    if (node->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a list");
    uint32_t kept = 0;
    for (size_t i = 0; i < node->count; i++) {
        size_t depth = schema_enter_item(schema, i);
        struct node *item =
            node->items[i]->kind == NODE_BAD ? NULL : parse(schema, key, node->items[i]);
        if (item)
            node->items[kept++] = item;
        schema_leave(schema, depth);
    }
    node->count = kept;
    return node;
}
const struct schema_type type_list = {"list of mappings", schema_parse_list, MERGE_CONCAT, false};
