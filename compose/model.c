/* See compose/model.h and compose/model_build.h. */
#include "compose/model.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_build.h"
#include "compose/parse.h"

#include <stdlib.h>
#include <strings.h>

/* The model as it lies in its arena. */
struct model_memory {
    struct model model;
    struct arena *arena;
};

struct builder {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct model *model;
    const struct node *services, *networks;
    struct node *service_index, *network_index; /* name -> int node */
};

void model_free(struct model *model)
{
    if (model)
        arena_free(((struct model_memory *)model)->arena);
}

struct arena *model_arena(const struct model *model)
{
    return ((const struct model_memory *)model)->arena;
}

const struct model_service *model_find_service(const struct model *model, const char *name)
{
    for (size_t i = 0; i < model->service_count; i++)
        if (streq(model->services[i].name, name))
            return &model->services[i];
    return NULL;
}

/* --- small pieces ---------------------------------------------------------------------------- */

static char *copy_text(const struct builder *builder, const char *text)
{
    return text ? arena_strdup(builder->arena, text) : NULL;
}

static char *copy_member(const struct builder *builder, const struct node *map, const char *key)
{
    return copy_text(builder, node_get_string(map, key, NULL));
}

static char **copy_strings(const struct builder *builder, const struct node *list)
{
    if (!list)
        return NULL;
    char **vector = arena_array(builder->arena, list->count + 1, sizeof(char *));
    for (size_t i = 0; i < list->count; i++)
        vector[i] = copy_text(builder, list->items[i]->text);
    return vector;
}

static size_t count_of(const struct node *node)
{
    return node && (node->kind == NODE_LIST || node->kind == NODE_MAP) ? node->count : 0;
}

/* An array of the arena, one item per child of node (at least one, never NULL). */
#define new_items(builder, type, node)                                                             \
    ((type *)arena_array((builder)->arena, count_of(node) + 1, sizeof(type)))

static bool look_up(const struct node *index, const char *name, size_t *ret_place)
{
    const struct node *place = node_get(index, name);
    if (place)
        *ret_place = (size_t)place->integer;
    return place != NULL;
}

/* --- parts of a service ---------------------------------------------------------------------- */

static int compare_variables(const void *left, const void *right)
{
    return strcmp(((const struct model_variable *)left)->name,
                  ((const struct model_variable *)right)->name);
}

/* Variables without a value (a bare KEY that is not set outside) are not set. */
static void build_environment(const struct builder *builder, const struct node *node,
                              struct model_service *service)
{
    service->environment = new_items(builder, struct model_variable, node);
    for (size_t i = 0; i < count_of(node); i++)
        if (node->pairs[i].value->kind == NODE_STRING)
            service->environment[service->environment_count++] =
                (struct model_variable){.name = copy_text(builder, node->pairs[i].key),
                                        .value = copy_text(builder, node->pairs[i].value->text)};
    qsort(service->environment, service->environment_count, sizeof(struct model_variable),
          compare_variables);
}

static void build_ports(const struct builder *builder, const struct node *node,
                        struct model_service *service)
{
    service->ports = new_items(builder, struct model_port, node);
    for (size_t i = 0; i < count_of(node); i++) {
        const struct node *entry = node->items[i];
        struct port_range published = {0};
        parse_port_range(node_get_string(entry, "published", "0"), true, &published);
        service->ports[service->port_count++] = (struct model_port){
            .host_ip = copy_text(builder, node_get_string(entry, "host_ip", "")),
            .published = published.first,
            .published_last = published.last,
            .target = (uint16_t)node_get_int(entry, "target", 0),
            .udp = streq(node_get_string(entry, "protocol", "tcp"), "udp"),
            .position = entry->position,
        };
    }
}

static void build_attachments(const struct builder *builder, const struct node *node,
                              struct model_service *service)
{
    service->attachments = new_items(builder, struct model_attachment, node);
    for (size_t i = 0; i < count_of(node); i++) {
        const struct node_pair *pair = &node->pairs[i];
        size_t network = 0;
        if (!look_up(builder->network_index, pair->key, &network))
            continue; /* reported when the tree was completed */
        service->attachments[service->attachment_count++] = (struct model_attachment){
            .network = network,
            .aliases = copy_strings(builder, node_get(pair->value, "aliases")),
            .ipv4_address = copy_member(builder, pair->value, "ipv4_address"),
            .priority = node_get_int(pair->value, "priority", 0),
            .position = pair->position,
        };
    }
}

struct ordered_attachment {
    struct model_attachment attachment;
    size_t order; /* in the file */
};

static int compare_attachments(const void *left, const void *right)
{
    const struct ordered_attachment *a = left, *b = right;
    if (a->attachment.priority != b->attachment.priority)
        return a->attachment.priority > b->attachment.priority ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Highest priority first, then as in the file. */
static void sort_attachments(struct model_service *service)
{
    size_t count = service->attachment_count;
    struct ordered_attachment *sorted = xcalloc(count + 1, sizeof(*sorted));
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct ordered_attachment){service->attachments[i], i};
    qsort(sorted, count, sizeof(*sorted), compare_attachments);
    for (size_t i = 0; i < count; i++)
        service->attachments[i] = sorted[i].attachment;
    free(sorted);
}

static void build_dependencies(const struct builder *builder, const struct node *node,
                               struct model_service *service)
{
    service->dependencies = new_items(builder, struct model_dependency, node);
    for (size_t i = 0; i < count_of(node); i++) {
        const struct node_pair *pair = &node->pairs[i];
        size_t other = 0;
        if (!look_up(builder->service_index, pair->key, &other)) {
            const char *nearest = diagnostics_is_full(builder->diagnostics)
                                      ? NULL
                                      : node_nearest_key(builder->services, pair->key);
            const char *hint =
                nearest ? arena_printf(builder->arena, "did you mean '%s'?", nearest) : NULL;
            diagnostics_add(builder->diagnostics, SEVERITY_ERROR, pair->position, hint,
                            "service '%s' depends on undefined service '%s'", service->name,
                            pair->key);
            continue;
        }
        service->dependencies[service->dependency_count++] = (struct model_dependency){
            .service = other,
            .required = node_get_bool(pair->value, "required", true),
            .restart = node_get_bool(pair->value, "restart", false),
            .position = pair->position,
        };
    }
}

static int compare_files(const void *left, const void *right)
{
    return strcmp(((const struct model_bootstrap_file *)left)->path,
                  ((const struct model_bootstrap_file *)right)->path);
}

static char *absolute_path(const struct builder *builder, const char *path)
{
    if (!path || path[0] == '/')
        return copy_text(builder, path);
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return arena_printf(builder->arena, "%s/%s", builder->model->directory, path);
}

static void build_bootstrap(const struct builder *builder, const struct node *node,
                            struct model_service *service)
{
    if (!node)
        return;
    struct model_bootstrap *bootstrap = arena_new0(builder->arena, struct model_bootstrap);
    const struct node *files = node_get(node, "files");
    bootstrap->suite = copy_text(builder, node_get_string(node, "suite", ""));
    bootstrap->packages = copy_strings(builder, node_get(node, "packages"));
    bootstrap->files = new_items(builder, struct model_bootstrap_file, files);
    for (size_t i = 0; i < count_of(files); i++) {
        const struct node *file = files->pairs[i].value;
        bootstrap->files[bootstrap->file_count++] = (struct model_bootstrap_file){
            .path = copy_text(builder, files->pairs[i].key),
            .content = copy_member(builder, file, "content"),
            .source = absolute_path(builder, node_get_string(file, "source", NULL)),
            .mode = (uint32_t)node_get_int(file, "mode", 0644),
        };
    }
    qsort(bootstrap->files, bootstrap->file_count, sizeof(*bootstrap->files), compare_files);
    service->bootstrap = bootstrap;
}

/* cpus and mem_limit, or deploy.resources.limits. */
static void build_limits(const struct node *node, struct model_service *service)
{
    const struct node *limits = node_get(node_get(node_get(node, "deploy"), "resources"), "limits");
    const struct node *cpus =
        node_get(node, "cpus") ? node_get(node, "cpus") : node_get(limits, "cpus");
    const char *memory = node_get_string(node, "mem_limit", node_get_string(limits, "memory", "0"));
    service->cpus = node_is(cpus, NODE_FLOAT) ? cpus->number : 0;
    parse_bytes(memory, &service->memory_bytes);
}

static void build_service(const struct builder *builder, const struct node_pair *pair,
                          struct model_service *service)
{
    const struct node *node = pair->value;
    const struct node *command = node_get(node, "command");
    const struct node *entrypoint = node_get(node, "entrypoint");
    *service = (struct model_service){
        .name = copy_text(builder, pair->key),
        .image = copy_member(builder, node, "image"),
        .command = copy_strings(builder, command),
        .entrypoint = copy_strings(builder, entrypoint),
        .has_command = command != NULL,
        .has_entrypoint = entrypoint != NULL,
        .hostname = copy_member(builder, node, "hostname"),
        .working_dir = copy_member(builder, node, "working_dir"),
        .user = copy_member(builder, node, "user"),
        .position = pair->position,
    };
    build_bootstrap(builder, node_get(node_get(node, "x-vmstead"), "bootstrap"), service);
    build_environment(builder, node_get(node, "environment"), service);
    build_ports(builder, node_get(node, "ports"), service);
    build_attachments(builder, node_get(node, "networks"), service);
    sort_attachments(service);
    build_dependencies(builder, node_get(node, "depends_on"), service);
    build_limits(node, service);
}

static void build_network(const struct builder *builder, const struct node_pair *pair,
                          struct model_network *network)
{
    const struct node *configs = node_get(node_get(pair->value, "ipam"), "config");
    const struct node *config = count_of(configs) > 0 ? configs->items[0] : NULL;
    *network = (struct model_network){
        .key = copy_text(builder, pair->key),
        .name = copy_text(builder, node_get_string(pair->value, "name", pair->key)),
        .internal = node_get_bool(pair->value, "internal", false),
        .external = node_get_bool(pair->value, "external", false),
        .subnet = copy_member(builder, config, "subnet"),
        .gateway = copy_member(builder, config, "gateway"),
        .position = pair->position,
    };
}

/* --- the whole ------------------------------------------------------------------------------- */

static struct node *index_names(const struct builder *builder, const struct node *map)
{
    struct node *index = node_new(builder->arena, NODE_MAP, (struct position){0});
    for (size_t i = 0; i < count_of(map); i++)
        node_put(builder->arena, index, map->pairs[i].key, (struct position){0},
                 node_new_int(builder->arena, (int64_t)i, (struct position){0}));
    return index;
}

struct model *model_build(struct arena *arena, struct diagnostics *diagnostics, struct node *tree,
                          const char *directory, char *const *files)
{
    struct model_memory *memory = arena_new0(arena, struct model_memory);
    struct model *model = &memory->model;
    struct builder builder = {.arena = arena, .diagnostics = diagnostics, .model = model};
    memory->arena = arena;
    builder.services = node_get(tree, "services");
    builder.networks = node_get(tree, "networks");
    builder.service_index = index_names(&builder, builder.services);
    builder.network_index = index_names(&builder, builder.networks);
    model->tree = tree;
    model->name = copy_text(&builder, node_get_string(tree, "name", ""));
    model->directory = copy_text(&builder, directory);
    model->files = arena_array(arena, strv_length(files) + 1, sizeof(char *));
    for (size_t i = 0; files && files[i]; i++)
        model->files[i] = copy_text(&builder, files[i]);
    model->networks = new_items(&builder, struct model_network, builder.networks);
    for (; model->network_count < count_of(builder.networks); model->network_count++)
        build_network(&builder, &builder.networks->pairs[model->network_count],
                      &model->networks[model->network_count]);
    model->services = new_items(&builder, struct model_service, builder.services);
    for (; model->service_count < count_of(builder.services); model->service_count++)
        build_service(&builder, &builder.services->pairs[model->service_count],
                      &model->services[model->service_count]);
    return model;
}
