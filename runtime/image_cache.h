/* The image cache's files (layout: image_store.h). Every function blocks and works on its arguments
 * alone, so that it can run in the thread pool. `images` is CACHE/images. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"

#include <stdbool.h>

/* The fingerprint of a name that a build gave: no registry has it, whatever it is called. */
#define IMAGE_CACHE_BUILT "built"

/* Makes the folders. */
int image_cache_init(const char *images, struct error *err);

/* What a key (64 hex digits: the hash of a reference or description) was made into.
 *   found:   *ret_result is the result of runtime.h.
 *   else:    *ret_result NULL; *ret_damage NULL where nothing is cached or the source's fingerprint
 *            has changed, otherwise what is wrong with the copy.
 * Sizes are compared always; the content's SHA-256 once per boot of the host and file identity,
 * with the verdict remembered in verified.json beside it. fingerprint: "" for a source that does
 * not change, NULL: any will do. Runs no program. */
void image_cache_find(const char *images, const char *key, const char *fingerprint,
                      cJSON **ret_result, char **ret_damage);
/* Was that name given by a build? */
bool image_cache_is_built(const char *images, const char *key);
/* The same by the image's id ("sha256:..."), whatever reference led to it. */
void image_cache_find_id(const char *images, const char *id, cJSON **ret_result, char **ret_damage);

/* LOCKS/<key>.lock; held while an image is made. */
char *image_cache_lock_path(const char *images, const char *key);
/* Removes the temporary folders of processes that are gone: those whose lock can be taken, and
 * all of `key`, whose lock the caller holds. */
void image_cache_sweep(const char *images, const char *key);
/* A new private folder for making `key`. */
int image_cache_make_folder(const char *images, const char *key, char **ret_folder,
                            struct error *err);

/* Moves FOLDER/rootfs.erofs into the cache. image: "architecture" and "config"; the rest is added:
 * hash, sizes and, where `image` has no "id", the hash as id. A whole image of that id that is
 * there already stays. */
int image_cache_install(const char *images, const char *folder, cJSON *image, cJSON **ret_result,
                        struct error *err);
/* Remembers what the key led to. */
int image_cache_write_ref(const char *images, const char *key, const char *reference,
                          const char *fingerprint, const char *id, struct error *err);
