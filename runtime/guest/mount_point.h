/* Paths that others have chosen, opened so that neither ".." nor a symlink leads out of where they
 * belong (openat2(2)). */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* O_PATH of what is to be mounted over: `target` (absolute) below the root folder `root`, symlinks
 * taken as inside of it; what is missing is made, folders 0755, the last as an empty file where
 * is_file. */
int mount_point_open(int root, const char *target, bool is_file, int *ret_fd, struct error *err);
/* O_PATH of `path` below `folder`, which it must not leave; "": the folder itself. */
int mount_source_open(int folder, const char *path, int *ret_fd, struct error *err);
/* A folder for reading below `root`, as mount_point_open() resolves it, or -errno. */
int mount_point_read(int root, const char *target);
