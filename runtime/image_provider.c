/* See image_provider.h. */
#include "runtime/image_provider.h"

#include "runtime/image_list.h"
#include "runtime/image_store.h"
#include "runtime/vm.h"

#include <errno.h>

static void on_progress(void *userdata, const char *text, int64_t current, int64_t total,
                        const char *unit)
{
    operation_progress(userdata, text, current, total, unit);
}

static void on_done(void *userdata, cJSON *result, struct error *err)
{
    struct operation *operation = userdata;
    operation->provider_data = NULL;
    struct error none = {0};
    operation_done(operation, result, err ? err : &none);
}

int image_start_operation(void *self, struct operation *operation, struct error *err)
{
    struct runtime *runtime = self;
    if (operation->verb != OPERATION_ENSURE)
        return error_set(err, ENOTSUP, "an image cannot be asked to %s",
                         operation_verb_name(operation->verb));
    static const struct image_callbacks callbacks = {on_progress, on_done};
    struct image_request *request = NULL;
    int r = image_store_ensure(runtime->images, operation->name, operation->spec, &callbacks,
                               operation, &request, err);
    operation->provider_data = request;
    return r;
}

void image_cancel_operation(void *self, struct operation *operation)
{
    (void)self;
    if (operation->provider_data)
        image_request_cancel(operation->provider_data);
}

/* --- runtime.h ------------------------------------------------------------------------------ */

cJSON *runtime_describe_images(struct runtime *runtime)
{
    return image_list_describe(image_store_folder(runtime->images));
}

int runtime_image_remove(struct runtime *runtime, const char *name, const cJSON *used,
                         cJSON **ret_removed, struct error *err)
{
    return image_list_remove(image_store_folder(runtime->images), name, used, ret_removed, err);
}

int runtime_images_prune(struct runtime *runtime, const cJSON *used, cJSON **ret_removed,
                         struct error *err)
{
    return image_list_prune(image_store_folder(runtime->images), used, ret_removed, err);
}
