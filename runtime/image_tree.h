/* Folders of the host that become part of an image: a build's context, bootstrap's `copy`. What
 * counts is what an image would get of them: names, types, permissions, contents and the targets of
 * symlinks; neither times nor owners. Blocking. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "runtime/image_ignore.h"

/* Of a file or of a folder with everything below it but what `ignore` (NULL: nothing) excludes. */
int image_tree_hash(const char *source, const struct image_ignore *ignore, char hex[HASH_HEX_SIZE],
                    struct error *err);
/* The same walk without reading a file: changes whenever the hash may have. *ret_newest_ms: the
 * latest change of anything in it (ctime, realtime). */
int image_tree_stamp(const char *source, const struct image_ignore *ignore, char hex[HASH_HEX_SIZE],
                     int64_t *ret_newest_ms, struct error *err);
/* A folder's content goes into the folder `target` of rootfs, what is there already stays or is
 * replaced by name; a file becomes `target`, or is put into it where that is a folder or ends in
 * '/'. Everything is root's, permissions and times are the source's. Never leaves rootfs, whatever
 * symlinks it has. */
int image_tree_copy(const char *source, const char *rootfs, const char *target, struct error *err);
