/* See vm.h: after a restart of the daemon. Rows come first; a QEMU that was spawned but not yet
 * written down is found in /proc by its UUID and run folder. What had not got as far as running is
 * ended: its identity may have been sent or not, and the plan that wanted it starts it again. */
#include "runtime/vm.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/qemu_argv.h"
#include "runtime/share.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>

struct scan {
    struct runtime *runtime;
    char *prefix; /* RUN/ : what our run folders begin with */
};

static struct vm *find_by_mark(struct runtime *runtime, const struct qemu_mark *mark)
{
    struct vm *vm = vm_find(runtime, mark->instance);
    return vm && strncmp(vm->id, mark->uuid, 32) == 0 && streq(vm->run_folder, mark->run_folder)
               ? vm
               : NULL;
}

/* And the virtiofsds that should have ended with its QEMU. */
static void end_run_folder(const char *path)
{
    _cleanup_free_ char *prefix = xasprintf("%s/", path);
    share_end_all(prefix);
    fs_remove_tree(path, NULL);
}

static void handle_mark(struct scan *scan, pid_t pid, const struct qemu_mark *mark)
{
    if (!str_after_prefix(mark->run_folder, scan->prefix))
        return; /* another root's */
    struct process_id process;
    if (process_identify(pid, &process) < 0)
        return;
    struct vm *vm = find_by_mark(scan->runtime, mark);
    bool same = vm && vm->process.pid == pid && vm->process.start_time == process.start_time;
    if (same || (vm && !process_is_alive(&vm->process))) {
        vm->process = process;
        vm->found = true;
        return;
    }
    log_warning("ending QEMU %d of '%s', of which nothing is known", pid, mark->instance);
    process_signal(&process, SIGKILL);
    end_run_folder(mark->run_folder);
}

static bool on_process(pid_t pid, char **argv, void *userdata)
{
    struct qemu_mark mark;
    if (!qemu_argv_read_mark(argv, &mark))
        return false;
    handle_mark(userdata, pid, &mark);
    free(mark.instance);
    free(mark.run_folder);
    return false;
}

static bool was_alive(enum vm_state state)
{
    return state == VM_STARTING || state == VM_RUNNING || state == VM_PAUSED ||
           state == VM_STOPPING;
}

static bool vm_reported_exit(const struct vm *vm)
{
    return vm->status.reason == VM_EXIT_SERVICE || vm->status.reason == VM_EXIT_OOM;
}

/* It ended while nobody looked. */
static void settle_gone(struct vm *vm)
{
    if (!vm_reported_exit(vm)) {
        bool booted = vm->status.started_at_ms != 0;
        vm->status.reason = booted ? VM_EXIT_KILLED : VM_EXIT_BOOT;
        vm->status.exit_code = booted ? 137 : 125;
    }
    vm->status.finished_at_ms = clock_realtime_ms();
    vm->status.pid = 0;
    vm->process = (struct process_id){0};
    vm_disconnect(vm);
    vm_set_state(vm, VM_EXITED);
}

/* Half-way states: down with it, by the state machine. */
static int adopt_half_way(struct vm *vm, struct error *err)
{
    int r = log_store_open(vm->log, vm->boot, err);
    if (r == 0)
        r = vm_connect(vm, err);
    process_signal(&vm->process, SIGKILL);
    vm_set_phase(vm, VM_PHASE_KILL, 10000);
    vm_set_state(vm, vm->status.state);
    return r;
}

static int adopt_running(struct vm *vm, struct error *err)
{
    vm->adopted = true;
    int r = log_store_open(vm->log, vm->boot, err);
    if (r == 0)
        r = vm_connect(vm, err);
    vm->service_exited = vm_reported_exit(vm); /* was saved, then we died */
    vm_set_phase(vm, VM_PHASE_RUNNING, 0);
    vm_set_state(vm, vm->status.state == VM_PAUSED ? VM_PAUSED : VM_RUNNING);
    vm_ask_whether_paused(vm);
    return r;
}

static int adopt(struct vm *vm, struct error *err)
{
    bool alive = process_is_alive(&vm->process);
    vm->status.pid = alive ? vm->process.pid : 0;
    if (!alive) {
        if (was_alive(vm->status.state))
            settle_gone(vm);
        else
            vm_set_state(vm, vm->status.state);
        return 0;
    }
    bool had_service = vm->status.started_at_ms != 0 && vm->status.state != VM_STARTING;
    return had_service ? adopt_running(vm, err) : adopt_half_way(vm, err);
}

/* A row's pid is believed where its QEMU was found under it: after a reboot even the start time may
 * be somebody else's, as it counts from the boot. */
static void forget_strangers(struct runtime *runtime)
{
    for (struct vm *vm = runtime->vms; vm; vm = vm->next)
        if (!vm->found)
            vm->process = (struct process_id){0};
}

/* Run folders of nobody: a crash between making one and spawning, or a probe's. */
static void remove_leftovers(struct runtime *runtime)
{
    _cleanup_free_ char *probe = xasprintf("%s/probe", runtime->paths->run);
    fs_remove_tree(probe, NULL);
    _cleanup_free_ char *parent = xasprintf("%s/vm", runtime->paths->run);
    DIR *folder = opendir(parent);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        _cleanup_free_ char *path = xasprintf("%s/%s", parent, entry->d_name);
        bool known = false;
        for (struct vm *vm = runtime->vms; vm && !known; vm = vm->next)
            known = vm->process.pid && streq(vm->run_folder, path);
        if (!known)
            end_run_folder(path);
    }
    if (folder)
        closedir(folder);
    rmdir(parent);
}

int vm_adopt_all(struct runtime *runtime, struct error *err)
{
    struct scan scan = {.runtime = runtime, .prefix = xasprintf("%s/", runtime->paths->run)};
    process_scan(QEMU_PROGRAM, on_process, &scan);
    free(scan.prefix);
    forget_strangers(runtime);
    remove_leftovers(runtime);
    int result = 0;
    for (struct vm *vm = runtime->vms, *next; vm; vm = next) {
        next = vm->next;
        int r = adopt(vm, err);
        if (r < 0)
            result = r;
    }
    return result;
}
