/* GET /networks and /networks/{id}: networks in Docker's shape. Their Id is their name: names are
 * unique. */
#include "base/str.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

static cJSON *describe_labels(const cJSON *network)
{
    cJSON *labels = cJSON_CreateObject();
    const char *project = json_string(network, "project", "");
    if (*project) {
        json_set_string(labels, "com.docker.compose.project", project);
        json_set_string(labels, "com.docker.compose.network", json_string(network, "key", ""));
    }
    return labels;
}

static cJSON *describe_network(const cJSON *network)
{
    cJSON *answer = cJSON_CreateObject();
    json_set_string(answer, "Name", json_string(network, "name", ""));
    json_set_string(answer, "Id", json_string(network, "name", ""));
    json_set_string(answer, "Scope", "local");
    json_set_string(answer, "Driver", "bridge");
    json_set_bool(answer, "EnableIPv6", false);
    json_set_bool(answer, "Internal", json_bool(network, "internal", false));
    cJSON *ipam = cJSON_AddObjectToObject(answer, "IPAM");
    json_set_string(ipam, "Driver", "default");
    cJSON *range = cJSON_CreateObject();
    json_set_string(range, "Subnet", json_string(network, "subnet", ""));
    json_set_string(range, "Gateway", json_string(network, "gateway", ""));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(ipam, "Config"), range);
    json_set_string(cJSON_AddObjectToObject(answer, "Options"), "com.docker.network.bridge.name",
                    json_string(network, "bridge", ""));
    json_set(answer, "Labels", describe_labels(network));
    return answer;
}

void api_networks_list(const struct api_call *call)
{
    _cleanup_json_ cJSON *networks = network_describe_networks(call->api->options.network);
    _cleanup_json_ cJSON *answer = cJSON_CreateArray();
    const cJSON *network;
    cJSON_ArrayForEach(network, networks) cJSON_AddItemToArray(answer, describe_network(network));
    http_respond_json(call->request, 200, answer);
}

void api_network_inspect(const struct api_call *call)
{
    _cleanup_json_ cJSON *networks = network_describe_networks(call->api->options.network);
    const cJSON *network;
    cJSON_ArrayForEach(network, networks)
    {
        if (!streq(json_string(network, "name", ""), call->name))
            continue;
        _cleanup_json_ cJSON *answer = describe_network(network);
        http_respond_json(call->request, 200, answer);
        return;
    }
    http_respond_error(call->request, 404, ENOENT, "no such network: %s", call->name);
}
