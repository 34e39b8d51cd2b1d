/* See compose/complete.h. */
#include "compose/complete.h"

#include "base/fs.h"
#include "base/str.h"
#include "compose/dotenv.h"
#include "compose/merge.h"
#include "compose/schema_types.h"

#include <errno.h>

/* A key of an object that is put in here, with the rank the table gives it. */
static void put(const struct completion *completion, const char *object, struct node *map,
                const char *name, struct node *value)
{
    struct schema schema = {.arena = completion->arena};
    const struct schema_object *services = schema_find(&schema_root, "services")->object;
    const struct schema_object *rows = &schema_root;
    if (streq(object, "service"))
        rows = services;
    else if (streq(object, "network"))
        rows = schema_find(&schema_root, "networks")->object;
    else if (streq(object, "dependency"))
        rows = schema_find(services, "depends_on")->object;
    schema_put(&schema, rows, map, name, value);
}

/* --- environment ----------------------------------------------------------------------------- */

static void read_env_file(const struct completion *completion, const struct node *entry,
                          const struct variables *variables, struct node *result)
{
    const struct node *path_node = node_get(entry, "path");
    if (!path_node)
        return;
    const char *path = path_node->text;
    if (path[0] != '/')
        path = arena_printf(completion->arena, "%s/%s", completion->directory, path);
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    int r = fs_read_file(path, DOTENV_SIZE_LIMIT, &text, &length, &err);
    if (r == -ENOENT && !node_get_bool(entry, "required", true))
        return;
    if (r < 0) {
        diagnostics_add(completion->diagnostics, SEVERITY_ERROR, path_node->position,
                        r == -ENOENT ? "'required: false' beside 'path:' lets it be missing" : NULL,
                        "cannot read env_file '%s': %s", path_node->text, strerror(-r));
        return;
    }
    const char *file = diagnostics_add_file(completion->diagnostics, path_node->text, text, length);
    dotenv_read(completion->arena, completion->diagnostics, file, text, variables, result);
}

/* Bare KEYs take the caller's value. */
static void fill_bare(const struct completion *completion, struct node *environment)
{
    for (size_t i = 0; environment && i < environment->count; i++) {
        struct node_pair *pair = &environment->pairs[i];
        const char *value = pair->value->kind == NODE_NULL && completion->variables
                                ? variables_get(completion->variables, pair->key)
                                : NULL;
        if (value)
            pair->value = node_new_string(completion->arena, value, pair->value->position);
    }
}

/* env_file's variables below those of environment, which they may refer to. */
static void complete_environment(const struct completion *completion, struct node *service)
{
    struct node *environment = node_get(service, "environment");
    const struct node *files = node_get(service, "env_file");
    fill_bare(completion, environment);
    if (!node_is(files, NODE_LIST))
        return;
    struct variables *variables = variables_new(completion->arena, NULL);
    struct node *result = node_new(completion->arena, NODE_MAP, files->position);
    for (size_t i = 0; environment && i < environment->count; i++)
        if (environment->pairs[i].value->kind == NODE_STRING)
            variables_add(variables, environment->pairs[i].key, environment->pairs[i].value->text);
    variables_set_fallback(variables, completion->variables);
    for (size_t i = 0; i < files->count; i++)
        read_env_file(completion, files->items[i], variables, result);
    for (size_t i = 0; environment && i < environment->count; i++)
        node_put_ranked(completion->arena, result, &environment->pairs[i]);
    node_remove(service, "env_file");
    if (result->count > 0)
        put(completion, "service", service, "environment", result);
}

/* --- services -------------------------------------------------------------------------------- */

static void complete_dependencies(const struct completion *completion, struct node *service)
{
    struct node *dependencies = node_get(service, "depends_on");
    for (size_t i = 0; dependencies && i < dependencies->count; i++) {
        struct node *entry = dependencies->pairs[i].value;
        if (entry->kind != NODE_MAP)
            continue;
        if (!node_find(entry, "required"))
            put(completion, "dependency", entry, "required",
                node_new_bool(completion->arena, true, entry->position));
        if (node_find(entry, "restart") && !node_get_bool(entry, "restart", true))
            node_remove(entry, "restart");
    }
}

static void complete_networks(const struct completion *completion, struct node *service,
                              struct position position)
{
    const struct node_pair *networks = node_find(service, "networks");
    if (networks && (networks->value->kind != NODE_MAP || networks->value->count > 0))
        return;
    struct node *result = node_new(completion->arena, NODE_MAP, position);
    node_put(completion->arena, result, "default", position,
             node_new(completion->arena, NODE_NULL, position));
    put(completion, "service", service, "networks", result);
}

static void remove_empty(struct node *service, const char *key)
{
    const struct node *value = node_get(service, key);
    if (value && (value->kind == NODE_LIST || value->kind == NODE_MAP) && value->count == 0)
        node_remove(service, key);
}

static void complete_service(const struct completion *completion, struct node_pair *pair)
{
    static const char *const collections[] = {"environment", "ports", "depends_on"};
    struct node *service = pair->value;
    if (service->kind != NODE_MAP)
        return;
    complete_environment(completion, service);
    complete_dependencies(completion, service);
    complete_networks(completion, service, pair->position);
    struct node *ports = node_get(service, "ports");
    if (ports)
        put(completion, "service", service, "ports", merge_unique(completion->arena, ports));
    for (size_t i = 0; i < sizeof(collections) / sizeof(collections[0]); i++)
        remove_empty(service, collections[i]);
}

/* --- networks -------------------------------------------------------------------------------- */

static void report_undefined(const struct completion *completion, const char *service,
                             const struct node_pair *pair, const struct node *written)
{
    const char *nearest =
        diagnostics_is_full(completion->diagnostics) ? NULL : node_nearest_key(written, pair->key);
    const char *hint =
        nearest ? arena_printf(completion->arena, "did you mean '%s'?", nearest) : NULL;
    diagnostics_add(completion->diagnostics, SEVERITY_ERROR, pair->position, hint,
                    "service '%s' refers to undefined network '%s'", service, pair->key);
}

/* Leaves out the networks that are not there. `default` always is. */
static void check_references(const struct completion *completion, const struct node_pair *service,
                             const struct node *written)
{
    const struct node *networks = node_get(service->value, "networks");
    if (!networks)
        return;
    struct node *known = node_new(completion->arena, NODE_MAP, networks->position);
    for (size_t i = 0; i < networks->count; i++) {
        const struct node_pair *pair = &networks->pairs[i];
        if (node_find(written, pair->key) || streq(pair->key, "default"))
            node_put_ranked(completion->arena, known, pair);
        else
            report_undefined(completion, service->key, pair, written);
    }
    put(completion, "service", service->value, "networks", known);
}

/* The names of all networks that services join. */
static struct node *used_networks(const struct completion *completion, const struct node *services)
{
    struct node *used = node_new(completion->arena, NODE_MAP, services->position);
    for (size_t i = 0; i < services->count; i++) {
        const struct node *networks = node_get(services->pairs[i].value, "networks");
        for (size_t j = 0; networks && j < networks->count; j++)
            node_put_ranked(completion->arena, used, &networks->pairs[j]);
    }
    return used;
}

static void name_network(const struct completion *completion, const char *key, struct node *network)
{
    if (network->kind != NODE_MAP || node_find(network, "name"))
        return;
    bool external = node_get_bool(network, "external", false);
    const char *name =
        external ? key : arena_printf(completion->arena, "%s_%s", completion->project, key);
    put(completion, "network", network, "name",
        node_new_string(completion->arena, name, network->position));
}

static void drop_false(struct node *network, const char *key)
{
    if (node_find(network, key) && !node_get_bool(network, key, true))
        node_remove(network, key);
}

/* The networks in use, in the file's order; `default` last where it is not written. */
static void complete_top_networks(const struct completion *completion, struct node *tree,
                                  const struct node *services)
{
    const struct node *written = node_get(tree, "networks");
    for (size_t i = 0; i < services->count; i++)
        check_references(completion, &services->pairs[i], written);
    const struct node *used = used_networks(completion, services);
    struct position position = tree->position;
    struct node *result =
        node_new(completion->arena, NODE_MAP, written ? written->position : position);
    for (size_t i = 0; written && i < written->count; i++)
        if (node_find(used, written->pairs[i].key))
            node_put_ranked(completion->arena, result, &written->pairs[i]);
    if (!node_find(result, "default") && node_find(used, "default"))
        node_put(completion->arena, result, "default", position,
                 node_new(completion->arena, NODE_MAP, position));
    for (size_t i = 0; i < result->count; i++) {
        name_network(completion, result->pairs[i].key, result->pairs[i].value);
        drop_false(result->pairs[i].value, "internal");
        drop_false(result->pairs[i].value, "external");
    }
    if (result->count > 0)
        put(completion, "root", tree, "networks", result);
    else
        node_remove(tree, "networks");
}

void complete_tree(const struct completion *completion, struct node *tree)
{
    struct node *services = node_get(tree, "services");
    if (!services) {
        services = node_new(completion->arena, NODE_MAP, tree->position);
        if (!node_find(tree, "services"))
            put(completion, "root", tree, "services", services);
    }
    put(completion, "root", tree, "name",
        node_new_string(completion->arena, completion->project, tree->position));
    for (size_t i = 0; i < services->count; i++)
        complete_service(completion, &services->pairs[i]);
    complete_top_networks(completion, tree, services);
}
