/* GET /networks and /networks/{id}, in Docker's shapes; api_network_changes.c makes and removes. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

/* --- what is there ---------------------------------------------------------------------------- */

static cJSON *describe_labels(const cJSON *network)
{
    const cJSON *own = json_object(network, "labels");
    cJSON *labels = own ? cJSON_Duplicate(own, true) : cJSON_CreateObject();
    const char *project = json_string(network, "project", "");
    if (*project) {
        json_set_string(labels, "com.docker.compose.project", project);
        json_set_string(labels, "com.docker.compose.network", json_string(network, "key", ""));
    }
    return labels;
}

static const char *driver_of(const cJSON *network)
{
    return json_string(network, "driver", "bridge");
}

static bool is_of_family(const char *address, bool six)
{
    return (strchr(address, ':') != NULL) == six;
}

/* The file's aux_addresses, of one family. */
static cJSON *reserved_of(const cJSON *network, bool six)
{
    cJSON *reserved = cJSON_CreateObject();
    const cJSON *item;
    cJSON_ArrayForEach(item, json_object(network, "aux_addresses"))
    {
        if (cJSON_IsString(item) && is_of_family(item->valuestring, six))
            json_set_string(reserved, item->string, item->valuestring);
    }
    return reserved;
}

static void add_pool(cJSON *configs, const cJSON *network, bool six)
{
    const char *subnet = json_string(network, six ? "subnet6" : "subnet", NULL);
    if (!subnet)
        return;
    cJSON *config = cJSON_CreateObject(), *reserved = reserved_of(network, six);
    json_set_string(config, "Subnet", subnet);
    json_set_string(config, "Gateway", json_string(network, six ? "gateway6" : "gateway", NULL));
    json_set_string(config, "IPRange", json_string(network, six ? "ip_range6" : "ip_range", NULL));
    if (reserved->child)
        json_set(config, "AuxiliaryAddresses", reserved);
    else
        cJSON_Delete(reserved);
    cJSON_AddItemToArray(configs, config);
}

static cJSON *describe_options(const cJSON *network)
{
    const cJSON *own = json_object(network, "options");
    cJSON *options = own ? cJSON_Duplicate(own, true) : cJSON_CreateObject();
    if (streq(driver_of(network), "bridge"))
        json_set_string(options, "com.docker.network.bridge.name",
                        json_string(network, "bridge", ""));
    return options;
}

static cJSON *describe_network(const cJSON *network)
{
    char time[CLOCK_TEXT_SIZE];
    cJSON *answer = cJSON_CreateObject();
    json_set_string(answer, "Name", json_string(network, "name", ""));
    json_set_string(answer, "Id", json_string(network, "id", ""));
    json_set_string(answer, "Created",
                    clock_format_ns(json_int(network, "created_ms", 0) * 1000000, time));
    json_set_string(answer, "Scope", "local");
    json_set_string(answer, "Driver", driver_of(network));
    json_set_bool(answer, "EnableIPv4", json_string(network, "subnet", NULL) != NULL);
    json_set_bool(answer, "EnableIPv6", json_string(network, "subnet6", NULL) != NULL);
    json_set_bool(answer, "Internal", json_bool(network, "internal", false));
    json_set_bool(answer, "Attachable", json_bool(network, "attachable", false));
    json_set_bool(answer, "Ingress", false);
    cJSON *ipam = cJSON_AddObjectToObject(answer, "IPAM");
    json_set_string(ipam, "Driver", "default");
    json_set(ipam, "Options", cJSON_CreateObject());
    cJSON *configs = cJSON_AddArrayToObject(ipam, "Config");
    add_pool(configs, network, false);
    add_pool(configs, network, true);
    json_set(answer, "Options", describe_options(network));
    json_set(answer, "Labels", describe_labels(network));
    return answer;
}

/* --- one of them, with who is on it ----------------------------------------------------------- */

static void set_address(cJSON *container, const char *key, const cJSON *endpoint,
                        const char *address_key, const char *prefix_key)
{
    const char *address = json_string(endpoint, address_key, NULL);
    _cleanup_free_ char *text =
        address ? xasprintf("%s/%lld", address, (long long)json_int(endpoint, prefix_key, 0))
                : xstrdup("");
    json_set_string(container, key, text);
}

static const char *instance_id(const cJSON *instances, const char *name)
{
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances) if (streq(json_string(instance, "Name", ""),
                                                      name)) return json_string(instance, "Id",
                                                                                name);
    return name;
}

static cJSON *describe_members(struct api *api, const cJSON *network)
{
    _cleanup_json_ cJSON *instances = api_list_instances(api, NULL, true);
    cJSON *members = cJSON_CreateObject();
    const cJSON *endpoint;
    cJSON_ArrayForEach(endpoint, json_array(network, "endpoints"))
    {
        const char *name = json_string(endpoint, "instance", "");
        cJSON *member = cJSON_CreateObject();
        json_set_string(member, "Name", name);
        json_set_string(member, "EndpointID", "");
        json_set_string(member, "MacAddress", json_string(endpoint, "mac", ""));
        set_address(member, "IPv4Address", endpoint, "address", "prefix");
        set_address(member, "IPv6Address", endpoint, "address6", "prefix6");
        json_set(members, instance_id(instances, name), member);
    }
    return members;
}

/* Docker's Status.IPAM (API 1.52): how many addresses are taken, and how many can be given out. */
static cJSON *describe_room(const cJSON *network)
{
    cJSON *status = cJSON_CreateObject();
    cJSON *subnets = cJSON_AddObjectToObject(cJSON_AddObjectToObject(status, "IPAM"), "Subnets");
    const cJSON *room;
    cJSON_ArrayForEach(room, json_object(network, "room"))
    {
        cJSON *one = cJSON_CreateObject();
        json_set_int(one, "IPsInUse", json_int(room, "taken", 0));
        json_set_int(one, "DynamicIPsAvailable", json_int(room, "left", 0));
        json_set(subnets, json_string(network, room->string, ""), one);
    }
    return status;
}

/* By name, or by the beginning of an Id that is one network's only. */
const cJSON *api_find_network(const cJSON *networks, const char *name)
{
    const cJSON *network, *found = NULL;
    size_t count = 0;
    cJSON_ArrayForEach(network, networks)
    {
        if (streq(json_string(network, "name", ""), name))
            return network;
        if (*name && str_after_prefix(json_string(network, "id", ""), name)) {
            found = network;
            count++;
        }
    }
    return count == 1 ? found : NULL;
}

/* What the host calls the VMs: GET /vmstead/names. */
void api_names_list(const struct api_call *call)
{
    _cleanup_json_ cJSON *names = network_describe_names(call->api->options.network);
    http_respond_json(call->request, 200, names);
}

void api_network_inspect(const struct api_call *call)
{
    _cleanup_json_ cJSON *networks = network_describe_networks(call->api->options.network);
    const cJSON *network = api_find_network(networks, call->name);
    if (!network) {
        http_respond_error(call->request, 404, ENOENT, "no such network: %s", call->name);
        return;
    }
    _cleanup_json_ cJSON *answer = describe_network(network);
    json_set(answer, "Containers", describe_members(call->api, network));
    json_set(answer, "Status", describe_room(network));
    http_respond_json(call->request, 200, answer);
}

/* --- lists ------------------------------------------------------------------------------------ */

bool api_network_is_unused(const cJSON *network)
{
    return cJSON_GetArraySize(json_array(network, "endpoints")) == 0;
}

bool api_network_is_builtin(const cJSON *network)
{
    return streq(json_string(network, "name", ""), "bridge");
}

bool api_network_matches(const cJSON *network, const cJSON *filters)
{
    _cleanup_json_ cJSON *labels = describe_labels(network);
    bool dangling_fits = !json_array(filters, "dangling") ||
                         api_filter_is_true(filters, "dangling") == api_network_is_unused(network);
    return dangling_fits &&
           api_filter_matches(json_array(filters, "name"), json_string(network, "name", ""),
                              api_text_contains) &&
           api_filter_matches(json_array(filters, "id"), json_string(network, "id", ""),
                              api_text_begins) &&
           api_filter_matches(json_array(filters, "driver"), driver_of(network), streq) &&
           api_filter_matches(json_array(filters, "scope"), "local", streq) &&
           api_filter_matches(json_array(filters, "type"),
                              api_network_is_builtin(network) ? "builtin" : "custom", streq) &&
           api_labels_match(labels, json_array(filters, "label"));
}

void api_networks_list(const struct api_call *call)
{
    static const char *const known[] = {"dangling", "driver", "id",   "label",
                                        "name",     "scope",  "type", NULL};
    _cleanup_json_ cJSON *filters = NULL;
    if (!api_read_filters(call->request, known, &filters))
        return;
    _cleanup_json_ cJSON *networks = network_describe_networks(call->api->options.network);
    _cleanup_json_ cJSON *answer = cJSON_CreateArray();
    const cJSON *network;
    cJSON_ArrayForEach(network, networks) if (api_network_matches(network, filters))
        cJSON_AddItemToArray(answer, describe_network(network));
    http_respond_json(call->request, 200, answer);
}
