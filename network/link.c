/* See link.h. */
#include "network/link_internal.h"
#include "network/sysctl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/link/bridge.h>
#include <stdio.h>

static inline void rtnl_addr_freep(struct rtnl_addr **address)
{
    if (*address)
        rtnl_addr_put(*address);
}
static inline void nl_addr_freep(struct nl_addr **address)
{
    if (*address)
        nl_addr_put(*address);
}

int link_error(struct error *err, int code, const char *doing, const char *name)
{
    int number = code == -NLE_PERM           ? EPERM
                 : code == -NLE_EXIST        ? EEXIST
                 : code == -NLE_NODEV        ? ENODEV
                 : code == -NLE_OPNOTSUPP    ? EOPNOTSUPP
                 : code == -NLE_OBJ_NOTFOUND ? ENOENT
                 : code == -NLE_BUSY         ? EBUSY
                                             : EIO;
    return error_set(err, number, "cannot %s '%s': %s", doing, name, nl_geterror(code));
}

int link_open_netlink(struct nl_sock **ret_socket, struct error *err)
{
    struct nl_sock *socket = nl_socket_alloc();
    int r = socket ? nl_connect(socket, NETLINK_ROUTE) : -NLE_NOMEM;
    if (r < 0) {
        nl_socket_free(socket);
        return link_error(err, r, "open", "netlink");
    }
    *ret_socket = socket;
    return 0;
}

int link_list(struct nl_sock *socket, struct nl_cache **ret_links, struct error *err)
{
    int r = rtnl_link_alloc_cache(socket, AF_UNSPEC, ret_links);
    return r < 0 ? link_error(err, r, "list", "links") : 0;
}

struct nl_msg *link_request(int type, int family, int ifindex, unsigned flags, unsigned change)
{
    struct ifinfomsg head = {.ifi_family = (unsigned char)family,
                             .ifi_index = ifindex,
                             .ifi_flags = flags,
                             .ifi_change = change};
    struct nl_msg *request = nlmsg_alloc_simple(type, 0);
    if (!request || nlmsg_append(request, &head, sizeof(head), NLMSG_ALIGNTO) < 0)
        abort();
    return request;
}

int link_send_request(struct nl_sock *socket, struct nl_msg *request, const char *doing,
                      const char *name, struct error *err)
{
    int r = nl_send_sync(socket, request);
    return r < 0 ? link_error(err, r, doing, name) : 0;
}

static bool has_our_name(const char *name, const char *root_id)
{
    char prefix[IFNAMSIZ];
    snprintf(prefix, sizeof(prefix), "vs%.6s-", root_id);
    return str_after_prefix(name, prefix) != NULL;
}

bool link_is_bridge_name(const char *name, const char *root_id)
{
    char prefix[IFNAMSIZ];
    snprintf(prefix, sizeof(prefix), "vs%.6s-br", root_id);
    return str_after_prefix(name, prefix) != NULL;
}

/* A bridge may have a name of the user's choice: our alias on it says whose it is. */
static char *alias_of(const struct desired *desired, const char *network)
{
    return xasprintf("vmstead %s network %.200s", desired->root_id, network);
}

bool link_is_ours(struct rtnl_link *link, const char *root_id)
{
    const char *name = rtnl_link_get_name(link), *alias = rtnl_link_get_ifalias(link);
    char start[32];
    snprintf(start, sizeof(start), "vmstead %s ", root_id);
    return (name && has_our_name(name, root_id)) || (alias && str_after_prefix(alias, start));
}

static int create_bridge(struct nl_sock *socket, const struct desired_network *network,
                         struct error *err)
{
    _cleanup_link_ struct rtnl_link *link = rtnl_link_bridge_alloc();
    /* An address of its own: otherwise it is the lowest of its taps' and changes with them. */
    uint8_t mac[6];
    desired_mac(network->bridge, network->name, mac);
    _cleanup_(nl_addr_freep) struct nl_addr *address = nl_addr_build(AF_LLC, mac, sizeof(mac));
    rtnl_link_set_name(link, network->bridge);
    rtnl_link_set_addr(link, address);
    rtnl_link_set_mtu(link, network->mtu);
    int r = rtnl_link_add(socket, link, NLM_F_CREATE | NLM_F_EXCL);
    return r < 0 ? link_error(err, r, "create the bridge", network->bridge) : 0;
}

static int family_number(enum ip_family family)
{
    return family == IP_V6 ? AF_INET6 : AF_INET;
}

static int add_gateway(struct nl_sock *socket, const struct desired_network *network,
                       enum ip_family family, int ifindex, struct error *err)
{
    const struct ip_address *gateway = &network->gateway[family];
    struct ip_address last = ip_subnet_last(&network->subnet[family]);
    _cleanup_(nl_addr_freep) struct nl_addr *local =
        nl_addr_build(family_number(family), gateway->bytes, gateway->size);
    _cleanup_(nl_addr_freep) struct nl_addr *broadcast =
        nl_addr_build(family_number(family), last.bytes, last.size);
    _cleanup_(rtnl_addr_freep) struct rtnl_addr *address = rtnl_addr_alloc();
    rtnl_addr_set_ifindex(address, ifindex);
    rtnl_addr_set_local(address, local);
    rtnl_addr_set_prefixlen(address, (int)network->subnet[family].prefix);
    if (family == IP_V4)
        rtnl_addr_set_broadcast(address, broadcast);
    else /* nobody else is on the bridge yet: no waiting for duplicate address detection */
        rtnl_addr_set_flags(address, IFA_F_NODAD);
    int r = rtnl_addr_add(socket, address, NLM_F_CREATE | NLM_F_EXCL);
    return r < 0 && r != -NLE_EXIST
               ? link_error(err, r, "give its address to the bridge", network->bridge)
               : 0;
}

int link_silence_ipv6(const char *name, struct error *err)
{
    struct error problem = {0};
    int r = sysctl_write_link("ipv6", name, "disable_ipv6", "1", &problem);
    bool harmless = r == -ENOENT /* a kernel without IPv6 */ ||
                    r == -EROFS /* a container's: the firewall keeps guests from the host */;
    if (r == 0 || !harmless)
        return r < 0 ? error_move(err, &problem) : 0;
    error_done(&problem);
    return 0;
}

/* The bridge is a router: it believes no other one. */
static int speak_ipv6(const struct desired_network *network, struct error *err)
{
    static const char *const settings[][2] = {
        {"accept_ra", "0"}, {"accept_dad", "0"}, {"disable_ipv6", "0"}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(settings); i++)
        r = sysctl_write_link("ipv6", network->bridge, settings[i][0], settings[i][1], err);
    if (r == -ENOENT)
        return error_set(err, EAFNOSUPPORT,
                         "network '%s' is to have IPv6, which this host's kernel has not",
                         network->name);
    return r;
}

static int choose_families(const struct desired_network *network, bool relay_own, struct error *err)
{
    int r = ip_subnet_is_set(&network->subnet[IP_V6]) ? speak_ipv6(network, err)
                                                      : link_silence_ipv6(network->bridge, err);
    if (r < 0)
        return r;
    return relay_own ? 0 : sysctl_write_link("ipv4", network->bridge, "route_localnet", "1", err);
}

/* Whom the bridge lets hear what is sent to a group. */
static void add_multicast(struct nl_msg *request, enum network_multicast multicast)
{
    bool asks = multicast == MULTICAST_QUERIER;
    nla_put_u8(request, IFLA_BR_MCAST_SNOOPING, asks);
    nla_put_u8(request, IFLA_BR_MCAST_QUERIER, asks);
    /* Some hosts take no question from 0.0.0.0 (RFC 4541, 2.1.1). */
    nla_put_u8(request, IFLA_BR_MCAST_QUERY_USE_IFADDR, asks);
}

/* Up, with a name for people to find it by. */
static int set_up(struct nl_sock *socket, const struct desired *desired,
                  const struct desired_network *network, int ifindex, struct error *err)
{
    _cleanup_free_ char *alias = alias_of(desired, network->name);
    struct nl_msg *request = link_request(RTM_NEWLINK, AF_UNSPEC, ifindex, IFF_UP, IFF_UP);
    nla_put_u32(request, IFLA_MTU, network->mtu);
    nla_put_string(request, IFLA_IFALIAS, alias);
    struct nlattr *info = nla_nest_start(request, IFLA_LINKINFO);
    nla_put_string(request, IFLA_INFO_KIND, "bridge");
    struct nlattr *data = nla_nest_start(request, IFLA_INFO_DATA);
    add_multicast(request, network->multicast);
    nla_nest_end(request, data);
    nla_nest_end(request, info);
    return link_send_request(socket, request, "set up", network->bridge, err);
}

static int check_foreign(struct rtnl_link *there, const struct desired_network *network,
                         const struct desired *desired, struct error *err)
{
    if (!there || link_is_ours(there, desired->root_id))
        return 0;
    return error_set(
        err, EEXIST,
        "the link '%s' exists and is not vmstead's: choose another name for the bridge "
        "of network '%s' ('com.docker.network.bridge.name')",
        network->bridge, network->name);
}

static int ensure_bridge(struct nl_sock *socket, struct nl_cache *links,
                         const struct desired *desired, const struct desired_network *network,
                         struct error *err)
{
    _cleanup_link_ struct rtnl_link *there = rtnl_link_get_by_name(links, network->bridge);
    int r = check_foreign(there, network, desired, err);
    if (r == 0 && !there)
        r = create_bridge(socket, network, err);
    if (r < 0)
        return r;
    int ifindex = (int)if_nametoindex(network->bridge);
    if (ifindex == 0)
        return error_set(err, ENODEV, "the bridge '%s' vanished while it was made",
                         network->bridge);
    r = choose_families(network, desired->relay_own, err);
    for (enum ip_family family = IP_V4; r == 0 && family < IP_FAMILY_COUNT; family++)
        if (ip_subnet_is_set(&network->subnet[family]))
            r = add_gateway(socket, network, family, ifindex, err);
    if (r < 0)
        return r;
    return set_up(socket, desired, network, ifindex, err);
}

static bool is_desired(const struct desired *desired, const char *name)
{
    for (size_t i = 0; i < desired->networks.count; i++)
        if (streq(desired->networks.items[i].bridge, name))
            return true;
    for (size_t i = 0; i < desired->endpoints.count; i++)
        if (streq(desired->endpoints.items[i].tap.name, name))
            return true;
    return false;
}

static int remove_others(struct nl_sock *socket, struct nl_cache *links,
                         const struct desired *desired, struct error *err)
{
    for (struct nl_object *object = nl_cache_get_first(links); object;
         object = nl_cache_get_next(object)) {
        struct rtnl_link *link = (struct rtnl_link *)object;
        const char *name = rtnl_link_get_name(link);
        if (!name || !link_is_ours(link, desired->root_id) || is_desired(desired, name))
            continue;
        int r = rtnl_link_delete(socket, link);
        if (r < 0 && r != -NLE_NODEV && r != -NLE_OBJ_NOTFOUND)
            return link_error(err, r, "remove the link", name);
    }
    return 0;
}

int link_apply(const struct desired *desired, struct error *err)
{
    _cleanup_socket_ struct nl_sock *socket = NULL;
    _cleanup_cache_ struct nl_cache *links = NULL;
    int r = link_open_netlink(&socket, err);
    if (r == 0)
        r = link_list(socket, &links, err);
    if (r == 0)
        r = remove_others(socket, links, desired, err);
    for (size_t i = 0; r == 0 && i < desired->networks.count; i++)
        r = ensure_bridge(socket, links, desired, &desired->networks.items[i], err);
    return r < 0 ? r : link_replug_taps(socket, links, desired, err);
}

/* "vs" + six hex digits + "-br": see desired_bridge_name(). */
static bool is_of_another(const char *name, const char *root_id)
{
    const char *id = str_after_prefix(name, "vs");
    return id && strspn(id, "0123456789abcdef") == 6 && str_after_prefix(id + 6, "-br") &&
           !has_our_name(name, root_id);
}

static bool any_link(bool (*matches)(const char *name, const char *root_id), const char *root_id)
{
    bool found = false;
    struct if_nameindex *links = if_nameindex();
    for (size_t i = 0; links && links[i].if_index != 0; i++)
        found = found || matches(links[i].if_name, root_id);
    if (links)
        if_freenameindex(links);
    return found;
}

bool link_exists(const char *root_id)
{
    return any_link(has_our_name, root_id);
}

bool link_other_root_exists(const char *root_id)
{
    return any_link(is_of_another, root_id);
}
