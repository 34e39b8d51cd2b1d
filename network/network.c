/* The façade of network/: one object, three providers, adoption, and what is known of it all. */
#include "network/internal.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "network/firewall.h"
#include "network/ipam.h"
#include "network/link.h"

const struct store_schema *network_schema(void)
{
    return tables_schema();
}

static void on_repair_due(void *userdata)
{
    change_queue_repair(userdata);
}

int network_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                struct network **ret_network, struct error *err)
{
    int r = store_migrate(store, tables_schema(), err);
    if (r < 0)
        return r;
    struct network *network = new0(struct network);
    network->loop = loop;
    network->store = store;
    network->last = &network->first;
    memcpy(network->root_id, paths->root_id, sizeof(network->root_id));
    if ((r = dns_new(loop, "/etc/resolv.conf", &network->dns, err)) < 0) {
        free(network);
        return r;
    }
    network->repair = repair_new(loop, network->root_id, on_repair_due, network);
    network->publish = publish_new(loop, store);
    network->providers[0] = network_provider(network);
    network->providers[1] = endpoint_provider(network);
    network->providers[2] = ports_provider(network);
    *ret_network = network;
    return 0;
}

void network_free(struct network *network)
{
    if (!network)
        return;
    while (network->run) /* milliseconds: what the pool does with the host ends first */
        uv_run(network->loop, UV_RUN_ONCE);
    repair_free(network->repair);
    strv_free(network->obstacles);
    publish_free(network->publish);
    desired_done(&network->applied);
    dns_free(network->dns);
    planned_forget_networks(network, NULL);
    planned_forget_endpoints(network, NULL);
    vec_done(&network->planned_networks);
    vec_done(&network->planned_endpoints);
    free(network);
}

const struct provider *network_providers(struct network *network, size_t *ret_count)
{
    *ret_count = ARRAY_SIZE(network->providers);
    return network->providers;
}

void network_set_presence(struct network *network, const char *instance,
                          enum instance_presence presence)
{
    dns_set_presence(network->dns, instance, presence);
}

/* --- adoption ------------------------------------------------------------------------------- */

static void adopt_network(const struct network_row *row, void *userdata)
{
    struct error err = {0};
    if (network_tell_dns(userdata, row, &err) < 0)
        log_warning("%s", error_text(&err));
    error_done(&err);
}

static void adopt_endpoint(const struct endpoint_row *row, void *userdata)
{
    endpoint_tell_dns(userdata, row);
}

static void adopt_port(const struct port_row *row, void *userdata)
{
    struct network *network = userdata;
    struct port_row copy = *row;
    struct error err = {0};
    if (publish_hold(network->publish, &copy, &err) < 0)
        log_warning("%s", error_text(&err));
    error_done(&err);
}

/* Rows of another boot or namespace are kept for the next `up`, but nothing is built from them
 * here: their guests are not here either. Links of ours without rows are leftovers. */
static bool has_work_on_host(struct network *network)
{
    _cleanup_free_ char *scope = change_current_scope(), *saved = tables_read_scope(network->store);
    return streq(scope, saved) || link_exists(network->root_id) ||
           firewall_exists(network->root_id);
}

int network_adopt(struct network *network, struct error *err)
{
    if (!has_work_on_host(network))
        return tables_delete_removing(network->store, err);
    struct error refused = {0};
    if (change_apply_now(network, &refused) < 0)
        log_warning("the networks of running VMs could not be checked: %s", error_text(&refused));
    error_done(&refused);
    int r = tables_delete_removing(network->store, err);
    if (r < 0)
        return r;
    tables_each_network(network->store, adopt_network, network);
    tables_each_endpoint(network->store, NULL, adopt_endpoint, network);
    tables_each_port(network->store, NULL, adopt_port, network);
    change_carry_ports(network);
    return 0;
}

/* --- what is known -------------------------------------------------------------------------- */

struct describer {
    struct network *network;
    cJSON *array;
    const char *only_network; /* NULL: all */
};

static void set_address(cJSON *object, const char *key, const struct ip_address *address)
{
    char text[IP_TEXT_SIZE];
    if (ip_address_is_set(address))
        json_set_string(object, key, ip_address_format(address, text));
}

static void describe_endpoint(const struct endpoint_row *row, void *userdata)
{
    static const char *const keys[IP_FAMILY_COUNT][3] = {{"address", "prefix", "gateway"},
                                                         {"address6", "prefix6", "gateway6"}};
    struct describer *describer = userdata;
    if (describer->only_network && !streq(describer->only_network, row->network))
        return;
    _cleanup_(network_row_done) struct network_row network = {0};
    if (tables_find_network(describer->network->store, row->network, &network, NULL) <= 0)
        return;
    char mac[IP_MAC_TEXT_SIZE];
    cJSON *object = cJSON_CreateObject();
    json_set_string(object, "instance", row->instance);
    json_set_string(object, "network", row->network);
    json_set_string(object, "interface", row->interface);
    json_set_string(object, "mac", ip_mac_format(row->mac, mac));
    for (enum ip_family family = IP_V4; family < IP_FAMILY_COUNT; family++) {
        if (!ip_address_is_set(&row->address[family]))
            continue;
        set_address(object, keys[family][0], &row->address[family]);
        json_set_int(object, keys[family][1], network.subnet[family].prefix);
        set_address(object, keys[family][2], &network.gateway[family]);
    }
    cJSON_AddItemToArray(describer->array, object);
}

cJSON *network_describe_endpoints(struct network *network, const char *instance)
{
    struct describer describer = {.network = network, .array = cJSON_CreateArray()};
    tables_each_endpoint(network->store, instance, describe_endpoint, &describer);
    return describer.array;
}

static cJSON *describe_port_of(const struct port_row *row, enum ip_family family,
                               struct port_ways ways)
{
    static const char *const names[] = {
        [PORT_NOWHERE] = "", [PORT_NFTABLES] = "nftables", [PORT_RELAY] = "relay"};
    const struct ip_address any = {.size = family == IP_V6 ? 16 : 4};
    cJSON *object = cJSON_CreateObject();
    set_address(object, "host_ip", ip_address_is_set(&row->host_ip) ? &row->host_ip : &any);
    json_set_int(object, "published", row->published);
    json_set_int(object, "target", row->target);
    json_set_string(object, "protocol", row->udp ? "udp" : "tcp");
    if (ways.outside != PORT_NOWHERE)
        json_set_string(object, "way", names[ways.outside]);
    if (ways.loopback != PORT_NOWHERE)
        json_set_string(object, "loopback_way", names[ways.loopback]);
    if (ways.guests != PORT_NOWHERE)
        json_set_string(object, "guest_way", names[ways.guests]);
    return object;
}

struct port_describer {
    struct network *network;
    cJSON *array;
    enum ip_family family;
};

static void describe_port(const struct port_row *row, void *userdata)
{
    struct port_describer *describer = userdata;
    enum ip_family family = describer->family;
    struct port_ways ways = publish_find_ways(describer->network->publish, row, family);
    bool is_one = ip_address_is_set(&row->host_ip);
    bool is_reached = ways.outside != PORT_NOWHERE; /* an IPv6 that the host has not is left out */
    if (is_one ? ip_family_of(&row->host_ip) != family : !is_reached && family != IP_V4)
        return;
    cJSON *object = describe_port_of(row, family, ways);
    json_set_bool(object, "held", publish_is_held(describer->network->publish, row));
    cJSON_AddItemToArray(describer->array, object);
}

cJSON *network_describe_ports(struct network *network, const char *instance)
{
    struct port_describer describer = {.network = network, .array = cJSON_CreateArray()};
    for (describer.family = IP_V4; describer.family < IP_FAMILY_COUNT; describer.family++)
        tables_each_port(network->store, instance, describe_port, &describer);
    return describer.array;
}

/* What was asked for, as network.h tells it. */
static void describe_spec(const struct network_row *row, cJSON *object)
{
    static const char *const members[] = {"driver",        "ip_range", "ip_range6",
                                          "aux_addresses", "options",  "labels",
                                          "attachable",    "isolated", "multicast"};
    _cleanup_json_ cJSON *spec = NULL;
    if (!*row->spec || json_parse(row->spec, strlen(row->spec), &spec, NULL) < 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(spec, members[i]);
        if (member)
            json_set(object, members[i], cJSON_Duplicate(member, true));
    }
}

/* {"subnet":{"taken","left"},"subnet6":...} */
static void describe_room(struct network *network, const struct network_row *row,
                          const struct network_settings *settings, cJSON *object)
{
    static const char *const keys[IP_FAMILY_COUNT] = {"subnet", "subnet6"};
    struct ipam_request request = {.network = row, .settings = settings};
    cJSON *all = cJSON_AddObjectToObject(object, "room");
    for (request.family = IP_V4; request.family < IP_FAMILY_COUNT; request.family++) {
        if (!ip_subnet_is_set(&row->subnet[request.family]))
            continue;
        struct ipam_room room = ipam_count_room(network->store, &request);
        cJSON *one = cJSON_AddObjectToObject(all, keys[request.family]);
        json_set_int(one, "taken", (int64_t)room.taken);
        json_set_int(one, "left", (int64_t)room.left);
    }
}

/* 64 hex digits, as Docker has them: of the name, which is unique in a root. */
static void set_id(cJSON *object, const struct network *network, const char *name)
{
    _cleanup_free_ char *text = xasprintf("network %s %s", network->root_id, name);
    char hex[HASH_HEX_SIZE];
    hash_sha256_hex(text, strlen(text), hex);
    json_set_string(object, "id", hex);
}

cJSON *network_describe_names(struct network *network)
{
    return dns_describe_names(network->dns);
}

static void describe_network(const struct network_row *row, void *userdata)
{
    static const char *const keys[IP_FAMILY_COUNT][2] = {{"subnet", "gateway"},
                                                         {"subnet6", "gateway6"}};
    struct describer *describer = userdata;
    struct network_settings settings = {0};
    network_row_settings(row, &settings, NULL);
    char bridge[IFNAMSIZ], subnet[IP_SUBNET_TEXT_SIZE];
    tables_bridge_name(describer->network->root_id, row, &settings, bridge);
    cJSON *object = cJSON_CreateObject();
    json_set_string(object, "name", row->name);
    set_id(object, describer->network, row->name);
    json_set_string(object, "project", row->project);
    json_set_string(object, "key", row->key);
    json_set_string(object, "bridge", bridge);
    for (enum ip_family family = IP_V4; family < IP_FAMILY_COUNT; family++) {
        if (!ip_subnet_is_set(&row->subnet[family]))
            continue;
        json_set_string(object, keys[family][0], ip_subnet_format(&row->subnet[family], subnet));
        set_address(object, keys[family][1], &row->gateway[family]);
    }
    json_set_bool(object, "internal", row->internal);
    json_set_int(object, "created_ms", row->created_ms);
    describe_spec(row, object);
    describe_room(describer->network, row, &settings, object);
    network_settings_done(&settings);
    struct describer endpoints = {
        .network = describer->network, .array = cJSON_CreateArray(), .only_network = row->name};
    tables_each_endpoint(describer->network->store, NULL, describe_endpoint, &endpoints);
    json_set(object, "endpoints", endpoints.array);
    cJSON_AddItemToArray(describer->array, object);
}

cJSON *network_describe_networks(struct network *network)
{
    struct describer describer = {.network = network, .array = cJSON_CreateArray()};
    tables_each_network(network->store, describe_network, &describer);
    return describer.array;
}
