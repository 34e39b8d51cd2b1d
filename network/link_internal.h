/* What the files of network/ that speak netlink share. Nobody else includes this. */
#pragma once

#include "base/str.h"
#include "network/link.h"

#include <netlink/netlink.h>
#include <netlink/route/link.h>

DEFINE_FREEP(struct nl_sock *, nl_socket_free)
DEFINE_FREEP(struct nl_cache *, nl_cache_free)
static inline void rtnl_link_freep(struct rtnl_link **link)
{
    if (*link)
        rtnl_link_put(*link);
}
#define _cleanup_socket_ _cleanup_(nl_socket_freep)
#define _cleanup_cache_ _cleanup_(nl_cache_freep)
#define _cleanup_link_ _cleanup_(rtnl_link_freep)

/* libnl has numbers of its own (libnl/errno.h). */
int link_error(struct error *err, int code, const char *doing, const char *name);
int link_open_netlink(struct nl_sock **ret_socket, struct error *err);
int link_list(struct nl_sock *socket, struct nl_cache **ret_links, struct error *err);
/* By its name, or by our alias on it. */
bool link_is_ours(struct rtnl_link *link, const char *root_id);
/* "vs1a2b3c-br0". */
bool link_is_bridge_name(const char *name, const char *root_id);
/* Up, and in its bridge. */
bool link_is_plugged(struct rtnl_link *link, const struct desired_tap *tap);
/* Neither router solicitations nor link-local addresses. */
int link_silence_ipv6(const char *name, struct error *err);

/* A request about one link (RTM_NEWLINK, RTM_SETLINK), for what libnl 3.7 has no words for; flags
 * with the bits in `change` become `flags`. Free it with nlmsg_free() or link_send_request(). */
struct nl_msg *link_request(int type, int family, int ifindex, unsigned flags, unsigned change);
/* Takes the request. */
int link_send_request(struct nl_sock *socket, struct nl_msg *request, const char *doing,
                      const char *name, struct error *err);

/* Taps that have lost their bridge, which was deleted, or that somebody took out of it or set down:
 * a running VM keeps its tap by the descriptor. */
int link_replug_taps(struct nl_sock *socket, struct nl_cache *links, const struct desired *desired,
                     struct error *err);
