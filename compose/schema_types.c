/* The types of compose/schema_types.h, but for ports: what a value may look like and its one long
 * form. */
#include "compose/schema_types.h"

#include "base/str.h"
#include "compose/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

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
const struct schema_type type_object = {"mapping", parse_object, MERGE_MAP, true};

static bool is_name(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

/* `services:` and `networks:`: NAME: {...}. A network's value may be missing. */
static struct node *parse_named(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a mapping of names");
    bool may_be_empty = streq(key->name, "networks");
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    for (size_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        if (!is_name(pair->key)) {
            diagnostics_add(schema->diagnostics, SEVERITY_ERROR, pair->position,
                            "use letters, digits, '.', '_' and '-'", "invalid name '%s' in '%s'",
                            pair->key, strbuf_text(&schema->path));
            continue;
        }
        size_t length = schema_enter(schema, pair->key);
        struct node *value = pair->value;
        if (value->kind == NODE_NULL && may_be_empty)
            value = node_new(schema->arena, NODE_MAP, pair->position);
        value = value->kind == NODE_BAD ? NULL : schema_parse_object(schema, key->object, value);
        if (!value)
            value = node_new(schema->arena, NODE_BAD, pair->value->position);
        node_put(schema->arena, result, pair->key, pair->position, value);
        schema_leave(schema, length);
    }
    return result;
}
const struct schema_type type_named = {"mapping of names", parse_named, MERGE_MAP, true};

/* --- scalars -------------------------------------------------------------------------------- */

static struct node *parse_string(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    (void)key;
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a string");
    return node;
}
const struct schema_type type_string = {"string", parse_string, MERGE_REPLACE, false};

static struct node *parse_text(struct schema *schema, const struct schema_key *key,
                               struct node *node)
{
    node = parse_string(schema, key, node);
    if (node && node->text[0] == '\0')
        return schema_error(schema, node, NULL, "must not be empty");
    return node;
}
const struct schema_type type_text = {"string, not empty", parse_text, MERGE_REPLACE, false};

static struct node *parse_boolean(struct schema *schema, const struct schema_key *key,
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
const struct schema_type type_boolean = {"boolean", parse_boolean, MERGE_REPLACE, false};

static struct node *parse_integer(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    (void)key;
    if (node->kind == NODE_INT)
        return node;
    if (node->kind == NODE_FLOAT && fabs(node->number) < 1e15) /* the fraction is dropped */
        return node_new_int(schema->arena, (int64_t)node->number, node->position);
    if (node->kind == NODE_STRING) { /* from a variable */
        char *end = NULL;
        errno = 0;
        long long value = strtoll(node->text, &end, 10);
        if (errno == 0 && *end == '\0' && end != node->text && !isspace((unsigned char)*node->text))
            return node_new_int(schema->arena, value, node->position);
        return schema_error(schema, node, NULL, "must be a whole number, not '%s'", node->text);
    }
    return schema_wrong_kind(schema, node, "a whole number");
}
const struct schema_type type_integer = {"whole number", parse_integer, MERGE_REPLACE, false};

static struct node *parse_cpus(struct schema *schema, const struct schema_key *key,
                               struct node *node)
{
    (void)key;
    double value = 0;
    if (!node_is_scalar(node) || node->kind == NODE_BOOL)
        return schema_wrong_kind(schema, node, "a number");
    const char *text = node_scalar_text(schema->arena, node);
    if (parse_decimal(text, &value) < 0 || value > 1024)
        return schema_error(schema, node, "write how many CPUs, like 0.5 or 2",
                            "must be a number of CPUs from 0 to 1024, not '%s'", text);
    struct node *result = node_new(schema->arena, NODE_FLOAT, node->position);
    result->number = value;
    return result;
}
const struct schema_type type_cpus = {"number", parse_cpus, MERGE_REPLACE, false};

static struct node *parse_size(struct schema *schema, const struct schema_key *key,
                               struct node *node)
{
    (void)key;
    uint64_t bytes = 0;
    if (!node_is_scalar(node) || node->kind == NODE_BOOL)
        return schema_wrong_kind(schema, node, "a size");
    const char *text = node_scalar_text(schema->arena, node);
    if (parse_bytes(text, &bytes) < 0)
        return schema_error(schema, node, "write a number with a unit: b, k, m or g, like 512m",
                            "must be a size, not '%s'", text);
    text = arena_printf(schema->arena, "%llu", (unsigned long long)bytes);
    return node_new_string(schema->arena, text, node->position);
}
const struct schema_type type_bytes = {"size: number with b, k, m, g", parse_size, MERGE_REPLACE,
                                       false};

/* `version: "3"`: its value is of no interest. */
const struct schema_type type_version = {"anything", parse_any, MERGE_REPLACE, false};

/* The file's name is made to fit as the reference does (loader.NormalizeProjectName); -p is not. */
static struct node *parse_project_name(struct schema *schema, const struct schema_key *key,
                                       struct node *node)
{
    return parse_string(schema, key, node);
}
const struct schema_type type_project_name = {"string", parse_project_name, MERGE_REPLACE, false};

/* RFC 1123 labels; the whole at most 63, for it becomes one DNS label's worth of kernel hostname.
 */
static bool is_hostname(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > 63)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool edge = i == 0 || i + 1 == length || text[i - 1] == '.' || text[i + 1] == '.';
        bool inner = !edge && (text[i] == '-' || text[i] == '_' || text[i] == '.');
        if (!isalnum((unsigned char)text[i]) && !inner &&
            !(text[i] == '.' && i > 0 && i + 1 < length && text[i - 1] != '.' &&
              text[i + 1] != '.'))
            return false;
    }
    return true;
}

static struct node *parse_hostname(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    node = parse_text(schema, key, node);
    if (node && !is_hostname(node->text))
        return schema_error(schema, node, "use letters, digits, '-' and '.', 63 at most",
                            "must be a host name, not '%s'", node->text);
    return node;
}
const struct schema_type type_hostname = {"host name", parse_hostname, MERGE_REPLACE, false};

static struct node *parse_guest_path(struct schema *schema, const struct schema_key *key,
                                     struct node *node)
{
    node = parse_text(schema, key, node);
    if (node && node->text[0] != '/')
        return schema_error(schema, node, NULL, "must be an absolute path, not '%s'", node->text);
    return node;
}
const struct schema_type type_guest_path = {"absolute path in the VM", parse_guest_path,
                                            MERGE_REPLACE, false};

/* One of a few words. later: words of the specification that do not work yet; both end with NULL.
 */
static struct node *parse_word(struct schema *schema, struct node *node, const char *const *words,
                               const char *const *later)
{
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a string");
    for (; *words; words++)
        if (streq(node->text, *words))
            return node;
    for (; later && *later; later++)
        if (streq(node->text, *later))
            return schema_error(schema, node, NULL, "'%s' is not supported yet", node->text);
    return schema_error(schema, node, NULL, "has an unknown value '%s'", node->text);
}

#define WORD_TYPE(symbol, doc, words, later)                                                       \
    static struct node *parse_##symbol(struct schema *schema, const struct schema_key *key,        \
                                       struct node *node)                                          \
    {                                                                                              \
        (void)key;                                                                                 \
        return parse_word(schema, node, words, later);                                             \
    }                                                                                              \
    const struct schema_type type_##symbol = {doc, parse_##symbol, MERGE_REPLACE, false}

static const char *const conditions[] = {"service_started", NULL};
static const char *const later_conditions[] = {"service_healthy", "service_completed_successfully",
                                               NULL};
WORD_TYPE(condition, "`service_started`", conditions, later_conditions);

static const char *const drivers[] = {"bridge", "", NULL};
static const char *const later_drivers[] = {"overlay", "host", "none", "macvlan", "ipvlan", NULL};
WORD_TYPE(network_driver, "`bridge`", drivers, later_drivers);

static const char *const ipam_drivers[] = {"default", "", NULL};
WORD_TYPE(ipam_driver, "`default`", ipam_drivers, NULL);

/* --- strings, commands, environments --------------------------------------------------------- */

static struct node *parse_strings(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    (void)key;
    if (node->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a list of strings");
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    for (size_t i = 0; i < node->count; i++) {
        size_t length = schema_enter_item(schema, i);
        if (node->items[i]->kind == NODE_STRING)
            node_append(schema->arena, result, node->items[i]);
        else if (node->items[i]->kind != NODE_BAD)
            schema_wrong_kind(schema, node->items[i], "a string");
        schema_leave(schema, length);
    }
    return result;
}
const struct schema_type type_strings = {"list of strings", parse_strings, MERGE_APPEND, false};

static struct node *parse_command(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    if (node->kind == NODE_LIST)
        return parse_strings(schema, key, node);
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a string or a list of strings");
    char **words = NULL;
    size_t count = 0, used = 0;
    if (parse_shell_words(schema->arena, node->text, &words, &count, &used) < 0)
        return schema_error(schema, node, "close every quote, or write a list of strings",
                            "is no command line a shell could split");
    if (node->text[used] != '\0')
        diagnostics_add(schema->diagnostics, SEVERITY_WARNING, node->position,
                        "no shell reads this: write [sh, -c, \"...\"], or quote the character",
                        "'%s' ends before the '%c'", strbuf_text(&schema->path), node->text[used]);
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    for (size_t i = 0; i < count; i++)
        node_append(schema->arena, result,
                    node_new_string(schema->arena, words[i], node->position));
    return result;
}
const struct schema_type type_command = {"string (split as a shell would) or list of strings",
                                         parse_command, MERGE_REPLACE, true};

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
    struct node *value = equals ? node_new_string(schema->arena, equals + 1, item->position)
                                : node_new(schema->arena, NODE_NULL, item->position);
    node_put(schema->arena, result, name, item->position, value);
}

static struct node *environment_of_list(struct schema *schema, const struct node *node)
{
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    for (size_t i = 0; i < node->count; i++) {
        size_t length = schema_enter_item(schema, i);
        if (node->items[i]->kind == NODE_STRING)
            add_assignment(schema, result, node->items[i]);
        else if (node->items[i]->kind != NODE_BAD)
            schema_wrong_kind(schema, node->items[i], "a string KEY=VALUE");
        schema_leave(schema, length);
    }
    return result;
}

static struct node *parse_environment(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    (void)key;
    if (node->kind == NODE_LIST)
        return environment_of_list(schema, node);
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a mapping or a list of KEY=VALUE");
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    for (size_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        struct node *value = pair->value;
        size_t length = schema_enter(schema, pair->key);
        if (pair->key[0] == '\0' || strchr(pair->key, '='))
            diagnostics_add(schema->diagnostics, SEVERITY_ERROR, pair->position, NULL,
                            "'%s' is no name of a variable", pair->key);
        else if (node_is_scalar(value))
            value = node_new_string(schema->arena, node_scalar_text(schema->arena, value),
                                    value->position);
        else if (value->kind != NODE_NULL && value->kind != NODE_BAD)
            schema_wrong_kind(schema, value, "a string, a number, a boolean or empty");
        if (value->kind == NODE_STRING || value->kind == NODE_NULL)
            node_put(schema->arena, result, pair->key, pair->position, value);
        schema_leave(schema, length);
    }
    return result;
}
const struct schema_type type_environment = {"mapping, or list of KEY=VALUE and KEY",
                                             parse_environment, MERGE_MAP, false};

/* Canonical: list of {path, required, format}. */
static struct node *parse_env_file(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    size_t count = node->kind == NODE_LIST ? node->count : 1;
    for (size_t i = 0; i < count; i++) {
        struct node *item = node->kind == NODE_LIST ? node->items[i] : node;
        size_t length = schema_enter_item(schema, i);
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
        schema_leave(schema, length);
    }
    return result;
}
const struct schema_type type_env_file = {"path, or list of paths and mappings", parse_env_file,
                                          MERGE_APPEND, false};

/* --- references between services and networks ------------------------------------------------ */

/* Lists of names become mappings; fill puts a name's defaults. */
static struct node *
named_of_list(struct schema *schema, const struct schema_key *key, const struct node *node,
              struct node *(*fill)(struct schema *, const struct schema_key *, const struct node *))
{
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    for (size_t i = 0; i < node->count; i++) {
        const struct node *item = node->items[i];
        size_t length = schema_enter_item(schema, i);
        if (item->kind != NODE_STRING) {
            if (item->kind != NODE_BAD)
                schema_wrong_kind(schema, item, "a name");
        } else if (node_find(result, item->text)) {
            schema_error(schema, item, NULL, "names '%s' a second time", item->text);
        } else {
            node_put(schema->arena, result, item->text, item->position, fill(schema, key, item));
        }
        schema_leave(schema, length);
    }
    return result;
}

static struct node *parse_map_of_objects(struct schema *schema, const struct schema_key *key,
                                         const struct node *node, bool may_be_empty)
{
    struct node *result = node_new(schema->arena, NODE_MAP, node->position);
    for (size_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        size_t length = schema_enter(schema, pair->key);
        struct node *value = pair->value;
        if (value->kind != NODE_NULL || !may_be_empty)
            value =
                value->kind == NODE_BAD ? NULL : schema_parse_object(schema, key->object, value);
        if (!value)
            value = node_new(schema->arena, NODE_BAD, pair->value->position);
        node_put(schema->arena, result, pair->key, pair->position, value);
        schema_leave(schema, length);
    }
    return result;
}

static struct node *fill_attachment(struct schema *schema, const struct schema_key *key,
                                    const struct node *item)
{
    (void)key;
    return node_new(schema->arena, NODE_NULL, item->position);
}

static struct node *parse_service_networks(struct schema *schema, const struct schema_key *key,
                                           struct node *node)
{
    if (node->kind == NODE_LIST)
        return named_of_list(schema, key, node, fill_attachment);
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a list of names or a mapping");
    return parse_map_of_objects(schema, key, node, true);
}
const struct schema_type type_service_networks = {"list of names, or mapping",
                                                  parse_service_networks, MERGE_MAP, false};

static struct node *fill_dependency(struct schema *schema, const struct schema_key *key,
                                    const struct node *item)
{
    struct node *entry = node_new(schema->arena, NODE_MAP, item->position);
    schema_put(schema, key->object, entry, "condition",
               node_new_string(schema->arena, "service_started", item->position));
    schema_put(schema, key->object, entry, "required",
               node_new_bool(schema->arena, true, item->position));
    return entry;
}

static struct node *parse_depends_on(struct schema *schema, const struct schema_key *key,
                                     struct node *node)
{
    if (node->kind == NODE_LIST)
        return named_of_list(schema, key, node, fill_dependency);
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a list of names or a mapping");
    struct node *result = parse_map_of_objects(schema, key, node, false);
    for (size_t i = 0; i < result->count; i++) {
        struct node *entry = result->pairs[i].value;
        if (entry->kind == NODE_MAP && !node_find(entry, "condition"))
            diagnostics_add(schema->diagnostics, SEVERITY_ERROR, result->pairs[i].position,
                            "add 'condition: service_started'", "'%s.%s' needs a 'condition'",
                            strbuf_text(&schema->path), result->pairs[i].key);
    }
    return result;
}
const struct schema_type type_depends_on = {"list of names, or mapping", parse_depends_on,
                                            MERGE_MAP, false};

/* --- networks -------------------------------------------------------------------------------- */

static struct node *parse_ipv4_type(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    uint32_t address = 0;
    node = parse_string(schema, key, node);
    if (!node || parse_ipv4(node->text, &address) == 0)
        return node;
    if (parse_is_ipv6(node->text))
        return schema_error(schema, node, NULL, "'%s': IPv6 is not supported yet", node->text);
    return schema_error(schema, node, NULL, "must be an IPv4 address, not '%s'", node->text);
}
const struct schema_type type_ipv4 = {"IPv4 address", parse_ipv4_type, MERGE_REPLACE, false};

static struct node *parse_subnet_type(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    struct subnet subnet;
    char address[INET_ADDRSTRLEN];
    node = parse_string(schema, key, node);
    if (!node)
        return NULL;
    if (parse_subnet(node->text, &subnet) < 0) {
        if (strchr(node->text, ':') && strchr(node->text, '/'))
            return schema_error(schema, node, NULL, "'%s': IPv6 is not supported yet", node->text);
        return schema_error(schema, node, "write it as ADDRESS/PREFIX, like 10.1.2.0/24",
                            "must be an IPv4 subnet, not '%s'", node->text);
    }
    if (subnet.address & ~subnet_mask(&subnet)) {
        format_ipv4(subnet.address & subnet_mask(&subnet), address);
        return schema_error(
            schema, node,
            arena_printf(schema->arena, "did you mean '%s/%u'?", address, subnet.prefix),
            "'%s' has host bits set", node->text);
    }
    if (subnet.prefix < 8 || subnet.prefix > 29)
        return schema_error(schema, node, "use a prefix from 8 to 29",
                            "'%s' is too %s for a network", node->text,
                            subnet.prefix < 8 ? "large" : "small");
    return node;
}
const struct schema_type type_subnet = {"IPv4 subnet", parse_subnet_type, MERGE_REPLACE, false};

/* `external: {name: X}` is the old form of `external: true` with `name: X`. */
static struct node *parse_external(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    if (node->kind == NODE_MAP)
        return schema_error(schema, node, "write `external: true` and `name:` beside it",
                            "is no longer a mapping");
    return parse_boolean(schema, key, node);
}
const struct schema_type type_external = {"boolean", parse_external, MERGE_REPLACE, false};

static struct node *parse_list(struct schema *schema, const struct schema_key *key,
                               struct node *node)
{
    if (node->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a list");
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    for (size_t i = 0; i < node->count; i++) {
        size_t length = schema_enter_item(schema, i);
        struct node *item = node->items[i]->kind == NODE_BAD
                                ? NULL
                                : schema_parse_object(schema, key->object, node->items[i]);
        if (item)
            node_append(schema->arena, result, item);
        schema_leave(schema, length);
    }
    return result;
}
const struct schema_type type_list = {"list of mappings", parse_list, MERGE_REPLACE, false};

static struct node *parse_ipam_config(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    struct node *result = parse_list(schema, key, node);
    if (result && result->count > 1)
        return schema_error(schema, node->items[1], NULL,
                            "holds more than one subnet, which is not supported yet");
    return result;
}
const struct schema_type type_ipam_config = {"list of one mapping", parse_ipam_config,
                                             MERGE_REPLACE, false};

/* --- x-vmstead: bootstrap --------------------------------------------------------------------- */

static bool is_of(const char *text, const char *allowed)
{
    return text[0] != '\0' && isalnum((unsigned char)text[0]) &&
           text[strspn(text, allowed)] == '\0';
}

static struct node *parse_suite(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    node = parse_text(schema, key, node);
    if (node && !is_of(node->text, "abcdefghijklmnopqrstuvwxyz0123456789.-"))
        return schema_error(schema, node, NULL, "must be a Debian suite, not '%s'", node->text);
    return node;
}
const struct schema_type type_suite = {"name of a Debian suite", parse_suite, MERGE_REPLACE, false};

static struct node *parse_packages(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    struct node *result = parse_strings(schema, key, node);
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
        char *end = NULL;
        mode = strtoll(node->text, &end, 8);
        if (*end != '\0' || end == node->text)
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
                        "'%s' must be the absolute path of a file, not '%s'",
                        strbuf_text(&schema->path), pair->key);
    if (file && !node_find(file, "content") == !node_find(file, "source"))
        diagnostics_add(schema->diagnostics, SEVERITY_ERROR, pair->position, NULL,
                        "file '%s' needs either 'content' or 'source'", pair->key);
}

static struct node *parse_files(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a mapping of paths");
    struct node *result = parse_map_of_objects(schema, key, node, false);
    for (size_t i = 0; i < result->count; i++)
        if (result->pairs[i].value->kind == NODE_MAP)
            check_file(schema, &result->pairs[i], result->pairs[i].value);
    return result;
}
const struct schema_type type_files = {"mapping of paths", parse_files, MERGE_MAP, false};
