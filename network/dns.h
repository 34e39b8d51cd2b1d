/* The DNS server: UDP and TCP port 53 on each network's gateways, IPv4 and IPv6, and one door for
 * the host (RFC 1035; 2308 negative answers, 6891 EDNS0, 7766 TCP). Answers from memory what it is
 * told here; everything else goes to the host's resolvers (dns_upstream.h).
 *
 * What has which name. On its networks an endpoint is known by its service, its instance, its
 * aliases and its host names: SERVICE.PROJECT.vm, INSTANCE.vm and PROJECT.vm. Its addresses have
 * the instance as their name (PTR); the host gets it as INSTANCE.vm, which it can ask for.
 *
 * Who may see what.
 * - A guest, known by its address, sees the names on every network it has an endpoint on, whichever
 *   gateway it asks. A name that exists only where it may not look does not exist for it.
 * - What a guest calls somebody by a link of its own (Compose's `links`) comes before all names.
 * - Somebody unknown inside of the asked network's subnets, or with a link-local address, sees that
 *   network.
 * - The host (an address of a gateway, or the loopback) sees the host names of everybody, and of
 * the short names those of the network whose gateway it asked.
 * - Anybody else is refused: a neighbour that adds a route finds no resolver here.
 *
 * Who is named (presence.h). Of the instances of a name, those that serve: they run, and their
 * health check, where there is one, has succeeded and not failed since. As long as none of them
 * serves, those that are starting: so a service reaches itself and its peers before the first check
 * succeeds, and a replica that is added gets no visitors before it can serve them. Never who is
 * unhealthy or does not run: the name stays known, without addresses. Several are given in turn, at
 * most DNS_MAX_ADDRESSES of them; time to live DNS_TTL_SECONDS.
 *
 * What is answered.
 * - A, AAAA, PTR and ANY of ours; any other type is NODATA, never NXDOMAIN (musl gives up on a name
 *   whose AAAA does not exist). Negative answers have a SOA, and are kept as shortly as others.
 * - Unknown names below "vm" and addresses of our subnets are NXDOMAIN; so is everything else for a
 *   guest of internal networks only (a name server that forwards is a way out).
 * - The question comes back letter by letter (draft-vixie-dnsext-dns0x20). EDNS0: up to 1232 bytes
 *   over UDP; what does not fit is cut, with TC, and comes whole over TCP.
 * - FORMERR for other than one question, NOTIMP for other operations, REFUSED for other classes,
 *   BADVERS for EDNS above 0; nothing for what is no question.
 * - A guest with nameservers of its own (Compose's `dns`) has what is not ours asked there, at most
 *   DNS_MAX_RESOLVERS of them, by the host.
 * - An answer of the host's resolvers that points into a subnet of ours is dropped (DNS rebinding):
 *   the name has no data, and the log says so. A guest's own nameserver that is in a network of
 * ours may know it.
 *
 * Where systemd-resolved runs it is told to ask the gateways for "vm" and for our addresses, as
 * settings of each bridge that end with it (dns_resolved.h).
 *
 * The host's door is 127.0.0.1:41003, open as long as there is a network; it knows host names and
 * our addresses only. VMSTEAD_DNS_PORT is another port, 0 none. Of several roots on one host the
 * first has it; the others say so in their log and try again with their next network. */
#pragma once

#include "base/json.h"
#include "network/presence.h"

#include <stdbool.h>
#include <uv.h>

#define DNS_HOST_DOMAIN "vm"
#define DNS_HOST_ADDRESS "127.0.0.1"
#define DNS_HOST_PORT 41003
#define DNS_TTL_SECONDS 1

struct dns;

/* resolv_conf: the file whose nameservers get what is not ours ("/etc/resolv.conf"); read again
 * when it has changed. An address of ours in it is skipped. */
int dns_new(uv_loop_t *loop, const char *resolv_conf, struct dns **ret_dns, struct error *err);
void dns_free(struct dns *dns);

struct dns_network {
    const char *name;
    const char *project;         /* NULL or "": none */
    const char *link;            /* its bridge, for systemd-resolved; NULL: it is not told */
    const char *const *gateways; /* IPv4 and IPv6 addresses, NULL-terminated; at least one */
    const char *const *subnets;  /* "10.89.0.0/24", "fd00:1::/64", NULL-terminated */
    bool isolated; /* internal: who has no other network gets nothing from the host's resolvers */
};
/* Binds port 53 of every gateway. -EADDRINUSE names what to look for. Where the network is known,
 * its gateways and subnets become these. */
int dns_add_network(struct dns *dns, const struct dns_network *network, struct error *err);
void dns_remove_network(struct dns *dns, const char *network);

struct dns_link { /* a name that only this endpoint's instance knows */
    const char *alias, *target;
};

struct dns_endpoint {
    const char *network;
    const char *instance;
    const char *service, *project;  /* NULL or "": none */
    const char *address, *address6; /* IPv4, IPv6; either may be NULL */
    const char *const *names;       /* aliases, container hostname; NULL-terminated; may be NULL */
    const char *const *servers;     /* asked for what is not ours, in the place of the host's;
                                       NULL-terminated; may be NULL */
    const struct dns_link *links;
    size_t link_count;
};
/* Replaces what was known of that instance on that network; copies. Gone at first. */
void dns_set_endpoint(struct dns *dns, const struct dns_endpoint *endpoint);
void dns_remove_endpoint(struct dns *dns, const char *network, const char *instance);
/* Of all its endpoints. Unknown instances are ignored. */
void dns_set_presence(struct dns *dns, const char *instance, enum instance_presence presence);

/* What the host calls those that are not gone, as network_describe_names(). */
cJSON *dns_describe_names(const struct dns *dns);
