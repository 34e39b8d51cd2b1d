/* See vm.h: the host's disk is full. A guest's own full disk is the guest's affair, but its disks
 * are sparse: where the host has no room for a block that the guest takes for granted, QEMU stops
 * the guest instead of failing the write (werror=enospc) and tells us. The guest loses nothing; it
 * is shown as paused, and goes on by itself when there is room. */
#include "runtime/vm.h"

#include "base/log.h"
#include "base/str.h"

#include <sys/statvfs.h>

#define LOOK_AGAIN_MS 2000
/* So that it does not stop again with the next write. */
#define ROOM_WANTED (64ULL << 20)

/* True also where nobody can tell: trying does no harm. */
static bool has_room(const char *path)
{
    struct statvfs status;
    if (statvfs(path, &status) < 0)
        return true;
    uint64_t wanted = ROOM_WANTED, total = (uint64_t)status.f_blocks * status.f_frsize;
    return (uint64_t)status.f_bavail * status.f_frsize >= (wanted < total / 8 ? wanted : total / 8);
}

/* Volumes and instances may be on different file systems. */
static bool host_has_room(const struct vm *vm)
{
    _cleanup_free_ char *volumes = xasprintf("%s/volumes", vm->runtime->paths->state);
    return has_room(vm->folder) && has_room(volumes);
}

static void on_continued(void *userdata, const cJSON *result, const struct error *err)
{
    (void)result;
    struct vm *vm = userdata;
    if (err) {
        vm_disk_is_full(vm);
        return;
    }
    log_info("vm %s: there is room on the host's disk again: it goes on", vm->status.instance);
    if (vm->phase == VM_PHASE_RUNNING && vm->status.state == VM_PAUSED && !vm->disk_full)
        vm_set_state(vm, VM_RUNNING);
}

static void look_for_room(void *userdata)
{
    struct vm *vm = userdata;
    if (!vm->disk_full || !vm->qmp)
        return;
    if (!host_has_room(vm)) {
        deadline_set(vm->room, LOOK_AGAIN_MS);
        return;
    }
    vm->disk_full = false;
    qmp_execute(vm->qmp, "cont", NULL, on_continued, vm);
}

void vm_disk_is_full(struct vm *vm)
{
    if (!vm->disk_full)
        log_error("vm %s: the host's disk is full ('%s'): the VM is stopped before it loses"
                  " anything, and goes on when there is room",
                  vm->status.instance, vm->runtime->paths->state);
    vm->disk_full = true;
    if (!vm->room)
        vm->room = deadline_new(vm->runtime->loop, look_for_room, vm);
    deadline_set(vm->room, LOOK_AGAIN_MS);
    if (vm->phase == VM_PHASE_RUNNING && vm->status.state == VM_RUNNING)
        vm_set_state(vm, VM_PAUSED);
    vm_kick(vm); /* a start does not wait for room */
}

/* qemu-qmp-ref(7), BLOCK_IO_ERROR. */
void vm_on_qmp_event(void *userdata, const cJSON *event)
{
    const cJSON *data = json_object(event, "data");
    if (streq(json_string(event, "event", ""), "BLOCK_IO_ERROR") &&
        streq(json_string(data, "action", ""), "stop"))
        vm_disk_is_full(userdata);
}
