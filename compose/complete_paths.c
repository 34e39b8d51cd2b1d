/* The part of compose/complete.h about what a tree's own folder and variables mean: relative paths
 * become absolute, bare KEYs take their values. Done for the project, and before for what is
 * included or extended, whose folders are others. */
#include "base/str.h"
#include "compose/complete.h"
#include "compose/mount_text.h"
#include "compose/parse.h"

/* Relative paths begin in the folder, `~` is the caller's home; absolute ones stay as written, as
 * the reference has it. */
static const char *full_path(const struct host_values *host, const char *text)
{
    const char *home =
        text[0] == '~' && host->variables ? variables_get(host->variables, "HOME") : NULL;
    if (text[0] == '/')
        return text;
    if (home && home[0] == '/')
        return path_clean(host->arena, home, text[1] == '/' ? text + 2 : text + 1);
    return path_clean(host->arena, host->directory, text);
}

static void resolve_node(const struct host_values *host, struct node **node)
{
    if (node_is(*node, NODE_STRING))
        *node = node_new_string(host->arena, full_path(host, (*node)->text), (*node)->position);
}

static void resolve_member(const struct host_values *host, struct node *map, const char *key)
{
    struct node_pair *pair = node_find(map, key);
    if (pair)
        resolve_node(host, &pair->value);
}

/* A list of paths, or of mappings with a `path`. */
static void resolve_list(const struct host_values *host, struct node *list)
{
    for (size_t i = 0; node_is(list, NODE_LIST) && i < list->count; i++) {
        resolve_node(host, &list->items[i]);
        resolve_member(host, list->items[i], "path");
    }
}

/* --- builds ----------------------------------------------------------------------------------- */

static bool is_remote(const char *text)
{
    return strstr(text, "://") || str_after_prefix(text, "git@") ||
           str_after_prefix(text, "github.com/") || str_after_prefix(text, "service:");
}

static void resolve_build(const struct host_values *host, struct node *build)
{
    if (!node_is(build, NODE_MAP))
        return;
    struct node_pair *context = node_find(build, "context");
    bool is_missing =
        !context || (node_is(context->value, NODE_STRING) && context->value->text[0] == '\0');
    if (is_missing && !host->is_part)
        schema_put_value(host->arena, &schema_build, build, "context",
                         node_new_string(host->arena, host->directory, build->position));
    else if (!is_missing && node_is(context->value, NODE_STRING) &&
             !is_remote(context->value->text))
        resolve_node(host, &context->value);
    const struct node *contexts = node_get(build, "additional_contexts");
    for (size_t i = 0; node_is(contexts, NODE_MAP) && i < contexts->count; i++)
        if (node_is(contexts->pairs[i].value, NODE_STRING) && contexts->pairs[i].value->text[0] &&
            !is_remote(contexts->pairs[i].value->text))
            resolve_node(host, &contexts->pairs[i].value);
    struct node *agents = node_get(build, "ssh");
    for (size_t i = 0; node_is(agents, NODE_LIST) && i < agents->count; i++) {
        const char *text = agents->items[i]->text;
        const char *equals = node_is(agents->items[i], NODE_STRING) ? strchr(text, '=') : NULL;
        if (equals)
            agents->items[i] =
                node_new_string(host->arena,
                                arena_printf(host->arena, "%.*s=%s", (int)(equals - text), text,
                                             full_path(host, equals + 1)),
                                agents->items[i]->position);
    }
}

/* --- services and the top level --------------------------------------------------------------- */

static void resolve_service(const struct host_values *host, struct node *service)
{
    const struct node *mounts = node_get(service, "volumes");
    resolve_build(host, node_get(service, "build"));
    resolve_list(host, node_get(service, "env_file"));
    resolve_list(host, node_get(service, "label_file"));
    resolve_list(host, node_get(node_get(service, "develop"), "watch"));
    for (size_t i = 0; node_is(mounts, NODE_LIST) && i < mounts->count; i++)
        if (streq(node_get_string(mounts->items[i], "type", ""), "bind") &&
            !mount_text_is_windows_absolute(node_get_string(mounts->items[i], "source", "")))
            resolve_member(host, mounts->items[i], "source");
}

/* `driver_opts: {type: none, o: bind, device: PATH}` is a folder of the host. */
static void resolve_volume(const struct host_values *host, struct node *volume)
{
    struct node *options = node_get(volume, "driver_opts");
    if (streq(node_get_string(volume, "driver", ""), "local") && /* as it is written */
        streq(node_get_string(options, "o", ""), "bind"))
        resolve_member(host, options, "device");
}

/* A bare KEY takes the caller's value, where there is one. */
static void fill_bare(const struct host_values *host, struct node *environment)
{
    for (size_t i = 0; node_is(environment, NODE_MAP) && i < environment->count; i++) {
        struct node_pair *pair = &environment->pairs[i];
        const char *value =
            pair->value->kind == NODE_NULL ? variables_get(host->variables, pair->key) : NULL;
        if (value)
            pair->value = node_new_string(host->arena, value, pair->value->position);
    }
}

void complete_host_service(const struct host_values *host, struct node *service)
{
    if (host->directory)
        resolve_service(host, service);
    struct node *environment = node_get(service, "environment");
    if (environment && (host->bare_keys || (host->listed_keys && environment->is_converted)))
        fill_bare(host, environment);
}

void complete_host_rest(const struct host_values *host, const struct node *tree)
{
    static const char *const sections[] = {"configs", "secrets"};
    const struct node *volumes = host->directory ? node_get(tree, "volumes") : NULL;
    for (size_t i = 0; volumes && i < volumes->count; i++)
        resolve_volume(host, volumes->pairs[i].value);
    for (size_t j = 0; host->directory && j < 2; j++) {
        const struct node *section = node_get(tree, sections[j]);
        for (size_t i = 0; section && i < section->count; i++)
            resolve_member(host, section->pairs[i].value, "file");
    }
}

void complete_host_values(const struct host_values *host, const struct node *tree)
{
    const struct node *services = node_get(tree, "services");
    for (size_t i = 0; services && i < services->count; i++)
        complete_host_service(host, services->pairs[i].value);
    complete_host_rest(host, tree);
}
