/* Carries clients of published ports to guests where the kernel's translation (firewall.h) cannot:
 * those of ::1, which nothing is routed from; those of an address family that the guest has not;
 * 127.0.0.1 and guests' own requests on a host whose settings cannot be changed (sysctl.h). It
 * works on the sockets that hold the ports (publish.c), on the loop, without a copy of the bytes
 * (TCP: splice(2)), and ends with the daemon. The guest sees the host's address as the client's.
 *
 * Its own connections come from the host, which the firewall lets through to every guest: who may
 * come here is decided by the firewall's `input` chain (sets relay*), and what is never routed is
 * not here for guests at all.
 *
 * What goes through is bounded: connections and flows by number and by the daemon's descriptors,
 * the bytes under way by a pipe's size each way. */
#pragma once

#include "base/cleanup.h"
#include "base/ip.h"

#include <net/if.h>
#include <uv.h>

struct relay;
struct relay_port;

/* Where a port leads. */
struct relay_target {
    struct ip_address address; /* {0}: nowhere, refused at once */
    uint16_t port;
    char tap[IFNAMSIZ]; /* the guest's NIC, there as long as the guest is; "": not known */
};

struct relay *relay_new(uv_loop_t *loop);
/* Ends what goes through; the memory goes when the loop has run. */
void relay_free(struct relay *relay);

/* fd is bound, non-blocking, the caller's, and outlives the port; TCP listens from now on. 0 or
 * -errno. */
int relay_open(struct relay *relay, int fd, bool udp, struct relay_port **ret_port);
/* Another target ends UDP flows; connections go on. */
void relay_set_target(struct relay_port *port, const struct relay_target *target);
/* Connections of the port end, too. NULL is allowed. */
void relay_close(struct relay_port *port);
