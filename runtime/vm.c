/* See vm.h: the object. */
#include "runtime/vm.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>

static const char *const state_names[] = {"created", "starting", "running",
                                          "paused",  "stopping", "exited"};
static_assert(ARRAY_SIZE(state_names) == VM_STATE_COUNT, "a name for each state");

const char *vm_state_name(enum vm_state state)
{
    return state_names[state];
}

static const char *const reason_names[] = {"", "service", "killed", "boot", "oom"};
static_assert(ARRAY_SIZE(reason_names) == VM_EXIT_REASON_COUNT, "a name for each reason");

const char *vm_exit_reason_name(enum vm_exit_reason reason)
{
    return reason_names[reason];
}

static void on_tick(void *userdata)
{
    vm_advance(userdata);
}

static void on_timeout(void *userdata)
{
    struct vm *vm = userdata;
    vm->timed_out = true;
    vm_advance(vm);
}

struct vm *vm_new(struct runtime *runtime, const char *instance, const char *id)
{
    struct vm *vm = new0(struct vm);
    vm->runtime = runtime;
    snprintf(vm->status.instance, sizeof(vm->status.instance), "%s", instance);
    snprintf(vm->id, sizeof(vm->id), "%s", id);
    vm->stop_signal = SIGTERM;
    vm->folder = xasprintf("%s/instances/%s", runtime->paths->state, instance);
    vm->run_folder = xasprintf("%s/vm/%.12s", runtime->paths->run, id);
    _cleanup_free_ char *log_path = vm_file(vm, "log");
    vm->log = log_store_new(runtime->loop, log_path);
    vm->tick = deadline_new(runtime->loop, on_tick, vm);
    vm->timeout = deadline_new(runtime->loop, on_timeout, vm);
    vm->next = runtime->vms;
    runtime->vms = vm;
    return vm;
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    for (struct vm **link = &vm->runtime->vms; *link; link = &(*link)->next)
        if (*link == vm) {
            *link = vm->next;
            break;
        }
    if (vm->disk)
        disk_request_abandon(vm->disk);
    vm_forget_removal(vm);
    vm_forget_pauses(vm);
    vm_fail_attachments(vm);
    channel_free(vm->channel);
    qmp_free(vm->qmp);
    console_free(vm->console);
    file_bound_free(vm->qemu_log);
    process_watch_free(vm->watch);
    log_store_free(vm->log);
    deadline_free(vm->tick);
    deadline_free(vm->timeout);
    deadline_free(vm->room);
    error_done(&vm->failure);
    free(vm->logging);
    strv_free(vm->volumes);
    cJSON_Delete(vm->guest_mounts);
    free(vm->folder);
    free(vm->run_folder);
    free(vm);
}

struct vm *vm_find(struct runtime *runtime, const char *instance)
{
    for (struct vm *vm = runtime->vms; vm; vm = vm->next)
        if (streq(vm->status.instance, instance))
            return vm;
    return NULL;
}

void vm_set_logging(struct vm *vm, const char *logging)
{
    _cleanup_json_ cJSON *options = NULL;
    json_parse(logging, strlen(logging), &options, NULL);
    struct log_limits limits = log_limits_read(options);
    log_store_set_limits(vm->log, &limits);
    free(vm->logging);
    vm->logging = xstrdup(logging);
}

char *vm_file(const struct vm *vm, const char *name)
{
    return xasprintf("%s/%s", vm->folder, name);
}
