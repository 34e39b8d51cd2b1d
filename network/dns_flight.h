/* Questions on their way over UDP, each to one server, from sockets with random ports. A question
 * has a socket of its own as long as there are not too many; beyond, those to the same server share
 * (with random ids, as always), so that a flood of questions does not take the daemon's
 * descriptors. */
#pragma once

#include "network/dns_resolvers.h"

#include <sys/queue.h>
#include <uv.h>

#define DNS_MAX_PORTS 256

struct dns_flights;
struct dns_port;

struct dns_flight {
    LIST_ENTRY(dns_flight) link;
    struct dns_port *port; /* NULL: not on its way */
    const void *query;     /* the caller's, unchanged until it has landed; its id is random */
    size_t length;
    /* An answer with this question and id. Lands it, as on_lost does. */
    void (*on_answer)(struct dns_flight *flight, const void *data, size_t length);
    /* Nobody is there. */
    void (*on_lost)(struct dns_flight *flight);
};

struct dns_flights *dns_flights_new(uv_loop_t *loop);
/* None is on its way any more. */
void dns_flights_free(struct dns_flights *flights);
/* Query, length and callbacks are set. 0 or -errno; no callback from within. */
int dns_flight_start(struct dns_flights *flights, const union dns_socket_address *server,
                     struct dns_flight *flight);
/* No callback any more. Does nothing for what is not on its way. */
void dns_flight_land(struct dns_flight *flight);
