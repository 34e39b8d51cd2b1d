/* See firewall.h. This file writes the text; nft.c runs it.
 *
 * The way of a packet from outside to a published port: raw (nothing), publish_foreign (DNAT by map
 * lookup), forward (accepted as `ct status dnat`), leave (source kept). From the host itself:
 * publish_own, then leave masquerades, because the guest cannot answer 127.0.0.1 and may have its
 * default route elsewhere. From a guest of the same network: as from outside, then leave
 * masquerades, or the answer would go straight to the asker, from an address it never asked. */
#include "network/firewall.h"

#include <assert.h>

/* One `set` or `map`; elements are added by the caller between begin and end. */
static void begin_elements(struct strbuf *text, const char *head)
{
    strbuf_addf(text, "\t%s\n\t\telements = {\n", head);
}

/* A set without elements may have no `elements` line: cut what begin_elements wrote of it. */
static void end_elements(struct strbuf *text, bool any)
{
    static const char opened[] = "\t\telements = {\n";
    if (any) {
        strbuf_add_str(text, "\t\t}\n\t}\n");
    } else {
        text->length -= sizeof(opened) - 1;
        text->data[text->length] = '\0';
        strbuf_add_str(text, "\t}\n");
    }
}

/* Names come from files of users: nothing that could end the string goes in. At most 128 bytes. */
static void add_comment(struct strbuf *text, const char *first, const char *second)
{
    _cleanup_strbuf_ struct strbuf comment = {0};
    strbuf_addf(&comment, "%s%s%s", first, *first && *second ? " " : "", second);
    strbuf_add_str(text, " comment \"");
    for (size_t i = 0; i < comment.length && i < 120; i++) {
        char c = comment.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '/' || c == ' ';
        strbuf_add_char(text, plain ? c : '_');
    }
    strbuf_add_str(text, "\"");
}

enum network_set {
    SET_BRIDGES,
    SET_INTERNAL,
    SET_LOOPS,
    SET_GATEWAYS,
    SET_GATEWAYS6,
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
    [SET_INSIDE] = "set inside { type ifname . ipv4_addr; flags interval;",
    [SET_INSIDE6] = "set inside6 { type ifname . ipv6_addr; flags interval;",
    [SET_ROUTED] = "set routed { type ipv4_addr; flags interval;",
    [SET_ROUTED6] = "set routed6 { type ipv6_addr; flags interval;",
};
static_assert(ARRAY_SIZE(network_sets) == SET_COUNT, "a head for each set");

static enum ip_family family_of(enum network_set set)
{
    return set == SET_GATEWAYS6 || set == SET_INSIDE6 || set == SET_ROUTED6 ? IP_V6 : IP_V4;
}

/* Whether the network has an element in the set. */
static bool is_in(enum network_set set, const struct desired_network *network)
{
    switch (set) {
    case SET_BRIDGES:
    case SET_LOOPS:
        return true;
    case SET_INTERNAL:
        return network->internal;
    case SET_GATEWAYS:
    case SET_GATEWAYS6:
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
        begin_elements(text, network_sets[set]);
        for (size_t i = 0; i < desired->networks.count; i++) {
            const struct desired_network *network = &desired->networks.items[i];
            if (!is_in(set, network))
                continue;
            add_network_key(text, set, network);
            add_comment(text, network->project, network->name);
            strbuf_add_str(text, ",\n");
            any = true;
        }
        end_elements(text, any);
    }
}

/* Per family two maps: ports of all addresses, and ports of one address of the host. */
struct port_map {
    const char *head;
    enum ip_family family;
    bool one_address;
};
static const struct port_map port_maps[] = {
    {"map publish { type inet_proto . inet_service : ipv4_addr . inet_service;", IP_V4, false},
    {"map publish_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;",
     IP_V4, true},
    {"map publish6 { type inet_proto . inet_service : ipv6_addr . inet_service;", IP_V6, false},
    {"map publish6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service;",
     IP_V6, true},
};

static bool is_in_map(const struct port_map *map, const struct desired_port *port)
{
    bool one_address = ip_address_is_set(&port->host_ip);
    return one_address == map->one_address && ip_address_is_set(&port->address[map->family]) &&
           (!one_address || ip_family_of(&port->host_ip) == map->family);
}

static void add_port_map(struct strbuf *text, const struct desired *desired,
                         const struct port_map *map)
{
    bool any = false;
    begin_elements(text, map->head);
    for (size_t i = 0; i < desired->ports.count; i++) {
        const struct desired_port *port = &desired->ports.items[i];
        char host[IP_TEXT_SIZE], guest[IP_TEXT_SIZE];
        if (!is_in_map(map, port))
            continue;
        strbuf_add_str(text, "\t\t\t");
        if (map->one_address)
            strbuf_addf(text, "%s . ", ip_address_format(&port->host_ip, host));
        strbuf_addf(text, "%s . %u", port->udp ? "udp" : "tcp", port->published);
        add_comment(text, port->project, port->instance);
        strbuf_addf(text, " : %s . %u,\n", ip_address_format(&port->address[map->family], guest),
                    port->target);
        any = true;
    }
    end_elements(text, any);
}

static const char inet_chains[] =
    /* route_localnet (sysctl.c) lets answers to 127.0.0.1 in; a guest must not begin there. */
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
    /* A neighbour may send to 127.0.0.1 on the wire: not to be translated before it is refused. */
    "\tchain publish_foreign {\n"
    "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
    "\t\tmeta l4proto { tcp, udp } ip daddr != 127.0.0.0/8 jump publishing\n"
    "\t\tmeta l4proto { tcp, udp } ip6 daddr != ::1 jump publishing\n"
    "\t}\n"
    "\tchain publish_own {\n"
    "\t\ttype nat hook output priority -100; policy accept;\n"
    "\t\tmeta nfproto ipv4 meta l4proto { tcp, udp } jump publishing\n"
    /* Nothing is routed from ::1 to elsewhere: relay.h carries those. */
    "\t\tmeta l4proto { tcp, udp } ip6 daddr != ::1 jump publishing\n"
    "\t}\n"
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
    /* Decides about everything that is sent to it. */
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
    "\t\treject with icmpx admin-prohibited\n"
    "\t}\n";

/* ct, ibrname and reject do not exist in this family; names of ports do. */
static const char bridge_chains[] =
    "\tchain guests {\n"
    "\t\ttype filter hook prerouting priority -300; policy accept;\n"
    "\t\tiifname != @taps accept\n"
    "\t\tether type ip iifname . ether saddr . ip saddr @senders accept\n"
    "\t\tether type arp iifname . ether saddr . arp saddr ip @senders iifname . arp saddr ether . "
    "arp saddr ip @senders accept\n"
    /* Routers are ours to announce. */
    "\t\ticmpv6 type { nd-router-advert, nd-redirect } drop\n"
    "\t\tether type ip6 iifname . ether saddr . ip6 saddr @senders6 accept\n"
    /* Before an address is one's own: duplicate address detection, and reports of groups. */
    "\t\tether type ip6 iifname . ether saddr @speakers6 ip6 saddr :: icmpv6 type { "
    "nd-neighbor-solicit, mld-listener-report, mld2-listener-report } accept\n"
    "\t\tdrop\n"
    "\t}\n";

static bool has_ipv6(const struct desired_endpoint *endpoint)
{
    return ip_address_is_set(&endpoint->address[IP_V6]);
}

/* fe80:: and the MAC (RFC 4291 appendix A), which Linux chooses by itself. */
static struct ip_address link_local_of(const uint8_t mac[6])
{
    return (struct ip_address){
        .size = 16,
        .bytes = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3],
                  mac[4], mac[5]},
    };
}

static void add_sender(struct strbuf *text, const struct desired_endpoint *endpoint,
                       const struct ip_address *address)
{
    char mac[IP_MAC_TEXT_SIZE], address_text[IP_TEXT_SIZE];
    strbuf_addf(text, "\t\t\t\"%s\" . %s . %s", endpoint->tap, ip_mac_format(endpoint->mac, mac),
                ip_address_format(address, address_text));
    add_comment(text, endpoint->name, "");
    strbuf_add_str(text, ",\n");
}

static void add_senders(struct strbuf *text, const struct desired *desired, enum ip_family family)
{
    size_t before;
    begin_elements(text, family == IP_V6 ? "set senders6 { type ifname . ether_addr . ipv6_addr;"
                                         : "set senders { type ifname . ether_addr . ipv4_addr;");
    before = text->length;
    for (size_t i = 0; i < desired->endpoints.count; i++) {
        const struct desired_endpoint *endpoint = &desired->endpoints.items[i];
        struct ip_address own = link_local_of(endpoint->mac);
        if (ip_address_is_set(&endpoint->address[family]))
            add_sender(text, endpoint, &endpoint->address[family]);
        if (family == IP_V6 && has_ipv6(endpoint))
            add_sender(text, endpoint, &own);
        for (size_t j = 0; j < endpoint->link_local.count; j++)
            if (ip_family_of(&endpoint->link_local.items[j]) == family)
                add_sender(text, endpoint, &endpoint->link_local.items[j]);
    }
    end_elements(text, text->length > before);
}

static void add_taps(struct strbuf *text, const struct desired *desired)
{
    begin_elements(text, "set taps { type ifname;");
    for (size_t i = 0; i < desired->endpoints.count; i++) {
        strbuf_addf(text, "\t\t\t\"%s\"", desired->endpoints.items[i].tap);
        add_comment(text, desired->endpoints.items[i].name, "");
        strbuf_add_str(text, ",\n");
    }
    end_elements(text, desired->endpoints.count > 0);
}

static void add_speakers6(struct strbuf *text, const struct desired *desired)
{
    bool any = false;
    begin_elements(text, "set speakers6 { type ifname . ether_addr;");
    for (size_t i = 0; i < desired->endpoints.count; i++) {
        const struct desired_endpoint *endpoint = &desired->endpoints.items[i];
        char mac[IP_MAC_TEXT_SIZE];
        if (!has_ipv6(endpoint))
            continue;
        strbuf_addf(text, "\t\t\t\"%s\" . %s", endpoint->tap, ip_mac_format(endpoint->mac, mac));
        add_comment(text, endpoint->name, "");
        strbuf_add_str(text, ",\n");
        any = true;
    }
    end_elements(text, any);
}

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
    strbuf_addf(text, "%s}\ntable bridge vmstead_%s {\n", inet_chains, desired->root_id);
    add_taps(text, desired);
    add_senders(text, desired, IP_V4);
    add_senders(text, desired, IP_V6);
    add_speakers6(text, desired);
    strbuf_addf(text, "%s}\n", bridge_chains);
}
