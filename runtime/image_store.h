/* The image cache: a reference or a bootstrap description becomes one EROFS, keyed by digest, in
 * CACHE/images. Files only (no database), so that `vmstead pull` works with no daemon and beside
 * one:
 *
 *   CACHE/images/refs/<sha256 of the reference or description>.json {"reference","id","created_ms"}
 *   CACHE/images/<digest>/{rootfs.erofs,image.json}                  image.json: runtime.h's result
 *                                                      plus "rootfs_sha256" and "rootfs_bytes"
 *
 * A folder is made under a temporary name and renamed; refs are written atomically. Checked on use:
 * sizes always, content against rootfs_sha256 once per boot of the host and file identity. Two
 * processes that want the same image take turns by a lock file. */
#pragma once

#include "base/json.h"
#include "base/paths.h"

#include <uv.h>

struct image_store;
struct image_request;

int image_store_new(uv_loop_t *loop, const struct paths *paths, struct image_store **ret_store,
                    struct error *err);
/* Requests that still run are cancelled and end, on the loop, without a callback. */
void image_store_free(struct image_store *store);

struct image_callbacks {
    void (*on_progress)(void *userdata, const char *text, int64_t current, int64_t total,
                        const char *unit);
    /* Once, never from within image_store_ensure(). result (runtime.h, kind "image") is taken; NULL
     * with err set on failure. */
    void (*on_done)(void *userdata, cJSON *result, struct error *err);
};
/* spec: runtime.h, kind "image". A cached image is done without running a program or touching the
 * network. name is for messages. Fails at once only for a spec that cannot be. */
int image_store_ensure(struct image_store *store, const char *name, const cJSON *spec,
                       const struct image_callbacks *callbacks, void *userdata,
                       struct image_request **ret_request, struct error *err);
/* CACHE/images. */
const char *image_store_folder(const struct image_store *store);
/* on_done still comes, with -ECANCELED. */
void image_request_cancel(struct image_request *request);
