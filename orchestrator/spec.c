/* See spec.h: what belongs to the project as a whole. Members are set in a fixed order, so that
 * equal wishes give equal text and hash. */
#include "orchestrator/spec.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>

static cJSON *render_variables(const struct model_variable *variables, size_t count)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < count; i++)
        cJSON_AddStringToObject(object, variables[i].name, variables[i].value);
    return object;
}

static void set_variables(cJSON *spec, const char *key, const struct model_variable *variables,
                          size_t count)
{
    if (count > 0)
        json_set(spec, key, render_variables(variables, count));
}

/* What is as it is without a word has no member: networks that were made before do not change. */
static void build_network(const struct model *model, const struct model_network *network,
                          struct spec_network *ret)
{
    cJSON *spec = cJSON_CreateObject();
    const struct model_pool *four = &network->pools[IP_V4], *six = &network->pools[IP_V6];
    json_set_string(spec, "project", model->name);
    json_set_string(spec, "key", network->key);
    json_set_bool(spec, "internal", network->internal);
    json_set_bool(spec, "external", network->external);
    json_set_string(spec, "subnet", four->subnet);
    json_set_string(spec, "gateway", four->gateway);
    json_set_string(spec, "ip_range", four->range);
    json_set_string(spec, "subnet6", six->subnet);
    json_set_string(spec, "gateway6", six->gateway);
    json_set_string(spec, "ip_range6", six->range);
    if (!network->ipv4)
        json_set_bool(spec, "ipv4", false);
    if (network->ipv6)
        json_set_bool(spec, "ipv6", true);
    if (network->attachable)
        json_set_bool(spec, "attachable", true);
    if (network->isolated)
        json_set_bool(spec, "isolated", true);
    json_set_string(spec, "driver", network->driver);
    json_set_string(spec, "multicast", network->multicast);
    set_variables(spec, "aux_addresses", network->aux_addresses, network->aux_address_count);
    set_variables(spec, "options", network->options, network->option_count);
    set_variables(spec, "labels", network->labels, network->label_count);
    ret->name = network->name;
    ret->spec = spec;
    spec_hash_json(spec, ret->hash);
}

static void build_volume(const struct model *model, const struct model_volume *volume,
                         struct spec_volume *ret)
{
    cJSON *labels = cJSON_CreateObject();
    for (size_t i = 0; i < volume->label_count; i++)
        json_set_string(labels, volume->labels[i].name, volume->labels[i].value);
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "project", model->name);
    json_set_string(spec, "key", volume->key);
    json_set_bool(spec, "external", volume->external);
    json_set_bool(spec, "anonymous", false);
    json_set(spec, "labels", labels);
    ret->name = volume->name;
    ret->is_shared = volume->shared;
    ret->spec = spec;
    spec_hash_json(spec, ret->hash);
}

static void build_service(const struct model *model, const struct model_service *service,
                          struct spec_service *ret)
{
    ret->model = service;
    ret->name = service->name;
    ret->image = spec_image_name(model, service);
    ret->image_spec = spec_image_build(model, service);
}

static const char *service_name(const void *userdata, size_t node)
{
    const struct specs *specs = userdata;
    return specs->services[node].name;
}

static void build_project(struct specs *specs)
{
    const struct model *model = specs->model;
    specs->network_count = model->network_count;
    specs->networks = xcalloc(model->network_count + 1, sizeof(*specs->networks));
    for (size_t i = 0; i < model->network_count; i++) {
        build_network(model, &model->networks[i], &specs->networks[i]);
        strmap_set(&specs->network_index, specs->networks[i].name, i);
    }
    specs->volume_count = model->volume_count;
    specs->volumes = xcalloc(model->volume_count + 1, sizeof(*specs->volumes));
    for (size_t i = 0; i < model->volume_count; i++) {
        build_volume(model, &model->volumes[i], &specs->volumes[i]);
        strmap_set(&specs->volume_index, specs->volumes[i].name, i);
    }
}

static void build_services(struct specs *specs)
{
    const struct model *model = specs->model;
    specs->service_count = model->service_count;
    specs->services = xcalloc(model->service_count + 1, sizeof(*specs->services));
    specs->dependencies = graph_new(model->service_count);
    for (size_t i = 0; i < model->service_count; i++) {
        const struct model_service *service = &model->services[i];
        build_service(model, service, &specs->services[i]);
        strmap_set(&specs->service_index, service->name, i);
        for (size_t j = 0; j < service->dependency_count; j++)
            graph_add(specs->dependencies, i, service->dependencies[j].service);
    }
}

int specs_build(struct model *model, struct specs **ret_specs, struct error *err)
{
    _cleanup_(specs_freep) struct specs *specs = new0(struct specs);
    specs->model = model;
    specs->project = model->name;
    build_project(specs);
    build_services(specs);
    specs->order = xcalloc(model->service_count + 1, sizeof(*specs->order));
    int r = graph_order(specs->dependencies, service_name, specs, specs->order, err);
    if (r < 0)
        return r;
    *ret_specs = TAKE_PTR(specs);
    return 0;
}

void specs_free(struct specs *specs)
{
    if (!specs)
        return;
    for (size_t i = 0; i < specs->network_count; i++)
        cJSON_Delete(specs->networks[i].spec);
    for (size_t i = 0; i < specs->volume_count; i++)
        cJSON_Delete(specs->volumes[i].spec);
    for (size_t i = 0; i < specs->service_count; i++) {
        free(specs->services[i].image);
        cJSON_Delete(specs->services[i].image_spec);
    }
    free(specs->networks);
    free(specs->volumes);
    free(specs->services);
    strmap_done(&specs->network_index);
    strmap_done(&specs->volume_index);
    strmap_done(&specs->service_index);
    graph_free(specs->dependencies);
    free(specs->order);
    model_free(specs->model);
    free(specs);
}

size_t specs_find_service(const struct specs *specs, const char *name)
{
    return strmap_get(&specs->service_index, name);
}

const struct spec_network *specs_find_network(const struct specs *specs, const char *name)
{
    size_t index = strmap_get(&specs->network_index, name);
    return index == STRMAP_NONE ? NULL : &specs->networks[index];
}

const struct spec_volume *specs_find_volume(const struct specs *specs, const char *name)
{
    size_t index = strmap_get(&specs->volume_index, name);
    return index == STRMAP_NONE ? NULL : &specs->volumes[index];
}

static int check_port(const struct model_service *service, const struct model_port *port,
                      int64_t replicas, struct error *err)
{
    int64_t room = port->published ? port->published_last - port->published + 1 : replicas;
    if (room >= replicas)
        return 0;
    if (room == 1)
        return error_set(err, EINVAL,
                         "service '%s' is to have %lld instances, but only one can publish port "
                         "%u: give a range ('%u-%u:%u'), or only the target ('%u')",
                         service->name, (long long)replicas, port->published, port->published,
                         (unsigned)(port->published + replicas - 1), port->target, port->target);
    return error_set(
        err, EINVAL, "service '%s' is to have %lld instances, but the ports %u-%u are only %lld",
        service->name, (long long)replicas, port->published, port->published_last, (long long)room);
}

static int check_static(const struct model_service *service, int64_t replicas, const char *what,
                        const char *key, const char *value, struct error *err)
{
    return value ? error_set(err, EINVAL,
                             "service '%s' is to have %lld instances, but only one can have the "
                             "%s %s: remove '%s'",
                             service->name, (long long)replicas, what, value, key)
                 : 0;
}

int specs_check_replicas(const struct specs *specs, size_t index, int64_t replicas,
                         struct error *err)
{
    const struct model_service *service = specs->services[index].model;
    if (replicas <= 1)
        return 0;
    for (size_t i = 0; i < service->attachment_count; i++) {
        const struct model_attachment *attachment = &service->attachments[i];
        int r = check_static(service, replicas, "address", "ipv4_address", attachment->ipv4_address,
                             err);
        if (r == 0)
            r = check_static(service, replicas, "address", "ipv6_address", attachment->ipv6_address,
                             err);
        if (r == 0)
            r = check_static(service, replicas, "MAC address", "mac_address",
                             attachment->mac_address, err);
        if (r < 0)
            return r;
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < service->port_count; i++)
        r = check_port(service, &service->ports[i], replicas, err);
    return r;
}

static int check_sources(const struct model_service *service, const char *kind,
                         const struct model_file *files, size_t count,
                         const struct model_source *sources, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct model_source *source = &sources[files[i].source];
        if (source->environment && !source->value)
            return error_set(err, EINVAL,
                             "service '%s': its %s '%s' comes from the variable '%s', which is not "
                             "set: run the command again with %s=VALUE before it",
                             service->name, kind, source->key, source->environment,
                             source->environment);
    }
    return 0;
}

int specs_check_values(const struct specs *specs, size_t index, struct error *err)
{
    const struct model *model = specs->model;
    const struct model_service *service = specs->services[index].model;
    int r = check_sources(service, "config", service->configs, service->config_count,
                          model->configs, err);
    return r < 0 ? r
                 : check_sources(service, "secret", service->secrets, service->secret_count,
                                 model->secrets, err);
}
