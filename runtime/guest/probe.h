/* A look at the service's health from inside the guest: a command, an HTTP GET or a TCP connection.
 * The latter two are sockets of the agent's own: a fork costs a guest under emulation more than the
 * whole probe. Made by PROBE_START, gone after PROBE_END. */
#pragma once

#include "runtime/guest/job.h"

void probe_start(struct agent *agent, const struct message *message);
