/* One file that is put into a root filesystem while it is made (bootstrap's `files`). Blocking. */
#pragma once

#include "base/error.h"
#include "base/hash.h"

#include <stdbool.h>
#include <sys/types.h>

struct image_file {
    char *path;    /* absolute, in the root filesystem */
    char *content; /* NULL where source is set */
    char *source;  /* a regular file of the host; NULL where content is set */
    mode_t mode;
};

/* Absolute, names a file, no "." or ".." and no empty part. */
bool image_file_path_is_valid(const char *path);
/* Of its content. */
int image_file_hash(const struct image_file *file, char hex[HASH_HEX_SIZE], struct error *err);
/* Makes missing folders (0755, root's) and replaces what stands there, but a folder. Symlinks are
 * followed as the guest would, within rootfs (openat2(2), RESOLVE_IN_ROOT); the last part is
 * replaced, not followed. */
int image_file_write(const struct image_file *file, const char *rootfs, struct error *err);
/* Opens (O_PATH) a folder within root (a descriptor), followed as above; -errno. */
int image_file_open_folder(int root, const char *path);
/* Opens the folder that the absolute `path` is in, within root; makes what is missing. 0 or -errno.
 */
int image_file_open_parent(int root, const char *path, int *ret_fd);
void image_file_done(struct image_file *file);
