/* See runtime.h: what is asked of a running VM: its agent's services, signals, a pause. */
#include "runtime/vm.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>

int vm_find_running(struct runtime *runtime, const char *instance, struct vm **ret_vm,
                    struct error *err)
{
    struct vm *vm = vm_find(runtime, instance);
    if (!vm)
        return error_set(err, ENOENT, "there is no instance '%s'", instance);
    bool runs = vm->channel && !vm->channel_closed &&
                (vm->phase == VM_PHASE_RUNNING || vm->phase == VM_PHASE_SHUTDOWN);
    if (!runs)
        return error_set(err, ENOTCONN, "'%s' does not run: it is %s", instance,
                         vm_state_name(vm->status.state));
    *ret_vm = vm;
    return 0;
}

static int find_answering(struct runtime *runtime, const char *instance, struct vm **ret_vm,
                          struct error *err)
{
    int r = vm_find_running(runtime, instance, ret_vm, err);
    if (r < 0)
        return r;
    if ((*ret_vm)->disk_full)
        return error_set(err, ENOTCONN, "'%s' waits until there is room on the host's disk ('%s')",
                         instance, runtime->paths->state);
    if ((*ret_vm)->status.state == VM_PAUSED)
        return error_set(err, ENOTCONN, "'%s' is paused: `vmstead unpause` it first", instance);
    if (process_is_stopped(&(*ret_vm)->process))
        return error_set(err, ENOTCONN,
                         "'%s' does not answer: somebody has stopped its QEMU (kill -CONT %d"
                         " lets it go on)",
                         instance, (*ret_vm)->process.pid);
    return 0;
}

int runtime_exec_start(struct runtime *runtime, const char *instance,
                       const struct exec_options *options, const struct exec_callbacks *callbacks,
                       void *userdata, struct exec **ret_exec, struct error *err)
{
    struct vm *vm;
    int r = find_answering(runtime, instance, &vm, err);
    return r < 0 ? r : channel_exec_start(vm->channel, options, callbacks, userdata, ret_exec, err);
}

int runtime_probe_start(struct runtime *runtime, const char *instance,
                        const struct probe_options *options,
                        void (*on_done)(void *userdata, const struct probe_result *result,
                                        const struct error *err),
                        void *userdata, struct probe **ret_probe, struct error *err)
{
    struct vm *vm;
    int r = find_answering(runtime, instance, &vm, err);
    return r < 0 ? r : channel_probe_start(vm->channel, options, on_done, userdata, ret_probe, err);
}

int runtime_top_start(struct runtime *runtime, const char *instance,
                      void (*on_done)(void *userdata, const struct top_process *processes,
                                      size_t count, const struct error *err),
                      void *userdata, struct top **ret_top, struct error *err)
{
    struct vm *vm;
    int r = find_answering(runtime, instance, &vm, err);
    return r < 0 ? r : channel_top_start(vm->channel, on_done, userdata, ret_top, err);
}

int runtime_inspect_start(struct runtime *runtime, const char *instance,
                          const struct inspect_options *options,
                          void (*on_done)(void *userdata, const struct guest_fact *facts,
                                          size_t count, const struct error *err),
                          void *userdata, struct inspection **ret_inspection, struct error *err)
{
    struct vm *vm;
    int r = find_answering(runtime, instance, &vm, err);
    return r < 0 ? r
                 : channel_inspect_start(vm->channel, options, on_done, userdata, ret_inspection,
                                         err);
}

int runtime_copy_out_start(struct runtime *runtime, const char *instance,
                           const struct copy_out_options *options,
                           const struct copy_out_callbacks *callbacks, void *userdata,
                           struct copy_out **ret_copy, struct error *err)
{
    struct vm *vm;
    int r = find_answering(runtime, instance, &vm, err);
    return r < 0 ? r
                 : channel_copy_out_start(vm->channel, options, callbacks, userdata, ret_copy, err);
}

int runtime_copy_in_start(struct runtime *runtime, const char *instance,
                          const struct copy_in_options *options,
                          const struct copy_in_callbacks *callbacks, void *userdata,
                          struct copy_in **ret_copy, struct error *err)
{
    struct vm *vm;
    int r = find_answering(runtime, instance, &vm, err);
    return r < 0 ? r
                 : channel_copy_in_start(vm->channel, options, callbacks, userdata, ret_copy, err);
}

/* --- signals -------------------------------------------------------------------------------- */

int runtime_vm_signal(struct runtime *runtime, const char *instance, int signal_number,
                      struct error *err)
{
    struct vm *vm;
    if (signal_number == SIGKILL)
        return runtime_vm_kill(runtime, instance, err);
    if (signal_number < 1 || signal_number > SIGRTMAX)
        return error_set(err, EINVAL, "there is no signal %d", signal_number);
    int r = find_answering(runtime, instance, &vm, err);
    if (r == 0)
        channel_send_service_signal(vm->channel, signal_number);
    return r;
}

int runtime_vm_kill(struct runtime *runtime, const char *instance, struct error *err)
{
    struct vm *vm;
    int r = vm_find_running(runtime, instance, &vm, err);
    if (r < 0)
        return r;
    vm->kill_asked = true;
    vm_kick(vm);
    return 0;
}

/* --- pause ---------------------------------------------------------------------------------- */

struct pause {
    struct pause *next;
    struct vm *vm;
    bool paused;
    void (*on_done)(void *userdata, const struct error *err);
    void *userdata;
};

static void pause_unlink(struct pause *pause)
{
    for (struct pause **link = &pause->vm->pauses; *link; link = &(*link)->next) {
        if (*link != pause)
            continue;
        *link = pause->next;
        return;
    }
}

static void pause_finish(struct pause *pause, const struct error *err)
{
    struct vm *vm = pause->vm;
    enum vm_state reached = pause->paused ? VM_PAUSED : VM_RUNNING;
    bool runs = vm->phase == VM_PHASE_RUNNING;
    pause_unlink(pause);
    if (!err && runs && vm->status.state != reached)
        vm_set_state(vm, reached);
    pause->on_done(pause->userdata, err);
    free(pause);
}

static void on_pause_reply(void *userdata, const cJSON *result, const struct error *err)
{
    (void)result;
    pause_finish(userdata, err);
}

void vm_fail_pauses(struct vm *vm)
{
    _cleanup_error_ struct error err = {0};
    error_set(&err, ENOTCONN, "'%s' has ended", vm->status.instance);
    for (struct pause *pause = TAKE_PTR(vm->pauses), *next; pause; pause = next) {
        next = pause->next;
        pause->on_done(pause->userdata, &err);
        free(pause);
    }
}

void vm_forget_pauses(struct vm *vm)
{
    while (vm->pauses) {
        struct pause *pause = vm->pauses;
        vm->pauses = pause->next;
        free(pause);
    }
}

int runtime_vm_set_paused(struct runtime *runtime, const char *instance, bool paused,
                          void (*on_done)(void *userdata, const struct error *err), void *userdata,
                          struct error *err)
{
    struct vm *vm;
    int r = vm_find_running(runtime, instance, &vm, err);
    if (r < 0)
        return r;
    if (vm->phase != VM_PHASE_RUNNING || !vm->qmp)
        return error_set(err, ENOTCONN, "'%s' is being stopped", instance);
    if ((vm->status.state == VM_PAUSED) == paused)
        return error_set(err, EALREADY, "'%s' is %s", instance,
                         paused ? "paused already" : "not paused");
    struct pause *pause = new0(struct pause);
    *pause = (struct pause){
        .next = vm->pauses, .vm = vm, .paused = paused, .on_done = on_done, .userdata = userdata};
    vm->pauses = pause;
    qmp_execute(vm->qmp, paused ? "stop" : "cont", NULL, on_pause_reply, pause);
    return 0;
}

/* A daemon that died between QEMU's doing and the row. */
static void on_status_known(void *userdata, const cJSON *result, const struct error *err)
{
    struct vm *vm = userdata;
    if (err || vm->phase != VM_PHASE_RUNNING || vm->pauses)
        return;
    const char *status = json_string(result, "status", "");
    if (streq(status, "io-error")) {
        vm_disk_is_full(vm);
        return;
    }
    enum vm_state state = streq(status, "paused") ? VM_PAUSED : VM_RUNNING;
    if (vm->status.state != state)
        vm_set_state(vm, state);
}

void vm_ask_whether_paused(struct vm *vm)
{
    if (vm->qmp)
        qmp_execute(vm->qmp, "query-status", NULL, on_status_known, vm);
}
