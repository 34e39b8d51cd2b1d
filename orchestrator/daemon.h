/* The daemon: one process, one libuv loop, one root. Sits between the API's clients (api.h, over
 * the Unix socket) and the three that do the work: network, runtime, orchestrator. Owns the socket,
 * the lock file that makes it the only one of its root, RUN/daemon.json, signals, and the decision
 * to leave. Never owns the VMs: they go on when it leaves, and are adopted when it comes back.
 *
 * Files: RUN/daemon.sock (0600, or 0660: daemon_socket.h), RUN/daemon.lock (flock(2), held for
 * life), RUN/daemon.json (docs/api.md, GET /vmstead/daemon), STATE/vmstead.db, STATE/daemon.log
 * (background only).
 *
 * Environment: VMSTEAD_IDLE_SECONDS (default 60; 0: never leaves), LISTEN_PID and LISTEN_FDS
 * (sd_listen_fds(3): the socket comes from systemd), VMSTEAD_LOG (base/log.h). */
#pragma once

#include "base/error.h"

#include <stdbool.h>

struct daemon_options {
    /* Started by a client: diagnostics go to STATE/daemon.log (at most 1 MiB and its predecessor)
     * instead of stderr, and a daemon of this root that is just leaving is waited for. The caller
     * has made the session (setsid) and closed what is not needed. */
    bool background;
};

/* Runs until SIGTERM, SIGINT, POST /vmstead/daemon/stop or /shutdown (which stops the VMs, too), or
 * until nothing ran and nobody asked for a while. 0 for all of these; -EBUSY where this root has a
 * daemon already. */
int daemon_run(const struct daemon_options *options, struct error *err);
