/* Starts the daemon's program in the background and waits until it answers; the half of
 * daemon_start.h that deals with processes. Outside of the login session, see daemon_scope.h. */
#pragma once

#include "base/json.h"
#include "base/paths.h"

/* Where the daemon's own program is: beside ours, or in ../libexec/vmstead. Owned by the caller. */
char *daemon_program(void);
/* Nothing where one answers already. The error has the end of the daemon's log. */
int daemon_launch(const struct paths *paths, const char *socket_path, struct error *err);
/* A request without our identity headers, which a daemon of another kind would refuse. */
int daemon_call(const char *socket_path, const char *method, const char *path, cJSON **ret_answer,
                struct error *err);
