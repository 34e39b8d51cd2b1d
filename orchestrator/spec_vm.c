/* See spec.h: one instance, from the model and what its image says, or as the store has it. */
#include "orchestrator/spec.h"

#include "base/str.h"

enum { /* Compose specification, services: stop_grace_period, healthcheck */
       STOP_TIMEOUT_MS = 10000,
       AUTO_REMOVE_GRACE_MS = 10000,
       PROBE_INTERVAL_MS = 30000,
       PROBE_TIMEOUT_MS = 30000,
       PROBE_START_INTERVAL_MS = 5000,
       PROBE_RETRIES = 3,
};

static void set_string_or_null(cJSON *object, const char *key, const char *value)
{
    json_set(object, key, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

/* The instance's number in the place of MODEL_REPLICA. Owned by the caller. */
static char *put_replica(const char *text, int64_t number)
{
    struct strbuf out = {0};
    const char *place;
    while ((place = strstr(text, MODEL_REPLICA))) {
        strbuf_add(&out, text, (size_t)(place - text));
        strbuf_addf(&out, "%lld", (long long)number);
        text = place + strlen(MODEL_REPLICA);
    }
    strbuf_add_str(&out, text);
    return strbuf_take(&out);
}

static void set_whose(cJSON *spec, const struct specs *specs, const struct spec_instance *instance)
{
    json_set_string(spec, "instance", instance->name);
    json_set_string(spec, "service", instance->service);
    json_set_string(spec, "project", specs->project);
}

/* --- endpoints, ports ------------------------------------------------------------------------- */

/* No member where there is nothing: what was made before does not change. */
static void set_strings(cJSON *spec, const char *key, char *const *strings)
{
    if (strings && strings[0])
        json_set(spec, key, json_from_strv(strings));
}

static void set_links(cJSON *spec, const struct model_service *service)
{
    if (service->link_count == 0)
        return;
    cJSON *links = cJSON_AddArrayToObject(spec, "links");
    for (size_t i = 0; i < service->link_count; i++) {
        cJSON *link = cJSON_CreateObject();
        json_set_string(link, "alias", service->links[i].alias);
        json_set_string(link, "target", service->links[i].target);
        cJSON_AddItemToArray(links, link);
    }
}

static bool reaches_host(const struct model_service *service)
{
    for (size_t i = 0; i < service->host_count; i++)
        if (streq(service->hosts[i].address, MODEL_HOST_GATEWAY))
            return true;
    return false;
}

static void render_endpoint(const struct specs *specs, const struct model_service *service,
                            struct spec_instance *instance, size_t index)
{
    const struct model_attachment *attachment = &service->attachments[index];
    struct spec_endpoint *ret = &instance->endpoints[index];
    _cleanup_free_ char *interface = attachment->interface_name
                                         ? xstrdup(attachment->interface_name)
                                         : xasprintf("eth%zu", index);
    cJSON *spec = cJSON_CreateObject();
    ret->network = xstrdup(specs->networks[attachment->network].name);
    ret->name = xasprintf("%s/%s", instance->name, ret->network);
    set_whose(spec, specs, instance);
    json_set_string(spec, "network", ret->network);
    json_set_string(spec, "interface", interface);
    json_set(spec, "aliases", json_from_strv(attachment->aliases));
    json_set_string(spec, "ipv4_address", attachment->ipv4_address);
    json_set_string(spec, "ipv6_address", attachment->ipv6_address);
    json_set_string(spec, "mac_address", attachment->mac_address);
    if (attachment->interface_name)
        json_set_int(spec, "position", (int64_t)index);
    if (attachment->gw_priority != 0)
        json_set_int(spec, "gw_priority", attachment->gw_priority);
    set_strings(spec, "link_local_ips", attachment->link_local_ips);
    set_strings(spec, "dns", service->dns);
    set_links(spec, service);
    if (reaches_host(service))
        json_set_bool(spec, "host_gateway", true);
    spec_hash_json(spec, ret->hash);
    ret->spec = spec;
}

static cJSON *render_port(const struct model_port *port)
{
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "host_ip", port->host_ip);
    json_set_int(spec, "published", port->published);
    if (port->published_last > port->published)
        json_set_int(spec, "published_last", port->published_last);
    json_set_int(spec, "target", port->target);
    json_set_string(spec, "protocol", port->udp ? "udp" : "tcp");
    if (port->mode && !streq(port->mode, "ingress"))
        json_set_string(spec, "mode", port->mode);
    if (port->app_protocol && *port->app_protocol)
        json_set_string(spec, "app_protocol", port->app_protocol);
    return spec;
}

static void render_ports(const struct specs *specs, const struct model_service *service,
                         struct spec_instance *instance)
{
    if (service->port_count == 0)
        return;
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < service->port_count; i++)
        cJSON_AddItemToArray(list, render_port(&service->ports[i]));
    instance->ports = cJSON_CreateObject();
    set_whose(instance->ports, specs, instance);
    json_set(instance->ports, "ports", list);
    spec_hash_json(instance->ports, instance->ports_hash);
}

/* --- health ----------------------------------------------------------------------------------- */

/* The file's, else the image's (nanoseconds there), else the default. */
static int64_t choose_ms(int64_t own_ms, const cJSON *image, const char *key, int64_t fallback_ms)
{
    int64_t image_ms = json_int(image, key, 0) / 1000000;
    return own_ms ? own_ms : image_ms ? image_ms : fallback_ms;
}

static cJSON *render_test(const struct model_healthcheck *check, const cJSON *image)
{
    if (check->test)
        return json_from_strv(check->test);
    const cJSON *test = json_array(image, "Test");
    const cJSON *first = cJSON_GetArrayItem(test, 0);
    bool is_one = cJSON_IsString(first) && !streq(first->valuestring, "NONE");
    return is_one ? cJSON_Duplicate(test, true) : NULL;
}

static cJSON *render_healthcheck(const struct model_healthcheck *given, const cJSON *image_result)
{
    static const struct model_healthcheck silent = {0};
    const struct model_healthcheck *check = given ? given : &silent;
    const cJSON *image = json_object(json_object(image_result, "config"), "Healthcheck");
    if (check->disable)
        return cJSON_CreateNull();
    cJSON *spec = cJSON_CreateObject();
    if (check->http)
        json_set_string(spec, "http", check->http);
    else if (check->tcp)
        json_set_int(spec, "tcp", check->tcp);
    else
        json_set(spec, "test", render_test(check, image));
    if (!spec->child) {
        cJSON_Delete(spec);
        return cJSON_CreateNull();
    }
    int64_t retries = json_int(image, "Retries", 0);
    json_set_int(spec, "interval_ms",
                 choose_ms(check->interval_ms, image, "Interval", PROBE_INTERVAL_MS));
    json_set_int(spec, "timeout_ms",
                 choose_ms(check->timeout_ms, image, "Timeout", PROBE_TIMEOUT_MS));
    json_set_int(spec, "start_period_ms",
                 choose_ms(check->start_period_ms, image, "StartPeriod", 0));
    json_set_int(
        spec, "start_interval_ms",
        choose_ms(check->start_interval_ms, image, "StartInterval", PROBE_START_INTERVAL_MS));
    json_set_int(spec, "retries",
                 check->retries ? check->retries
                 : retries      ? retries
                                : PROBE_RETRIES);
    return spec;
}

/* --- the VM ----------------------------------------------------------------------------------- */

static cJSON *render_environment(const struct model_service *service, int64_t number)
{
    cJSON *environment = cJSON_CreateObject();
    for (size_t i = 0; i < service->environment_count; i++) {
        const struct model_variable *variable = &service->environment[i];
        _cleanup_free_ char *value = put_replica(variable->value, number);
        cJSON_AddStringToObject(environment, variable->name, value); /* names come but once */
    }
    return environment;
}

static cJSON *render_argv(bool given, char *const *argv)
{
    return given ? json_from_strv(argv) : cJSON_CreateNull();
}

static cJSON *render_logging(const struct model_logging *logging)
{
    cJSON *spec = cJSON_CreateObject();
    set_string_or_null(spec, "driver", logging->driver);
    json_set_int(spec, "max_bytes", (int64_t)logging->max_bytes);
    json_set_int(spec, "max_files", logging->max_files);
    return spec;
}

static cJSON *render_restart(const struct model_restart *restart, bool oneoff)
{
    static const char *const modes[RESTART_MODE_COUNT] = {
        [RESTART_NO] = "no",
        [RESTART_ALWAYS] = "always",
        [RESTART_ON_FAILURE] = "on-failure",
        [RESTART_UNLESS_STOPPED] = "unless-stopped",
    };
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "mode", modes[oneoff ? RESTART_NO : restart->mode]);
    json_set_int(spec, "max_attempts", restart->max_attempts);
    json_set_int(spec, "delay_ms", restart->delay_ms);
    json_set_int(spec, "window_ms", restart->window_ms);
    return spec;
}

cJSON *spec_dependencies(const struct specs *specs, size_t index)
{
    const struct model_service *service = specs->services[index].model;
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < service->dependency_count; i++) {
        const struct model_dependency *dependency = &service->dependencies[i];
        cJSON *item = cJSON_CreateObject();
        json_set_string(item, "service", specs->services[dependency->service].name);
        json_set_string(item, "condition", spec_condition_name(dependency->condition));
        json_set_bool(item, "required", dependency->required);
        json_set_bool(item, "restart", dependency->restart);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

static cJSON *render_labels(const struct model_service *service)
{
    cJSON *labels = cJSON_CreateObject();
    for (size_t i = 0; i < service->label_count; i++)
        cJSON_AddStringToObject(labels, service->labels[i].name, service->labels[i].value);
    return labels;
}

static cJSON *name_endpoints(const struct spec_instance *instance)
{
    cJSON *names = cJSON_CreateArray();
    for (size_t i = 0; i < instance->endpoint_count; i++)
        cJSON_AddItemToArray(names, cJSON_CreateString(instance->endpoints[i].name));
    return names;
}

/* What the guest is. */
static void render_machine(const struct model_service *service, const struct spec_rendering *how,
                           cJSON *spec)
{
    json_set(spec, "cpus", cJSON_CreateNumber(service->cpus));
    json_set_int(spec, "memory_bytes", (int64_t)service->memory_bytes);
    json_set_int(spec, "disk_bytes", (int64_t)service->disk_bytes);
    json_set_bool(spec, "read_only", service->read_only);
    json_set(spec, "logging", render_logging(&service->logging));
    json_set(spec, "healthcheck", render_healthcheck(service->healthcheck, how->image));
    json_set(spec, "restart", render_restart(&service->restart, how->oneoff));
}

/* What the guest is told of names, and of its kernel's network. */
static void render_names(const struct model_service *service, cJSON *spec)
{
    json_set_string(spec, "domainname", service->domainname);
    set_strings(spec, "dns_search", service->dns_search);
    set_strings(spec, "dns_options", service->dns_options);
    if (service->host_count > 0) {
        cJSON *hosts = cJSON_AddArrayToObject(spec, "extra_hosts");
        for (size_t i = 0; i < service->host_count; i++) {
            cJSON *host = cJSON_CreateObject();
            json_set_string(host, "name", service->hosts[i].name);
            json_set_string(host, "address", service->hosts[i].address);
            cJSON_AddItemToArray(hosts, host);
        }
    }
    if (service->sysctl_count > 0) {
        cJSON *sysctls = cJSON_AddObjectToObject(spec, "sysctls");
        for (size_t i = 0; i < service->sysctl_count; i++)
            cJSON_AddStringToObject(sysctls, service->sysctls[i].name, service->sysctls[i].value);
    }
}

/* What the guest runs. */
static void render_process(const struct model_service *service, const struct spec_rendering *how,
                           cJSON *spec)
{
    _cleanup_free_ char *hostname =
        put_replica(service->hostname ? service->hostname : service->name, how->number);
    json_set_string(spec, "hostname", hostname);
    json_set(spec, "command", render_argv(service->has_command, service->command));
    json_set(spec, "entrypoint", render_argv(service->has_entrypoint, service->entrypoint));
    json_set(spec, "environment", render_environment(service, how->number));
    set_string_or_null(spec, "user", service->user);
    set_string_or_null(spec, "working_dir", service->working_dir);
    json_set_bool(spec, "tty", service->tty);
    json_set_bool(spec, "stdin_open", service->stdin_open);
    set_string_or_null(spec, "stop_signal", service->stop_signal);
    json_set_int(spec, "stop_timeout_ms",
                 service->stop_grace_ms < 0 ? STOP_TIMEOUT_MS : service->stop_grace_ms);
}

struct spec_instance *spec_render(const struct specs *specs, const struct spec_rendering *how)
{
    const struct spec_service *of = &specs->services[how->service];
    const struct model_service *service = of->model;
    struct spec_instance *instance = new0(struct spec_instance);
    instance->service = xstrdup(of->name);
    instance->number = how->number;
    instance->name =
        how->name ? xstrdup(how->name)
                  : xasprintf("%s-%s-%lld", specs->project, of->name, (long long)how->number);
    instance->endpoint_count = service->attachment_count;
    instance->endpoints = xcalloc(instance->endpoint_count + 1, sizeof(*instance->endpoints));
    for (size_t i = 0; i < instance->endpoint_count; i++)
        render_endpoint(specs, service, instance, i);
    render_ports(specs, service, instance);
    cJSON *spec = instance->vm = cJSON_CreateObject();
    set_whose(spec, specs, instance);
    json_set_int(spec, "number", how->number);
    json_set_bool(spec, "oneoff", how->oneoff);
    if (how->auto_remove)
        json_set_int(spec, "auto_remove_ms", how->detached ? 0 : AUTO_REMOVE_GRACE_MS);
    json_set_string(spec, "image", of->image);
    json_set(spec, "endpoints", name_endpoints(instance));
    render_process(service, how, spec);
    render_machine(service, how, spec);
    render_names(service, spec);
    spec_render_mounts(specs, how, instance);
    json_set(spec, "depends_on", spec_dependencies(specs, how->service));
    json_set(spec, "labels", render_labels(service));
    return instance;
}

/* --- as it was made --------------------------------------------------------------------------- */

static void record_endpoint(const struct observed *observed, const char *name,
                            struct spec_instance *instance)
{
    const struct observed_resource *known = observed_find_resource(observed, "endpoint", name);
    const char *network = strchr(name, '/'); /* where it is only half there: what is in its name */
    _cleanup_free_ char *interface = xasprintf("eth%zu", instance->endpoint_count);
    struct spec_endpoint *ret = &instance->endpoints[instance->endpoint_count++];
    ret->name = xstrdup(name);
    ret->network = xstrdup(known ? known->network : network ? network + 1 : "");
    ret->spec = known ? cJSON_Duplicate(known->spec, true) : NULL;
    if (!known) {
        ret->spec = cJSON_CreateObject();
        json_set_string(ret->spec, "instance", instance->name);
        json_set_string(ret->spec, "service", instance->service);
        json_set_string(ret->spec, "project", observed->project);
        json_set_string(ret->spec, "network", ret->network);
        json_set_string(ret->spec, "interface", interface);
        json_set(ret->spec, "aliases", cJSON_CreateArray());
    }
    json_set(ret->spec, "tap", NULL);
    spec_hash_json(ret->spec, ret->hash);
}

struct spec_instance *spec_instance_recorded(const struct observed *observed, const char *name)
{
    const struct observed_resource *vm = observed_find_resource(observed, "vm", name);
    if (!vm)
        return NULL;
    struct spec_instance *instance = new0(struct spec_instance);
    instance->name = xstrdup(name);
    instance->service = xstrdup(json_string(vm->spec, "service", ""));
    instance->number = json_int(vm->spec, "number", 1);
    instance->vm = cJSON_Duplicate(vm->spec, true);
    json_set(instance->vm, "id", NULL);
    const cJSON *endpoints = json_array(vm->spec, "endpoints"), *endpoint;
    instance->endpoints =
        xcalloc((size_t)cJSON_GetArraySize(endpoints) + 1, sizeof(*instance->endpoints));
    cJSON_ArrayForEach(endpoint, endpoints)
    {
        if (cJSON_IsString(endpoint))
            record_endpoint(observed, endpoint->valuestring, instance);
    }
    const struct observed_resource *ports = observed_find_resource(observed, "ports", name);
    if (ports) {
        instance->ports = cJSON_Duplicate(ports->spec, true);
        spec_hash_json(instance->ports, instance->ports_hash);
    }
    instance->volumes = spec_volumes_of(vm->spec);
    return instance;
}

void spec_instance_free(struct spec_instance *instance)
{
    if (!instance)
        return;
    for (size_t i = 0; i < instance->endpoint_count; i++) {
        free(instance->endpoints[i].name);
        free(instance->endpoints[i].network);
        cJSON_Delete(instance->endpoints[i].spec);
    }
    free(instance->endpoints);
    free(instance->name);
    free(instance->service);
    cJSON_Delete(instance->ports);
    cJSON_Delete(instance->vm);
    strv_free(instance->volumes);
    free(instance);
}
