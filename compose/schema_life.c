/* The types of when a VM starts, how it is asked for its health, and how it ends. */
#include "base/vec.h"
#include "compose/parse.h"
#include "compose/schema_types.h"

#include <ctype.h>
#include <signal.h>

/* --- dependencies ---------------------------------------------------------------------------- */

static const char *const conditions[] = {"service_started", "service_healthy",
                                         "service_completed_successfully", NULL};
WORD_TYPE(condition, "`service_started`, `service_healthy` or `service_completed_successfully`",
          conditions, NULL);

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
        return schema_parse_names(schema, key, node, fill_dependency);
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a list of names or a mapping");
    return schema_parse_entries(schema, key, node);
}
const struct schema_type type_depends_on = {"list of names, or mapping", parse_depends_on,
                                            MERGE_MAP, false};

/* --- health ---------------------------------------------------------------------------------- */

/* Canonical: as Go prints a duration. */
static struct node *parse_duration_type(struct schema *schema, const struct schema_key *key,
                                        struct node *node)
{
    static const char hint[] = "write numbers with units, like 1m30s or 500ms";
    int64_t nanoseconds = 0;
    (void)key;
    if (node->kind == NODE_INT || node->kind == NODE_FLOAT)
        return schema_error(schema, node, hint, "must be a duration, not a number");
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a duration");
    if (parse_duration(node->text, &nanoseconds) < 0)
        return schema_error(schema, node, hint, "must be a duration, not '%s'", node->text);
    if (nanoseconds < 0)
        schema_engine(schema, node, NULL, "must not be negative: '%s'", node->text);
    if (nanoseconds > 0 && nanoseconds < DURATION_MILLISECOND)
        schema_engine(schema, node, NULL, "must be 0 or at least 1ms, not '%s'", node->text);
    char text[DURATION_SIZE];
    if (streq(format_duration(nanoseconds, text), node->text))
        return node;
    return node_new_string(schema->arena, arena_strdup(schema->arena, text), node->position);
}
const struct schema_type type_duration = {"duration, like 1m30s", parse_duration_type,
                                          MERGE_REPLACE, false};

#define TEST_HINT "write a string, [CMD, PROGRAM, ...], [CMD-SHELL, COMMAND] or [NONE]"

static struct node *parse_health_test(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    if (node->kind == NODE_STRING) {
        struct node *result = node_new(schema->arena, NODE_LIST, node->position);
        node_append(schema->arena, result,
                    node_new_string(schema->arena, "CMD-SHELL", node->position));
        node_append(schema->arena, result, node);
        return result;
    }
    if (node->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a string or a list of strings");
    node = schema_parse_strings(schema, key, node);
    if (node->count == 0)
        return node; /* the image's */
    const char *kind = node->items[0]->text;
    if (streq(kind, "NONE"))
        return node;
    if (!streq(kind, "CMD") && !streq(kind, "CMD-SHELL"))
        return schema_error(schema, node->items[0], TEST_HINT,
                            "must begin with CMD, CMD-SHELL or NONE, not '%s'", kind);
    if (node->count == 1)
        schema_engine(schema, node, TEST_HINT, "has nothing to run behind %s", kind);
    return node;
}
const struct schema_type type_health_test = {
    "string, or list that begins with CMD, CMD-SHELL, NONE", parse_health_test, MERGE_OVERRIDE,
    false};

/* Seen from inside the VM: the agent speaks HTTP, not TLS. */
static struct node *parse_url(struct schema *schema, const struct schema_key *key,
                              struct node *node)
{
    node = schema_parse_text(schema, key, node);
    if (!node)
        return NULL;
    const char *host = str_after_prefix(node->text, "http://");
    if (str_after_prefix(node->text, "https://"))
        return schema_error(schema, node, "use http://, or a 'test' with curl",
                            "'%s': https is not supported yet", node->text);
    if (!host || strchr("/:?#", *host) || strpbrk(node->text, " \t\r\n"))
        return schema_error(schema, node, "write it like http://localhost:8080/health",
                            "must be an http:// URL, not '%s'", node->text);
    return node;
}
const struct schema_type type_url = {"http:// URL", parse_url, MERGE_REPLACE, false};

/* --- ends and restarts ----------------------------------------------------------------------- */

#define RESTART_HINT "use \"no\", always, unless-stopped, on-failure or on-failure:N"

static struct node *parse_restart(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    static const char *const words[] = {"", "no", "always", "unless-stopped", "on-failure"};
    if (node->kind == NODE_BOOL)
        return schema_error(schema, node,
                            node->boolean ? "write always" : "write \"no\", in quotes",
                            "must be a string, not a boolean");
    node = schema_parse_string(schema, key, node);
    if (!node)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (streq(node->text, words[i]))
            return node;
    uint32_t attempts = 0;
    const char *number = str_after_prefix(node->text, "on-failure:");
    if (number && str_to_u32(number, &attempts) == 0 && attempts <= INT32_MAX)
        return node;
    const char *nearest = str_nearest(node->text, words + 1, ARRAY_SIZE(words) - 1);
    const char *hint = nearest && !number
                           ? arena_printf(schema->arena, "did you mean '%s'?", nearest)
                           : RESTART_HINT;
    if (number)
        schema_engine(schema, node, hint, "has no number of attempts in '%s'", node->text);
    else
        schema_engine(schema, node, hint, "has an unknown value '%s'", node->text);
    return node;
}
const struct schema_type type_restart = {"`\"no\"`, `always`, `unless-stopped`, `on-failure[:N]`",
                                         parse_restart, MERGE_REPLACE, false};

static const char *const restart_conditions[] = {"none", "no",     "on-failure",     "any",
                                                 "",     "always", "unless-stopped", NULL};
FREE_WORD_TYPE(restart_condition, "`none`, `on-failure` or `any`", restart_conditions);

static const char *const update_orders[] = {"start-first", "stop-first", NULL};
WORD_TYPE(update_order, "`start-first` or `stop-first`", update_orders, NULL);

static const char *const deploy_modes[] = {"replicated", "global", "", NULL};
FREE_WORD_TYPE(deploy_mode, "`replicated`, or `global`, which is the same on one host",
               deploy_modes);

static bool is_signal(const char *text)
{
    uint16_t number = 0;
    const char *name = str_after_prefix(text, "SIG");
    name = name ? name : text;
    if (str_to_u16(text, &number) == 0)
        return number >= 1 && number < NSIG;
    if (streq(name, "RTMIN") || streq(name, "RTMAX"))
        return true;
    const char *offset = str_after_prefix(name, "RTMIN+");
    offset = offset ? offset : str_after_prefix(name, "RTMAX-");
    if (offset)
        return str_to_u16(offset, &number) == 0 && number <= SIGRTMAX - SIGRTMIN;
    for (int i = 1; i < NSIG; i++)
        if (sigabbrev_np(i) && strcasecmp(sigabbrev_np(i), name) == 0)
            return true;
    return false;
}

static struct node *parse_stop_signal(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (node && node->text[0] && !is_signal(node->text))
        schema_engine(schema, node, "name it like SIGTERM", "must be a signal, not '%s'",
                      node->text);
    return node;
}
const struct schema_type type_stop_signal = {"signal: name, or number in quotes", parse_stop_signal,
                                             MERGE_REPLACE, false};

/* --- logs and profiles ----------------------------------------------------------------------- */

static const char *const log_drivers[] = {"json-file", "local", "none", "", NULL};

bool schema_is_log_driver(const char *driver)
{
    for (size_t i = 0; log_drivers[i]; i++)
        if (streq(driver, log_drivers[i]))
            return true;
    return false;
}

const struct schema_type type_logging_driver = {"`json-file`, `local` or `none`",
                                                schema_parse_string, MERGE_REPLACE, false};

static struct node *parse_logging(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    return schema_parse_object(schema, key->object, node);
}
const struct schema_type type_logging = {"mapping", parse_logging, MERGE_LOGGING, false};

static void check_logging_option(struct schema *schema, const struct node_pair *pair)
{
    uint64_t bytes = 0;
    uint32_t files = 0;
    const char *text = pair->value->text;
    bool size = streq(pair->key, "max-size");
    if (size && !streq(text, "-1") && (parse_bytes(text, &bytes) < 0 || bytes == 0))
        schema_engine(schema, pair->value, "write a number with a unit, like 10m",
                      "must be a size, not '%s'", text);
    else if (streq(pair->key, "max-file") && (str_to_u32(text, &files) < 0 || files == 0))
        schema_engine(schema, pair->value, NULL, "must be a number of files, 1 or more, not '%s'",
                      text);
}

static struct node *parse_logging_options(struct schema *schema, const struct schema_key *key,
                                          struct node *node)
{
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a mapping");
    node = type_options.parse(schema, key, node);
    for (size_t i = 0; node && i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        size_t depth = schema_enter(schema, pair->key);
        if (pair->value->kind == NODE_STRING)
            check_logging_option(schema, pair);
        schema_leave(schema, depth);
    }
    return node;
}
const struct schema_type type_logging_options = {"mapping: max-size, max-file",
                                                 parse_logging_options, MERGE_MAP, false};

/* The reference takes any text; what cannot be written behind --profile helps nobody. */
static struct node *parse_profiles(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    node = schema_parse_strings(schema, key, node);
    for (size_t i = 0; node && i < node->count; i++)
        if (node->items[i]->text[0] == '\0' || strpbrk(node->items[i]->text, ", \t\n"))
            schema_engine(schema, node->items[i], "use letters, digits, '.', '_' and '-'",
                          "has an invalid name of a profile: '%s'", node->items[i]->text);
    return node;
}
const struct schema_type type_profiles = {"list of names", parse_profiles, MERGE_APPEND, false};
