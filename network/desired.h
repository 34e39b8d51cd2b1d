/* What the host should look like: a copy of the store's rows that another thread may read. The
 * middle of network/'s data flow: rows (tables.c) -> struct desired -> links (link.c), sysctls
 * (sysctl.c) and the nftables ruleset (firewall.c). Applying it twice is the same as once. */
#pragma once

#include "base/vec.h"
#include "network/subnet.h"

#include <net/if.h>
#include <stdbool.h>

struct desired_network {
    char *name;
    char *project;
    char bridge[IFNAMSIZ];
    struct subnet subnet;
    uint32_t gateway;
    bool internal;
};

struct desired_endpoint {
    char *name; /* INSTANCE/NETWORK */
    char tap[IFNAMSIZ];
    uint8_t mac[6];
    uint32_t address;
};

struct desired_port {
    char *project;
    char *instance;
    uint32_t host_ip; /* 0: all of the host's addresses */
    uint16_t published;
    bool udp;
    uint32_t address; /* the guest's */
    uint16_t target;
};

struct desired {
    char root_id[8];
    VEC(struct desired_network) networks;
    VEC(struct desired_endpoint) endpoints;
    VEC(struct desired_port) ports;
};

void desired_done(struct desired *desired);

/* "vs1a2b3c-br0", "vs1a2b3c-t0"; root_id may be any text, the name is cut at IFNAMSIZ. */
void desired_bridge_name(const char *root_id, int64_t number, char name[IFNAMSIZ]);
void desired_tap_name(const char *root_id, int64_t number, char name[IFNAMSIZ]);
/* A locally administered unicast address (02:...) that depends on the two texts alone. */
void desired_mac(const char *owner, const char *network, uint8_t mac[6]);
#define MAC_TEXT_SIZE 18
char *desired_format_mac(const uint8_t mac[6], char *buffer);
