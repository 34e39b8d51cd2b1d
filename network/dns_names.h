/* What names mean, to whom: the pure part of the DNS server. Knows networks and endpoints as
 * network/dns.h describes them; no sockets, no wire format. */
#pragma once

#include "network/dns.h"

#include <netinet/in.h>
#include <stddef.h>

struct dns_names;

struct dns_names *dns_names_new(void);
void dns_names_free(struct dns_names *names);
DEFINE_FREEP(struct dns_names *, dns_names_free)

/* subnet: "10.89.0.0/24". Replaces an earlier one of that name. -EINVAL for what is no subnet. */
int dns_names_add_network(struct dns_names *names, const char *network, struct in_addr gateway,
                          const char *subnet, struct error *err);
/* Its endpoints go with it. */
void dns_names_remove_network(struct dns_names *names, const char *network);
/* false: who has no other network gets no answers from the host's resolvers (internal networks). */
void dns_names_set_forwarding(struct dns_names *names, const char *network, bool forwards);
/* An endpoint whose address is not one, or whose network is unknown, is ignored. */
void dns_names_set_endpoint(struct dns_names *names, const struct dns_endpoint *endpoint);
void dns_names_remove_endpoint(struct dns_names *names, const char *network, const char *instance);
void dns_names_set_running(struct dns_names *names, const char *instance, bool running);
/* Whether this is the gateway of a network of ours. */
bool dns_names_is_gateway(const struct dns_names *names, struct in_addr address);

/* Who asks, and which network's gateway was asked. */
struct dns_asker {
    struct in_addr address;
    const char *network;
};

enum dns_verdict {
    DNS_OURS,    /* the name exists; addresses (PTR: instance) may be empty: NODATA */
    DNS_ABSENT,  /* it is ours to know, and there is no such name: NXDOMAIN */
    DNS_FORWARD, /* not ours: to the host's resolvers */
    DNS_REFUSE,  /* not ours, and the asker has no way out */
};

#define DNS_MAX_ADDRESSES 32

struct dns_answer {
    struct in_addr addresses[DNS_MAX_ADDRESSES];
    size_t address_count;
    const char *instance; /* for PTR; borrowed until the next change; NULL: none */
};

/* name: as in the question, any case, with or without the final dot. */
enum dns_verdict dns_names_lookup(const struct dns_names *names, const struct dns_asker *asker,
                                  const char *name, struct dns_answer *ret_answer);
