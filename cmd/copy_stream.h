/* The two ways of `cp`: a file or folder of the host as a tar into a guest, and one of a guest out
 * of its tar onto the host. Blocking. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>

struct copy_sink { /* where the tar goes */
    int (*write)(void *userdata, const void *data, size_t length, struct error *err);
    void *userdata;
};
/* The tar of a path of the host; name: what its first component is called; NULL: the content of the
 * folder. A symlink is one, but for the path itself with `follow`. */
int copy_pack(const char *path, const char *name, bool follow, const struct copy_sink *sink,
              struct error *err);

struct copy_unpack;

/* Unpacks below `folder`, which is there. The archive's first component becomes `name`; NULL: what
 * is below it goes into the folder. Nothing is written through a symlink or outside: openat2(2).
 * owners: uid and gid as in the archive, else ours. */
int copy_unpack_new(const char *folder, const char *name, bool owners,
                    struct copy_unpack **ret_unpack, struct error *err);
int copy_unpack_feed(struct copy_unpack *unpack, const char *data, size_t length,
                     struct error *err);
int copy_unpack_finish(struct copy_unpack *unpack, struct error *err);
void copy_unpack_free(struct copy_unpack *unpack);
DEFINE_FREEP(struct copy_unpack *, copy_unpack_free)
