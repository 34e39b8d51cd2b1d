/* Hears of what others do to the host's links, addresses, forwarding and nftables, by the kernel's
 * netlink events, and says when something of this root may be missing. It does not look whether it
 * is (fault.h) nor repair it (repair.h). */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <uv.h>

struct host_watch;

struct host_watch_callbacks {
    /* A link of ours is gone, down or out of its bridge, an address is gone, forwarding is off, or
     * somebody else filters packets now. */
    void (*on_loss)(void *userdata);
    /* Our tables were changed, by whomever. */
    void (*on_rules)(void *userdata);
};

/* Needs CAP_NET_ADMIN. The callbacks come on the loop, in bursts. */
int host_watch_new(uv_loop_t *loop, const char *root_id,
                   const struct host_watch_callbacks *callbacks, void *userdata,
                   struct host_watch **ret_watch, struct error *err);
/* Calls back for what has happened until now, at once. */
void host_watch_catch_up(struct host_watch *watch);
/* Frees itself when the loop has closed its handles; never calls back again. */
void host_watch_free(struct host_watch *watch);
