/* A harness and an agent that runs a service: what most tests of the agent begin with. */
#pragma once

#include "agent_harness.h"
#include "agent_peer.h"

struct fixture {
    struct agent_peer peer;
    struct harness harness;
};

/* The service is `sh -c SCRIPT`; fails the test where it does not start. tty: with a terminal;
 * stdin_open as in Compose files. */
struct fixture *fixture_start(const char *script, bool tty, bool stdin_open);
void fixture_finish(struct fixture *fixture);
