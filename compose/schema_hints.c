/* What a problem's reader may have meant: keys at the wrong place, values in the wrong form. Only
 * looked for where there is a problem. */
#include "base/str.h"
#include "base/vec.h"
#include "compose/schema_table.h"

#include <ctype.h>

#define SEARCH_DEPTH 3 /* how far below a misplaced key is looked for */

static const struct schema_object *service_object(void)
{
    return schema_find(&schema_root, "services")->object;
}

/* --- keys ------------------------------------------------------------------------------------ */

/* Other words of other versions, programs and habits, and what they are here. */
static const struct word {
    const char *title, *key;  /* which object's, unknown to it */
    const char *meant, *hint; /* a key of the object, or another way to say it */
} words[] = {
    {"services.NAME", "cmd", "command", NULL},
    {"services.NAME", "env", "environment", NULL},
    {"services.NAME", "log_driver", NULL, "write 'logging: {driver: ...}'"},
    {"services.NAME", "log_opt", NULL, "write 'logging: {options: ...}'"},
    {"services.NAME", "name", "container_name", NULL},
    {"services.NAME", "net", "network_mode", NULL},
    {"services.NAME", "volume_driver", NULL, "write 'driver' of the volume, at the top level"},
    {"services.NAME.build", "file", "dockerfile", NULL},
    {"services.NAME.build", "path", "context", NULL},
    {"services.NAME.healthcheck", "cmd", "test", NULL},
    {"services.NAME.healthcheck", "command", "test", NULL},
    {"services.NAME.networks.NETWORK", "ip", "ipv4_address", NULL},
    {"services.NAME.volumes[]", "destination", "target", NULL},
    {"services.NAME.volumes[]", "dst", "target", NULL},
    {"services.NAME.volumes[]", "src", "source", NULL},
};

/* "deploy.resources" where that has the key; NULL: it is nowhere below. */
static const char *find_below(struct arena *arena, const struct schema_object *object,
                              const char *name, unsigned depth)
{
    for (size_t i = 0; depth > 0 && i < object->count; i++) {
        const struct schema_key *key = &object->keys[i];
        const char *entry = schema_has_entries(key) ? ".NAME" : "";
        if (key->object && schema_find(key->object, name))
            return arena_printf(arena, "%s%s", key->name, entry);
    }
    for (size_t i = 0; depth > 1 && i < object->count; i++) {
        const struct schema_key *key = &object->keys[i];
        const char *entry = schema_has_entries(key) ? ".NAME" : "";
        const char *below = key->object ? find_below(arena, key->object, name, depth - 1) : NULL;
        if (below)
            return arena_printf(arena, "%s%s.%s", key->name, entry, below);
    }
    return NULL;
}

/* Where else the key could stand. */
static const char *place_hint(struct arena *arena, const struct schema_object *object,
                              const char *name)
{
    bool in_service = str_after_prefix(object->title, "services.NAME.");
    if (in_service && schema_find(service_object(), name))
        return "it is a key of the service: indent it less";
    if (object != &schema_root && schema_find(&schema_root, name))
        return "it is a key of the top level: indent it less";
    const char *below = find_below(arena, object, name, SEARCH_DEPTH);
    return below ? arena_printf(arena, "it belongs below '%s'", below) : NULL;
}

static const struct word *find_word(const struct schema_object *object, const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (streq(words[i].title, object->title) && streq(words[i].key, key))
            return &words[i];
    return NULL;
}

/* Sets one of both, or none. */
static void find_meant(struct arena *arena, const struct schema_object *object, const char *key,
                       const char **ret_meant, const char **ret_hint)
{
    const char *names[256];
    size_t count = 0;
    for (; count < object->count && count < ARRAY_SIZE(names); count++)
        names[count] = object->keys[count].name;
    const struct word *word = find_word(object, key);
    const char *nearest = str_nearest(key, names, count);
    *ret_meant = word ? word->meant : NULL;
    *ret_hint = word ? word->hint : NULL;
    if (word)
        return;
    if (str_after_prefix(key, "X-") && object->extensions)
        *ret_hint = "extensions begin with a small 'x-'";
    else if (!nearest || str_distance(key, nearest) > 1)
        *ret_hint = place_hint(arena, object, key);
    *ret_meant = *ret_hint ? NULL : nearest;
}

const char *schema_report_unknown(struct schema *schema, const struct schema_object *object,
                                  const struct node_pair *pair)
{
    const char *meant = NULL, *hint = NULL;
    if (!diagnostics_is_full(schema->diagnostics))
        find_meant(schema->arena, object, pair->key, &meant, &hint);
    if (meant)
        hint = arena_printf(schema->arena, "did you mean '%s'?", meant);
    if (schema->path.steps.count > 0)
        diagnostics_add(schema->diagnostics, SEVERITY_ERROR, pair->position, hint,
                        "unknown key '%s' in '%s'", pair->key, schema_path(schema));
    else
        diagnostics_add(schema->diagnostics, SEVERITY_ERROR, pair->position, hint,
                        "unknown key '%s'", pair->key);
    return meant;
}

/* --- services in the wrong place ------------------------------------------------------------- */

/* A mapping with an image or a build, or with keys of a service and no other. */
static bool is_service(const struct node *value)
{
    const struct schema_object *object = service_object();
    if (node_is(value, NODE_MAP) && (node_find(value, "image") || node_find(value, "build")))
        return true;
    for (size_t i = 0; value->kind == NODE_MAP && i < value->count; i++)
        if (!schema_find(object, value->pairs[i].key))
            return false;
    return value->kind == NODE_MAP && value->count > 0;
}

static bool is_misplaced(const struct node_pair *pair)
{
    return !schema_find(&schema_root, pair->key) && !str_after_prefix(pair->key, "x-") &&
           is_service(pair->value);
}

static void remove_misplaced(struct node *document)
{
    size_t kept = 0;
    for (size_t i = 0; i < document->count; i++)
        if (!is_misplaced(&document->pairs[i]))
            document->pairs[kept++] = document->pairs[i];
    node_shrink(document, kept);
}

void schema_report_misplaced(struct schema *schema, struct node *document)
{
    bool has_services = node_find(document, "services");
    _cleanup_strbuf_ struct strbuf names = {0};
    const struct node_pair *first = NULL;
    for (size_t i = 0; i < document->count; i++) {
        const struct node_pair *pair = &document->pairs[i];
        if (!is_misplaced(pair))
            continue;
        if (has_services)
            diagnostics_add(schema->diagnostics, SEVERITY_ERROR, pair->position,
                            "indent it below 'services:'",
                            "unknown key '%s': services do not stand at the top level", pair->key);
        strbuf_addf(&names, "%s'%s'", first ? ", " : "", pair->key);
        first = first ? first : pair;
    }
    if (!first)
        return;
    if (!has_services)
        diagnostics_add(schema->diagnostics, SEVERITY_ERROR, first->position,
                        "write 'services:' above and indent all of them: only version 1 of the "
                        "format went without",
                        "services stand at the top level: %s", strbuf_text(&names));
    remove_misplaced(document);
}

/* Whether the pair looks like a key of the service that was begun before it. */
static bool is_flat(const struct node_pair *pair)
{
    return schema_find(service_object(), pair->key) && !is_service(pair->value);
}

size_t schema_report_flat(struct schema *schema, struct node *services, size_t place)
{
    struct node_pair *pair = &services->pairs[place];
    size_t count = 0;
    _cleanup_strbuf_ struct strbuf names = {0};
    for (; pair->value->kind == NODE_NULL && place + count + 1 < services->count; count++) {
        const struct node_pair *next = &services->pairs[place + count + 1];
        if (!is_flat(next))
            break;
        strbuf_addf(&names, "%s'%s'", count ? ", " : "", next->key);
    }
    if (count == 0)
        return 0;
    diagnostics_add(schema->diagnostics, SEVERITY_ERROR, services->pairs[place + 1].position,
                    arena_printf(schema->arena, "indent them deeper than '%s'", pair->key),
                    "what belongs to service '%s' stands beside it: %s", pair->key,
                    strbuf_text(&names));
    pair->value = node_new(schema->arena, NODE_BAD, pair->value->position);
    return count;
}

/* --- values of the wrong kind ---------------------------------------------------------------- */

/* As it can stand between brackets. */
static const char *quote(struct arena *arena, const struct node *node)
{
    const char *text = node_scalar_text(arena, node);
    bool is_plain = node->kind != NODE_STRING || isalpha((unsigned char)text[0]);
    for (const char *c = text; is_plain && *c; c++)
        is_plain = isalnum((unsigned char)*c) || strchr("._-/", *c);
    return is_plain ? text : arena_printf(arena, "\"%s\"", text);
}

/* `key:value` or `key value` where a mapping is wanted; or the one key that is hardly ever missing.
 */
static const char *object_hint(struct arena *arena, const struct schema_object *object,
                               const struct node *node)
{
    if (node->kind == NODE_LIST)
        return node->count > 0 && node->items[0]->kind == NODE_MAP ? "leave out the '-'" : NULL;
    if (node->kind != NODE_STRING || strlen(node->text) > 80)
        return NULL;
    const char *text = node->text;
    size_t length = strcspn(text, ": ");
    const char *name = arena_strndup(arena, text, length);
    if (text[length] && schema_find(object, name))
        return arena_printf(arena, "write '%s: %s', with a blank behind the ':'", name,
                            text + length + 1 + strspn(text + length + 1, " "));
    const char *first = object == service_object()         ? "image"
                        : schema_find(object, "file")      ? "file"
                        : schema_find(object, "test")      ? "test"
                        : schema_find(object, "condition") ? "condition"
                                                           : NULL;
    return first ? arena_printf(arena, "write '%s: %s' below it", first, text)
                 : "write lines 'KEY: VALUE' below it";
}

struct node *schema_wrong_object(struct schema *schema, const struct schema_object *object,
                                 const struct node *node)
{
    if (node->kind == NODE_NULL)
        return schema_wrong_kind(schema, node, "a mapping");
    const char *hint =
        diagnostics_is_full(schema->diagnostics) ? NULL : object_hint(schema->arena, object, node);
    return schema_error(schema, node, hint, "must be a mapping, not %s",
                        node_kind_name(node->kind));
}

bool schema_report_split(struct schema *schema, const struct schema_object *object,
                         const struct node *item)
{
    const struct node_pair *pair = item->count == 1 ? &item->pairs[0] : NULL;
    if (!pair || schema_find(object, pair->key) || !node_is_scalar(pair->value) ||
        str_after_prefix(pair->key, "x-"))
        return false;
    const char *value = node_scalar_text(schema->arena, pair->value);
    schema_error(schema, item,
                 arena_printf(schema->arena, "write '%s:%s', without a blank behind the ':'",
                              pair->key, value),
                 "must be one text, or a mapping of its own keys, not '%s: %s'", pair->key, value);
    return true;
}

static const char *list_hint(struct arena *arena, const struct node *node)
{
    const char *text = node_is_scalar(node) ? node_scalar_text(arena, node) : NULL;
    if (node->kind == NODE_MAP)
        return "begin each item with '- '";
    if (!text || strlen(text) > 80)
        return NULL;
    if (text[0] == '-' && text[1])
        return "begin each item with '- ', a blank behind the '-'";
    return arena_printf(arena, "write it in brackets: [%s]", quote(arena, node));
}

/* What stands in a list where a mapping of names is wanted. */
static const char *names_hint(struct arena *arena, const struct node *node)
{
    const struct node *item = node->kind == NODE_LIST && node->count > 0 ? node->items[0] : NULL;
    if (node_is(item, NODE_STRING))
        return arena_printf(arena, "write '%s:' instead of '- %s'", item->text, item->text);
    return node_is(item, NODE_MAP) ? "write NAME: without a '-' before it" : NULL;
}

/* A mapping where a text is wanted. */
static const char *text_hint(struct arena *arena, const struct node *node, const char *wanted)
{
    const struct node_pair *pair = node->count == 1 ? &node->pairs[0] : NULL;
    if (pair && pair->value->kind == NODE_NULL)
        return arena_printf(arena, "put it in quotes; a variable is written ${%s}", pair->key);
    if (!pair || !node_is_scalar(pair->value))
        return NULL;
    const char *value = node_scalar_text(arena, pair->value);
    if (str_ends_with(wanted, "KEY=VALUE"))
        return arena_printf(arena, "write '%s=%s'", pair->key, value);
    return arena_printf(arena, "put it in quotes: \"%s: %s\"", pair->key, value);
}

const char *schema_kind_hint(struct arena *arena, const struct node *node, const char *wanted)
{
    bool wants_list = str_after_prefix(wanted, "a list") || strstr(wanted, "or a list");
    bool wants_text = str_after_prefix(wanted, "a string");
    if (node->kind == NODE_NULL)
        return "write it below, or remove the key";
    if (node->kind == NODE_TIME || (node_is_scalar(node) && wants_text))
        return "put it in quotes";
    bool is_variable = node->kind == NODE_MAP && node->count == 1 &&
                       node->pairs[0].value->kind == NODE_NULL; /* {TAG} */
    if (wants_text && node->kind == NODE_MAP && (is_variable || !wants_list))
        return text_hint(arena, node, wanted);
    if (wants_text && node->kind == NODE_LIST && node->count == 1 && node_is_scalar(node->items[0]))
        return "leave out the brackets, or the '-'";
    if (wants_list)
        return list_hint(arena, node);
    if (streq(wanted, "a name") && node->kind == NODE_MAP)
        return "a list holds names only: leave out each '-' to say more of them";
    if (streq(wanted, "a mapping of names"))
        return names_hint(arena, node);
    if (streq(wanted, "a boolean"))
        return "write true or false";
    return NULL;
}

const char *schema_text_hint(const char *text, const char *hint)
{
    static const char *const marks[] = {"\u201c", "\u201d", "\u2018", "\u2019", "\u00a0"};
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
        if (strstr(text, marks[i]))
            return i < 4 ? "it holds typographic quotes: write \" or '"
                         : "it holds a no-break space: write a blank";
    return hint;
}
