/* buildah's store, below CACHE/images/buildah: what is in it, and how an image of the cache gets
 * there as a base. hex: the 64 digits of an image id. Blocking. */
#pragma once

#include "base/error.h"

#include <stdint.h>

/* "buildah" with its store; to which a command is added. Owned by the caller. */
char **image_buildah_argv(const char *images);
/* The id that a build wrote into `folder`, as "sha256:...". Owned by the caller. */
int image_buildah_read_id(const char *folder, char **ret_id, struct error *err);

/* The id there of an image of the cache: its own where it was built, another where it was imported;
 * NULL: not there. Owned by the caller. */
char *image_buildah_find(const char *images, const char *hex);
/* Its root filesystem. Owned by the caller. */
int image_buildah_find_rootfs(const char *images, const char *hex, char **ret_path,
                              struct error *err);
/* How much the layers take at the most. */
int64_t image_buildah_bytes(const char *images);

/* Above it, a build ends with clearing away the layers that no name needs: $VMSTEAD_BUILD_CACHE_MB,
 * else 20 GB. */
int64_t image_buildah_limit(void);

/* Importing, run in `folder`: clear, extract (base/), tar (import/layer), pack (import/ as
 * containers-transports(5)'s dir:), import. fsck.erofs knows no extended attributes: file
 * capabilities of the base are lost. */
int image_buildah_clear_import(const char *folder, struct error *err);
char **image_buildah_extract_argv(const char *images, const char *hex);
char **image_buildah_tar_argv(void);
int image_buildah_pack(const char *images, const char *hex, const char *folder, struct error *err);
char **image_buildah_import_argv(const char *images, const char *hex);
