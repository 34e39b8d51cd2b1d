/* `run`: what the command line says about a one-off instance, laid over its service in the
 * project's canonical form. Pure. */
#pragma once

#include "base/json.h"

struct run_overlay {
    char **argv;        /* empty: the service's command */
    char **entrypoint;  /* empty: the service's; else its command does not count either */
    char **environment; /* "K=V" */
    const char *user, *working_dir; /* NULL: the service's */
    char **ports;                   /* short syntax; empty: none, but for service_ports */
    char **mounts; /* short syntax, host paths absolute; they come over those at the same target */
    bool service_ports; /* publish the service's own */
    bool tty, stdin_open;
};

/* model is what compose_serialize() wrote, as JSON; it is changed. -ENOENT for an unknown
 * service. */
int run_model_apply(cJSON *model, const char *service, const struct run_overlay *overlay,
                    struct error *err);
