/* See firewall_text.h: which frames a guest may send. Its MAC, its addresses, and nothing that only
 * a router, a DHCP server or somebody else would say. The common case, a packet from one's own
 * address, costs two lookups. */
#include "network/firewall_text.h"

/* fe80:: and the MAC (RFC 4291 appendix A), which Linux chooses by itself. */
static struct ip_address link_local_of(const uint8_t mac[6])
{
    return (struct ip_address){
        .size = 16,
        .bytes = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3],
                  mac[4], mac[5]},
    };
}

enum guest_set { SET_TAPS, SET_SENDERS, SET_SENDERS6, SET_CLAIMS6, SET_SPEAKERS6, SET_COUNT };
static const char *const guest_sets[SET_COUNT] = {
    [SET_TAPS] = "set taps { type ifname;",
    [SET_SENDERS] = "set senders { type ifname . ether_addr . ipv4_addr;",
    [SET_SENDERS6] = "set senders6 { type ifname . ether_addr . ipv6_addr;",
    /* The target of a neighbour advertisement: nft 1.0.6 has no name for it. */
    [SET_CLAIMS6] = "set claims6 { typeof iifname . @th,64,128;",
    [SET_SPEAKERS6] = "set speakers6 { type ifname . ether_addr;",
};

/* address: NULL in sets without one. */
static void add_element(struct strbuf *text, enum guest_set set,
                        const struct desired_endpoint *endpoint, const struct ip_address *address)
{
    char mac[IP_MAC_TEXT_SIZE], address_text[IP_TEXT_SIZE];
    strbuf_addf(text, "\t\t\t\"%s\"", endpoint->tap.name);
    if (set != SET_TAPS && set != SET_CLAIMS6)
        strbuf_addf(text, " . %s", ip_mac_format(endpoint->mac, mac));
    if (set == SET_SENDERS || set == SET_SENDERS6)
        strbuf_addf(text, " . %s", ip_address_format(address, address_text));
    if (set == SET_CLAIMS6) {
        strbuf_add_str(text, " . 0x");
        for (size_t i = 0; i < address->size; i++)
            strbuf_addf(text, "%02x", address->bytes[i]);
    }
    firewall_add_comment(text, endpoint->name, "");
    strbuf_add_str(text, ",\n");
}

static void add_addresses(struct strbuf *text, enum guest_set set,
                          const struct desired_endpoint *endpoint, enum ip_family family)
{
    struct ip_address own = link_local_of(endpoint->mac);
    if (ip_address_is_set(&endpoint->address[family]))
        add_element(text, set, endpoint, &endpoint->address[family]);
    if (family == IP_V6 && ip_address_is_set(&endpoint->address[family]))
        add_element(text, set, endpoint, &own);
    for (size_t i = 0; i < endpoint->link_local.count; i++)
        if (ip_family_of(&endpoint->link_local.items[i]) == family)
            add_element(text, set, endpoint, &endpoint->link_local.items[i]);
}

static void add_endpoint(struct strbuf *text, enum guest_set set,
                         const struct desired_endpoint *endpoint)
{
    switch (set) {
    case SET_TAPS:
        add_element(text, set, endpoint, NULL);
        break;
    case SET_SENDERS:
        add_addresses(text, set, endpoint, IP_V4);
        break;
    case SET_SENDERS6:
    case SET_CLAIMS6:
        add_addresses(text, set, endpoint, IP_V6);
        break;
    case SET_SPEAKERS6:
        if (ip_address_is_set(&endpoint->address[IP_V6]))
            add_element(text, set, endpoint, NULL);
        break;
    case SET_COUNT:
        break;
    }
}

/* ct, ibrname and reject do not exist in this family; names of ports do. */
static const char chains[] =
    "\tchain guests {\n"
    "\t\ttype filter hook prerouting priority -300; policy accept;\n"
    "\t\tiifname != @taps accept\n"
    /* With a VLAN's tag, an empty one too, this is the tag's type. */
    "\t\tether type vmap { ip : goto say_ipv4, ip6 : goto say_ipv6, arp : goto say_arp }\n"
    "\t\tdrop\n"
    "\t}\n"
    "\tchain say_ipv4 {\n" /* 2: IGMP */
    "\t\tmeta l4proto vmap { udp : jump services, 2 : jump questions }\n"
    "\t\tiifname . ether saddr . ip saddr @senders accept\n"
    "\t\tdrop\n"
    "\t}\n"
    "\tchain say_arp {\n"
    "\t\tiifname . ether saddr . arp saddr ip @senders "
    "iifname . arp saddr ether . arp saddr ip @senders accept\n"
    "\t\tdrop\n"
    "\t}\n"
    "\tchain say_ipv6 {\n"
    "\t\texthdr frag exists jump fragments\n"
    "\t\tmeta l4proto vmap { udp : jump services, ipv6-icmp : jump announcements }\n"
    "\t\tiifname . ether saddr . ip6 saddr @senders6 accept\n"
    /* Before an address is one's own: duplicate address detection, and reports of groups. */
    "\t\tiifname . ether saddr @speakers6 ip6 saddr :: icmpv6 type { "
    "nd-neighbor-solicit, mld-listener-report, mld2-listener-report } accept\n"
    "\t\tdrop\n"
    "\t}\n"
    /* DHCP servers of both families. */
    "\tchain services {\n"
    "\t\tudp sport { 67, 547 } drop\n"
    "\t}\n"
    /* Who asks for members becomes the querier, and the bridge forgets them when he stops. */
    "\tchain questions {\n"
    "\t\tigmp type membership-query drop\n"
    "\t}\n"
    /* Routers are ours to announce, and an address is its owner's. */
    "\tchain announcements {\n"
    "\t\ticmpv6 type { nd-router-advert, nd-redirect, mld-listener-query } drop\n"
    "\t\ticmpv6 type nd-neighbor-advert iifname . @th,64,128 != @claims6 drop\n"
    "\t}\n"
    /* A first fragment may not hide what the two chains above look at (RFC 6980, RFC 7113): what is
     * said stands right behind the fragment header, where eight octets at least are, and never in
     * the fragment behind further extension headers (hop-by-hop, routing, fragment, AH, options).
     */
    "\tchain fragments {\n"
    "\t\tfrag nexthdr { 0, 43, 44, 51, 60 } drop\n"
    "\t\tfrag frag-off != 0 return\n"
    "\t\ticmpv6 type { echo-request, echo-reply } return\n"
    "\t\tudp sport != 547 return\n"
    "\t\tmeta l4proto != { udp, ipv6-icmp } return\n"
    "\t\tdrop\n"
    "\t}\n";

void firewall_format_bridge(const struct desired *desired, struct strbuf *text)
{
    for (enum guest_set set = 0; set < SET_COUNT; set++) {
        firewall_begin_elements(text, guest_sets[set]);
        size_t before = text->length;
        for (size_t i = 0; i < desired->endpoints.count; i++)
            add_endpoint(text, set, &desired->endpoints.items[i]);
        firewall_end_elements(text, text->length > before);
    }
    strbuf_add_str(text, chains);
}
