/* Files: whole-file reads with a bound, atomic writes, directories, locks. Errors name the path. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads at most limit bytes; a longer file is -EFBIG. *ret_data is NUL-terminated behind
 * *ret_length (which may be NULL). Works on files whose size is unknown (/proc, pipes). */
int fs_read_file(const char *path, size_t limit, char **ret_data, size_t *ret_length,
                 struct error *err);
/* Temporary file in the same folder, fsync, rename: readers see the old or the new content. */
int fs_write_file_atomic(const char *path, const void *data, size_t length, mode_t mode,
                         struct error *err);
/* The same for a file of somebody else: symlinks are followed, and mode and owner stay as they are.
 * mode is for a file that is not there yet. */
int fs_replace_file(const char *path, const void *data, size_t length, mode_t mode,
                    struct error *err);
/* mkdir -p; the mode is for folders that are made. */
int fs_make_directory(const char *path, mode_t mode, struct error *err);
/* rm -rf without following symlinks or crossing into another mount; a missing path is no error. */
int fs_remove_tree(const char *path, struct error *err);
bool fs_exists(const char *path);
/* Opens (0600) and takes an exclusive flock(2), waiting at most timeout_ms (0: does not wait;
 * -EWOULDBLOCK then). Closing the descriptor releases it. */
int fs_lock_file(const char *path, uint64_t timeout_ms, int *ret_fd, struct error *err);
/* The same for a lock that many hold at once, without waiting; nobody has it exclusively then. */
int fs_lock_file_shared(const char *path, int *ret_fd, struct error *err);
/* Loops over short writes and EINTR; 0 or -errno. */
int fs_write_all(int fd, const void *data, size_t length);
/* The program's path in $PATH (or itself when it has a slash), or NULL. */
char *fs_find_program(const char *name);
