/* Published ports of the host, held by bound sockets, so that no other program takes one and a
 * conflict is known before any VM starts: one of each family that the host's address stands for.
 * Bound and not listening is enough, as long as SO_REUSEADDR is off: then the kernel lets nobody
 * else bind. The kernel forwards (firewall.h); where it cannot, the relay works on these sockets
 * (relay.h). */
#pragma once

#include "base/error.h"
#include "base/store.h"
#include "network/tables.h"

#include <uv.h>

struct publish;

struct publish *publish_new(uv_loop_t *loop, struct store *store);
void publish_free(struct publish *publish);
DEFINE_FREEP(struct publish *, publish_free)

/* Holds the port for the row's instance (published 0: the kernel chooses; published_last: the first
 * free one of the range; *row is filled in). Idempotent. -EADDRINUSE names the owner: one of our
 * instances, or pid and program. */
int publish_hold(struct publish *publish, struct port_row *row, struct error *err);
void publish_release(struct publish *publish, const char *instance);
/* Holds of this project without a row in the store: left over from a check() whose plan came to
 * nothing. */
void publish_release_stale(struct publish *publish, const char *project);
/* Whether sockets of ours hold the row's port. */
bool publish_is_held(struct publish *publish, const struct port_row *row);

/* The host is as `port` says (part of struct desired): the relay takes over what is its. */
void publish_carry(struct publish *publish, const struct desired_port *port, bool relay_own);
/* By which way clients of this family come; PORT_NOWHERE where the port is not held for them. */
struct port_ways publish_find_ways(struct publish *publish, const struct port_row *row,
                                   enum ip_family family);

/* Who has a port of one of the host's addresses, or of all of a family: "the program 'nginx' (pid
 * 42)", owned by the caller; NULL where no process can be seen. Reads /proc/net and /proc/PID/fd.
 */
char *publish_find_owner(const struct ip_address *host_ip, uint16_t port, bool udp);
