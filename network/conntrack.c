/* See conntrack.h. Messages of nfnetlink's conntrack subsystem, over libnl's core. */
#include "network/conntrack.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

DEFINE_FREEP(struct nl_sock *, nl_socket_free)

struct flow_end {
    struct ip_address source, destination;
    uint16_t source_port, destination_port;
    uint8_t protocol;
};

struct stale_search {
    const struct desired *desired;
    VEC(struct ip_address) local; /* the host's own addresses */
    VEC(void *) tuples;           /* CTA_TUPLE_ORIG of what is to go, as struct nlattr */
};

static struct ip_address get_address(struct nlattr *four, struct nlattr *six)
{
    struct nlattr *attribute = four ? four : six;
    struct ip_address address = {.size = four ? 4 : six ? 16 : 0};
    if (attribute && nla_len(attribute) >= (int)address.size)
        memcpy(address.bytes, nla_data(attribute), address.size);
    return address;
}

static uint16_t get_port(struct nlattr *attribute)
{
    return attribute ? ntohs(nla_get_u16(attribute)) : 0;
}

static bool parse_end(struct nlattr *tuple, struct flow_end *ret_end)
{
    struct nlattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];
    if (!tuple || nla_parse_nested(parts, CTA_TUPLE_MAX, tuple, NULL) < 0 || !parts[CTA_TUPLE_IP] ||
        !parts[CTA_TUPLE_PROTO] ||
        nla_parse_nested(ip, CTA_IP_MAX, parts[CTA_TUPLE_IP], NULL) < 0 ||
        nla_parse_nested(proto, CTA_PROTO_MAX, parts[CTA_TUPLE_PROTO], NULL) < 0)
        return false;
    *ret_end = (struct flow_end){
        .source = get_address(ip[CTA_IP_V4_SRC], ip[CTA_IP_V6_SRC]),
        .destination = get_address(ip[CTA_IP_V4_DST], ip[CTA_IP_V6_DST]),
        .source_port = get_port(proto[CTA_PROTO_SRC_PORT]),
        .destination_port = get_port(proto[CTA_PROTO_DST_PORT]),
        .protocol = proto[CTA_PROTO_NUM] ? nla_get_u8(proto[CTA_PROTO_NUM]) : 0,
    };
    return true;
}

static bool is_same(const struct ip_address *a, const struct ip_address *b)
{
    return ip_address_compare(a, b) == 0;
}

static bool is_local(const struct stale_search *search, const struct ip_address *address)
{
    if (address->size == 4 && address->bytes[0] == 127)
        return true;
    for (size_t i = 0; i < search->local.count; i++)
        if (is_same(&search->local.items[i], address))
            return true;
    return false;
}

/* asked: as the client sent it; answered: as the answer comes, before it is translated back. */
static bool is_stale(const struct stale_search *search, const struct flow_end *asked,
                     const struct flow_end *answered)
{
    if (asked->protocol != IPPROTO_UDP || !is_local(search, &asked->destination))
        return false;
    enum ip_family family = ip_family_of(&asked->destination);
    for (size_t i = 0; i < search->desired->ports.count; i++) {
        const struct desired_port *port = &search->desired->ports.items[i];
        if (port->udp && port->published == asked->destination_port &&
            ip_address_is_set(&port->address[family]) &&
            (!ip_address_is_set(&port->host_ip) || is_same(&port->host_ip, &asked->destination)))
            return !is_same(&answered->source, &port->address[family]) ||
                   answered->source_port != port->target;
    }
    return false;
}

static int on_flow(struct nl_msg *message, void *userdata)
{
    struct stale_search *search = userdata;
    struct nlattr *attributes[CTA_MAX + 1];
    struct flow_end asked, answered;
    if (nlmsg_parse(nlmsg_hdr(message), sizeof(struct nfgenmsg), attributes, CTA_MAX, NULL) == 0 &&
        parse_end(attributes[CTA_TUPLE_ORIG], &asked) &&
        parse_end(attributes[CTA_TUPLE_REPLY], &answered) && is_stale(search, &asked, &answered)) {
        struct nlattr *tuple = attributes[CTA_TUPLE_ORIG];
        vec_add(&search->tuples, xmemdup(tuple, (size_t)nla_total_size(nla_len(tuple))));
    }
    return NL_OK;
}

static struct nl_msg *new_message(int type, int flags, int family)
{
    struct nl_msg *message = nlmsg_alloc();
    const struct nfgenmsg header = {.nfgen_family = (uint8_t)family, .version = NFNETLINK_V0};
    nlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, NFNL_SUBSYS_CTNETLINK << 8 | type, 0,
              NLM_F_REQUEST | flags);
    nlmsg_append(message, (void *)(uintptr_t)&header, sizeof(header), NLMSG_ALIGNTO);
    return message;
}

static void collect_local(struct stale_search *search)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0)
        return;
    for (struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
        struct ip_address address = {0};
        if (entry->ifa_addr)
            address = ip_address_from_socket(entry->ifa_addr);
        if (ip_address_is_set(&address))
            vec_add(&search->local, address);
    }
    freeifaddrs(list);
}

static void find_and_forget(struct nl_sock *socket, struct stale_search *search, int family)
{
    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, on_flow, search);
    struct nl_msg *dump = new_message(IPCTNL_MSG_CT_GET, NLM_F_DUMP, family);
    int r = nl_send_sync(socket, dump); /* frees the message, waits for its end */
    for (size_t i = 0; i < search->tuples.count; i++) {
        struct nlattr *tuple = search->tuples.items[i];
        if (r >= 0) {
            struct nl_msg *deletion = new_message(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family);
            nla_put(deletion, CTA_TUPLE_ORIG | NLA_F_NESTED, nla_len(tuple), nla_data(tuple));
            nl_send_sync(socket, deletion); /* it may have ended by itself */
        }
        free(tuple);
    }
    vec_done(&search->tuples);
}

static bool has_udp(const struct desired *desired)
{
    for (size_t i = 0; i < desired->ports.count; i++)
        if (desired->ports.items[i].udp)
            return true;
    return false;
}

void conntrack_forget_stale(const struct desired *desired)
{
    if (!has_udp(desired))
        return;
    _cleanup_(nl_socket_freep) struct nl_sock *socket = nl_socket_alloc();
    struct stale_search search = {.desired = desired};
    if (!socket || nl_connect(socket, NETLINK_NETFILTER) < 0)
        return;
    collect_local(&search);
    find_and_forget(socket, &search, AF_INET);
    find_and_forget(socket, &search, AF_INET6);
    vec_done(&search.local);
}
