/* The host's resolvers, or those that a guest has of its own: asks them what is not ours. A
 * question goes on as it came (with an id of our own), over UDP or TCP as the asker chose, to the
 * nameservers of resolv.conf(5) in the order that dns_resolvers.h gives; who has not answered in
 * DNS_UPSTREAM_NEXT_MS, or cannot (SERVFAIL, NOTIMP, REFUSED), is followed by the next. After
 * DNS_UPSTREAM_DEADLINE_MS it is over.
 *
 * The same question is on its way only once: who asks it meanwhile waits with the first. So a
 * question that comes back to us, because a resolver asks us what we ask it, goes no second round;
 * where that resolver's address shows who it is, it is refused at once and the log says so. Our own
 * gateways are never asked. */
#pragma once

#include "network/dns_names.h"

#include <sys/queue.h>

/* An asker gets its SERVFAIL within 1.5 s. */
#define DNS_UPSTREAM_DEADLINE_MS 1300
#define DNS_UPSTREAM_NEXT_MS 500

struct dns_upstream;
struct dns_exchange;

enum dns_upstream_outcome {
    DNS_UPSTREAM_ANSWER, /* with the asker's id */
    DNS_UPSTREAM_NONE,
    DNS_UPSTREAM_REBOUND, /* it pointed into a subnet of ours */
};

/* One asker of one question; the caller's memory. */
struct dns_waiter {
    LIST_ENTRY(dns_waiter) link;
    struct dns_exchange *exchange; /* NULL: does not wait */
    uint8_t id[2];
    /* Called once, never from within dns_upstream_ask(). answer is NULL where there is none. */
    void (*on_answer)(struct dns_waiter *waiter, enum dns_upstream_outcome outcome,
                      const void *answer, size_t length);
};

/* names: for addresses of ours. Both are borrowed. */
struct dns_upstream *dns_upstream_new(uv_loop_t *loop, const char *resolv_conf,
                                      struct dns_names *names);
/* Nobody waits any more. */
void dns_upstream_free(struct dns_upstream *upstream);
/* query, a well-formed question, is copied; on_answer of the waiter is set. -ELOOP: the asker is
 * who would be asked. */
int dns_upstream_ask(struct dns_upstream *upstream, const struct in6_addr *asker, const void *query,
                     size_t length, bool tcp, struct dns_waiter *waiter);
/* No callback any more. Does nothing for who does not wait. */
void dns_waiter_leave(struct dns_waiter *waiter);
