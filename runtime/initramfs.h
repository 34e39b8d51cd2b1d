/* Writes the guest kit's initramfs: a newc cpio (the kernel's
 * Documentation/driver-api/early-userspace/ buffer-format.rst) by libarchive. What the agent finds
 * in it:
 *
 *   /init                    the agent, 0755
 *   /dev/console             so that /init has descriptors 0-2 before anything is mounted
 *   /dev /proc /sys /run /tmp /newroot   empty folders to mount on
 *   /modules/NAME.ko         kernel modules, uncompressed
 *   /modules.load            their paths in the order they must load, one a line: what a boot needs
 *   /modules.later           the same for those that only some guests need (virtiofs, vsock)
 *
 * Not compressed: unpacking LZ4 in a guest under TCG costs more (0.1 s of CPU) than copying 2 MB.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

struct initramfs_spec {
    const void *agent; /* a static ELF */
    size_t agent_size;
    const char *modules_folder; /* /lib/modules/RELEASE */
    char *const *modules;       /* files relative to it, in load order; .ko, .ko.xz and the like */
    size_t load_count;          /* the first ones go to modules.load, the rest to modules.later */
};

/* Writes the new file `output`; the same spec gives the same bytes. Blocking. */
int initramfs_write(const struct initramfs_spec *spec, const char *output, struct error *err);
