/* One question over one TCP connection of its own (RFC 7766). */
#pragma once

#include "network/dns_resolvers.h"

#include <uv.h>

struct dns_call;

/* Called once, never from within dns_call_start(); data is NULL where no answer came. */
typedef void dns_call_fn(void *userdata, const void *data, size_t length);

/* query is copied. 0 or -errno. */
int dns_call_start(uv_loop_t *loop, const union dns_socket_address *server, const void *query,
                   size_t length, dns_call_fn *on_end, void *userdata, struct dns_call **ret_call);
/* No callback any more; only before it came. */
void dns_call_cancel(struct dns_call *call);
