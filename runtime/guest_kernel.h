/* Which kernel guests run: the choice, not the unpacking. Used by guest_kit.c. Blocking, quick. */
#pragma once

#include "base/error.h"

struct guest_kernel {
    char *image;          /* vmlinuz or vmlinux */
    char *release;        /* "6.1.0-56-cloud-amd64" */
    char *modules_folder; /* MODULES/RELEASE, with a modules.dep in it */
};

/* The newest `boot`/vmlinuz-*-cloud-amd64 whose modules are in `modules`; or, where `chosen` is not
 * NULL, that file. -ENOENT with the package to install. */
int guest_kernel_find(const char *boot, const char *modules, const char *chosen,
                      struct guest_kernel *ret_kernel, struct error *err);
void guest_kernel_done(struct guest_kernel *kernel);
