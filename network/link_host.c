/* The part of link.h that only looks: the host's routes, and the caller's rights. */
#include "network/link_internal.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/rtnetlink.h>
#include <netlink/route/route.h>
#include <sys/syscall.h>

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
    return link && link_is_ours(link, root_id);
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
        return link_error(err, r, "list", "routes");
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
    int r = link_open_netlink(&socket, err);
    if (r == 0)
        r = link_list(socket, &links, err);
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
