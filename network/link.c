/* See link.h. */
#include "network/link.h"

#include "base/str.h"
#include "network/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

DEFINE_FREEP(struct nl_sock *, nl_socket_free)
DEFINE_FREEP(struct nl_cache *, nl_cache_free)
static inline void rtnl_link_freep(struct rtnl_link **link)
{
    if (*link)
        rtnl_link_put(*link);
}
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
#define _cleanup_socket_ _cleanup_(nl_socket_freep)
#define _cleanup_cache_ _cleanup_(nl_cache_freep)
#define _cleanup_link_ _cleanup_(rtnl_link_freep)

/* libnl has numbers of its own (libnl/errno.h). */
static int netlink_error(struct error *err, int code, const char *doing, const char *name)
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

static int open_netlink(struct nl_sock **ret_socket, struct error *err)
{
    struct nl_sock *socket = nl_socket_alloc();
    int r = socket ? nl_connect(socket, NETLINK_ROUTE) : -NLE_NOMEM;
    if (r < 0) {
        nl_socket_free(socket);
        return netlink_error(err, r, "open", "netlink");
    }
    *ret_socket = socket;
    return 0;
}

static int list_links(struct nl_sock *socket, struct nl_cache **ret_links, struct error *err)
{
    int r = rtnl_link_alloc_cache(socket, AF_UNSPEC, ret_links);
    return r < 0 ? netlink_error(err, r, "list", "links") : 0;
}

static bool has_our_name(const char *name, const char *root_id)
{
    char prefix[IFNAMSIZ];
    snprintf(prefix, sizeof(prefix), "vs%.6s-", root_id);
    return str_after_prefix(name, prefix) != NULL;
}

/* A bridge may have a name of the user's choice: our alias on it says whose it is. */
static char *alias_of(const struct desired *desired, const char *network)
{
    return xasprintf("vmstead %s network %.200s", desired->root_id, network);
}

static bool is_ours(struct rtnl_link *link, const char *root_id)
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
    return r < 0 ? netlink_error(err, r, "create the bridge", network->bridge) : 0;
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
               ? netlink_error(err, r, "give its address to the bridge", network->bridge)
               : 0;
}

/* master 0: none. The link is up and carries a name for people to find it by. */
static int set_up(struct nl_sock *socket, const char *name, int ifindex, int master,
                  const char *alias, struct error *err)
{
    _cleanup_link_ struct rtnl_link *now = rtnl_link_alloc(), *change = rtnl_link_alloc();
    rtnl_link_set_ifindex(now, ifindex);
    rtnl_link_set_ifindex(change, ifindex);
    rtnl_link_set_flags(change, IFF_UP);
    if (master > 0)
        rtnl_link_set_master(change, master);
    if (alias)
        rtnl_link_set_ifalias(change, alias);
    int r = rtnl_link_change(socket, now, change, 0);
    return r < 0 ? netlink_error(err, r, "set up", name) : 0;
}

static int set_mtu(struct nl_sock *socket, const char *name, int ifindex, uint32_t mtu,
                   struct error *err)
{
    _cleanup_link_ struct rtnl_link *now = rtnl_link_alloc(), *change = rtnl_link_alloc();
    rtnl_link_set_ifindex(now, ifindex);
    rtnl_link_set_ifindex(change, ifindex);
    rtnl_link_set_mtu(change, mtu);
    int r = rtnl_link_change(socket, now, change, 0);
    return r < 0 ? netlink_error(err, r, "set the MTU of", name) : 0;
}

/* Neither router solicitations nor link-local addresses. */
static int silence_ipv6(const char *name, struct error *err)
{
    int r = sysctl_write_link("ipv6", name, "disable_ipv6", "1", err);
    return r == -ENOENT ? 0 : r; /* a kernel without IPv6 */
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

static int choose_families(const struct desired_network *network, struct error *err)
{
    int r = ip_subnet_is_set(&network->subnet[IP_V6]) ? speak_ipv6(network, err)
                                                      : silence_ipv6(network->bridge, err);
    if (r < 0)
        return r;
    return sysctl_write_link("ipv4", network->bridge, "route_localnet", "1", err);
}

static int check_foreign(struct rtnl_link *there, const struct desired_network *network,
                         const struct desired *desired, struct error *err)
{
    if (!there || is_ours(there, desired->root_id))
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
    r = choose_families(network, err);
    for (enum ip_family family = IP_V4; r == 0 && family < IP_FAMILY_COUNT; family++)
        if (ip_subnet_is_set(&network->subnet[family]))
            r = add_gateway(socket, network, family, ifindex, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *alias = alias_of(desired, network->name);
    return set_up(socket, network->bridge, ifindex, 0, alias, err);
}

static bool is_desired(const struct desired *desired, const char *name)
{
    for (size_t i = 0; i < desired->networks.count; i++)
        if (streq(desired->networks.items[i].bridge, name))
            return true;
    for (size_t i = 0; i < desired->endpoints.count; i++)
        if (streq(desired->endpoints.items[i].tap, name))
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
        if (!name || !is_ours(link, desired->root_id) || is_desired(desired, name))
            continue;
        int r = rtnl_link_delete(socket, link);
        if (r < 0 && r != -NLE_NODEV && r != -NLE_OBJ_NOTFOUND)
            return netlink_error(err, r, "remove the link", name);
    }
    return 0;
}

int link_apply(const struct desired *desired, struct error *err)
{
    _cleanup_socket_ struct nl_sock *socket = NULL;
    _cleanup_cache_ struct nl_cache *links = NULL;
    int r = open_netlink(&socket, err);
    if (r == 0)
        r = list_links(socket, &links, err);
    if (r == 0)
        r = remove_others(socket, links, desired, err);
    for (size_t i = 0; r == 0 && i < desired->networks.count; i++)
        r = ensure_bridge(socket, links, desired, &desired->networks.items[i], err);
    return r;
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

/* A killed VM lets go of its tap a moment after it is gone: waits at most half a second. */
static int attach_tap(int fd, const char *tap)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", tap);
    for (int attempt = 0; ioctl(fd, TUNSETIFF, &request) < 0; attempt++) {
        if (errno != EBUSY || attempt == 25)
            return -errno;
        usleep(20000);
    }
    return 0;
}

int link_open_tap(const char *tap, const char *bridge, uint32_t mtu, int *ret_fd, struct error *err)
{
    _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "cannot open '/dev/net/tun': %s", strerror(errno));
    int r = attach_tap(fd, tap);
    if (r == -EBUSY)
        return error_set(err, EBUSY, "the tap '%s' is still in use by a running VM", tap);
    if (r < 0)
        return error_set(err, -r, "cannot make the tap '%s': %s", tap, strerror(-r));
    _cleanup_socket_ struct nl_sock *socket = NULL;
    int ifindex = (int)if_nametoindex(tap), master = (int)if_nametoindex(bridge);
    if (master == 0)
        return error_set(err, ENODEV, "there is no bridge '%s' for the tap '%s'", bridge, tap);
    if ((r = open_netlink(&socket, err)) < 0 || (r = silence_ipv6(tap, err)) < 0 ||
        (r = set_mtu(socket, tap, ifindex, mtu, err)) < 0 ||
        (r = set_up(socket, tap, ifindex, master, NULL, err)) < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* The route's link is one of ours: its subnet stands in the store, where conflicts have names. */
static bool route_of_root(struct rtnl_route *route, struct nl_cache *links, const char *root_id,
                          char ifname[IFNAMSIZ])
{
    struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);
    int ifindex = hop ? rtnl_route_nh_get_ifindex(hop) : 0;
    ifname[0] = '\0';
    if (ifindex <= 0)
        return false;
    if_indextoname((unsigned)ifindex, ifname);
    _cleanup_link_ struct rtnl_link *link = rtnl_link_get(links, ifindex);
    return link && is_ours(link, root_id);
}

/* Unicast routes of the whole host: IPv6 has one to every link's fe80::/64 and ff00::/8 as well. */
static bool route_destination(struct rtnl_route *route, struct ip_subnet *ret_subnet)
{
    struct nl_addr *destination = rtnl_route_get_dst(route);
    size_t size = destination ? nl_addr_get_len(destination) : 0;
    if ((size != 4 && size != 16) || nl_addr_get_prefixlen(destination) == 0 ||
        rtnl_route_get_type(route) == RTN_MULTICAST)
        return false;
    *ret_subnet = (struct ip_subnet){.address = {.size = (unsigned)size},
                                     .prefix = nl_addr_get_prefixlen(destination)};
    memcpy(ret_subnet->address.bytes, nl_addr_get_binary_addr(destination), size);
    return true;
}

static int list_family(struct nl_sock *socket, struct nl_cache *links, int family,
                       const char *root_id, struct link_routes *list, struct error *err)
{
    _cleanup_cache_ struct nl_cache *routes = NULL;
    int r = rtnl_route_alloc_cache(socket, family, 0, &routes);
    if (r < 0)
        return netlink_error(err, r, "list", "routes");
    for (struct nl_object *object = nl_cache_get_first(routes); object;
         object = nl_cache_get_next(object)) {
        struct rtnl_route *route = (struct rtnl_route *)object;
        struct link_route entry;
        if (route_destination(route, &entry.destination) &&
            !route_of_root(route, links, root_id, entry.link))
            vec_add(list, entry);
    }
    return 0;
}

int link_list_routes(const char *root_id, struct link_routes *ret_routes, struct error *err)
{
    _cleanup_socket_ struct nl_sock *socket = NULL;
    _cleanup_cache_ struct nl_cache *links = NULL;
    *ret_routes = (struct link_routes){0};
    int r = open_netlink(&socket, err);
    if (r == 0)
        r = list_links(socket, &links, err);
    if (r == 0)
        r = list_family(socket, links, AF_INET, root_id, ret_routes, err);
    if (r == 0)
        r = list_family(socket, links, AF_INET6, root_id, ret_routes, err);
    if (r < 0)
        link_routes_done(ret_routes);
    return r;
}

void link_routes_done(struct link_routes *routes)
{
    vec_done(routes);
}

bool link_has_net_admin(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    return syscall(SYS_capget, &header, data) == 0 &&
           (data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN)) != 0;
}

int link_check_privileges(struct error *err)
{
    if (!link_has_net_admin())
        return error_set(err, EPERM,
                         "no right to change networks (CAP_NET_ADMIN is missing): run vmstead as "
                         "root, e.g. with sudo");
    if (access("/dev/net/tun", R_OK | W_OK) < 0)
        return error_set(err, errno,
                         "cannot use '/dev/net/tun' (%s), which the VMs' network cards need: load "
                         "the kernel's module with 'modprobe tun', or pass the device into this "
                         "container",
                         strerror(errno));
    return 0;
}
