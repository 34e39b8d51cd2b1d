/* Our terminal on a service's main process, as `attach` and `run` have it: the daemon's attach
 * stream one way and the other, signals and sizes by requests of their own, and the exit status. */
#pragma once

#include "cmd/client.h"

struct attach_options {
    const char *instance;
    bool tty;                /* the service has a terminal */
    bool attach_stdin;       /* and reads what we read */
    bool logs;               /* first what was written since its start */
    bool sig_proxy;          /* signals to us are signals to the service */
    const char *detach_keys; /* "ctrl-p,ctrl-q"; NULL: those */
};

/* Until the service has ended, or the detach keys were pressed (*ret_detached). Returns the
 * service's exit status, or -errno. */
int attach_stream_run(struct client *client, const struct attach_options *options,
                      bool *ret_detached, struct error *err);
/* "ctrl-p,ctrl-q" -> "\x10\x11". -EINVAL; the result is owned by the caller. */
int attach_parse_keys(const char *text, char **ret_keys, struct error *err);
