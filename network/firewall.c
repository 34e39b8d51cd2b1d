/* See firewall.h. This file writes the text; nft.c runs it.
 *
 * The way of a packet from outside to a published port: raw (nothing), publish_foreign (DNAT by map
 * lookup), forward (accepted as `ct status dnat`), leave (source kept). From the host itself:
 * publish_own, then leave masquerades, because the guest cannot answer 127.0.0.1 and may have its
 * default route elsewhere. From a guest of the same network: as from outside, then leave
 * masquerades, or the answer would go straight to the asker, from an address it never asked. */
#include "network/firewall.h"

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

static const char *const network_sets[] = {
    "set bridges { type ifname;",
    "set internal { type ifname;",
    "set loops { type ifname . ifname;",
    "set gateways { type ifname . ipv4_addr;",
    "set inside { type ifname . ipv4_addr; flags interval;",
    "set routed { type ipv4_addr; flags interval;",
};
enum network_set { SET_BRIDGES, SET_INTERNAL, SET_LOOPS, SET_GATEWAYS, SET_INSIDE, SET_ROUTED };

static bool add_network_key(struct strbuf *text, enum network_set set,
                            const struct desired_network *network)
{
    char subnet[SUBNET_TEXT_SIZE], gateway[SUBNET_TEXT_SIZE];
    subnet_format(network->subnet, subnet);
    subnet_format_address(network->gateway, gateway);
    if ((set == SET_INTERNAL && !network->internal) || (set == SET_ROUTED && network->internal))
        return false;
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
        strbuf_addf(text, "\"%s\" . %s", network->bridge, gateway);
        break;
    case SET_INSIDE:
        strbuf_addf(text, "\"%s\" . %s", network->bridge, subnet);
        break;
    case SET_ROUTED:
        strbuf_add_str(text, subnet);
        break;
    }
    return true;
}

static void add_network_sets(struct strbuf *text, const struct desired *desired)
{
    for (enum network_set set = SET_BRIDGES; set <= SET_ROUTED; set++) {
        bool any = false;
        begin_elements(text, network_sets[set]);
        for (size_t i = 0; i < desired->networks.count; i++) {
            const struct desired_network *network = &desired->networks.items[i];
            if (!add_network_key(text, set, network))
                continue;
            add_comment(text, network->project, network->name);
            strbuf_add_str(text, ",\n");
            any = true;
        }
        end_elements(text, any);
    }
}

/* Two maps: ports of all addresses, and ports of one address of the host. */
static void add_port_map(struct strbuf *text, const struct desired *desired, bool one_address)
{
    bool any = false;
    begin_elements(text, one_address ? "map publish_at { type ipv4_addr . inet_proto . "
                                       "inet_service : ipv4_addr . inet_service;"
                                     : "map publish { type inet_proto . inet_service : "
                                       "ipv4_addr . inet_service;");
    for (size_t i = 0; i < desired->ports.count; i++) {
        const struct desired_port *port = &desired->ports.items[i];
        char host[SUBNET_TEXT_SIZE], guest[SUBNET_TEXT_SIZE];
        if ((port->host_ip != 0) != one_address)
            continue;
        strbuf_add_str(text, "\t\t\t");
        if (one_address)
            strbuf_addf(text, "%s . ", subnet_format_address(port->host_ip, host));
        strbuf_addf(text, "%s . %u", port->udp ? "udp" : "tcp", port->published);
        add_comment(text, port->project, port->instance);
        strbuf_addf(text, " : %s . %u,\n", subnet_format_address(port->address, guest),
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
    "\t\tfib daddr type local dnat ip to meta l4proto . th dport map @publish\n"
    "\t}\n"
    /* A neighbour may send to 127.0.0.1 on the wire: not to be translated before it is refused. */
    "\tchain publish_foreign {\n"
    "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
    "\t\tmeta l4proto { tcp, udp } ip daddr != 127.0.0.0/8 jump publishing\n"
    "\t}\n"
    "\tchain publish_own {\n"
    "\t\ttype nat hook output priority -100; policy accept;\n"
    "\t\tmeta nfproto ipv4 meta l4proto { tcp, udp } jump publishing\n"
    "\t}\n"
    "\tchain leave {\n"
    "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
    "\t\toifname @bridges ct status dnat fib saddr type local masquerade\n"
    "\t\tct status dnat oifname . ip saddr @inside masquerade\n"
    "\t\tip saddr @routed oifname != @bridges masquerade\n"
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
    "\t\tiifname . ip daddr @gateways icmp type echo-request accept\n"
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
    "\t\tdrop\n"
    "\t}\n";

static void add_endpoint_set(struct strbuf *text, const struct desired *desired, const char *head,
                             bool with_sender)
{
    begin_elements(text, head);
    for (size_t i = 0; i < desired->endpoints.count; i++) {
        const struct desired_endpoint *endpoint = &desired->endpoints.items[i];
        char mac[MAC_TEXT_SIZE], address[SUBNET_TEXT_SIZE];
        strbuf_addf(text, "\t\t\t\"%s\"", endpoint->tap);
        if (with_sender)
            strbuf_addf(text, " . %s . %s", desired_format_mac(endpoint->mac, mac),
                        subnet_format_address(endpoint->address, address));
        add_comment(text, endpoint->name, "");
        strbuf_add_str(text, ",\n");
    }
    end_elements(text, desired->endpoints.count > 0);
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
    add_port_map(text, desired, false);
    add_port_map(text, desired, true);
    strbuf_addf(text, "%s}\ntable bridge vmstead_%s {\n", inet_chains, desired->root_id);
    add_endpoint_set(text, desired, "set taps { type ifname;", false);
    add_endpoint_set(text, desired, "set senders { type ifname . ether_addr . ipv4_addr;", true);
    strbuf_addf(text, "%s}\n", bridge_chains);
}
