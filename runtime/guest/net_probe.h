/* A TCP connection or an HTTP GET by the agent's own sockets, on its loop. Names are resolved as
 * the guest's programs would: /etc/hosts, then the first nameserver of /etc/resolv.conf
 * (resolve.h). The caller has the deadline. */
#pragma once

#include "base/error.h"
#include "runtime/guest/loop.h"

struct net_probe;

struct net_probe_target {
    const char *url; /* "http://HOST[:PORT][/PATH]"; NULL: only a connection to 127.0.0.1 */
    uint32_t port;   /* with url NULL */
};

/* -EINVAL where the target cannot be understood. on_done is called once, and may free the probe:
 * failure is NULL, or one line that says what went wrong; output is one line. Never from within. */
int net_probe_start(struct loop *loop, const struct net_probe_target *target,
                    void (*on_done)(void *userdata, const char *failure, const char *output),
                    void *userdata, struct net_probe **ret_probe, struct error *err);
void net_probe_free(struct net_probe *probe);
/* For a probe that took too long: "no answer from 127.0.0.1:80". Valid until the next call. */
const char *net_probe_waits_for(struct net_probe *probe);
