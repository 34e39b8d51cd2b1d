/* Bridges, their addresses, taps and a look at the host's routes, through libnl-route-3. Blocking
 * (well under a millisecond a call); needs CAP_NET_ADMIN for all but the looking. Every link made
 * here is named after the root, so that nothing of anybody else's is ever touched. */
#pragma once

#include "base/error.h"
#include "network/desired.h"

/* Makes the bridges of this root those of `desired`: missing ones made (STP off, gateway address,
 * no IPv6, 127.0.0.1 routable on them for published ports), half-made ones completed, others of
 * this root removed, taps without an endpoint too. */
int link_apply(const struct desired *desired, struct error *err);
/* Whether any link of this root exists. */
bool link_exists(const char *root_id);
/* Whether another root on this host has a bridge: what both need must stay. */
bool link_other_root_exists(const char *root_id);
/* A non-persistent tap with IFF_VNET_HDR, enslaved to the bridge and up: it lives as long as the
 * descriptor, which is close-on-exec. -EBUSY where another process still holds it. */
int link_open_tap(const char *tap, const char *bridge, int *ret_fd, struct error *err);
/* The first route or address of the host that overlaps (the default route and links of this root do
 * not count), as text "10.1.0.0/16 on 'eth0'", owned by the caller; NULL where there is none. */
int link_find_overlap(struct subnet subnet, const char *root_id, char **ret_route,
                      struct error *err);
/* The same, all of them; NULL where there is none. Owned by the caller. */
int link_list_overlaps(struct subnet subnet, const char *root_id, char ***ret_routes,
                       struct error *err);
/* CAP_NET_ADMIN. */
bool link_has_net_admin(void);
/* CAP_NET_ADMIN and /dev/net/tun, or one error that says what to do. */
int link_check_privileges(struct error *err);
