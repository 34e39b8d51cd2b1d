/* Opens a client to the right daemon: the one of this root, of our version, in our network
 * namespace. Where none answers one is started in the background. An older one is replaced,
 * whatever runs under it; one of another namespace where nothing does. None that differs is used
 * silently. */
#pragma once

#include "base/paths.h"
#include "cmd/client.h"
#include "cmd/command.h"

enum daemon_need {
    DAEMON_START,  /* started where none answers */
    DAEMON_IF_ANY, /* started only where there is state it could know something from (the database):
                    *ret_client is NULL with 0 where there is not */
};

/* Who is not root gets root's daemon, where that may be (daemon_member.h). The client is owned by
 * the caller. */
int daemon_open(const struct invocation *invocation, enum daemon_need need,
                struct client **ret_client, struct error *err);
/* Has the daemon, if there is one or something for one to know, stop all VMs and leave. */
int daemon_shutdown(const struct invocation *invocation, struct error *err);
/* Has the daemon, if there is one, replaced by a new one, which finds all VMs and puts back what is
 * missing of their networks. */
int daemon_restart(const struct invocation *invocation, struct error *err);
/* Has the daemon leave, if there is one; VMs go on. */
int daemon_stop(const struct invocation *invocation, struct error *err);
/* GET /vmstead/daemon of whoever answers, of any version and namespace; starts and replaces nobody.
 * -ENOENT, -ECONNREFUSED or -ERESTART where none runs. */
int daemon_describe(cJSON **ret_daemon, struct error *err);
