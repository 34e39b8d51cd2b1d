/* What a network is asked to be: the spec of kind "network" (network.h), taken apart. Pure. */
#pragma once

#include "base/error.h"
#include "base/ip.h"
#include "base/json.h"
#include "base/vec.h"

#include <net/if.h>

enum network_driver {
    DRIVER_BRIDGE,  /* a bridge of ours, NAT */
    DRIVER_MACVLAN, /* the physical LAN of a link of the host, through macvtap */
    DRIVER_COUNT
};

enum network_multicast {
    MULTICAST_FLOOD,   /* to every port, as an unmanaged switch */
    MULTICAST_QUERIER, /* the bridge asks (IGMP, MLD) and sends to members only */
    MULTICAST_COUNT
};

/* Once per family; {0} where nothing is asked. */
struct network_pool {
    struct ip_subnet subnet;
    struct ip_address gateway;
    struct ip_subnet range; /* addresses are chosen from it */
};

struct network_settings {
    enum network_driver driver;
    enum network_multicast multicast;
    bool internal, external, isolated, masquerade;
    bool has_family[IP_FAMILY_COUNT];
    struct network_pool pools[IP_FAMILY_COUNT];
    VEC(struct ip_address) reserved; /* aux_addresses: nobody gets them */
    char bridge[IFNAMSIZ];           /* "": chosen */
    char parent[IFNAMSIZ];           /* of macvlan */
    uint32_t mtu;
};

/* Says what is wrong with it, naming the network. */
int network_settings_parse(const char *name, const cJSON *spec, struct network_settings *ret,
                           struct error *err);
void network_settings_done(struct network_settings *settings);
const char *network_driver_name(enum network_driver driver);

/* The part of a spec that decides whether a network that is there will do: without its labels and
 * whose it is. Owned by the caller. */
char *network_settings_text(const cJSON *spec);
