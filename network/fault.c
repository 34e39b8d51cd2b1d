/* See fault.h. */
#include "network/fault.h"

#include "network/firewall.h"
#include "network/link_internal.h"
#include "network/sysctl.h"

#include <ifaddrs.h>

static bool has_address(const struct ifaddrs *list, const char *link,
                        const struct ip_address *address)
{
    for (; list; list = list->ifa_next) {
        if (!list->ifa_addr || !streq(list->ifa_name, link))
            continue;
        struct ip_address have = ip_address_from_socket(list->ifa_addr);
        if (ip_address_compare(&have, address) == 0)
            return true;
    }
    return false;
}

static char *look_at_bridge(const struct desired_network *network, struct rtnl_link *link,
                            const struct ifaddrs *addresses)
{
    char text[IP_TEXT_SIZE];
    if (!link)
        return xasprintf("the bridge '%s' is gone", network->bridge);
    for (enum ip_family family = IP_V4; family < IP_FAMILY_COUNT; family++)
        if (ip_subnet_is_set(&network->subnet[family]) &&
            !has_address(addresses, network->bridge, &network->gateway[family]))
            return xasprintf("the bridge '%s' has lost its address %s", network->bridge,
                             ip_address_format(&network->gateway[family], text));
    if (!(rtnl_link_get_flags(link) & IFF_UP))
        return xasprintf("the bridge '%s' is down", network->bridge);
    return NULL;
}

static char *look_at_bridges(const struct desired *desired, struct nl_cache *links)
{
    struct ifaddrs *addresses = NULL;
    char *fault = NULL;
    if (getifaddrs(&addresses) < 0)
        return NULL;
    for (size_t i = 0; !fault && i < desired->networks.count; i++) {
        const struct desired_network *network = &desired->networks.items[i];
        _cleanup_link_ struct rtnl_link *link = rtnl_link_get_by_name(links, network->bridge);
        fault = look_at_bridge(network, link, addresses);
    }
    freeifaddrs(addresses);
    return fault;
}

static char *look_at_taps(const struct desired *desired, struct nl_cache *links)
{
    for (size_t i = 0; i < desired->endpoints.count; i++) {
        const struct desired_tap *tap = &desired->endpoints.items[i].tap;
        _cleanup_link_ struct rtnl_link *link = rtnl_link_get_by_name(links, tap->name);
        if (link && *tap->bridge && !link_is_plugged(link, tap))
            return xasprintf("the tap '%s' is not in its bridge '%s', or down", tap->name,
                             tap->bridge);
    }
    return NULL;
}

static char *look_at_links(const struct desired *desired)
{
    _cleanup_socket_ struct nl_sock *socket = NULL;
    _cleanup_cache_ struct nl_cache *links = NULL;
    if (link_open_netlink(&socket, NULL) < 0 || link_list(socket, &links, NULL) < 0)
        return NULL;
    char *fault = look_at_bridges(desired, links);
    return fault ? fault : look_at_taps(desired, links);
}

char *fault_find(const struct desired *desired)
{
    if (desired->networks.count == 0)
        return NULL;
    char *fault = sysctl_find_fault(desired_has_ipv6(desired));
    if (!fault)
        fault = look_at_links(desired);
    if (!fault && !firewall_is_whole(desired->root_id))
        fault = xstrdup("its nftables rules are gone");
    return fault;
}
