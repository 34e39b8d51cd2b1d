/* See runtime.h: the front of runtime/. Images go to image_provider.c, VMs to vm_*.c, what the
 * agent does to vm_services.c, logs to the VM's log store. */
#include "runtime/runtime.h"

#include "base/alloc.h"
#include "base/vec.h"
#include "runtime/image_provider.h"
#include "runtime/image_store.h"
#include "runtime/vm.h"
#include "runtime/volume.h"

#include <errno.h>

static void on_platform_change(void *userdata)
{
    struct runtime *runtime = userdata;
    for (struct vm *vm = runtime->vms; vm; vm = vm->next)
        if (vm->phase == VM_PHASE_PLATFORM)
            vm_kick(vm);
}

int runtime_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                runtime_event_fn *on_event, void *userdata, struct runtime **ret_runtime,
                struct error *err)
{
    struct runtime *runtime = new0(struct runtime);
    runtime->loop = loop;
    runtime->paths = paths;
    runtime->store = store;
    runtime->on_event = on_event;
    runtime->userdata = userdata;
    runtime->providers[0] = (struct provider){.kind = "image",
                                              .start = image_start_operation,
                                              .cancel = image_cancel_operation,
                                              .self = runtime};
    runtime->providers[1] = (struct provider){.kind = "vm",
                                              .check = vm_check_operations,
                                              .start = vm_start_operation,
                                              .cancel = vm_cancel_operation,
                                              .self = runtime};
    runtime->providers[2] = (struct provider){.kind = "volume",
                                              .check = volume_check_operations,
                                              .start = volume_start_operation,
                                              .cancel = volume_cancel_operation,
                                              .self = runtime};
    int r = store_migrate(store, runtime_schema(), err);
    if (r == 0)
        r = image_store_new(loop, paths, &runtime->images, err);
    if (r == 0) {
        runtime->platform = platform_new(loop, paths, on_platform_change, runtime);
        r = vm_store_load(runtime, err);
        if (r == 0)
            r = volume_store_load(runtime, err);
    }
    if (r < 0) {
        runtime_free(runtime);
        return r;
    }
    *ret_runtime = runtime;
    return 0;
}

int runtime_adopt(struct runtime *runtime, struct error *err)
{
    int r = vm_adopt_all(runtime, err);
    volume_adopt_all(runtime);
    return r;
}

void runtime_free(struct runtime *runtime)
{
    if (!runtime)
        return;
    while (runtime->vms)
        vm_free(runtime->vms);
    while (runtime->volumes)
        volume_free(runtime->volumes);
    platform_free(runtime->platform);
    image_store_free(runtime->images);
    free(runtime);
}

const struct provider *runtime_providers(struct runtime *runtime, size_t *ret_count)
{
    *ret_count = ARRAY_SIZE(runtime->providers);
    return runtime->providers;
}

const char *runtime_acceleration_note(const struct runtime *runtime)
{
    return platform_note(runtime->platform);
}

int runtime_vm_status(struct runtime *runtime, const char *instance, struct vm_status *ret_status)
{
    const struct vm *vm = vm_find(runtime, instance);
    if (!vm)
        return -ENOENT;
    *ret_status = vm->status;
    return 0;
}

int runtime_logs_open(struct runtime *runtime, const char *instance, const struct log_query *query,
                      bool (*on_record)(void *userdata, const struct log_record *record),
                      void (*on_end)(void *userdata, const struct error *err), void *userdata,
                      struct log_reader **ret_reader, struct error *err)
{
    struct vm *vm = vm_find(runtime, instance);
    if (!vm)
        return error_set(err, ENOENT, "there is no instance '%s'", instance);
    if (!log_store_is_kept(vm->log))
        return error_set(err, ENOTSUP,
                         "the logs of '%s' are not kept: its logging driver is \"none\"", instance);
    return log_reader_new(vm->log, query, 0, on_record, on_end, userdata, ret_reader, err);
}
