/* What names mean, to whom: the pure part of the DNS server. Knows networks and endpoints as
 * network/dns.h describes them; no sockets, no messages.
 *
 * Endpoints are a list; questions are answered from hash tables that are made of it at the first
 * question after a change, so that a lookup costs the same with ten names as with ten thousand and
 * allocates nothing. */
#pragma once

#include "network/dns.h"
#include "network/dns_resolvers.h"
#include "network/dns_wire.h"

struct dns_names;

struct dns_names *dns_names_new(void);
void dns_names_free(struct dns_names *names);
DEFINE_FREEP(struct dns_names *, dns_names_free)

/* Replaces an earlier one of that name, whose endpoints stay. *ret_number, never 0, is what askers
 * call it by. -EINVAL for a gateway or subnet that is none. */
int dns_names_add_network(struct dns_names *names, const struct dns_network *network,
                          uint32_t *ret_number, struct error *err);
/* Its endpoints go with it. */
void dns_names_remove_network(struct dns_names *names, const char *network);
/* An endpoint without an address, or whose network is unknown, is ignored; so are names that cannot
 * be in DNS (labels above 63 bytes). */
void dns_names_set_endpoint(struct dns_names *names, const struct dns_endpoint *endpoint);
void dns_names_remove_endpoint(struct dns_names *names, const char *network, const char *instance);
void dns_names_set_presence(struct dns_names *names, const char *instance,
                            enum instance_presence presence);
/* As dns_describe_names(). */
cJSON *dns_names_describe(const struct dns_names *names);
/* The nameservers of its own that an asker has; NULL: none. Until the next change. */
const struct dns_servers *dns_names_servers(struct dns_names *names, const struct in6_addr *asker);
/* Whether this is the gateway of a network of ours. */
bool dns_names_is_gateway(const struct dns_names *names, const struct in6_addr *address);
/* Whether it is in a subnet of ours. */
bool dns_names_owns_address(const struct dns_names *names, const struct in6_addr *address);

/* Who asks, and at which network's gateway; 0: at the host's own door, where only DNS_HOST_DOMAIN
 * and our addresses are known. */
struct dns_asker {
    struct in6_addr address;
    uint32_t network;
};
/* The host itself: a gateway's address or the loopback. */
bool dns_names_is_host(const struct dns_names *names, const struct in6_addr *address);

enum dns_verdict {
    DNS_OURS,     /* the name exists; what was asked for may be empty: NODATA */
    DNS_ABSENT,   /* it is ours to know, and there is no such name: NXDOMAIN */
    DNS_FORWARD,  /* not ours: to the host's resolvers */
    DNS_ISOLATED, /* not ours, and the asker has no way out: nothing else exists */
    DNS_REFUSE,   /* not for this asker */
};

enum dns_type { DNS_TYPE_A = 1, DNS_TYPE_PTR = 12, DNS_TYPE_AAAA = 28, DNS_TYPE_ANY = 255 };

#define DNS_MAX_ADDRESSES 32

/* Filled as far as the type asks for it. */
struct dns_answer {
    struct in_addr ipv4[DNS_MAX_ADDRESSES];
    struct in6_addr ipv6[DNS_MAX_ADDRESSES];
    size_t ipv4_count, ipv6_count;
    struct dns_name pointer; /* length 0: none */
};

/* name: in lower case, as dns_name_read() gives it. Each call with addresses in its answer begins
 * with another one. */
enum dns_verdict dns_names_lookup(struct dns_names *names, const struct dns_asker *asker,
                                  const struct dns_name *name, unsigned type,
                                  struct dns_answer *ret_answer);
