/* Who waits for an instance's end (orchestrator_wait_exit). */
#pragma once

#include "orchestrator/context.h"

void exit_waits_tell_exit(struct orchestrator *orchestrator, const char *instance, int exit_code);
void exit_waits_tell_removed(struct orchestrator *orchestrator, const char *instance);
