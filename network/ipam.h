/* Which subnets a network gets and which addresses an endpoint gets. Reads the tables and the
 * host's routes; writes nothing. */
#pragma once

#include "base/error.h"
#include "base/store.h"
#include "network/tables.h"

/* 10.89.0.0/16: networks that ask for no subnet get a /24 of it. */
#define IPAM_POOL ((struct ip_subnet){.address = {.size = 4, .bytes = {10, 89}}, .prefix = 16})
#define IPAM_POOL_PART 24
/* The one of the host-wide default network. */
#define IPAM_DEFAULT_SUBNET                                                                        \
    ((struct ip_subnet){.address = {.size = 4, .bytes = {10, 88}}, .prefix = 16})

/* The host-wide default network's name; it alone has a subnet of its own: 10.88.0.0/16. */
#define IPAM_DEFAULT_NETWORK "bridge"

/* -EADDRINUSE, naming it, where another network of the store or a route of the host overlaps. */
int ipam_check_subnet(struct store *store, const char *root_id, const char *network,
                      const struct ip_subnet *subnet, struct error *err);
/* What it had before where that is free, else 10.88.0.0/16 for the default network, else the first
 * free /24 of 10.89.0.0/16; of IPv6 a /64 of the root's own fdXX:XXXX:XXXX::/48 (RFC 4193). */
int ipam_choose_subnet(struct store *store, const char *root_id, const char *network,
                       enum ip_family family, struct ip_subnet *ret_subnet, struct error *err);

/* Refuses an address that is outside, the network's own, the broadcast or the gateway's, one that
 * is kept free by the file, or that another endpoint has. */
int ipam_check_address(struct store *store, const char *endpoint, const struct network_row *network,
                       const struct network_settings *settings, const struct ip_address *address,
                       struct error *err);

struct ipam_request {
    const char *instance;
    const struct network_row *network;
    const struct network_settings *settings;
    enum ip_family family;
    /* Keeps addresses back that others asked for; NULL: none. */
    bool (*is_reserved)(const struct ip_address *address, void *userdata);
    void *userdata;
};
/* The one it had before; else by the hash of the instance's name, then the next free one, at first
 * without those that removed instances had. */
int ipam_choose_address(struct store *store, const struct ipam_request *request,
                        struct ip_address *ret_address, struct error *err);

/* How many addresses ipam_choose_address() has left, and how many are taken; request.instance is
 * not read. */
struct ipam_room {
    uint64_t taken, left;
};
struct ipam_room ipam_count_room(struct store *store, const struct ipam_request *request);
