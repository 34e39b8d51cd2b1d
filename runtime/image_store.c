/* See image_store.h. The work is in image_request.c. */
#include "runtime/image_store.h"

#include "base/alloc.h"
#include "runtime/image_cache.h"
#include "runtime/image_request.h"

struct image_store {
    uv_loop_t *loop;
    char *images; /* CACHE/images */
    struct image_request_list requests;
};

int image_store_new(uv_loop_t *loop, const struct paths *paths, struct image_store **ret_store,
                    struct error *err)
{
    _cleanup_free_ char *images = xasprintf("%s/images", paths->cache);
    int r = image_cache_init(images, err);
    if (r < 0)
        return r;
    struct image_store *store = new0(struct image_store);
    store->loop = loop;
    store->images = TAKE_PTR(images);
    *ret_store = store;
    return 0;
}

void image_store_free(struct image_store *store)
{
    if (!store)
        return;
    image_request_abandon_all(&store->requests);
    free(store->images);
    free(store);
}

int image_store_ensure(struct image_store *store, const char *name, const cJSON *spec,
                       const struct image_callbacks *callbacks, void *userdata,
                       struct image_request **ret_request, struct error *err)
{
    return image_request_new(store->loop, store->images, name, spec, callbacks, userdata,
                             &store->requests, ret_request, err);
}

const char *image_store_folder(const struct image_store *store)
{
    return store->images;
}
