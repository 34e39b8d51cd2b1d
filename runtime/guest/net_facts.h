/* What the guest's kernel knows of its network, for INSPECT_START: NICs and their addresses
 * (netlink, through getifaddrs(3)), default routes, the first nameserver, and who listens
 * (proc_net(5)). The image may have no program that could tell. */
#pragma once

#include "runtime/guest/protocol.h"

#include <stdbool.h>
#include <stdint.h>

struct net_fact {
    enum fact_kind kind;
    const char *name;    /* of the NIC, or what was asked for; NULL: none */
    const char *address; /* NULL: none */
    const char *mac;
    const char *failure;
    uint32_t prefix, port;
    bool up, udp;
    uint64_t elapsed_us;
};

/* Calls tell for each; at most NET_FACTS_LISTENERS of those who listen. */
#define NET_FACTS_LISTENERS 256
void net_facts_each(void (*tell)(void *userdata, const struct net_fact *fact), void *userdata);
