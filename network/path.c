/* The way to an instance on this host, hop by hop, as network.h promises it: what the store says of
 * it (on the loop), then what the host says (any thread). A remedy for what the daemon had made is
 * the kernel's own command where there is one; else another daemon, which puts back what is
 * missing. */
#include "network/path.h"

#include "base/str.h"
#include "network/firewall.h"
#include "network/internal.h"
#include "network/link.h"
#include "network/link_look.h"
#include "network/obstacle.h"
#include "network/sysctl.h"

#include <stdio.h>

/* "service" is whom the caller calls it; SERVICE where it did not say. */
static char *restart_remedy(const cJSON *path)
{
    return xasprintf("vmstead restart %s", json_string(path, "service", "SERVICE"));
}

/* --- what the store says ---------------------------------------------------------------------- */

struct collector {
    struct network *network;
    cJSON *endpoints; /* described, in the order of the rows */
    int next;
};

static void add_names(const struct endpoint_row *row, void *userdata)
{
    struct collector *collector = userdata;
    _cleanup_(network_row_done) struct network_row network = {0};
    _cleanup_(network_settings_done) struct network_settings settings = {0};
    char bridge[IFNAMSIZ], tap[IFNAMSIZ];
    cJSON *endpoint = cJSON_GetArrayItem(collector->endpoints, collector->next);
    if (!endpoint ||
        tables_find_network(collector->network->store, row->network, &network, NULL) <= 0)
        return;
    collector->next++;
    network_row_settings(&network, &settings, NULL);
    tables_bridge_name(collector->network->root_id, &network, &settings, bridge);
    desired_tap_name(collector->network->root_id, row->number, tap);
    json_set_string(endpoint, "bridge", bridge);
    json_set_string(endpoint, "tap", tap);
    json_set_bool(endpoint, "default_route", row->default_route);
}

cJSON *network_path_of(struct network *network, const char *instance)
{
    cJSON *path = cJSON_CreateObject();
    struct collector endpoints = {.network = network,
                                  .endpoints = network_describe_endpoints(network, instance)};
    tables_each_endpoint(network->store, instance, add_names, &endpoints);
    json_set_string(path, "root_id", network->root_id);
    json_set(path, "endpoints", endpoints.endpoints);
    json_set(path, "ports", network_describe_ports(network, instance));
    return path;
}

/* --- links ------------------------------------------------------------------------------------ */

static bool look_at_tap(const cJSON *path, const cJSON *endpoint, cJSON *findings)
{
    const char *tap = json_string(endpoint, "tap", "");
    _cleanup_finding_ struct finding finding = {0};
    _cleanup_error_ struct error err = {0};
    struct link_look link;
    if (link_look(tap, &link, &err) < 0)
        finding_set(&finding, CHECK_ERROR, NULL, "%s", error_text(&err));
    else if (!link.exists)
        finding_set(&finding, CHECK_ERROR, restart_remedy(path),
                    "'%s', the host's end of '%s', is gone", tap,
                    json_string(endpoint, "interface", ""));
    else if (!link.up)
        finding_set(&finding, CHECK_ERROR, xasprintf("ip link set %s up", tap), "'%s' is down",
                    tap);
    else if (!link.carrier)
        finding_set(&finding, CHECK_ERROR, restart_remedy(path),
                    "'%s' is up, but no VM has it open", tap);
    else
        finding_set(&finding, CHECK_OK, NULL, "'%s' is up, the VM's '%s' behind it", tap,
                    json_string(endpoint, "interface", ""));
    return finding_add(findings, "tap", &finding);
}

static bool look_at_bridge_port(const cJSON *endpoint, cJSON *findings)
{
    const char *tap = json_string(endpoint, "tap", "");
    const char *bridge = json_string(endpoint, "bridge", "");
    _cleanup_finding_ struct finding finding = {0};
    struct link_look link;
    link_look(tap, &link, NULL);
    if (!streq(link.master, bridge))
        finding_set(&finding, CHECK_ERROR, xasprintf("ip link set %s master %s", tap, bridge),
                    "'%s' is not in the bridge '%s' but in %s%s%s", tap, bridge,
                    *link.master ? "'" : "none", link.master, *link.master ? "'" : "");
    else if (!link.forwarding)
        finding_set(&finding, CHECK_ERROR, xasprintf("bridge link set dev %s state 3", tap),
                    "'%s' in the bridge '%s' does not forward", tap, bridge);
    else
        finding_set(&finding, CHECK_OK, NULL, "'%s' forwards in '%s'", tap, bridge);
    return finding_add(findings, "bridge-port", &finding);
}

/* NULL: it has those that it should have. */
static const char *find_missing_gateway(const cJSON *endpoint, const char *bridge)
{
    static const char *const keys[] = {"gateway", "gateway6"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *gateway = json_string(endpoint, keys[i], NULL);
        if (gateway && !link_has_address(bridge, gateway))
            return gateway;
    }
    return NULL;
}

static bool look_at_bridge(const cJSON *endpoint, cJSON *findings)
{
    const char *bridge = json_string(endpoint, "bridge", "");
    const char *missing = find_missing_gateway(endpoint, bridge);
    _cleanup_finding_ struct finding finding = {0};
    struct link_look link;
    link_look(bridge, &link, NULL);
    if (!link.up)
        finding_set(&finding, CHECK_ERROR, xasprintf("ip link set %s up", bridge), "'%s' is down",
                    bridge);
    else if (missing)
        finding_set(
            &finding, CHECK_ERROR,
            xasprintf("ip addr add %s/%d dev %s", missing,
                      (int)json_int(endpoint, strchr(missing, ':') ? "prefix6" : "prefix", 24),
                      bridge),
            "'%s' does not have the gateway's address %s", bridge, missing);
    else
        finding_set(&finding, CHECK_OK, NULL, "'%s' is up and has %s", bridge,
                    json_string(endpoint, "gateway", "no gateway"));
    return finding_add(findings, "bridge", &finding);
}

/* --- rules ------------------------------------------------------------------------------------ */

static bool knows_sender(const char *root_id, const cJSON *endpoint, const char *set,
                         const char *address)
{
    _cleanup_free_ char *key = xasprintf("\"%s\" . %s . %s", json_string(endpoint, "tap", ""),
                                         json_string(endpoint, "mac", ""), address ? address : "");
    _cleanup_free_ char *element =
        address ? firewall_get_element(root_id, "bridge", set, key) : NULL;
    return !address || element;
}

/* What our own table must know of the NIC: else its frames are dropped. */
static bool is_known_to_rules(const char *root_id, const cJSON *endpoint)
{
    _cleanup_free_ char *bridge = xasprintf("\"%s\"", json_string(endpoint, "bridge", ""));
    _cleanup_free_ char *tap = xasprintf("\"%s\"", json_string(endpoint, "tap", ""));
    _cleanup_free_ char *first = firewall_get_element(root_id, "inet", "bridges", bridge);
    _cleanup_free_ char *second = firewall_get_element(root_id, "bridge", "taps", tap);
    return first && second &&
           knows_sender(root_id, endpoint, "senders", json_string(endpoint, "address", NULL)) &&
           knows_sender(root_id, endpoint, "senders6", json_string(endpoint, "address6", NULL));
}

static bool look_at_rules(const cJSON *path, cJSON *findings)
{
    const char *root_id = json_string(path, "root_id", "");
    _cleanup_finding_ struct finding finding = {0};
    _cleanup_error_ struct error err = {0};
    const cJSON *endpoint;
    if (firewall_check_tables(root_id, &err) < 0)
        finding_set(&finding, CHECK_ERROR, xstrdup(PATH_REBUILD_REMEDY), "%s", error_text(&err));
    else
        finding_set(&finding, CHECK_OK, NULL, "our nftables rules are there and know the NICs");
    cJSON_ArrayForEach(endpoint, json_array(path, "endpoints"))
    {
        if (finding.status == CHECK_OK && !is_known_to_rules(root_id, endpoint))
            finding_set(&finding, CHECK_ERROR, xstrdup(PATH_REBUILD_REMEDY),
                        "our nftables rules do not know '%s' with %s: its frames are dropped",
                        json_string(endpoint, "tap", ""), json_string(endpoint, "address", ""));
    }
    return finding_add(findings, "rules", &finding);
}

static void take_forwarded(const struct obstacle *obstacle, void *userdata)
{
    struct finding *finding = userdata;
    if (finding->status == CHECK_OK)
        finding_set(finding, CHECK_ERROR, xstrdup(obstacle->remedy),
                    "the firewall's chain '%s'%s%s drops %s", obstacle->chain,
                    obstacle->owner ? " of " : "", obstacle->owner ? obstacle->owner : "",
                    obstacle->forwarded ? "forwarded packets" : "the VMs' questions to our DNS");
}

/* What the kernel and others do with packets between bridges and the rest. */
static bool look_at_forwarding(const cJSON *path, cJSON *findings)
{
    _cleanup_finding_ struct finding finding = {0};
    _cleanup_free_ char *forward = sysctl_read("ipv4/ip_forward");
    _cleanup_free_ char *bridged = sysctl_read("bridge/bridge-nf-call-iptables");
    finding_set(&finding, CHECK_OK, NULL, "the kernel forwards, and no firewall is in the way");
    obstacle_each(json_string(path, "root_id", ""), take_forwarded, &finding);
    if (bridged && streq(bridged, "1"))
        finding_set(&finding, CHECK_ERROR,
                    xstrdup("sysctl -w net.bridge.bridge-nf-call-iptables=0"),
                    "net.bridge.bridge-nf-call-iptables is 1: a VM cannot reach published ports of "
                    "its own network");
    if (!forward || !streq(forward, "1"))
        finding_set(&finding, CHECK_ERROR, xstrdup("sysctl -w net.ipv4.ip_forward=1"),
                    "net.ipv4.ip_forward is %s: the kernel does not forward",
                    forward ? forward : "unknown");
    return finding_add(findings, "forwarding", &finding);
}

bool network_path_look(const cJSON *path, cJSON *findings)
{
    const cJSON *endpoint;
    cJSON_ArrayForEach(endpoint, json_array(path, "endpoints"))
    {
        /* A bridge that is down takes its ports down: it is looked at before them. */
        if (!look_at_tap(path, endpoint, findings) || !look_at_bridge(endpoint, findings) ||
            !look_at_bridge_port(endpoint, findings))
            return false;
    }
    return !json_array(path, "endpoints")->child ||
           (look_at_rules(path, findings) && look_at_forwarding(path, findings));
}
