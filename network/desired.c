/* See desired.h. */
#include "network/desired.h"

#include "base/hash.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

void desired_done(struct desired *desired)
{
    for (size_t i = 0; i < desired->networks.count; i++) {
        free(desired->networks.items[i].name);
        free(desired->networks.items[i].project);
    }
    for (size_t i = 0; i < desired->endpoints.count; i++) {
        free(desired->endpoints.items[i].name);
        vec_done(&desired->endpoints.items[i].link_local);
    }
    for (size_t i = 0; i < desired->ports.count; i++) {
        free(desired->ports.items[i].project);
        free(desired->ports.items[i].instance);
    }
    vec_done(&desired->networks);
    vec_done(&desired->endpoints);
    vec_done(&desired->ports);
}

bool desired_has_ipv6(const struct desired *desired)
{
    for (size_t i = 0; i < desired->networks.count; i++)
        if (ip_subnet_is_set(&desired->networks.items[i].subnet[IP_V6]))
            return true;
    return false;
}

struct port_ways desired_port_ways(const struct desired_port *port, enum ip_family family,
                                   bool relay_own)
{
    const struct ip_address *host_ip = &port->host_ip;
    bool is_all = !ip_address_is_set(host_ip) || ip_address_is_any(host_ip);
    struct port_ways ways = {0};
    if (ip_address_is_set(host_ip) && ip_family_of(host_ip) != family)
        return ways;
    bool has_family = ip_address_is_set(&port->address[family]);
    if (is_all || !ip_address_is_loopback(host_ip))
        ways.outside = has_family ? PORT_NFTABLES : PORT_RELAY;
    ways.guests = ways.outside == PORT_NFTABLES && relay_own ? PORT_RELAY : ways.outside;
    if (is_all || ip_address_is_loopback(host_ip)) /* nothing is routed from ::1 */
        ways.loopback = has_family && family == IP_V4 && !relay_own ? PORT_NFTABLES : PORT_RELAY;
    return ways;
}

void desired_bridge_name(const char *root_id, int64_t number, char name[IFNAMSIZ])
{
    snprintf(name, IFNAMSIZ, "vs%.6s-br%u", root_id, (unsigned)number % 10000);
}

void desired_tap_name(const char *root_id, int64_t number, char name[IFNAMSIZ])
{
    snprintf(name, IFNAMSIZ, "vs%.6s-t%u", root_id, (unsigned)number % 100000);
}

void desired_mac(const char *owner, const char *network, uint8_t mac[6])
{
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_addf(&text, "%s/%s", owner, network);
    char hex[HASH_HEX_SIZE];
    hash_sha256_hex(text.data, text.length, hex);
    mac[0] = 0x02;
    for (size_t i = 1; i < 6; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        mac[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
}
