/* The host's resolvers: asks them what is not ours. Queries go on as they came (with an id of our
 * own, from a socket of their own: a random port each), UDP or TCP as the asker chose. The
 * nameservers of resolv.conf(5) are tried in order; who has not answered is followed by the next;
 * after DNS_UPSTREAM_DEADLINE_MS it is over. */
#pragma once

#include "base/error.h"
#include "network/dns_names.h"

#include <uv.h>

/* An asker gets its SERVFAIL within 1.5 s. */
#define DNS_UPSTREAM_DEADLINE_MS 1300
#define DNS_UPSTREAM_NEXT_MS 500

struct dns_upstream;
struct dns_exchange;

/* Called once, never from within dns_upstream_ask(): the answer with the asker's id, or NULL where
 * none came. */
typedef void dns_upstream_fn(void *userdata, const void *answer, size_t length);

/* names: to leave out nameservers that are our own gateways (a loop). Both are borrowed. */
struct dns_upstream *dns_upstream_new(uv_loop_t *loop, const char *resolv_conf,
                                      const struct dns_names *names);
void dns_upstream_free(struct dns_upstream *upstream);
/* Copies query. Always answers by the callback. */
struct dns_exchange *dns_upstream_ask(struct dns_upstream *upstream, const void *query,
                                      size_t length, bool tcp, dns_upstream_fn *on_answer,
                                      void *userdata);
/* No callback any more. */
void dns_exchange_cancel(struct dns_exchange *exchange);
