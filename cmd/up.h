/* The attached part of `up`: logs of the project's instances until all have exited or somebody
 * presses Ctrl-C. A state machine on the client's loop; up.c drives it. */
#pragma once

#include "cmd/client.h"
#include "cmd/command.h"

struct up_values {
    bool detach, no_color, no_log_prefix, timestamps;
    int64_t timeout_s;
};

/* Brings the project up by its job and, unless detached, stays. body: the request's. Returns the
 * exit status, or -errno with err set. */
int up_run(const struct invocation *invocation, struct client *client, const char *project,
           const char *body, struct error *err);
