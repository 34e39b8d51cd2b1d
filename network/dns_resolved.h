/* Tells systemd-resolved, where it runs, that a bridge's gateways know the names below "vm", below
 * the project, and the addresses of the network: then every program of the host finds them. Over
 * D-Bus (org.freedesktop.resolve1(5)), as the link's own settings, which go with the link or by
 * dns_resolved_forget(). Where there is no bus or no resolved nothing is said: it is an offer.
 *
 * A call waits for the bus, so it is made in the thread pool, one at a time and in order. */
#pragma once

#include "network/dns.h"

struct dns_resolved;

struct dns_resolved *dns_resolved_new(uv_loop_t *loop);
/* What waits is not done any more. */
void dns_resolved_free(struct dns_resolved *resolved);
/* Of a network with a link; link: its index. */
void dns_resolved_tell(struct dns_resolved *resolved, const struct dns_network *network, int link);
void dns_resolved_forget(struct dns_resolved *resolved, int link);

/* The domains that such a link is asked for: "vm", "shop.vm", "0.89.10.in-addr.arpa"... Reverse
 * zones end at whole labels, so a subnet may take several. Pure. */
char **dns_resolved_domains(const struct dns_network *network);
