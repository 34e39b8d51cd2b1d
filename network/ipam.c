/* See ipam.h. */
#include "network/ipam.h"

#include "base/hash.h"
#include "base/str.h"
#include "network/link.h"
#include "network/tables.h"

#include <errno.h>
#include <stdlib.h>

int ipam_parse_subnet(const char *network, const char *subnet_text, const char *gateway_text,
                      struct subnet *ret_subnet, uint32_t *ret_gateway, struct error *err)
{
    struct subnet subnet;
    if (subnet_parse(subnet_text, &subnet) < 0)
        return error_set(err, EINVAL,
                         "network '%s': '%s' is not an IPv4 subnet: write it like 10.1.2.0/24, "
                         "with no bit set behind the prefix",
                         network, subnet_text);
    if (subnet.prefix < 8 || subnet.prefix > 30)
        return error_set(err, EINVAL,
                         "network '%s': the subnet '%s' must have a prefix between /8 and /30",
                         network, subnet_text);
    uint32_t gateway = subnet.address + 1;
    if (gateway_text &&
        (subnet_parse_address(gateway_text, &gateway) < 0 || !subnet_has_host(subnet, gateway)))
        return error_set(err, EINVAL,
                         "network '%s': the gateway '%s' is not an address within its subnet '%s'",
                         network, gateway_text, subnet_text);
    *ret_subnet = subnet;
    *ret_gateway = gateway;
    return 0;
}

int ipam_check_subnet(struct store *store, const char *root_id, const char *network,
                      struct subnet subnet, struct error *err)
{
    char text[SUBNET_TEXT_SIZE], other_text[SUBNET_TEXT_SIZE];
    struct subnet other;
    _cleanup_free_ char *neighbour = tables_find_overlap(store, network, subnet, &other);
    if (neighbour)
        return error_set(err, EADDRINUSE,
                         "the subnet '%s' of network '%s' overlaps network '%s' (%s): choose "
                         "another subnet, or leave it out to get a free one",
                         subnet_format(subnet, text), network, neighbour,
                         subnet_format(other, other_text));
    _cleanup_free_ char *route = NULL;
    int r = link_find_overlap(subnet, root_id, &route, err);
    if (r < 0 || !route)
        return r;
    return error_set(err, EADDRINUSE,
                     "the subnet '%s' of network '%s' overlaps the host's route %s: choose another "
                     "subnet, or leave it out to get a free one",
                     subnet_format(subnet, text), network, route);
}

int ipam_choose_subnet(struct store *store, const char *root_id, const char *network,
                       struct subnet *ret_subnet, struct error *err)
{
    if (streq(network, IPAM_DEFAULT_NETWORK)) {
        *ret_subnet = IPAM_DEFAULT_SUBNET;
        return ipam_check_subnet(store, root_id, network, IPAM_DEFAULT_SUBNET, err);
    }
    for (uint32_t i = 0; i < 256; i++) {
        struct subnet candidate = {.address = IPAM_POOL.address + (i << 8),
                                   .prefix = IPAM_POOL_PART};
        struct error busy = {0};
        int r = ipam_check_subnet(store, root_id, network, candidate, &busy);
        if (r == 0)
            *ret_subnet = candidate;
        if (r != -EADDRINUSE)
            return r < 0 ? error_move(err, &busy) : 0;
        error_done(&busy);
    }
    return error_set(
        err, EADDRNOTAVAIL,
        "no subnet is left for network '%s': all 256 of 10.89.0.0/16 are used by other "
        "networks or by routes of the host: give it one with ipam.config.subnet",
        network);
}

int ipam_check_address(struct store *store, const char *endpoint, const char *network,
                       struct subnet subnet, uint32_t gateway, uint32_t address, struct error *err)
{
    char text[SUBNET_TEXT_SIZE], subnet_text[SUBNET_TEXT_SIZE];
    subnet_format_address(address, text);
    subnet_format(subnet, subnet_text);
    if (!subnet_has_host(subnet, address))
        return error_set(err, EADDRNOTAVAIL,
                         "'%s': the address '%s' is not one a machine can have in network '%s' "
                         "(%s)",
                         endpoint, text, network, subnet_text);
    if (address == gateway)
        return error_set(err, EADDRINUSE, "'%s': the address '%s' is the gateway of network '%s'",
                         endpoint, text, network);
    _cleanup_free_ char *owner = tables_find_address(store, network, address);
    if (owner && !streq(owner, endpoint))
        return error_set(err, EADDRINUSE, "'%s': the address '%s' is already taken by '%s'",
                         endpoint, text, owner);
    return 0;
}

static uint32_t hash_of(const char *text)
{
    char hex[HASH_HEX_SIZE];
    hash_sha256_hex(text, strlen(text), hex);
    hex[8] = '\0';
    return (uint32_t)strtoul(hex, NULL, 16);
}

int ipam_choose_address(struct store *store, const char *instance, const char *network,
                        struct subnet subnet, uint32_t gateway,
                        bool (*is_reserved)(uint32_t address, void *userdata), void *userdata,
                        uint32_t *ret_address, struct error *err)
{
    uint32_t first = subnet.address + 1, count = subnet_broadcast(subnet) - first;
    uint32_t start = hash_of(instance) % count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t address = first + (start + i) % count;
        if (address == gateway || (is_reserved && is_reserved(address, userdata)))
            continue;
        _cleanup_free_ char *owner = tables_find_address(store, network, address);
        if (owner)
            continue;
        *ret_address = address;
        return 0;
    }
    char text[SUBNET_TEXT_SIZE];
    return error_set(err, EADDRNOTAVAIL,
                     "no address is left in network '%s' (%s) for '%s': give the network a larger "
                     "subnet",
                     network, subnet_format(subnet, text), instance);
}
