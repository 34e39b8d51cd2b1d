/* The options of `run` -> the body of its request (docs/api.md, POST .../run). */
#pragma once

#include "cmd/command.h"

struct run_values {
    bool build, detach, interactive, tty, no_tty, no_deps, quiet_pull, remove, service_ports;
    const char *entrypoint, *name, *pull, *user, *working_dir;
    char **environment, **ports, **mounts;
};

struct run_request {
    char *project, *body;
    bool tty; /* it gets a terminal */
};

/* The first operand is a service of the project; where there is no project, an image. */
int run_request_make(const struct invocation *invocation, struct run_request *ret_request,
                     struct error *err);
void run_request_done(struct run_request *request);
