/* See firewall.h. This file writes the text of what is routed; firewall_bridge.c that of what
 * guests send at all, nft.c runs both.
 *
 * The way of a packet from outside to a published port: raw (nothing), publish_foreign (DNAT by map
 * lookup), forward (accepted as `ct status dnat`), leave (source kept). From the host itself:
 * publish_own, then leave masquerades, because the guest cannot answer 127.0.0.1 and may have its
 * default route elsewhere. From a guest of the same network: as from outside, then leave
 * masquerades, or the answer would go straight to the asker, from an address it never asked. */
#include "network/firewall_text.h"

#include <assert.h>

enum network_set {
    SET_BRIDGES,
    SET_INTERNAL,
    SET_LOOPS,
    SET_GATEWAYS,
    SET_GATEWAYS6,
    SET_ALL_GATEWAYS,
    SET_ALL_GATEWAYS6,
    SET_INSIDE,
    SET_INSIDE6,
    SET_ROUTED,
    SET_ROUTED6,
    SET_COUNT
};
static const char *const network_sets[] = {
    [SET_BRIDGES] = "set bridges { type ifname;",
    [SET_INTERNAL] = "set internal { type ifname;",
    [SET_LOOPS] = "set loops { type ifname . ifname;",
    [SET_GATEWAYS] = "set gateways { type ifname . ipv4_addr;",
    [SET_GATEWAYS6] = "set gateways6 { type ifname . ipv6_addr;",
    [SET_ALL_GATEWAYS] = "set all_gateways { type ipv4_addr;",
    [SET_ALL_GATEWAYS6] = "set all_gateways6 { type ipv6_addr;",
    [SET_INSIDE] = "set inside { type ifname . ipv4_addr; flags interval;",
    [SET_INSIDE6] = "set inside6 { type ifname . ipv6_addr; flags interval;",
    [SET_ROUTED] = "set routed { type ipv4_addr; flags interval;",
    [SET_ROUTED6] = "set routed6 { type ipv6_addr; flags interval;",
};
static_assert(ARRAY_SIZE(network_sets) == SET_COUNT, "a head for each set");

static enum ip_family family_of(enum network_set set)
{
    return set == SET_GATEWAYS6 || set == SET_ALL_GATEWAYS6 || set == SET_INSIDE6 ||
                   set == SET_ROUTED6
               ? IP_V6
               : IP_V4;
}

/* Whether the network has an element in the set. */
static bool is_in(enum network_set set, const struct desired_network *network)
{
    switch (set) {
    case SET_BRIDGES:
        return true;
    case SET_LOOPS:
        return !network->isolated;
    case SET_INTERNAL:
        return network->internal;
    case SET_GATEWAYS:
    case SET_GATEWAYS6:
    case SET_ALL_GATEWAYS:
    case SET_ALL_GATEWAYS6:
    case SET_INSIDE:
    case SET_INSIDE6:
        return ip_subnet_is_set(&network->subnet[family_of(set)]);
    case SET_ROUTED:
    case SET_ROUTED6:
        return ip_subnet_is_set(&network->subnet[family_of(set)]) && !network->internal &&
               network->masquerade;
    case SET_COUNT:
        break;
    }
    return false;
}

static void add_network_key(struct strbuf *text, enum network_set set,
                            const struct desired_network *network)
{
    char subnet[IP_SUBNET_TEXT_SIZE], gateway[IP_TEXT_SIZE];
    enum ip_family family = family_of(set);
    strbuf_add_str(text, "\t\t\t");
    switch (set) {
    case SET_BRIDGES:
    case SET_INTERNAL:
        strbuf_addf(text, "\"%s\"", network->bridge);
        break;
    case SET_LOOPS:
        strbuf_addf(text, "\"%s\" . \"%s\"", network->bridge, network->bridge);
        break;
    case SET_GATEWAYS:
    case SET_GATEWAYS6:
        strbuf_addf(text, "\"%s\" . %s", network->bridge,
                    ip_address_format(&network->gateway[family], gateway));
        break;
    case SET_ALL_GATEWAYS:
    case SET_ALL_GATEWAYS6:
        strbuf_add_str(text, ip_address_format(&network->gateway[family], gateway));
        break;
    case SET_INSIDE:
    case SET_INSIDE6:
        strbuf_addf(text, "\"%s\" . %s", network->bridge,
                    ip_subnet_format(&network->subnet[family], subnet));
        break;
    case SET_ROUTED:
    case SET_ROUTED6:
        strbuf_add_str(text, ip_subnet_format(&network->subnet[family], subnet));
        break;
    case SET_COUNT:
        break;
    }
}

static void add_network_sets(struct strbuf *text, const struct desired *desired)
{
    for (enum network_set set = SET_BRIDGES; set < SET_COUNT; set++) {
        bool any = false;
        firewall_begin_elements(text, network_sets[set]);
        for (size_t i = 0; i < desired->networks.count; i++) {
            const struct desired_network *network = &desired->networks.items[i];
            if (!is_in(set, network))
                continue;
            add_network_key(text, set, network);
            firewall_add_comment(text, network->project, network->name);
            strbuf_add_str(text, ",\n");
            any = true;
        }
        firewall_end_elements(text, any);
    }
}

/* Per family two maps: ports of all addresses, and ports of one address of the host. And two sets
 * of what guests reach by the relay instead. */
struct port_map {
    const char *head;
    enum ip_family family;
    bool one_address;
    bool relay;
};
static const struct port_map port_maps[] = {
    {"map publish { type inet_proto . inet_service : ipv4_addr . inet_service;", IP_V4, false,
     false},
    {"map publish_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;",
     IP_V4, true, false},
    {"map publish6 { type inet_proto . inet_service : ipv6_addr . inet_service;", IP_V6, false,
     false},
    {"map publish6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service;",
     IP_V6, true, false},
    {"set relay { type inet_proto . inet_service;", IP_V4, false, true},
    {"set relay_at { type ipv4_addr . inet_proto . inet_service;", IP_V4, true, true},
    {"set relay6 { type inet_proto . inet_service;", IP_V6, false, true},
    {"set relay6_at { type ipv6_addr . inet_proto . inet_service;", IP_V6, true, true},
};

static bool is_in_map(const struct port_map *map, const struct desired_port *port, bool relay_own)
{
    bool one_address = ip_address_is_set(&port->host_ip) && !ip_address_is_any(&port->host_ip);
    struct port_ways ways = desired_port_ways(port, map->family, relay_own);
    return one_address == map->one_address &&
           (map->relay ? ways.guests == PORT_RELAY
                       : ways.outside == PORT_NFTABLES || ways.loopback == PORT_NFTABLES);
}

static void add_port_map(struct strbuf *text, const struct desired *desired,
                         const struct port_map *map)
{
    bool any = false;
    firewall_begin_elements(text, map->head);
    for (size_t i = 0; i < desired->ports.count; i++) {
        const struct desired_port *port = &desired->ports.items[i];
        char host[IP_TEXT_SIZE], guest[IP_TEXT_SIZE];
        if (!is_in_map(map, port, desired->relay_own))
            continue;
        strbuf_add_str(text, "\t\t\t");
        if (map->one_address)
            strbuf_addf(text, "%s . ", ip_address_format(&port->host_ip, host));
        strbuf_addf(text, "%s . %u", port->udp ? "udp" : "tcp", port->published);
        firewall_add_comment(text, port->project, port->instance);
        if (!map->relay)
            strbuf_addf(text, " : %s . %u", ip_address_format(&port->address[map->family], guest),
                        port->target);
        strbuf_add_str(text, ",\n");
        any = true;
    }
    firewall_end_elements(text, any);
}

/* Guests that reach what listens on the host. That the MAC and the address are theirs is seen to
 * where their frames come in (firewall_bridge.c). */
static void add_welcome(struct strbuf *text, const struct desired *desired, enum ip_family family)
{
    bool any = false;
    firewall_begin_elements(text, family == IP_V6
                                      ? "set welcome6 { type ifname . ether_addr . ipv6_addr;"
                                      : "set welcome { type ifname . ether_addr . ipv4_addr;");
    for (size_t i = 0; i < desired->endpoints.count; i++) {
        const struct desired_endpoint *endpoint = &desired->endpoints.items[i];
        char mac[IP_MAC_TEXT_SIZE], address[IP_TEXT_SIZE];
        if (!endpoint->host_gateway || !ip_address_is_set(&endpoint->address[family]))
            continue;
        strbuf_addf(text, "\t\t\t\"%s\" . %s . %s", endpoint->tap.bridge,
                    ip_mac_format(endpoint->mac, mac),
                    ip_address_format(&endpoint->address[family], address));
        firewall_add_comment(text, endpoint->name, "");
        strbuf_add_str(text, ",\n");
        any = true;
    }
    firewall_end_elements(text, any);
}

/* Where the kernel cannot answer guests and 127.0.0.1 (struct desired, relay_own), they go on to
 * the host's own socket. */
static void add_publishing(struct strbuf *text, bool relay_own)
{
    strbuf_addf(
        text,
        /* route_localnet (link.c) lets answers to 127.0.0.1 in; a guest must not begin there. */
        "\tchain loopback {\n"
        "\t\ttype filter hook prerouting priority raw; policy accept;\n"
        "\t\tiifname @bridges ip daddr 127.0.0.0/8 drop\n"
        "\t}\n"
        "\tchain publishing {\n"
        "\t\tdnat ip to ip daddr . meta l4proto . th dport map @publish_at\n"
        "\t\tdnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6_at\n"
        "\t\tfib daddr type local dnat ip to meta l4proto . th dport map @publish\n"
        "\t\tfib daddr type local dnat ip6 to meta l4proto . th dport map @publish6\n"
        "\t}\n"
        /* A neighbour may send to 127.0.0.1 on the wire: not to be translated before it is refused.
         */
        "\tchain publish_foreign {\n"
        "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
        "%s"
        "\t\tmeta l4proto { tcp, udp } ip daddr != 127.0.0.0/8 jump publishing\n"
        "\t\tmeta l4proto { tcp, udp } ip6 daddr != ::1 jump publishing\n"
        "\t}\n"
        "\tchain publish_own {\n"
        "\t\ttype nat hook output priority -100; policy accept;\n"
        "\t\tmeta l4proto { tcp, udp } %s jump publishing\n"
        /* Nothing is routed from ::1 to elsewhere: relay.h carries those. */
        "\t\tmeta l4proto { tcp, udp } ip6 daddr != ::1 jump publishing\n"
        "\t}\n",
        relay_own ? "\t\tiifname @bridges return\n" : "",
        relay_own ? "ip daddr != 127.0.0.0/8" : "meta nfproto ipv4");
}

static const char inet_chains[] =
    "\tchain leave {\n"
    "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
    "\t\toifname @bridges ct status dnat fib saddr type local masquerade\n"
    "\t\tct status dnat oifname . ip saddr @inside masquerade\n"
    "\t\tct status dnat oifname . ip6 saddr @inside6 masquerade\n"
    "\t\tip saddr @routed oifname != @bridges masquerade\n"
    "\t\tip6 saddr @routed6 oifname != @bridges masquerade\n"
    "\t}\n"
    "\tchain forward {\n"
    "\t\ttype filter hook forward priority filter; policy accept;\n"
    "\t\tiifname @bridges jump guests\n"
    "\t\toifname @bridges jump guests\n"
    "\t}\n"
    /* Decides about everything that is sent to it. Within an isolated network nothing is routed
     * either, for who sends to a neighbour by way of the gateway. */
    "\tchain guests {\n"
    "\t\tiifname . oifname @loops accept\n"
    "\t\tiifname @internal reject with icmpx admin-prohibited\n"
    "\t\toifname @internal drop\n"
    "\t\tct state invalid drop\n"
    "\t\tct state established,related accept\n"
    "\t\tct status dnat accept\n"
    "\t\tiifname @bridges oifname != @bridges accept\n"
    "\t\tiifname @bridges reject with icmpx admin-prohibited\n"
    "\t\tdrop\n"
    "\t}\n"
    "\tchain input {\n"
    "\t\ttype filter hook input priority filter; policy accept;\n"
    "\t\tiifname @bridges jump host\n"
    "\t}\n"
    "\tchain host {\n"
    "\t\tct state established,related accept\n"
    "\t\tiifname . ip daddr @gateways meta l4proto { tcp, udp } th dport 53 accept\n"
    "\t\tiifname . ip6 daddr @gateways6 meta l4proto { tcp, udp } th dport 53 accept\n"
    "\t\tiifname . ip daddr @gateways icmp type echo-request accept\n"
    "\t\tiifname . ip6 daddr @gateways6 icmpv6 type echo-request accept\n"
    "\t\ticmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n"
    "\t\ticmpv6 type { mld-listener-report, mld-listener-reduction, mld2-listener-report } accept\n"
    "\t\tiifname . ether saddr . ip saddr @welcome jump welcome\n"
    "\t\tiifname . ether saddr . ip6 saddr @welcome6 jump welcome\n"
    /* As parts of networks that lead out reach published ports in `forward`. */
    "\t\tiifname @internal reject with icmpx admin-prohibited\n"
    "\t\tmeta nfproto ipv4 meta l4proto . th dport @relay fib daddr type local accept\n"
    "\t\tmeta nfproto ipv6 meta l4proto . th dport @relay6 fib daddr type local accept\n"
    "\t\tip daddr . meta l4proto . th dport @relay_at accept\n"
    "\t\tip6 daddr . meta l4proto . th dport @relay6_at accept\n"
    "\t\treject with icmpx admin-prohibited\n"
    "\t}\n"
    /* All of the host but what other networks find at their gateways, their DNS above all. */
    "\tchain welcome {\n"
    "\t\tiifname . ip daddr @gateways accept\n"
    "\t\tiifname . ip6 daddr @gateways6 accept\n"
    "\t\tip daddr @all_gateways return\n"
    "\t\tip6 daddr @all_gateways6 return\n"
    "\t\taccept\n"
    "\t}\n";

void firewall_format(const struct desired *desired, struct strbuf *text)
{
    /* Adding before deleting makes the deletion work whether the table is there or not. */
    const char *families[] = {"inet", "bridge"};
    for (size_t i = 0; i < ARRAY_SIZE(families); i++)
        strbuf_addf(text, "table %s vmstead_%s\ndelete table %s vmstead_%s\n", families[i],
                    desired->root_id, families[i], desired->root_id);
    if (desired->networks.count == 0)
        return;
    strbuf_addf(text, "table inet vmstead_%s {\n", desired->root_id);
    add_network_sets(text, desired);
    for (size_t i = 0; i < ARRAY_SIZE(port_maps); i++)
        add_port_map(text, desired, &port_maps[i]);
    for (enum ip_family family = IP_V4; family < IP_FAMILY_COUNT; family++)
        add_welcome(text, desired, family);
    add_publishing(text, desired->relay_own);
    strbuf_addf(text, "%s}\ntable bridge vmstead_%s {\n", inet_chains, desired->root_id);
    firewall_format_bridge(desired, text);
    strbuf_add_str(text, "}\n");
}
