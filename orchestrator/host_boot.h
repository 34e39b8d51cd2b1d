/* The host's boots: what should run is started again after one, and stopped before it goes down.
 *
 * The store remembers in which boot the instances were last looked after. Where that is another one
 * than this, nothing of what ran then runs now: the runtime believes no recorded pid without
 * finding its process, and the jobs that start the instances make their networks anew. */
#pragma once

#include "orchestrator/context.h"

/* At the daemon's start, after adoption: 1 where the host has booted since (or the instances were
 * stopped for its sake) and host_boot_start() is due, 0 where not. */
int host_boot_is_new(struct orchestrator *orchestrator, struct error *err);
/* Starts who should run by its policy, in each project's order of dependencies, projects side by
 * side. The boot counts as seen when all of them have been tried. */
void host_boot_start(struct orchestrator *orchestrator);
/* What that has begun; NULL is fine. */
void host_boot_free(struct host_boot *boot);
/* What orchestrator_shutdown() has begun; NULL is fine. */
void host_stop_free(struct host_stop *stop);
