/* See compose/model.h and compose/model_build.h. */
#include "compose/model.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_builder.h"
#include "compose/parse.h"

#include <stdlib.h>
#include <strings.h>

/* The model as it lies in its arena. */
struct model_memory {
    struct model model;
    struct arena *arena;
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

bool model_has_service(const struct model *model, const char *name)
{
    return node_get(node_get(model->tree, "services"), name);
}

/* --- small pieces ---------------------------------------------------------------------------- */

const char *builder_member(const struct node *map, const char *key)
{
    return node_get_string(map, key, NULL);
}

char **builder_strings(const struct builder *builder, const struct node *list)
{
    if (!list)
        return NULL;
    char **vector = arena_array(builder->arena, list->count + 1, sizeof(char *));
    for (size_t i = 0; i < list->count; i++)
        vector[i] = (char *)list->items[i]->text; /* argv has no const */
    return vector;
}

size_t builder_count(const struct node *node)
{
    return node && (node->kind == NODE_LIST || node->kind == NODE_MAP) ? node->count : 0;
}

bool builder_find(const struct node *index, const char *name, size_t *ret_place)
{
    const struct node *place = node_get(index, name);
    if (place)
        *ret_place = (size_t)place->integer;
    return place != NULL;
}

static int compare_variables(const void *left, const void *right)
{
    return strcmp(((const struct model_variable *)left)->name,
                  ((const struct model_variable *)right)->name);
}

struct model_variable *builder_variables(const struct builder *builder, const struct node *map,
                                         size_t *ret_count)
{
    struct model_variable *variables = builder_array(builder, struct model_variable, map);
    size_t count = 0;
    for (size_t i = 0; i < builder_count(map); i++)
        if (map->pairs[i].value->kind == NODE_STRING)
            variables[count++] = (struct model_variable){.name = map->pairs[i].key,
                                                         .value = map->pairs[i].value->text};
    qsort(variables, count, sizeof(*variables), compare_variables);
    *ret_count = count;
    return variables;
}

const char *builder_path(const struct builder *builder, const char *path)
{
    if (!path)
        return NULL;
    return path_clean(builder->arena, builder->model->directory, path);
}

/* --- parts of a service ---------------------------------------------------------------------- */

static void build_ports(const struct builder *builder, const struct node *node,
                        struct model_service *service)
{
    service->ports = builder_array(builder, struct model_port, node);
    for (size_t i = 0; i < builder_count(node); i++) {
        const struct node *entry = node->items[i];
        struct port_range published = {0};
        const struct node *text = node_get(entry, "published");
        parse_port_range(text ? node_scalar_text(builder->arena, text) : "0", true, &published);
        service->ports[service->port_count++] = (struct model_port){
            .host_ip = node_get_string(entry, "host_ip", ""),
            .mode = node_get_string(entry, "mode", "ingress"),
            .app_protocol = node_get_string(entry, "app_protocol", ""),
            .published = published.first,
            .published_last = published.last,
            .target = (uint16_t)node_get_int(entry, "target", 0),
            .udp = strcasecmp(node_get_string(entry, "protocol", "tcp"), "udp") == 0,
            .position = entry->position,
        };
    }
}

/* cpus and mem_limit, or deploy.resources.limits. */
static void build_limits(const struct node *node, struct model_service *service)
{
    const struct node *limits = node_get(node_get(node_get(node, "deploy"), "resources"), "limits");
    const struct node *cpus =
        node_get(node, "cpus") ? node_get(node, "cpus") : node_get(limits, "cpus");
    const struct node *limit = node_get(node, "mem_limit");
    const char *memory = node_get_string(node, "mem_limit", node_get_string(limits, "memory", "0"));
    service->cpus = node_is(cpus, NODE_FLOAT) ? cpus->number : 0;
    if (node_is(limit, NODE_INT)) /* too large for a text, or none */
        service->memory_bytes = limit->integer > 0 ? (uint64_t)limit->integer : 0;
    else
        parse_bytes(memory, &service->memory_bytes);
}

static void build_service(const struct builder *builder, const struct node_pair *pair,
                          struct model_service *service)
{
    const struct node *node = pair->value;
    const struct node *command = node_get(node, "command");
    const struct node *entrypoint = node_get(node, "entrypoint");
    *service = (struct model_service){
        .name = pair->key,
        .image = builder_member(node, "image"),
        .command = builder_strings(builder, command),
        .entrypoint = builder_strings(builder, entrypoint),
        .has_command = command != NULL,
        .has_entrypoint = entrypoint != NULL,
        .hostname = builder_member(node, "hostname"),
        .working_dir = builder_member(node, "working_dir"),
        .user = builder_member(node, "user"),
        .position = pair->position,
    };
    service->environment =
        builder_variables(builder, node_get(node, "environment"), &service->environment_count);
    build_ports(builder, node_get(node, "ports"), service);
    model_build_attachments(builder, node, service);
    build_limits(node, service);
    model_build_life(builder, node, service);
    model_build_mounts(builder, node, service);
    model_build_image(builder, node, service);
}

/* --- the whole ------------------------------------------------------------------------------- */

static struct node *index_names(const struct builder *builder, const struct node *map)
{
    struct node *index = node_new(builder->arena, NODE_MAP, (struct position){0});
    for (size_t i = 0; i < builder_count(map); i++)
        node_put(builder->arena, index, map->pairs[i].key, (struct position){0},
                 node_new_int(builder->arena, (int64_t)i, (struct position){0}));
    return index;
}

struct model *model_build(struct arena *arena, struct diagnostics *diagnostics,
                          const struct model_input *input)
{
    struct model_memory *memory = arena_new0(arena, struct model_memory);
    struct model *model = &memory->model;
    struct node *tree = input->tree;
    struct builder builder = {
        .arena = arena, .diagnostics = diagnostics, .model = model, .input = input};
    memory->arena = arena;
    builder.services = node_get(tree, "services");
    builder.networks = node_get(tree, "networks");
    builder.service_index = index_names(&builder, builder.services);
    builder.network_index = index_names(&builder, builder.networks);
    builder.volume_index = index_names(&builder, node_get(tree, "volumes"));
    builder.config_index = index_names(&builder, node_get(tree, "configs"));
    builder.secret_index = index_names(&builder, node_get(tree, "secrets"));
    model->tree = tree;
    model->name = node_get_string(tree, "name", "");
    model->directory = arena_strdup(arena, input->directory);
    model->files = arena_array(arena, strv_length(input->files) + 1, sizeof(char *));
    for (size_t i = 0; input->files && input->files[i]; i++)
        model->files[i] = arena_strdup(arena, input->files[i]);
    model->disabled = builder_strings(&builder, input->disabled);
    model->is_original = input->is_bare;
    if (input->is_bare)
        return model;
    model_build_storage(&builder, tree);
    model_build_networks(&builder);
    model->services = builder_array(&builder, struct model_service, builder.services);
    for (; model->service_count < builder_count(builder.services); model->service_count++) {
        const struct node_pair *pair = &builder.services->pairs[model->service_count];
        struct model_service *service = &model->services[model->service_count];
        if (input->before_service)
            input->before_service(input->data, pair);
        build_service(&builder, pair, service);
        if (input->after_service)
            input->after_service(input->data, model, pair, service);
    }
    return model;
}
