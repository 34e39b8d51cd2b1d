/* The nameservers of resolv.conf(5) and how they have been: which of them a question goes to, in
 * which order. Pure; takes the time.
 *
 * They are asked as the file has them. Who fails twice in a row rests for DNS_REST_MS: it is asked
 * after all others. When the rest is over, the next question goes to it as well as to the first
 * one, so that nobody waits for the trial; an answer ends the rest, silence begins another. */
#pragma once

#include "base/error.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_MAX_RESOLVERS 3 /* resolv.conf(5): MAXNS */
#define DNS_REST_MS 30000
#define DNS_REST_AFTER 2 /* failures in a row */

union dns_socket_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};
/* IPv4 as ::ffff:A.B.C.D. */
struct in6_addr dns_socket_address_ip(const union dns_socket_address *address);
/* Address, port and scope. */
bool dns_socket_address_equal(const union dns_socket_address *a, const union dns_socket_address *b);

struct dns_resolver {
    union dns_socket_address address;
    unsigned failures;
    uint64_t rest_ends_ms; /* 0: does not rest */
};

struct dns_resolvers {
    struct dns_resolver items[DNS_MAX_RESOLVERS];
    size_t count;
};

/* Takes over what the file says; who was there before keeps its health. */
void dns_resolvers_read(struct dns_resolvers *resolvers, const char *resolv_conf);

/* A guest's own, instead of those of the file. */
struct dns_servers {
    union dns_socket_address items[DNS_MAX_RESOLVERS];
    size_t count;
};
/* false: it is none, or there is no room. */
bool dns_servers_add(struct dns_servers *servers, const char *address);
bool dns_servers_equal(const struct dns_servers *a, const struct dns_servers *b);

struct dns_order {
    union dns_socket_address servers[DNS_MAX_RESOLVERS];
    size_t count;
    size_t at_once; /* that many of them are asked without waiting */
};
void dns_resolvers_order(struct dns_resolvers *resolvers, uint64_t now_ms,
                         struct dns_order *ret_order);
/* What came of it. Servers that the file does not name any more are ignored. */
void dns_resolvers_note(struct dns_resolvers *resolvers, const union dns_socket_address *server,
                        bool answered, uint64_t now_ms);
