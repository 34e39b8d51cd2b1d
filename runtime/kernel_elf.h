/* From a distribution's bzImage to the ELF vmlinux that QEMU boots through PVH, which saves the
 * guest the decompression (facts: about a third of a cold boot under TCG). Used by guest_kit.c;
 * knows nothing of initramfs or caches. Blocking. */
#pragma once

#include "base/error.h"

/* Unpacks the LZ4 payload of the bzImage `kernel` (a file that is an ELF already is copied) to the
 * new file `output`, and checks that it is a 64-bit x86 ELF with the Xen note PHYS32_ENTRY, without
 * which QEMU cannot enter it. Bad input is -ENOEXEC; a half-written output is removed. */
int kernel_elf_extract(const char *kernel, const char *output, struct error *err);

/* What `uname -r` will say, e.g. "6.1.0-56-cloud-amd64": the setup header's version of a bzImage,
 * the banner of an ELF. Owned by the caller. */
int kernel_elf_release(const char *kernel, char **ret_release, struct error *err);
