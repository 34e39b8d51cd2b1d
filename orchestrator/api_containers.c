/* GET /containers/json and /containers/{id}/json: instances in Docker's shapes. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"
#include "orchestrator/api_status.h"

#include <errno.h>

cJSON *api_describe_labels(const cJSON *instance)
{
    const cJSON *own = json_object(instance, "Labels");
    cJSON *labels = own ? cJSON_Duplicate(own, true) : cJSON_CreateObject();
    _cleanup_free_ char *number = xasprintf("%lld", (long long)json_int(instance, "Number", 1));
    json_set_string(labels, "com.docker.compose.project", json_string(instance, "Project", ""));
    json_set_string(labels, "com.docker.compose.service", json_string(instance, "Service", ""));
    json_set_string(labels, "com.docker.compose.container-number", number);
    json_set_string(labels, "com.docker.compose.oneoff",
                    json_bool(instance, "OneOff", false) ? "True" : "False");
    return labels;
}

char *api_describe_status(const cJSON *instance, int64_t now_ms)
{
    return api_status_text(json_string(instance, "State", ""), json_string(instance, "Health", ""),
                           (int)json_int(instance, "ExitCode", 0),
                           json_int(instance, "StartedMs", 0), json_int(instance, "FinishedMs", 0),
                           now_ms);
}

static cJSON *describe_mounts(const cJSON *instance)
{
    const cJSON *mounts = json_array(instance, "Mounts");
    return mounts ? cJSON_Duplicate(mounts, true) : cJSON_CreateArray();
}

static void set_name(cJSON *container, const char *key, const cJSON *instance)
{
    _cleanup_free_ char *name = xasprintf("/%s", json_string(instance, "Name", ""));
    json_set_string(container, key, name);
}

static cJSON *describe_networks(const cJSON *instance)
{
    cJSON *networks = cJSON_CreateObject();
    const cJSON *endpoint;
    cJSON_ArrayForEach(endpoint, json_array(instance, "Endpoints"))
    {
        cJSON *network = cJSON_CreateObject();
        json_set_string(network, "IPAddress", json_string(endpoint, "address", ""));
        json_set_int(network, "IPPrefixLen", json_int(endpoint, "prefix", 0));
        json_set_string(network, "Gateway", json_string(endpoint, "gateway", ""));
        json_set_string(network, "MacAddress", json_string(endpoint, "mac", ""));
        json_set(networks, json_string(endpoint, "network", ""), network);
    }
    return networks;
}

static const char *port_address(const cJSON *port)
{
    const char *address = json_string(port, "host_ip", "");
    return *address ? address : "0.0.0.0";
}

static cJSON *list_ports(const cJSON *instance)
{
    cJSON *ports = cJSON_CreateArray();
    const cJSON *port;
    cJSON_ArrayForEach(port, json_array(instance, "Ports"))
    {
        cJSON *item = cJSON_CreateObject();
        json_set_string(item, "IP", port_address(port));
        json_set_int(item, "PrivatePort", json_int(port, "target", 0));
        json_set_int(item, "PublicPort", json_int(port, "published", 0));
        json_set_string(item, "Type", json_string(port, "protocol", "tcp"));
        cJSON_AddItemToArray(ports, item);
    }
    return ports;
}

/* {"80/tcp":[{"HostIp","HostPort"}]}, as inspect has it. */
static cJSON *map_ports(const cJSON *instance)
{
    cJSON *ports = cJSON_CreateObject();
    const cJSON *port;
    cJSON_ArrayForEach(port, json_array(instance, "Ports"))
    {
        _cleanup_free_ char *key = xasprintf("%lld/%s", (long long)json_int(port, "target", 0),
                                             json_string(port, "protocol", "tcp"));
        _cleanup_free_ char *published =
            xasprintf("%lld", (long long)json_int(port, "published", 0));
        cJSON *list = json_array(ports, key);
        if (!list)
            list = cJSON_AddArrayToObject(ports, key);
        cJSON *binding = cJSON_CreateObject();
        json_set_string(binding, "HostIp", port_address(port));
        json_set_string(binding, "HostPort", published);
        cJSON_AddItemToArray(list, binding);
    }
    return ports;
}

static const char *first_network(const cJSON *instance)
{
    return json_string(cJSON_GetArrayItem(json_array(instance, "Endpoints"), 0), "network",
                       "default");
}

static cJSON *describe_container(const cJSON *instance, int64_t now_ms)
{
    _cleanup_free_ char *name = xasprintf("/%s", json_string(instance, "Name", ""));
    _cleanup_free_ char *status = api_describe_status(instance, now_ms);
    cJSON *container = cJSON_CreateObject();
    json_set_string(container, "Id", json_string(instance, "Id", ""));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(container, "Names"), cJSON_CreateString(name));
    json_set_string(container, "Image", json_string(instance, "Image", ""));
    json_set_string(container, "ImageID", json_string(instance, "ImageID", ""));
    json_set_string(container, "Command", json_string(instance, "Command", ""));
    json_set_int(container, "Created", json_int(instance, "CreatedMs", 0) / 1000);
    json_set(container, "Ports", list_ports(instance));
    json_set(container, "Labels", api_describe_labels(instance));
    json_set_string(container, "State", json_string(instance, "State", ""));
    json_set_string(container, "Status", status);
    json_set_string(cJSON_AddObjectToObject(container, "HostConfig"), "NetworkMode",
                    first_network(instance));
    json_set(cJSON_AddObjectToObject(container, "NetworkSettings"), "Networks",
             describe_networks(instance));
    json_set(container, "Mounts", describe_mounts(instance));
    return container;
}

/* --- filters --------------------------------------------------------------------------------- */

/* Docker's own names begin with a slash. */
static bool name_contains(const char *name, const char *part)
{
    return api_text_contains(name, *part == '/' ? part + 1 : part);
}

/* Docker's word for who has no check is "none". */
static bool health_is(const char *health, const char *wanted)
{
    return streq(*health ? health : "none", wanted);
}

static bool exit_code_is(const cJSON *instance, const cJSON *codes)
{
    _cleanup_free_ char *code = xasprintf("%lld", (long long)json_int(instance, "ExitCode", 0));
    return !codes || (streq(json_string(instance, "State", ""), "exited") &&
                      api_filter_matches(codes, code, streq));
}

static bool container_matches(const cJSON *instance, const cJSON *filters)
{
    _cleanup_json_ cJSON *labels = api_describe_labels(instance);
    return api_labels_match(labels, json_array(filters, "label")) &&
           api_filter_matches(json_array(filters, "name"), json_string(instance, "Name", ""),
                              name_contains) &&
           api_filter_matches(json_array(filters, "id"), json_string(instance, "Id", ""),
                              api_text_begins) &&
           api_filter_matches(json_array(filters, "status"), json_string(instance, "State", ""),
                              streq) &&
           api_filter_matches(json_array(filters, "health"), json_string(instance, "Health", ""),
                              health_is) &&
           exit_code_is(instance, json_array(filters, "exited"));
}

/* --- the routes ------------------------------------------------------------------------------ */

void api_containers_list(const struct api_call *call)
{
    static const char *const known[] = {"label", "name", "id", "status", "health", "exited", NULL};
    _cleanup_json_ cJSON *filters = NULL;
    if (!api_read_filters(call->request, known, &filters))
        return;
    const char *limit_text = http_request_query(call->request, "limit");
    uint64_t limit = 0;
    if (limit_text && *limit_text && str_to_u64(limit_text, &limit) < 0)
        limit = 0; /* -1 in older clients: no limit */
    bool all = http_request_flag(call->request, "all") || json_array(filters, "status") ||
               json_array(filters, "exited") || limit;
    _cleanup_json_ cJSON *instances = api_list_instances(call->api, NULL, all);
    _cleanup_json_ cJSON *answer = cJSON_CreateArray();
    int64_t now_ms = clock_realtime_ms();
    int count = cJSON_GetArraySize(instances);
    for (int i = count - 1; i >= 0; i--) {
        const cJSON *instance = cJSON_GetArrayItem(instances, i);
        if (container_matches(instance, filters))
            cJSON_AddItemToArray(answer, describe_container(instance, now_ms));
        if (limit && (uint64_t)cJSON_GetArraySize(answer) == limit)
            break;
    }
    http_respond_json(call->request, 200, answer);
}

static void set_time(cJSON *object, const char *key, int64_t time_ms)
{
    char text[CLOCK_TEXT_SIZE];
    /* Docker's zero time is Go's. */
    json_set_string(object, key,
                    time_ms ? clock_format_ns(time_ms * 1000000, text) : "0001-01-01T00:00:00Z");
}

/* health: orchestrator_describe_health(), taken. */
static cJSON *describe_state(const cJSON *instance, cJSON *health)
{
    const char *status = json_string(instance, "State", "");
    cJSON *state = cJSON_CreateObject();
    json_set_string(state, "Status", status);
    json_set_bool(state, "Running",
                  api_instance_runs(instance) || streq(status, "paused") ||
                      streq(status, "restarting"));
    json_set_bool(state, "Paused", streq(status, "paused"));
    json_set_bool(state, "Restarting", streq(status, "restarting"));
    json_set_bool(state, "OOMKilled", json_bool(instance, "OOMKilled", false));
    json_set_bool(state, "Dead", false);
    json_set_int(state, "Pid", json_int(instance, "Pid", 0));
    json_set_int(state, "ExitCode", json_int(instance, "ExitCode", 0));
    json_set_string(state, "Error", "");
    set_time(state, "StartedAt", json_int(instance, "StartedMs", 0));
    set_time(state, "FinishedAt", json_int(instance, "FinishedMs", 0));
    if (health)
        json_set(state, "Health", health);
    return state;
}

static cJSON *describe_config(const cJSON *instance)
{
    cJSON *config = cJSON_CreateObject();
    json_set_string(config, "Hostname", json_string(instance, "Service", ""));
    json_set_bool(config, "Tty", json_bool(instance, "Tty", false));
    json_set_bool(config, "OpenStdin", json_bool(instance, "OpenStdin", false));
    json_set_string(config, "Image", json_string(instance, "Image", ""));
    cJSON *command = cJSON_AddArrayToObject(config, "Cmd");
    cJSON_AddItemToArray(command, cJSON_CreateString(json_string(instance, "Command", "")));
    json_set(config, "Labels", api_describe_labels(instance));
    return config;
}

static cJSON *inspect_container(const cJSON *instance, cJSON *health)
{
    cJSON *container = cJSON_CreateObject();
    json_set_string(container, "Id", json_string(instance, "Id", ""));
    set_time(container, "Created", json_int(instance, "CreatedMs", 0));
    json_set_string(container, "Path", json_string(instance, "Command", ""));
    json_set(container, "Args", cJSON_CreateArray());
    json_set(container, "State", describe_state(instance, health));
    json_set_string(container, "Image", json_string(instance, "ImageID", ""));
    set_name(container, "Name", instance);
    json_set_int(container, "RestartCount", json_int(instance, "RestartCount", 0));
    json_set_string(container, "Driver", "erofs");
    json_set_string(container, "Platform", "linux");
    cJSON *host = cJSON_AddObjectToObject(container, "HostConfig");
    json_set_string(host, "NetworkMode", first_network(instance));
    json_set_string(cJSON_AddObjectToObject(host, "LogConfig"), "Type", "json-file");
    cJSON *restart = cJSON_AddObjectToObject(host, "RestartPolicy");
    json_set_string(restart, "Name", json_string(instance, "RestartPolicy", "no"));
    json_set_int(restart, "MaximumRetryCount", json_int(instance, "RestartMaximum", 0));
    json_set(container, "Mounts", describe_mounts(instance));
    json_set(container, "Config", describe_config(instance));
    cJSON *settings = cJSON_AddObjectToObject(container, "NetworkSettings");
    json_set(settings, "Ports", map_ports(instance));
    json_set(settings, "Networks", describe_networks(instance));
    return container;
}

void api_container_inspect(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    if (!instance)
        return;
    cJSON *health = orchestrator_describe_health(call->api->options.orchestrator,
                                                 json_string(instance, "Name", ""));
    _cleanup_json_ cJSON *answer = inspect_container(instance, health);
    http_respond_json(call->request, 200, answer);
}
