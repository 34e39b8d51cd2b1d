/* The guest kit: a kernel and an initramfs that turn a root filesystem into a VM.
 *
 * Kernel: Debian's cloud kernel from /boot (the newest vmlinuz-*-cloud-amd64 whose modules are in
 * /lib/modules, or VMSTEAD_KERNEL=FILE), its LZ4 payload unpacked to the ELF vmlinux that boots
 * through PVH. initramfs: a cpio (newc, libarchive) with the agent as /init, the modules it needs,
 * and /modules.load, their load order by dependency (modules.dep). Both cached in CACHE/kits/<key>,
 * key = hash of kernel file identity, agent and initramfs layout. */
#pragma once

#include "base/error.h"
#include "base/paths.h"

#include <uv.h>

struct guest_kit {
    char *kernel;         /* path of the ELF */
    char *initramfs;      /* path of the cpio */
    char *kernel_release; /* "6.1.0-56-cloud-amd64" */
    char *key;            /* hex; the acceleration verdict is remembered per key and boot */
};

/* Quick look for check(): is there a kernel with modules? The error names the package to install.
 */
int guest_kit_probe(struct error *err);
/* Blocking (about 0.3 s the first time, a few ms cached): run it in the thread pool. */
int guest_kit_ensure(const struct paths *paths, struct guest_kit *ret_kit, struct error *err);
void guest_kit_done(struct guest_kit *kit);

/* The agent's static ELF, linked into vmstead. */
extern const unsigned char guest_agent_start[], guest_agent_end[];
