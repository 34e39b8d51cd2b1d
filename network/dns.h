/* The DNS server: UDP and TCP port 53 on each network's gateway, on libldns for the wire format
 * (RFC 1035, 2308 negative answers, 6891 EDNS0, 7766 TCP). Answers from memory what it is told
 * here; everything else goes to the host's resolvers.
 *
 * Who may see what: an asker with an address of ours sees the names on every network it has an
 * endpoint on; anybody else (the host) sees those of the network whose gateway it asked. A name
 * that exists only where the asker may not look does not exist for it and goes upstream. A name of
 * ours with no record of the asked type is NODATA (AAAA!), never NXDOMAIN. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <uv.h>

struct dns;

/* resolv_conf: the file whose nameservers get what is not ours ("/etc/resolv.conf"); read at every
 * change. An address of ours in it is skipped. */
int dns_new(uv_loop_t *loop, const char *resolv_conf, struct dns **ret_dns, struct error *err);
void dns_free(struct dns *dns);

/* Binds gateway:53. -EADDRINUSE names what to look for. Idempotent. */
int dns_add_network(struct dns *dns, const char *network, const char *gateway, const char *subnet,
                    struct error *err);
void dns_remove_network(struct dns *dns, const char *network);
/* false for an internal network: a guest that has no other one gets nothing from the host's
 * resolvers (a name server that forwards is a way out). Default true. */
void dns_set_forwarding(struct dns *dns, const char *network, bool forwards);

struct dns_endpoint {
    const char *network;
    const char *instance;
    const char *address;      /* IPv4 */
    const char *const *names; /* service, instance, aliases, container hostname; NULL-terminated */
};
/* Replaces what was known of that instance on that network; copies. Not running at first. */
void dns_set_endpoint(struct dns *dns, const struct dns_endpoint *endpoint);
void dns_remove_endpoint(struct dns *dns, const char *network, const char *instance);
/* Only running instances are named (their names stay known: NODATA, not upstream). */
void dns_set_running(struct dns *dns, const char *instance, bool running);
