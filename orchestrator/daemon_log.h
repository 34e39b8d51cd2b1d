/* STATE/daemon.log: what a daemon in the background says, in bounds. Used by daemon.c. */
#pragma once

#include "base/error.h"
#include "base/paths.h"

/* Points stderr (and stdout) to the file; from then on daemon_log_check() keeps it small. */
int daemon_log_open(const struct paths *paths, struct error *err);
/* A file over 1 MiB becomes daemon.log.1 (the older one goes) and a new one is begun. Cheap; does
 * nothing before daemon_log_open(). */
void daemon_log_check(const struct paths *paths);
