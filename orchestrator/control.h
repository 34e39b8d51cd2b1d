/* The provider of what is done to a VM beside making, starting and ending it: kind "control", verbs
 * PAUSE, UNPAUSE and KILL, spec {"instance", "signal":N (KILL)}. Leaves nothing behind. A SIGKILL
 * is done when the guest has ended, another signal when it was handed over. */
#pragma once

#include "orchestrator/orchestrator.h"

struct control;

/* world is borrowed. */
struct control *control_new(const struct orchestrator_world *world);
/* Who still waits ends as cancelled. */
void control_free(struct control *control);
const struct provider *control_provider(struct control *control);
void control_vm_event(struct control *control, const struct vm_status *status);
