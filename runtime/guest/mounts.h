/* What the identity wants mounted in the service's root: volumes, shares of the host, tmpfs, and
 * configs and secrets, whose bytes never leave the guest's memory.
 *
 *   device -> MOUNTS/N (in the initramfs, out of the service's sight) -> a clone of the wanted
 *   folder or file in it -> the target in the root
 *
 * Two steps, because devices are found and mounted where the agent was born, and targets are in the
 * root that it has moved to. */
#pragma once

#include "runtime/guest/identity.h"

/* Before the change to the service's root. */
int mounts_prepare(const struct identity *identity, struct error *err);
/* After it: fills empty volumes from the image, mounts everything, makes the root read-only where
 * that is wanted. */
int mounts_place(struct identity *identity, struct error *err);
/* Everything written is with its owner: volumes are unmounted. Processes are gone. */
void mounts_leave(void);
/* Of a guest that has no root and no service: the first mount's content is copied to the second's
 * device, and both are unmounted. */
int mounts_convert(const struct identity *identity, struct error *err);
