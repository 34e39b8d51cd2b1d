/* See vm.h: the provider "vm". An operation is noted in its VM and carried out by vm_advance(). */
#include "runtime/vm.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>

void vm_complete(struct vm *vm, cJSON *result, struct error *err)
{
    struct operation *operation = TAKE_PTR(vm->operation);
    vm->cancelled = false;
    operation->provider_data = NULL;
    struct error none = {0};
    operation_done(operation, result, err ? err : &none);
}

static void complete_and_free(struct vm *vm, struct error *err)
{
    struct operation *operation = TAKE_PTR(vm->operation);
    _cleanup_free_ char *parent = xasprintf("%s/instances", vm->runtime->paths->state);
    rmdir(parent); /* the last one takes it away */
    vm_free(vm);
    operation->provider_data = NULL;
    operation_done(operation, NULL, err);
}

void vm_undo_ensure(struct vm *vm)
{
    _cleanup_error_ struct error err = {0};
    error_move(&err, &vm->failure);
    fs_remove_tree(vm->folder, NULL);
    vm_store_delete(vm->runtime->store, vm->status.instance, NULL);
    complete_and_free(vm, &err);
}

void vm_complete_removal(struct vm *vm)
{
    struct error none = {0};
    complete_and_free(vm, &none);
}

/* An id becomes a folder's name and a UUID. */
static int check_names(const char *instance, const char *id, struct error *err)
{
    if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64)
        return error_set(err, EINVAL, "'%s': the id must be 64 hex digits, not '%s'", instance, id);
    if (!*instance || strchr(instance, '/') || instance[0] == '.' || strlen(instance) > 255)
        return error_set(err, EINVAL, "'%s' cannot be an instance's name", instance);
    return 0;
}

/* What a crash has left of an instance of this name that is no more (another id): its disk is not
 * taken over. */
static int replace(struct runtime *runtime, struct vm *vm, struct error *err)
{
    if (vm->phase != VM_PHASE_IDLE || vm->operation)
        return error_set(err, EBUSY, "'%s' is still there under another id: remove it first",
                         vm->status.instance);
    int r = vm_store_delete(runtime->store, vm->status.instance, err);
    if (r == 0)
        r = fs_remove_tree(vm->folder, err);
    if (r == 0)
        vm_free(vm);
    return r;
}

static int find_or_make(struct runtime *runtime, const struct operation *operation,
                        struct vm **ret_vm, struct error *err)
{
    const char *id = json_string(operation->spec, "id", "");
    int r = check_names(operation->name, id, err);
    if (r < 0)
        return r;
    struct vm *vm = vm_find(runtime, operation->name);
    if (vm && !streq(vm->id, id)) {
        r = replace(runtime, vm, err);
        vm = NULL;
    }
    if (r == 0 && !vm) {
        vm = vm_new(runtime, operation->name, id);
        r = vm_store_save(vm, err); /* before the effect */
        if (r < 0)
            vm_free(vm);
    }
    if (r == 0)
        *ret_vm = vm;
    return r;
}

struct absent {
    struct deadline *deadline;
    struct operation *operation;
};

static void on_absent(void *userdata)
{
    struct absent *absent = userdata;
    struct operation *operation = absent->operation;
    struct error none = {0};
    deadline_free(absent->deadline);
    free(absent);
    operation_done(operation, NULL, &none);
}

/* STOP or REMOVE of what is not there is success, in the loop's next round. */
static int succeed_later(struct runtime *runtime, struct operation *operation)
{
    struct absent *absent = new0(struct absent);
    absent->operation = operation;
    absent->deadline = deadline_new(runtime->loop, on_absent, absent);
    deadline_set(absent->deadline, 0);
    return 0;
}

int vm_start_operation(void *self, struct operation *operation, struct error *err)
{
    struct runtime *runtime = self;
    struct vm *vm = vm_find(runtime, operation->name);
    operation->provider_data = NULL;
    if (operation->verb == OPERATION_ENSURE) {
        int r = find_or_make(runtime, operation, &vm, err);
        if (r < 0)
            return r;
    } else if (!vm && operation->verb == OPERATION_START) {
        return error_set(err, ENOENT, "there is no instance '%s' to start", operation->name);
    } else if (!vm) {
        return succeed_later(runtime, operation);
    }
    if (vm->operation)
        return error_set(err, EBUSY, "'%s' is busy: another operation on it has not ended",
                         operation->name);
    error_done(&vm->failure);
    vm->operation = operation;
    vm->cancelled = false;
    operation->provider_data = vm;
    vm_kick(vm);
    return 0;
}

void vm_cancel_operation(void *self, struct operation *operation)
{
    (void)self;
    struct vm *vm = operation->provider_data;
    if (!vm)
        return;
    vm->cancelled = true;
    vm_kick(vm);
}
