/* The service's root: the image (EROFS on the disk with serial "rootfs", read-only, shared by all
 * instances) below a writable layer (ext4 on the disk with serial "data"), by overlayfs; and what a
 * container finds mounted in it. Called once, when the identity comes. */
#pragma once

#include "runtime/guest/identity.h"

/* Ends inside the new root; the devices of the identity's mounts are at hand (mounts.h). */
int rootfs_enter(const struct identity *identity, struct error *err);
/* Everything written is on the disk; best effort, before power-off. */
void rootfs_leave(void);
