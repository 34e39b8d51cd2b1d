/* What the files behind dns_names.h share; nobody else includes it. */
#pragma once

#include "base/strmap.h"
#include "base/vec.h"
#include "network/dns_names.h"

struct dns_subnet {
    struct in6_addr address;
    unsigned prefix; /* of 128 bits */
};
bool dns_subnet_contains(const struct dns_subnet *subnet, const struct in6_addr *address);

/* A network. */
struct dns_view {
    char *name;
    uint32_t number;
    VEC(struct in6_addr) gateways;
    VEC(struct dns_subnet) subnets;
    bool forwards;
};
bool dns_view_contains(const struct dns_view *view, const struct in6_addr *address);

struct dns_member_link {
    struct dns_name alias, target;
};

/* An endpoint. */
struct dns_member {
    uint32_t network;
    char *instance, *service, *project; /* "": none */
    struct in6_addr ipv4, ipv6;
    bool has_ipv4, has_ipv6;
    enum instance_presence presence;
    char **names; /* in wire form (dns_wire.h), each once */
    VEC(struct dns_member_link) links;
    struct dns_servers servers; /* its own; none: the host's */
};

/* A name on a network: whom it stands for, as a stretch of `members`, those that serve first. */
struct dns_entry {
    size_t first, serving, starting;
    uint32_t turn[2]; /* which one comes first next time: IPv4, IPv6 */
};

/* "\3web\4shop\2vm", but not "\2vm" itself. */
bool dns_is_host_name(const char *wire);

#define DNS_NOBODY SIZE_MAX

struct dns_index {
    bool valid;
    struct strmap by_name;    /* a network's number and a name -> entries; number 0: host names */
    struct strmap by_address; /* 16 bytes -> endpoints */
    VEC(struct dns_entry) entries;
    VEC(size_t) members; /* -> endpoints */
    VEC(size_t) sisters; /* per endpoint: the next one of its instance in a ring */
};
void dns_index_done(struct dns_index *index);

struct dns_names {
    VEC(struct dns_view) networks;
    VEC(struct dns_member) endpoints;
    uint32_t last_number;
    struct dns_index index; /* of the endpoints; made anew when not valid */
};

const struct dns_view *dns_names_view(const struct dns_names *names, uint32_t number);

void dns_index_refresh(struct dns_names *names);
/* NULL: the network does not know this name. */
struct dns_entry *dns_index_entry(struct dns_names *names, uint32_t network,
                                  const struct dns_name *name);
/* The endpoint with this address, or DNS_NOBODY. */
size_t dns_index_endpoint_at(const struct dns_names *names, const struct in6_addr *address);
