/* Bridges, their addresses, taps and a look at the host's routes, through libnl-route-3. Blocking
 * (well under a millisecond a call); needs CAP_NET_ADMIN for all but the looking. Every link made
 * here is named after the root, so that nothing of anybody else's is ever touched. */
#pragma once

#include "base/error.h"
#include "network/desired.h"

/* Makes the bridges of this root those of `desired`: missing ones made (STP off, gateway address,
 * IPv6 where it has a subnet, 127.0.0.1 routable on them for published ports), half-made ones
 * completed, others of this root removed, taps without an endpoint too; taps of running VMs that
 * are not in their bridge are put back. */
int link_apply(const struct desired *desired, struct error *err);
/* Whether any link of this root exists. */
bool link_exists(const char *root_id);
/* Whether another root on this host has a bridge: what both need must stay. */
bool link_other_root_exists(const char *root_id);
/* A non-persistent tap with IFF_VNET_HDR, enslaved to the bridge and up: it lives as long as the
 * descriptor, which is close-on-exec. -EBUSY where another process still holds it. */
int link_open_tap(const struct desired_tap *tap, int *ret_fd, struct error *err);
/* The host's routes of both families, without default routes and those by links of this root. */
struct link_route {
    struct ip_subnet destination;
    char link[IFNAMSIZ];
};
struct link_routes {
    struct link_route *items;
    size_t count, capacity;
};
int link_list_routes(const char *root_id, struct link_routes *ret_routes, struct error *err);
void link_routes_done(struct link_routes *routes);
/* CAP_NET_ADMIN. */
bool link_has_net_admin(void);
/* CAP_NET_ADMIN and /dev/net/tun, or one error that says what to do. */
int link_check_privileges(struct error *err);
