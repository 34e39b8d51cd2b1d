/* See link.h. */
#include "network/link.h"

#include "base/str.h"
#include "network/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define ETHERNET_MTU 1500

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

static bool is_ours(const char *name, const char *root_id)
{
    char prefix[IFNAMSIZ];
    snprintf(prefix, sizeof(prefix), "vs%.6s-", root_id);
    return str_after_prefix(name, prefix) != NULL;
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
    rtnl_link_set_mtu(link, ETHERNET_MTU);
    int r = rtnl_link_add(socket, link, NLM_F_CREATE | NLM_F_EXCL);
    return r < 0 ? netlink_error(err, r, "create the bridge", network->bridge) : 0;
}

static int add_gateway(struct nl_sock *socket, const struct desired_network *network, int ifindex,
                       struct error *err)
{
    uint32_t gateway = htonl(network->gateway), last = htonl(subnet_broadcast(network->subnet));
    _cleanup_(nl_addr_freep) struct nl_addr *local = nl_addr_build(AF_INET, &gateway, 4);
    _cleanup_(nl_addr_freep) struct nl_addr *broadcast = nl_addr_build(AF_INET, &last, 4);
    _cleanup_(rtnl_addr_freep) struct rtnl_addr *address = rtnl_addr_alloc();
    rtnl_addr_set_ifindex(address, ifindex);
    rtnl_addr_set_local(address, local);
    rtnl_addr_set_prefixlen(address, (int)network->subnet.prefix);
    rtnl_addr_set_broadcast(address, broadcast);
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

/* Neither router solicitations nor link-local addresses: the networks are IPv4. */
static int silence_ipv6(const char *name, struct error *err)
{
    int r = sysctl_write_link("ipv6", name, "disable_ipv6", "1", err);
    return r == -ENOENT ? 0 : r; /* a kernel without IPv6 */
}

static int ensure_bridge(struct nl_sock *socket, struct nl_cache *links,
                         const struct desired_network *network, struct error *err)
{
    _cleanup_link_ struct rtnl_link *there = rtnl_link_get_by_name(links, network->bridge);
    int r = there ? 0 : create_bridge(socket, network, err);
    if (r < 0)
        return r;
    int ifindex = (int)if_nametoindex(network->bridge);
    if (ifindex == 0)
        return error_set(err, ENODEV, "the bridge '%s' vanished while it was made",
                         network->bridge);
    if ((r = silence_ipv6(network->bridge, err)) < 0 ||
        (r = sysctl_write_link("ipv4", network->bridge, "route_localnet", "1", err)) < 0 ||
        (r = add_gateway(socket, network, ifindex, err)) < 0)
        return r;
    _cleanup_free_ char *alias = xasprintf("vmstead network %.200s", network->name);
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
        if (!name || !is_ours(name, desired->root_id) || is_desired(desired, name))
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
        r = ensure_bridge(socket, links, &desired->networks.items[i], err);
    return r;
}

/* "vs" + six hex digits + "-br": see desired_bridge_name(). */
static bool is_of_another(const char *name, const char *root_id)
{
    const char *id = str_after_prefix(name, "vs");
    return id && strspn(id, "0123456789abcdef") == 6 && str_after_prefix(id + 6, "-br") &&
           !is_ours(name, root_id);
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
    return any_link(is_ours, root_id);
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

int link_open_tap(const char *tap, const char *bridge, int *ret_fd, struct error *err)
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
        (r = set_up(socket, tap, ifindex, master, NULL, err)) < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* The route's link is one of ours: its subnet stands in the store, where conflicts have names. */
static bool route_of_root(struct rtnl_route *route, const char *root_id, char ifname[IFNAMSIZ])
{
    struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);
    ifname[0] = '\0';
    if (hop)
        if_indextoname((unsigned)rtnl_route_nh_get_ifindex(hop), ifname);
    return is_ours(ifname, root_id);
}

static bool route_destination(struct rtnl_route *route, struct subnet *ret_subnet)
{
    struct nl_addr *destination = rtnl_route_get_dst(route);
    if (!destination || nl_addr_get_family(destination) != AF_INET ||
        nl_addr_get_prefixlen(destination) == 0 || nl_addr_get_len(destination) != 4)
        return false;
    uint32_t address;
    memcpy(&address, nl_addr_get_binary_addr(destination), sizeof(address));
    *ret_subnet =
        (struct subnet){.address = ntohl(address), .prefix = nl_addr_get_prefixlen(destination)};
    return true;
}

int link_list_overlaps(struct subnet subnet, const char *root_id, char ***ret_routes,
                       struct error *err)
{
    _cleanup_socket_ struct nl_sock *socket = NULL;
    _cleanup_cache_ struct nl_cache *routes = NULL;
    int r = open_netlink(&socket, err);
    if (r < 0)
        return r;
    if ((r = rtnl_route_alloc_cache(socket, AF_INET, 0, &routes)) < 0)
        return netlink_error(err, r, "list", "routes");
    char **found = NULL;
    for (struct nl_object *object = nl_cache_get_first(routes); object;
         object = nl_cache_get_next(object)) {
        struct rtnl_route *route = (struct rtnl_route *)object;
        char ifname[IFNAMSIZ], text[SUBNET_TEXT_SIZE];
        struct subnet destination;
        if (route_destination(route, &destination) && subnet_overlaps(subnet, destination) &&
            !route_of_root(route, root_id, ifname))
            strv_add(&found, xasprintf("%s on '%s'", subnet_format(destination, text), ifname));
    }
    *ret_routes = found;
    return 0;
}

int link_find_overlap(struct subnet subnet, const char *root_id, char **ret_route,
                      struct error *err)
{
    _cleanup_strv_ char **routes = NULL;
    int r = link_list_overlaps(subnet, root_id, &routes, err);
    if (r == 0)
        *ret_route = routes ? xstrdup(routes[0]) : NULL;
    return r;
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
