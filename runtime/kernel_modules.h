/* Which modules a guest needs and in which order they load: the closure of a few wanted modules
 * over modules.dep (depmod(8)), without those that are built in. Used by guest_kit.c. Blocking. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

struct kernel_modules;

/* folder: /lib/modules/RELEASE, with modules.dep and modules.builtin. */
int kernel_modules_open(const char *folder, struct kernel_modules **ret_modules, struct error *err);
void kernel_modules_free(struct kernel_modules *modules);
DEFINE_FREEP(struct kernel_modules *, kernel_modules_free)

/* Adds the module's file (relative to the folder, "kernel/fs/erofs/erofs.ko") to *order, after all
 * it depends on, each file once. `name` with '-' or '_' alike. A built-in one adds nothing; one
 * that does not exist is -ENOENT. */
int kernel_modules_add(const struct kernel_modules *modules, const char *name, char ***order,
                       struct error *err);
