/* What the host should look like: a copy of the store's rows that another thread may read. The
 * middle of network/'s data flow: rows (tables.c) -> struct desired -> links (link.c), sysctls
 * (sysctl.c) and the nftables ruleset (firewall.c). Applying it twice is the same as once. */
#pragma once

#include "base/ip.h"
#include "base/vec.h"
#include "network/settings.h"

#include <net/if.h>
#include <stdbool.h>

struct desired_network {
    char *name;
    char *project;
    char bridge[IFNAMSIZ];
    struct ip_subnet subnet[IP_FAMILY_COUNT]; /* {0}: none of this family */
    struct ip_address gateway[IP_FAMILY_COUNT];
    bool internal, isolated, masquerade;
    enum network_multicast multicast;
    uint32_t mtu;
};

/* The port of a bridge that a guest's NIC is plugged into. */
struct desired_tap {
    char name[IFNAMSIZ], bridge[IFNAMSIZ]; /* name "": none */
    uint32_t mtu;
    bool isolated; /* from the other isolated ports */
};

struct desired_endpoint {
    char *name; /* INSTANCE/NETWORK */
    struct desired_tap tap;
    bool host_gateway; /* reaches what listens on the host */
    uint8_t mac[6];
    struct ip_address address[IP_FAMILY_COUNT];
    VEC(struct ip_address) link_local;
};

struct desired_port {
    char *project;
    char *instance;
    struct ip_address host_ip; /* {0}: all of the host's; 0.0.0.0 and :: all of one family */
    uint16_t published;
    bool udp;
    struct ip_address address[IP_FAMILY_COUNT]; /* the guest's */
    uint16_t target;
    char tap[IFNAMSIZ]; /* the guest's NIC there */
};

/* How clients come to a published port. */
enum port_way {
    PORT_NOWHERE,
    PORT_NFTABLES, /* the kernel translates */
    PORT_RELAY,    /* the daemon carries (relay.h) */
};
struct port_ways {
    enum port_way outside;  /* and from the host's own addresses */
    enum port_way loopback; /* from 127.0.0.1 or ::1 */
    enum port_way guests;
};

struct desired {
    char root_id[8];
    /* The kernel cannot translate what guests and 127.0.0.1 ask: settings it takes for that are
     * another's (sysctl.h). */
    bool relay_own;
    VEC(struct desired_network) networks;
    VEC(struct desired_endpoint) endpoints;
    VEC(struct desired_port) ports;
};

void desired_done(struct desired *desired);
/* Any network of it has. */
bool desired_has_ipv6(const struct desired *desired);

/* By which way clients of an address family reach the port. */
struct port_ways desired_port_ways(const struct desired_port *port, enum ip_family family,
                                   bool relay_own);

/* "vs1a2b3c-br0", "vs1a2b3c-t0"; root_id may be any text, the name is cut at IFNAMSIZ. */
void desired_bridge_name(const char *root_id, int64_t number, char name[IFNAMSIZ]);
void desired_tap_name(const char *root_id, int64_t number, char name[IFNAMSIZ]);
/* A locally administered unicast address (02:...) that depends on the two texts alone. */
void desired_mac(const char *owner, const char *network, uint8_t mac[6]);
