/* One image being got ready: the state machine behind image_store_ensure(). Owned by image_store.c
 * until it ends; the phases and what follows what stand in image_request.c. */
#pragma once

#include "runtime/image_store.h"

struct image_request_list {
    struct image_request *first;
};

/* Starts it; the callbacks come later. `images` (CACHE/images) is copied. */
int image_request_new(uv_loop_t *loop, const char *images, const char *name, const cJSON *spec,
                      const struct image_callbacks *callbacks, void *userdata,
                      struct image_request_list *list, struct image_request **ret_request,
                      struct error *err);
/* Nobody listens any more: it is cancelled and ends without a callback. */
void image_request_abandon_all(struct image_request_list *list);
