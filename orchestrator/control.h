/* The provider of what needs the orchestrator's own knowledge, kind "control"; the journal knows
 * nothing of it:
 *   a VM's PAUSE, UNPAUSE and KILL, spec {"instance", "signal":N (KILL)}: a SIGKILL is done when
 * the guest has ended, another signal when it was handed over; an image's REMOVE, spec
 * {"image","id"}: -EBUSY where an instance, of any project, uses it. */
#pragma once

#include "base/store.h"
#include "orchestrator/orchestrator.h"

struct control;

/* Both are borrowed. */
struct control *control_new(const struct orchestrator_world *world, struct store *store);
/* Who still waits ends as cancelled. */
void control_free(struct control *control);
const struct provider *control_provider(struct control *control);
void control_vm_event(struct control *control, const struct vm_status *status);
