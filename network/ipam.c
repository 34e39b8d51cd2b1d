/* See ipam.h. */
#include "network/ipam.h"

#include "base/hash.h"
#include "base/str.h"
#include "network/link.h"

#include <errno.h>
#include <stdlib.h>

#define POOL_SIZE 256 /* /24s of 10.89.0.0/16, /64s of the root's /48 */

/* --- subnets ---------------------------------------------------------------------------------- */

static int check_subnet(struct store *store, const struct link_routes *routes, const char *network,
                        const struct ip_subnet *subnet, struct error *err)
{
    char text[IP_SUBNET_TEXT_SIZE], other_text[IP_SUBNET_TEXT_SIZE];
    struct ip_subnet other;
    _cleanup_free_ char *neighbour = tables_find_overlap(store, network, subnet, &other);
    if (neighbour)
        return error_set(err, EADDRINUSE,
                         "the subnet '%s' of network '%s' overlaps network '%s' (%s): choose "
                         "another subnet, or leave it out to get a free one",
                         ip_subnet_format(subnet, text), network, neighbour,
                         ip_subnet_format(&other, other_text));
    for (size_t i = 0; i < routes->count; i++)
        if (ip_subnet_overlaps(subnet, &routes->items[i].destination))
            return error_set(err, EADDRINUSE,
                             "the subnet '%s' of network '%s' overlaps the host's route %s on "
                             "'%s': choose another subnet, or leave it out to get a free one",
                             ip_subnet_format(subnet, text), network,
                             ip_subnet_format(&routes->items[i].destination, other_text),
                             routes->items[i].link);
    return 0;
}

int ipam_check_subnet(struct store *store, const char *root_id, const char *network,
                      const struct ip_subnet *subnet, struct error *err)
{
    _cleanup_(link_routes_done) struct link_routes routes = {0};
    int r = link_list_routes(root_id, &routes, err);
    return r < 0 ? r : check_subnet(store, &routes, network, subnet, err);
}

static uint64_t hash_of(const char *text)
{
    char hex[HASH_HEX_SIZE];
    hash_sha256_hex(text, strlen(text), hex);
    hex[16] = '\0';
    return strtoull(hex, NULL, 16);
}

/* fd, 40 bits that no other root shares, 16 bits of the number, 64 bits for machines: RFC 4193
 * section 3.1. The bits are not random but the root's, so that they outlive its database. */
static struct ip_subnet unique_local(const char *root_id, uint64_t number)
{
    _cleanup_free_ char *seed = xasprintf("vmstead unique local %s", root_id);
    uint64_t hash = hash_of(seed);
    struct ip_subnet subnet = {.address = {.size = 16, .bytes = {0xfd}}, .prefix = 64};
    for (size_t i = 1; i < 6; i++, hash >>= 8)
        subnet.address.bytes[i] = (unsigned char)hash;
    subnet.address.bytes[6] = (unsigned char)(number >> 8);
    subnet.address.bytes[7] = (unsigned char)number;
    return subnet;
}

static struct ip_subnet candidate_of(const char *root_id, enum ip_family family, unsigned number)
{
    if (family == IP_V6)
        return unique_local(root_id, number);
    struct ip_subnet part = IPAM_POOL;
    part.address = ip_address_add(part.address, (uint64_t)number << (32 - IPAM_POOL_PART));
    part.prefix = IPAM_POOL_PART;
    return part;
}

int ipam_choose_subnet(struct store *store, const char *root_id, const char *network,
                       enum ip_family family, struct ip_subnet *ret_subnet, struct error *err)
{
    _cleanup_(link_routes_done) struct link_routes routes = {0};
    int r = link_list_routes(root_id, &routes, err);
    if (r < 0)
        return r;
    if (streq(network, IPAM_DEFAULT_NETWORK) && family == IP_V4) {
        *ret_subnet = IPAM_DEFAULT_SUBNET;
        return check_subnet(store, &routes, network, ret_subnet, err);
    }
    struct ip_subnet old[IP_FAMILY_COUNT];
    tables_find_old_subnets(store, network, old);
    *ret_subnet = old[family];
    if (ip_subnet_is_set(&old[family]) &&
        check_subnet(store, &routes, network, ret_subnet, NULL) == 0)
        return 0;
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        *ret_subnet = candidate_of(root_id, family, i);
        if (check_subnet(store, &routes, network, ret_subnet, NULL) == 0)
            return 0;
    }
    return error_set(err, EADDRNOTAVAIL,
                     "no subnet is left for network '%s': all %d of %s are used by other networks "
                     "or by routes of the host: give it one with ipam.config.subnet",
                     network, POOL_SIZE,
                     family == IP_V6 ? "the host's own fd00::/8" : "10.89.0.0/16");
}

/* --- addresses -------------------------------------------------------------------------------- */

static bool is_kept_free(const struct network_settings *settings, const struct ip_address *address)
{
    for (size_t i = 0; i < settings->reserved.count; i++)
        if (ip_address_compare(&settings->reserved.items[i], address) == 0)
            return true;
    return false;
}

static bool is_gateway(const struct network_row *network, const struct ip_address *address)
{
    return ip_address_compare(&network->gateway[ip_family_of(address)], address) == 0;
}

int ipam_check_address(struct store *store, const char *endpoint, const struct network_row *network,
                       const struct network_settings *settings, const struct ip_address *address,
                       struct error *err)
{
    char text[IP_TEXT_SIZE], subnet_text[IP_SUBNET_TEXT_SIZE];
    const struct ip_subnet *subnet = &network->subnet[ip_family_of(address)];
    ip_address_format(address, text);
    if (!ip_subnet_is_set(subnet))
        return error_set(err, EADDRNOTAVAIL, "'%s': network '%s' has no IPv%d for the address '%s'",
                         endpoint, network->name, ip_family_of(address) == IP_V6 ? 6 : 4, text);
    if (!ip_subnet_has_host(subnet, address))
        return error_set(err, EADDRNOTAVAIL,
                         "'%s': the address '%s' is not one a machine can have in network '%s' "
                         "(%s)",
                         endpoint, text, network->name, ip_subnet_format(subnet, subnet_text));
    if (is_gateway(network, address))
        return error_set(err, EADDRINUSE, "'%s': the address '%s' is the gateway of network '%s'",
                         endpoint, text, network->name);
    if (is_kept_free(settings, address))
        return error_set(err, EADDRINUSE,
                         "'%s': the address '%s' is kept free by 'aux_addresses' of network '%s'",
                         endpoint, text, network->name);
    _cleanup_free_ char *owner = tables_find_address(store, network->name, address);
    if (owner && !streq(owner, endpoint))
        return error_set(err, EADDRINUSE, "'%s': the address '%s' is already taken by '%s'",
                         endpoint, text, owner);
    return 0;
}

/* Where addresses are chosen: the range, or the subnet. Of a large one the first 65,536, so that
 * they stay short. */
struct choice {
    struct store *store;
    const struct ipam_request *request;
    struct ip_address first;
    uint64_t count;
};

static bool is_free(const struct choice *choice, const struct ip_address *address)
{
    const struct ipam_request *request = choice->request;
    const struct network_row *network = request->network;
    if (!ip_subnet_has_host(&network->subnet[request->family], address) ||
        is_gateway(network, address) || is_kept_free(request->settings, address) ||
        (request->is_reserved && request->is_reserved(address, request->userdata)))
        return false;
    _cleanup_free_ char *owner = tables_find_address(choice->store, network->name, address);
    return !owner;
}

static bool choose(const struct choice *choice, bool also_remembered,
                   struct ip_address *ret_address)
{
    const struct ipam_request *request = choice->request;
    uint64_t start = hash_of(request->instance) % choice->count;
    for (uint64_t i = 0; i < choice->count; i++) {
        struct ip_address address = ip_address_add(choice->first, (start + i) % choice->count);
        if (!is_free(choice, &address))
            continue;
        _cleanup_free_ char *old =
            also_remembered
                ? NULL
                : tables_find_old_owner(choice->store, request->network->name, &address);
        if (old && !streq(old, request->instance))
            continue;
        *ret_address = address;
        return true;
    }
    return false;
}

static const struct ip_subnet *range_of(const struct ipam_request *request)
{
    const struct ip_subnet *range = &request->settings->pools[request->family].range;
    return ip_subnet_is_set(range) ? range : &request->network->subnet[request->family];
}

static struct choice choice_new(struct store *store, const struct ipam_request *request)
{
    const struct ip_subnet *range = range_of(request);
    unsigned bits = range->address.size * 8 - range->prefix;
    return (struct choice){.store = store,
                           .request = request,
                           .first = ip_subnet_first(range),
                           .count = UINT64_C(1) << (bits < 16 ? bits : 16)};
}

int ipam_choose_address(struct store *store, const struct ipam_request *request,
                        struct ip_address *ret_address, struct error *err)
{
    const struct ip_subnet *subnet = &request->network->subnet[request->family];
    const struct ip_subnet *range = range_of(request);
    struct choice choice = choice_new(store, request);
    struct ip_address old =
        tables_find_old_address(store, request->network->name, request->instance, request->family);
    if (ip_address_is_set(&old) && ip_subnet_contains(range, &old) && is_free(&choice, &old)) {
        *ret_address = old;
        return 0;
    }
    if (choose(&choice, false, ret_address) || choose(&choice, true, ret_address))
        return 0;
    char text[IP_SUBNET_TEXT_SIZE];
    return error_set(err, EADDRNOTAVAIL,
                     "no address is left in network '%s' (%s) for '%s': give the network a larger "
                     "%s",
                     request->network->name, ip_subnet_format(range, text), request->instance,
                     range == subnet ? "subnet" : "'ip_range'");
}

/* --- how many --------------------------------------------------------------------------------- */

struct counting {
    struct choice choice;
    struct ipam_room room;
};

static bool may_be_chosen(const struct choice *choice, const struct ip_address *address)
{
    struct ip_address last = ip_address_add(choice->first, choice->count - 1);
    return ip_subnet_has_host(&choice->request->network->subnet[choice->request->family],
                              address) &&
           ip_address_compare(address, &choice->first) >= 0 &&
           ip_address_compare(address, &last) <= 0;
}

static void take_off(struct counting *counting, const struct ip_address *address)
{
    if (may_be_chosen(&counting->choice, address) && counting->room.left > 0)
        counting->room.left--;
}

static void count_endpoint(const struct endpoint_row *row, void *userdata)
{
    struct counting *counting = userdata;
    const struct ipam_request *request = counting->choice.request;
    const struct ip_address *address = &row->address[request->family];
    if (!streq(row->network, request->network->name) || !ip_address_is_set(address))
        return;
    counting->room.taken++;
    take_off(counting, address);
}

struct ipam_room ipam_count_room(struct store *store, const struct ipam_request *request)
{
    struct counting counting = {.choice = choice_new(store, request)};
    const struct choice *choice = &counting.choice;
    struct ip_address last = ip_address_add(choice->first, choice->count - 1);
    counting.room.left = choice->count - !may_be_chosen(choice, &choice->first) -
                         (choice->count > 1 && !may_be_chosen(choice, &last));
    take_off(&counting, &request->network->gateway[request->family]);
    for (size_t i = 0; i < request->settings->reserved.count; i++)
        take_off(&counting, &request->settings->reserved.items[i]);
    tables_each_endpoint(store, NULL, count_endpoint, &counting);
    return counting.room;
}
