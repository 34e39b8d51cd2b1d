/* See link_look.h. */
#include "network/link_look.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_bridge.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>

/* IFLA_BRPORT_STATE comes with links of the bridge family only. */
static bool port_is_forwarding(struct nl_sock *socket, int ifindex)
{
    struct nl_cache *ports = NULL;
    bool forwarding = false;
    if (rtnl_link_alloc_cache(socket, AF_BRIDGE, &ports) < 0)
        return false;
    for (struct nl_object *object = nl_cache_get_first(ports); object;
         object = nl_cache_get_next(object)) {
        struct rtnl_link *port = (struct rtnl_link *)object;
        if (rtnl_link_get_ifindex(port) == ifindex && rtnl_link_is_bridge(port))
            forwarding = rtnl_link_bridge_get_port_state(port) == BR_STATE_FORWARDING;
    }
    nl_cache_free(ports);
    return forwarding;
}

static int look(struct nl_sock *socket, const char *name, struct link_look *ret_look)
{
    struct rtnl_link *link = NULL;
    int r = rtnl_link_get_kernel(socket, 0, name, &link);
    if (r == -NLE_OBJ_NOTFOUND || r == -NLE_NODEV)
        return 0;
    if (r < 0)
        return r;
    unsigned flags = rtnl_link_get_flags(link);
    int master = rtnl_link_get_master(link);
    *ret_look = (struct link_look){
        .exists = true, .up = (flags & IFF_UP) != 0, .carrier = rtnl_link_get_carrier(link) != 0};
    if (master > 0 && if_indextoname((unsigned)master, ret_look->master))
        ret_look->forwarding = port_is_forwarding(socket, rtnl_link_get_ifindex(link));
    rtnl_link_put(link);
    return 0;
}

int link_look(const char *name, struct link_look *ret_look, struct error *err)
{
    struct nl_sock *socket = nl_socket_alloc();
    int r = socket ? nl_connect(socket, NETLINK_ROUTE) : -NLE_NOMEM;
    *ret_look = (struct link_look){0};
    if (r == 0)
        r = look(socket, name, ret_look);
    nl_socket_free(socket);
    return r < 0 ? error_set(err, EIO, "cannot look at '%s': %s", name, nl_geterror(r)) : 0;
}

static bool is_address(const struct sockaddr *have, const char *wanted)
{
    const void *socket = have;
    char text[INET6_ADDRSTRLEN];
    const void *bytes = have->sa_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)socket)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)socket)->sin6_addr;
    return (have->sa_family == AF_INET || have->sa_family == AF_INET6) &&
           inet_ntop(have->sa_family, bytes, text, sizeof(text)) && streq(text, wanted);
}

bool link_has_address(const char *name, const char *address)
{
    struct ifaddrs *list = NULL;
    bool found = false;
    if (getifaddrs(&list) < 0)
        return false;
    for (const struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next)
        found =
            streq(entry->ifa_name, name) && entry->ifa_addr && is_address(entry->ifa_addr, address);
    freeifaddrs(list);
    return found;
}
