/* See spec.h. Members are set in a fixed order, so that equal wishes give equal text and hash. */
#include "orchestrator/spec.h"

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/image_reference.h"

#include <errno.h>

enum { STOP_TIMEOUT_MS = 10000 }; /* Compose specification, stop_grace_period */

static char *hash_json(const cJSON *value, char *hex)
{
    _cleanup_free_ char *text = json_print(value);
    return hash_sha256_hex(text, strlen(text), hex);
}

static void set_string_or_null(cJSON *object, const char *key, const char *value)
{
    json_set(object, key, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

static void build_network(const struct model *model, const struct model_network *network,
                          struct spec_network *ret)
{
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "project", model->name);
    json_set_string(spec, "key", network->key);
    json_set_bool(spec, "internal", network->internal);
    json_set_bool(spec, "external", network->external);
    json_set_string(spec, "subnet", network->subnet);
    json_set_string(spec, "gateway", network->gateway);
    ret->name = xstrdup(network->name);
    ret->spec = spec;
    hash_json(spec, ret->hash);
}

static void build_endpoint(const struct model *model, const struct model_service *service,
                           const char *instance, size_t index, struct spec_endpoint *ret)
{
    const struct model_attachment *attachment = &service->attachments[index];
    const char *network = model->networks[attachment->network].name;
    _cleanup_free_ char *interface = xasprintf("eth%zu", index);
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "instance", instance);
    json_set_string(spec, "service", service->name);
    json_set_string(spec, "project", model->name);
    json_set_string(spec, "network", network);
    json_set_string(spec, "interface", interface);
    json_set(spec, "aliases", json_from_strv(attachment->aliases));
    json_set_string(spec, "ipv4_address", attachment->ipv4_address);
    ret->name = xasprintf("%s/%s", instance, network);
    ret->network = xstrdup(network);
    ret->network_index = attachment->network;
    hash_json(spec, ret->hash);
    json_set_bool(spec, "tap", true); /* up never reserves an endpoint without a start to follow */
    ret->spec = spec;
}

static cJSON *build_port(const struct model_port *port)
{
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "host_ip", port->host_ip);
    json_set_int(spec, "published", port->published);
    if (port->published_last > port->published)
        json_set_int(spec, "published_last", port->published_last);
    json_set_int(spec, "target", port->target);
    json_set_string(spec, "protocol", port->udp ? "udp" : "tcp");
    return spec;
}

static void build_ports(const struct model *model, const struct model_service *service,
                        struct spec_service *ret)
{
    if (service->port_count == 0)
        return;
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < service->port_count; i++)
        cJSON_AddItemToArray(list, build_port(&service->ports[i]));
    ret->ports = cJSON_CreateObject();
    json_set_string(ret->ports, "instance", ret->instance);
    json_set_string(ret->ports, "service", service->name);
    json_set_string(ret->ports, "project", model->name);
    json_set(ret->ports, "ports", list);
    hash_json(ret->ports, ret->ports_hash);
}

static cJSON *build_bootstrap(const struct model_bootstrap *bootstrap)
{
    cJSON *files = cJSON_CreateObject();
    for (size_t i = 0; i < bootstrap->file_count; i++) {
        const struct model_bootstrap_file *file = &bootstrap->files[i];
        cJSON *entry = cJSON_CreateObject();
        json_set_string(entry, "content", file->content);
        json_set_string(entry, "source", file->source);
        json_set_int(entry, "mode", file->mode);
        json_set(files, file->path, entry);
    }
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "suite", bootstrap->suite);
    json_set(spec, "packages", json_from_strv(bootstrap->packages));
    json_set(spec, "files", files);
    return spec;
}

static void build_image(const struct model *model, const struct model_service *service,
                        struct spec_service *ret)
{
    ret->image_spec = cJSON_CreateObject();
    if (service->bootstrap) {
        ret->image = xasprintf("bootstrap:%s", service->name);
        json_set(ret->image_spec, "bootstrap", build_bootstrap(service->bootstrap));
    } else {
        ret->image = xstrdup(service->image);
        _cleanup_free_ char *reference = image_reference_resolve(service->image, model->directory);
        json_set_string(ret->image_spec, "image", reference);
    }
    json_set_string(ret->image_spec, "pull", "missing");
}

static cJSON *build_environment(const struct model_service *service)
{
    cJSON *environment = cJSON_CreateObject();
    for (size_t i = 0; i < service->environment_count; i++)
        json_set_string(environment, service->environment[i].name, service->environment[i].value);
    return environment;
}

static cJSON *build_argv(bool given, char *const *argv)
{
    return given ? json_from_strv(argv) : cJSON_CreateNull();
}

static void build_vm(const struct model *model, const struct model_service *service,
                     struct spec_service *ret)
{
    cJSON *endpoints = cJSON_CreateArray();
    for (size_t i = 0; i < ret->endpoint_count; i++)
        cJSON_AddItemToArray(endpoints, cJSON_CreateString(ret->endpoints[i].name));
    cJSON *spec = ret->vm = cJSON_CreateObject();
    json_set_string(spec, "instance", ret->instance);
    json_set_string(spec, "project", model->name);
    json_set_string(spec, "service", service->name);
    json_set_string(spec, "hostname", service->hostname ? service->hostname : service->name);
    json_set_string(spec, "image", ret->image);
    json_set(spec, "endpoints", endpoints);
    json_set(spec, "command", build_argv(service->has_command, service->command));
    json_set(spec, "entrypoint", build_argv(service->has_entrypoint, service->entrypoint));
    json_set(spec, "environment", build_environment(service));
    set_string_or_null(spec, "user", service->user);
    set_string_or_null(spec, "working_dir", service->working_dir);
    json_set(spec, "cpus", cJSON_CreateNumber(service->cpus));
    json_set_int(spec, "memory_bytes", (int64_t)service->memory_bytes);
    json_set_int(spec, "disk_bytes", 0);
    set_string_or_null(spec, "stop_signal", NULL); /* the image's */
    json_set_int(spec, "stop_timeout_ms", STOP_TIMEOUT_MS);
}

static void build_service(const struct model *model, const struct model_service *service,
                          struct spec_service *ret)
{
    ret->name = xstrdup(service->name);
    ret->instance = xasprintf("%s-%s-1", model->name, service->name);
    build_image(model, service, ret);
    ret->endpoint_count = service->attachment_count;
    ret->endpoints = xcalloc(ret->endpoint_count + 1, sizeof(*ret->endpoints));
    for (size_t i = 0; i < ret->endpoint_count; i++)
        build_endpoint(model, service, ret->instance, i, &ret->endpoints[i]);
    build_ports(model, service, ret);
    build_vm(model, service, ret);
    ret->restart_with = xcalloc(model->service_count + 1, sizeof(*ret->restart_with));
    for (size_t i = 0; i < service->dependency_count; i++) {
        const struct model_dependency *dependency = &service->dependencies[i];
        ret->restart_with[dependency->service] = dependency->restart;
        strv_add(&ret->depends_on, xstrdup(model->services[dependency->service].name));
    }
}

static const char *service_name(const void *userdata, size_t node)
{
    const struct specs *specs = userdata;
    return specs->services[node].name;
}

int specs_build(const struct model *model, struct specs **ret_specs, struct error *err)
{
    _cleanup_(specs_freep) struct specs *specs = new0(struct specs);
    specs->project = xstrdup(model->name);
    specs->networks = xcalloc(model->network_count + 1, sizeof(*specs->networks));
    specs->network_count = model->network_count;
    for (size_t i = 0; i < model->network_count; i++)
        build_network(model, &model->networks[i], &specs->networks[i]);
    specs->services = xcalloc(model->service_count + 1, sizeof(*specs->services));
    specs->service_count = model->service_count;
    specs->dependencies = graph_new(model->service_count);
    for (size_t i = 0; i < model->service_count; i++) {
        const struct model_service *service = &model->services[i];
        build_service(model, service, &specs->services[i]);
        for (size_t j = 0; j < service->dependency_count; j++)
            graph_add(specs->dependencies, i, service->dependencies[j].service);
    }
    specs->order = xcalloc(model->service_count + 1, sizeof(*specs->order));
    int r = graph_order(specs->dependencies, service_name, specs, specs->order, err);
    if (r < 0)
        return r;
    *ret_specs = TAKE_PTR(specs);
    return 0;
}

static void service_done(struct spec_service *service)
{
    for (size_t i = 0; i < service->endpoint_count; i++) {
        free(service->endpoints[i].name);
        free(service->endpoints[i].network);
        cJSON_Delete(service->endpoints[i].spec);
    }
    free(service->endpoints);
    free(service->name);
    free(service->instance);
    free(service->image);
    cJSON_Delete(service->image_spec);
    cJSON_Delete(service->ports);
    cJSON_Delete(service->vm);
    free(service->restart_with);
    strv_free(service->depends_on);
}

void specs_free(struct specs *specs)
{
    if (!specs)
        return;
    for (size_t i = 0; i < specs->network_count; i++) {
        free(specs->networks[i].name);
        cJSON_Delete(specs->networks[i].spec);
    }
    for (size_t i = 0; i < specs->service_count; i++)
        service_done(&specs->services[i]);
    free(specs->networks);
    free(specs->services);
    graph_free(specs->dependencies);
    free(specs->order);
    free(specs->project);
    free(specs);
}

size_t specs_find_service(const struct specs *specs, const char *name)
{
    for (size_t i = 0; i < specs->service_count; i++)
        if (streq(specs->services[i].name, name))
            return i;
    return SIZE_MAX;
}

char *spec_hash_service(const struct spec_service *service, const char *image_id, char *hex)
{
    _cleanup_json_ cJSON *all = cJSON_CreateObject();
    cJSON *endpoints = cJSON_AddArrayToObject(all, "endpoints");
    for (size_t i = 0; i < service->endpoint_count; i++)
        cJSON_AddItemToArray(endpoints, cJSON_CreateString(service->endpoints[i].hash));
    json_set(all, "vm", cJSON_Duplicate(service->vm, true));
    json_set_string(all, "ports", service->ports ? service->ports_hash : "");
    json_set_string(all, "image_id", image_id);
    return hash_json(all, hex);
}

static void add_shell_words(struct strbuf *text, const cJSON *argv)
{
    const cJSON *word;
    cJSON_ArrayForEach(word, argv)
    {
        if (!cJSON_IsString(word))
            continue;
        bool plain =
            *word->valuestring && !strpbrk(word->valuestring, " \t\r\n\"'\\$`;&|<>()*?[]#~");
        const char *quote = plain ? "" : "'";
        strbuf_addf(text, "%s%s%s%s", text->length ? " " : "", quote, word->valuestring, quote);
    }
}

char *spec_command_text(const cJSON *vm_spec, const cJSON *image_config)
{
    const cJSON *entrypoint = json_array(vm_spec, "entrypoint");
    const cJSON *command = json_array(vm_spec, "command");
    struct strbuf text = {0};
    add_shell_words(&text, entrypoint ? entrypoint : json_array(image_config, "Entrypoint"));
    if (command)
        add_shell_words(&text, command);
    else if (!entrypoint)
        add_shell_words(&text, json_array(image_config, "Cmd"));
    return strbuf_take(&text);
}
