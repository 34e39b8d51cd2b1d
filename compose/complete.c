/* See compose/complete.h. */
#include "compose/complete.h"

#include "base/str.h"
#include "base/vec.h"
#include "compose/merge.h"

#include <stdlib.h>
#include <string.h>

void complete_put(const struct completion *completion, const struct schema_object *rows,
                  struct node *map, const char *name, struct node *value)
{
    schema_put_value(completion->arena, rows, map, name, value);
}

/* --- services -------------------------------------------------------------------------------- */

static void complete_dependencies(const struct completion *completion, struct node *service)
{
    struct node *dependencies = node_get(service, "depends_on");
    for (size_t i = 0; node_is(dependencies, NODE_MAP) && i < dependencies->count; i++) {
        struct node *entry = dependencies->pairs[i].value;
        if (entry->kind != NODE_MAP)
            continue;
        if (!node_find(entry, "required"))
            complete_put(completion, &schema_dependency, entry, "required",
                         node_new_bool(completion->arena, true, entry->position));
    }
}

static bool joins_networks(const struct node *service)
{
    const struct node_pair *networks = node_find(service, "networks");
    return networks && (networks->value->kind != NODE_MAP || networks->value->count > 0);
}

static void check_network_mode(const struct completion *completion, const struct node_pair *pair)
{
    if (!joins_networks(pair->value) || !node_get_string(pair->value, "network_mode", "")[0])
        return;
    struct position here = node_find(pair->value, "networks")->position;
    _cleanup_free_ char *hint = diagnostics_keep_one(
        completion->diagnostics, here, node_find(pair->value, "network_mode")->position);
    diagnostics_add(completion->diagnostics, SEVERITY_ERROR, here, hint,
                    "service '%s' has both 'network_mode' and 'networks', which exclude each other",
                    pair->key);
}

static void complete_networks(const struct completion *completion, const struct node_pair *pair)
{
    struct node *service = pair->value;
    /* An empty network_mode is none, but there. */
    if (joins_networks(service) || node_find(service, "network_mode") ||
        node_find(service, "provider"))
        return;
    struct node *result = node_new(completion->arena, NODE_MAP, pair->position);
    node_put(completion->arena, result, "default", pair->position,
             node_new(completion->arena, NODE_NULL, pair->position));
    complete_put(completion, &schema_service, service, "networks", result);
}

static void remove_empty(struct node *service, const char *key)
{
    const struct node *value = node_get(service, key);
    if (value && (value->kind == NODE_LIST || value->kind == NODE_MAP) && value->count == 0)
        node_remove(service, key);
}

static bool is_all_text(const struct node *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->kind != NODE_STRING)
            return false;
    return true;
}

/* Texts and mappings: what the types of lists make. */
static bool is_canonical(const struct node *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->kind != NODE_STRING && list->items[i]->kind != NODE_MAP)
            return false;
    return true;
}

static int compare_items(const void *left, const void *right)
{
    return strcmp((*(struct node *const *)left)->text, (*(struct node *const *)right)->text);
}

/* Lists without what they hold twice; hosts in order. */
static void complete_lists(const struct completion *completion, const struct schema_object *rows,
                           struct node *map)
{
    for (size_t i = 0; node_is(map, NODE_MAP) && i < map->count; i++) {
        const struct schema_key *key = schema_row(rows, &map->pairs[i]);
        enum merge_rule rule = key ? key->type->merge : MERGE_REPLACE;
        if (rule != MERGE_APPEND && rule != MERGE_HOSTS) /* most values are not looked at */
            continue;
        struct node *list = map->pairs[i].value;
        if (list->kind != NODE_LIST || list->count < 2 ||
            (completion->is_original && !is_canonical(list)))
            continue;
        if (rule == MERGE_APPEND)
            map->pairs[i].value = merge_unique(completion->arena, list);
        if (rule == MERGE_HOSTS && is_all_text(list) && !completion->is_original)
            qsort(list->items, list->count, sizeof(*list->items), compare_items);
    }
}

/* `scale` says how many replicas `deploy` has. */
static void complete_scale(const struct completion *completion, struct node *service)
{
    const struct node *scale = node_get(service, "scale");
    struct node *deploy = node_get(service, "deploy");
    if (!completion->no_consistency && node_is(scale, NODE_INT) && node_is(deploy, NODE_MAP) &&
        !node_find(deploy, "replicas"))
        complete_put(completion, &schema_deploy, deploy, "replicas",
                     node_new_int(completion->arena, scale->integer, scale->position));
}

static void complete_service(const struct completion *completion, struct node_pair *pair)
{
    struct node *service = pair->value;
    if (service->kind != NODE_MAP)
        return;
    complete_environment(completion, service);
    if (!completion->no_consistency)
        check_network_mode(completion, pair);
    if (!completion->no_normalize) {
        complete_implied_dependencies(completion, service);
        complete_networks(completion, pair);
    }
    complete_dependencies(completion, service);
    complete_scale(completion, service);
    complete_build(completion, service);
    complete_lists(completion, &schema_service, service);
    complete_lists(completion, &schema_build, node_get(service, "build"));
    const struct node *networks = node_get(service, "networks");
    for (size_t i = 0; node_is(networks, NODE_MAP) && i < networks->count; i++)
        complete_lists(completion, &schema_attachment, networks->pairs[i].value);
}

/* --- networks -------------------------------------------------------------------------------- */

void complete_report_undefined(const struct completion *completion,
                               const struct reference *reference, const struct node *written)
{
    if (completion->is_incomplete)
        return;
    const char *nearest = diagnostics_is_full(completion->diagnostics)
                              ? NULL
                              : node_nearest_key(written, reference->name);
    const char *hint = reference->hint;
    if (nearest)
        hint = arena_printf(completion->arena, "did you mean '%s'?", nearest);
    else if (!hint)
        hint = arena_printf(completion->arena, "define it below '%ss:' of the top level",
                            reference->kind);
    diagnostics_add(completion->diagnostics, SEVERITY_ERROR, reference->position, hint,
                    "service '%s' refers to undefined %s '%s'", reference->service, reference->kind,
                    reference->name);
}

/* Leaves out the networks that are not there, and notes the others. `default` always is. */
static void check_networks(const struct completion *completion, const struct node_pair *service,
                           const struct node *written, struct node *used)
{
    struct node *networks = node_get(service->value, "networks");
    size_t kept = 0;
    if (!node_is(networks, NODE_MAP))
        return;
    for (size_t i = 0; i < networks->count; i++) {
        const struct node_pair *pair = &networks->pairs[i];
        if (node_find(written, pair->key) || streq(pair->key, "default") ||
            completion->no_consistency) {
            node_put_ranked(completion->arena, used, pair);
            networks->pairs[kept++] = *pair;
        } else {
            complete_report_undefined(completion,
                                      &(struct reference){.service = service->key,
                                                          .kind = "network",
                                                          .name = pair->key,
                                                          .position = pair->position},
                                      written);
        }
    }
    node_shrink(networks, kept);
}

static void name_network(const struct completion *completion, const char *key, struct node *network)
{
    if (network->kind != NODE_MAP || node_find(network, "name") || completion->no_normalize)
        return;
    bool external = node_get_bool(network, "external", false);
    const char *name =
        external ? key : arena_printf(completion->arena, "%s_%s", completion->project, key);
    complete_put(completion, schema_find(&schema_root, "networks")->object, network, "name",
                 node_new_string(completion->arena, name, network->position));
}

/* The networks in use, in the file's order; `default` last where it is not written. */
static void complete_top_networks(const struct completion *completion, struct node *tree,
                                  const struct node *used)
{
    const struct node *written = node_get(tree, "networks");
    struct position position = tree->position;
    struct node *result =
        node_new(completion->arena, NODE_MAP, written ? written->position : position);
    for (size_t i = 0; written && i < written->count; i++)
        if (completion->keep_all || node_find(used, written->pairs[i].key))
            node_put_ranked(completion->arena, result, &written->pairs[i]);
    if (!node_find(result, "default") && node_find(used, "default"))
        node_put(completion->arena, result, "default", position,
                 node_new(completion->arena, NODE_MAP, position));
    for (size_t i = 0; i < result->count; i++)
        name_network(completion, result->pairs[i].key, result->pairs[i].value);
    if (result->count > 0)
        complete_put(completion, &schema_root, tree, "networks", result);
    else
        node_remove(tree, "networks");
}

/* --- references ------------------------------------------------------------------------------ */

/* What services refer to is there; what they do not is left out at the top level. */
struct references {
    const struct node *networks; /* as they are written */
    struct node *used_networks;
    struct used_storage storage;
};

static struct references references_begin(const struct completion *completion,
                                          const struct node *tree)
{
    return (struct references){.networks = node_get(tree, "networks"),
                               .used_networks =
                                   node_new(completion->arena, NODE_MAP, tree->position),
                               .storage = complete_storage_begin(completion, tree)};
}

static void references_add(const struct completion *completion, struct references *references,
                           const struct node_pair *service)
{
    check_networks(completion, service, references->networks, references->used_networks);
    complete_storage_service(completion, &references->storage, service);
}

static void references_end(const struct completion *completion, const struct references *references,
                           struct node *tree)
{
    complete_top_networks(completion, tree, references->used_networks);
    complete_storage_end(completion, &references->storage, tree);
}

/* --- profiles and dependencies ---------------------------------------------------------------- */

static bool is_enabled(const struct node *service, char *const *profiles)
{
    const struct node *own = node_get(service, "profiles");
    if (!node_is(own, NODE_LIST) || own->count == 0 || strv_contains(profiles, "*"))
        return true;
    bool asks_for_none = !profiles || !profiles[0]; /* to the reference that is one: "" */
    for (size_t i = 0; i < own->count; i++)
        if (strv_contains(profiles, own->items[i]->text) ||
            (asks_for_none && own->items[i]->text[0] == '\0'))
            return true;
    return false;
}

/* A service that is named on the command line brings its profiles along. */
static bool is_named(const struct completion *completion, const struct node *services,
                     const struct node *own)
{
    for (char *const *name = completion->services; own && name && *name; name++) {
        const struct node *other = node_get(node_get(services, *name), "profiles");
        for (size_t i = 0; node_is(other, NODE_LIST) && i < other->count; i++)
            for (size_t j = 0; own->kind == NODE_LIST && j < own->count; j++)
                if (streq(other->items[i]->text, own->items[j]->text))
                    return true;
    }
    return false;
}

/* Completes the services, one after the other. Takes those out whose profiles are not enabled, and
 * returns them. references: NULL where they are noted later. */
static struct node *complete_services(const struct completion *completion,
                                      const struct host_values *host, struct node *services,
                                      struct references *references)
{
    struct node *disabled = node_new(completion->arena, NODE_MAP, services->position);
    struct node *enabled = node_new(completion->arena, NODE_MAP, services->position);
    node_reserve(completion->arena, enabled, services->count);
    for (size_t i = 0; i < services->count; i++) {
        struct node_pair *pair = &services->pairs[i];
        bool is_on = completion->is_wire || completion->keep_all ||
                     is_enabled(pair->value, completion->profiles) ||
                     is_named(completion, services, node_get(pair->value, "profiles"));
        complete_host_service(host, pair->value);
        if (is_on)
            complete_service(completion, pair);
        if (is_on && references)
            references_add(completion, references, pair);
        node_put_ranked(completion->arena, is_on ? enabled : disabled, pair);
    }
    *services = *enabled;
    return disabled;
}

static void report_dependency(const struct completion *completion, const char *service,
                              const struct node_pair *pair, const struct node *services,
                              const struct node *disabled)
{
    const struct node *profiles = node_get(node_get(disabled, pair->key), "profiles");
    bool required = node_get_bool(pair->value, "required", true);
    const char *nearest =
        diagnostics_is_full(completion->diagnostics) ? NULL : node_nearest_key(services, pair->key);
    const char *hint =
        profiles  ? arena_printf(completion->arena, "add '--profile %s', or 'required: false'",
                                 profiles->items[0]->text)
        : nearest ? arena_printf(completion->arena, "did you mean '%s'?", nearest)
                  : "define it below 'services:'";
    if (completion->is_incomplete)
        return;
    diagnostics_add(
        completion->diagnostics, required ? SEVERITY_ERROR : SEVERITY_WARNING, pair->position, hint,
        profiles ? "service '%s' depends on service '%s', whose profiles are not enabled"
                 : "service '%s' depends on undefined service '%s'",
        service, pair->key);
}

/* A service that need not be there may be disabled; one that nobody wrote is a warning then, as
 * what `config` prints has no disabled services. */
static void check_dependencies(const struct completion *completion, const struct node *services,
                               const struct node *disabled)
{
    for (size_t i = 0; i < services->count; i++) {
        const struct node *dependencies = node_get(services->pairs[i].value, "depends_on");
        for (size_t j = 0; dependencies && j < dependencies->count; j++) {
            const struct node_pair *pair = &dependencies->pairs[j];
            bool optional = !node_get_bool(pair->value, "required", true) &&
                            (completion->is_wire || node_find(disabled, pair->key));
            if (!node_find(services, pair->key) && !optional)
                report_dependency(completion, services->pairs[i].key, pair, services, disabled);
        }
    }
}

static struct node *names_of(struct arena *arena, const struct node *map)
{
    struct node *names = node_new(arena, NODE_LIST, map->position);
    for (size_t i = 0; i < map->count; i++)
        node_append(arena, names, node_new_string(arena, map->pairs[i].key, map->position));
    return names;
}

/* Keeps the services that are named, and what these depend on. */
static void select_services(const struct completion *completion, struct node *services)
{
    struct node *kept = node_new(completion->arena, NODE_MAP, services->position);
    struct node *ordered = node_new(completion->arena, NODE_MAP, services->position);
    for (char *const *name = completion->services; *name; name++)
        if (node_find(services, *name))
            node_put_ranked(completion->arena, kept, node_find(services, *name));
    for (size_t i = 0; i < kept->count; i++) {
        struct node *dependencies = node_get(kept->pairs[i].value, "depends_on");
        for (size_t j = 0; dependencies && j < dependencies->count; j++) {
            const struct node_pair *other = node_find(services, dependencies->pairs[j].key);
            if (other)
                node_put_ranked(completion->arena, kept, other);
        }
        for (size_t j = dependencies ? dependencies->count : 0; j-- > 0;)
            if (!node_find(services, dependencies->pairs[j].key))
                node_remove(dependencies, dependencies->pairs[j].key);
        remove_empty(kept->pairs[i].value, "depends_on");
    }
    for (size_t i = 0; i < services->count; i++)
        if (node_find(kept, services->pairs[i].key))
            node_put_ranked(completion->arena, ordered, &services->pairs[i]);
    *services = *ordered;
}

void complete_tree(const struct completion *completion, struct node *tree,
                   struct node **ret_disabled)
{
    struct node *services = node_get(tree, "services");
    if (!services) {
        services = node_new(completion->arena, NODE_MAP, tree->position);
        if (!node_find(tree, "services"))
            complete_put(completion, &schema_root, tree, "services", services);
    }
    complete_put(completion, &schema_root, tree, "name",
                 node_new_string(completion->arena, completion->project, tree->position));
    struct host_values host = {
        .arena = completion->arena,
        .variables = completion->variables,
        .directory = completion->no_path_resolution ? NULL : completion->directory,
        .bare_keys =
            completion->variables && !completion->no_env_resolution && !completion->is_original};
    bool selects = completion->only_services && !completion->keep_all && completion->services &&
                   completion->services[0];
    struct references references = references_begin(completion, tree);
    const struct node *disabled =
        complete_services(completion, &host, services, selects ? NULL : &references);
    complete_host_rest(&host, tree);
    if (!completion->no_consistency)
        check_dependencies(completion, services, disabled);
    if (selects)
        select_services(completion, services);
    for (size_t i = 0; selects && i < services->count; i++)
        references_add(completion, &references, &services->pairs[i]);
    references_end(completion, &references, tree);
    *ret_disabled = names_of(completion->arena, disabled);
}
