/* From the kernel's hand-over to the host's first byte: the file systems that the agent itself
 * needs, the modules of the initramfs, the virtio-serial port. Nothing here depends on who the
 * guest will be, so that a template can be made at the end of it. */
#pragma once

#include "base/error.h"

/* /proc, /sys and /dev of the initramfs. */
int boot_mount(struct error *err);
/* Every module that /modules.load names, in its order. A module that does not load is reported on
 * the console: what needs it says so later. */
void boot_load_modules(void);
/* One of those that only some guests need, by its name; while the initramfs is the root. What it
 * needs itself must have been loaded before. */
void boot_load_module(const char *name);
/* Waits for the port (the driver reports its name after probing) and opens it, non-blocking. */
int boot_open_port(int *ret_fd, struct error *err);
/* Waits for the block device with this serial (virtio-blk): /dev/NAME in path. */
int boot_find_disk(const char *serial, char path[64], struct error *err);
