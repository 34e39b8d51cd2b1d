/* Which subnet a network gets and which address an endpoint gets. Reads the tables and the host's
 * routes; writes nothing. */
#pragma once

#include "base/error.h"
#include "base/store.h"
#include "network/subnet.h"

/* 10.89.0.0/16: networks that ask for no subnet get a /24 of it. */
#define IPAM_POOL ((struct subnet){.address = 0x0a590000u, .prefix = 16})
#define IPAM_POOL_PART 24
/* The one of the host-wide default network. */
#define IPAM_DEFAULT_SUBNET ((struct subnet){.address = 0x0a580000u, .prefix = 16})

/* The host-wide default network's name; it alone has a subnet of its own: 10.88.0.0/16. */
#define IPAM_DEFAULT_NETWORK "bridge"

/* Parses and checks what the file says: a subnet of /8 to /30 and a gateway inside it (NULL: the
 * first address). */
int ipam_parse_subnet(const char *network, const char *subnet_text, const char *gateway_text,
                      struct subnet *ret_subnet, uint32_t *ret_gateway, struct error *err);
/* -EADDRINUSE, naming it, where another network of the store or a route of the host overlaps. */
int ipam_check_subnet(struct store *store, const char *root_id, const char *network,
                      struct subnet subnet, struct error *err);
/* 10.88.0.0/16 for the default network, else the first free /24 of 10.89.0.0/16. */
int ipam_choose_subnet(struct store *store, const char *root_id, const char *network,
                       struct subnet *ret_subnet, struct error *err);

/* Refuses an address that is outside, the network's own, the broadcast or the gateway's, or that
 * another endpoint has. */
int ipam_check_address(struct store *store, const char *endpoint, const char *network,
                       struct subnet subnet, uint32_t gateway, uint32_t address, struct error *err);
/* By the hash of the instance's name, then the next free one: the same every time unless a
 * neighbour took it first. is_reserved (may be NULL) keeps addresses back that others asked for. */
int ipam_choose_address(struct store *store, const char *instance, const char *network,
                        struct subnet subnet, uint32_t gateway,
                        bool (*is_reserved)(uint32_t address, void *userdata), void *userdata,
                        uint32_t *ret_address, struct error *err);
