/* Published ports of the host, held by bound sockets, so that no other program takes one and a
 * conflict is known before any VM starts. The kernel forwards (firewall.h); these sockets never
 * carry a byte. */
#pragma once

#include "base/error.h"
#include "base/store.h"
#include "network/tables.h"

struct publish;

struct publish *publish_new(struct store *store);
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
/* Whether a socket of ours holds the row's port. */
bool publish_is_held(const struct publish *publish, const struct port_row *row);
size_t publish_count(const struct publish *publish);

/* Who has a port of the host: "the program 'nginx' (pid 42)", owned by the caller; NULL where no
 * process can be seen. Reads /proc/net and /proc/PID/fd. */
char *publish_find_owner(const struct ip_address *host_ip, uint16_t port, bool udp);
