/* See vm.h: the state machine. Each step looks at what has happened and either waits (false) or has
 * moved on (true). Operations end in two places only: when the VM has reached what was asked for,
 * and in step_idle(). */
#include "runtime/vm.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>

#define PLATFORM_TIMEOUT_MS 120000
#define BOOT_TIMEOUT_KVM_MS 30000
#define BOOT_TIMEOUT_TCG_MS 120000 /* a loaded host emulating many guests is slow */
#define SERVICE_TIMEOUT_MS 60000
#define KILL_GRACE_MS 5000      /* for the guest to write what it has and power off */
#define FILL_TIMEOUT_MS 1800000 /* with volumes, into which much may have to be copied */
#define POWEROFF_TIMEOUT_MS 15000
#define QUIT_TIMEOUT_MS 3000
#define KILL_TIMEOUT_MS 10000
#define DRAIN_TIMEOUT_MS 2000
#define EXIT_CODE_KILLED 137
#define EXIT_CODE_NOT_BOOTED 125

static const char *const phase_names[] = {"idle",    "disk",    "platform", "boot",
                                          "service", "running", "shutdown", "poweroff",
                                          "quit",    "kill",    "drain",    "removing"};
static_assert(ARRAY_SIZE(phase_names) == VM_PHASE_COUNT, "a name for each phase");

void vm_kick(struct vm *vm)
{
    deadline_set(vm->tick, 0);
}

/* They may have waited for its service: see shares_with_starting(). */
static void kick_those_that_share(const struct vm *vm)
{
    for (struct vm *other = vm->runtime->vms; vm->volumes && other; other = other->next)
        if (other->phase == VM_PHASE_BOOT)
            vm_kick(other);
}

void vm_set_phase(struct vm *vm, enum vm_phase phase, uint64_t timeout_ms)
{
    log_debug("vm %s: %s -> %s", vm->status.instance, phase_names[vm->phase], phase_names[phase]);
    if (vm->phase == VM_PHASE_SERVICE)
        kick_those_that_share(vm);
    vm->phase = phase;
    vm->timed_out = false;
    deadline_clear(vm->timeout);
    if (timeout_ms)
        deadline_set(vm->timeout, timeout_ms);
}

void vm_set_state(struct vm *vm, enum vm_state state)
{
    log_info("vm %s: %s -> %s", vm->status.instance, vm_state_name(vm->status.state),
             vm_state_name(state));
    vm->status.state = state;
    _cleanup_error_ struct error err = {0};
    if (vm_store_save(vm, &err) < 0)
        log_error("vm %s: %s", vm->status.instance, error_text(&err));
    vm->runtime->on_event(vm->runtime->userdata, &vm->status);
}

/* --- ends ----------------------------------------------------------------------------------- */

static bool is_asked_to(const struct vm *vm, enum operation_verb verb)
{
    return vm->operation && vm->operation->verb == verb;
}

static bool kill_now(struct vm *vm)
{
    process_signal(&vm->process, SIGKILL);
    vm_set_phase(vm, VM_PHASE_KILL, KILL_TIMEOUT_MS);
    return true;
}

/* The START fails: err is taken. What was made is undone on the way to idle. */
static bool fail_start(struct vm *vm, struct error *err)
{
    error_move(&vm->failure, err);
    return kill_now(vm);
}

static bool drain(struct vm *vm)
{
    vm_set_phase(vm, VM_PHASE_DRAIN, DRAIN_TIMEOUT_MS);
    return true;
}

static bool quit(struct vm *vm)
{
    if (!vm->qmp)
        return kill_now(vm);
    qmp_execute(vm->qmp, "quit", NULL, NULL, NULL);
    vm_set_phase(vm, VM_PHASE_QUIT, QUIT_TIMEOUT_MS);
    return true;
}

/* A cancelled STOP lets go of the VM, which goes down all the same. */
static bool let_go_if_cancelled(struct vm *vm)
{
    if (!vm->cancelled || !is_asked_to(vm, OPERATION_STOP))
        return false;
    _cleanup_error_ struct error err = {0};
    error_set(&err, ECANCELED, "stopping '%s' was cancelled", vm->status.instance);
    vm_complete(vm, NULL, &err);
    return true;
}

/* --- on the way up -------------------------------------------------------------------------- */

static bool idle_with_failure(struct vm *vm, struct error *err)
{
    error_move(&vm->failure, err);
    vm_set_phase(vm, VM_PHASE_IDLE, 0);
    return true;
}

static bool cancel_start(struct vm *vm, struct error *err)
{
    if (vm->cancelled)
        error_set(err, ECANCELED, "starting '%s' was cancelled", vm->status.instance);
    return vm->cancelled;
}

static bool step_disk(struct vm *vm)
{
    if (!vm->disk_done) {
        if (vm->cancelled && vm->disk)
            disk_request_cancel(vm->disk);
        return false;
    }
    vm_set_phase(vm, VM_PHASE_IDLE, 0);
    if (!vm->failure.code)
        vm_complete(vm, NULL, NULL);
    return vm->failure.code != 0;
}

/* The error of a START that never got a QEMU leaves the VM as it was. */
static bool step_platform(struct vm *vm)
{
    _cleanup_error_ struct error err = {0};
    enum platform_state state = platform_state(vm->runtime->platform, &err);
    if (cancel_start(vm, &err))
        return idle_with_failure(vm, &err);
    if (vm->timed_out) {
        error_set(&err, ETIMEDOUT, "the guest kit was not ready after %d s",
                  PLATFORM_TIMEOUT_MS / 1000);
        return idle_with_failure(vm, &err);
    }
    switch (state) {
    case PLATFORM_IDLE:
    case PLATFORM_PREPARING:
        return false;
    case PLATFORM_FAILED:
        return idle_with_failure(vm, &err);
    case PLATFORM_READY:
        break;
    }
    bool kvm = platform_has_kvm(vm->runtime->platform);
    if (vm_start_qemu(vm, &err) < 0)
        return idle_with_failure(vm, &err);
    operation_progress(vm->operation, "booting", 0, 0, "");
    vm_set_phase(vm, VM_PHASE_BOOT, kvm ? BOOT_TIMEOUT_KVM_MS : BOOT_TIMEOUT_TCG_MS);
    return true;
}

/* An empty volume is filled from the image by the first that starts: others that share it wait
 * until that one's service runs. */
static bool shares_with_starting(const struct vm *vm)
{
    for (const struct vm *other = vm->runtime->vms; other; other = other->next)
        for (char **name = vm->volumes; other->phase == VM_PHASE_SERVICE && name && *name; name++)
            if (strv_contains(other->volumes, *name))
                return true;
    return false;
}

static bool step_boot(struct vm *vm)
{
    _cleanup_error_ struct error err = {0};
    const char *instance = vm->status.instance;
    if (cancel_start(vm, &err))
        return fail_start(vm, &err);
    if (vm->process_gone)
        error_set(&err, EIO, "'%s' did not boot: QEMU ended", instance);
    else if (vm->timed_out && !vm->channel_ready)
        error_set(&err, ETIMEDOUT, "'%s' did not boot: no sign of its agent in time", instance);
    else if (vm->channel_closed)
        error_set(&err, EIO, "'%s' did not boot: the agent's channel broke", instance);
    else if (vm->disk_full)
        error_set(&err, ENOSPC, "'%s' cannot start: the host's disk is full", instance);
    if (err.code)
        return fail_start(vm, &err);
    if (!vm->channel_ready || shares_with_starting(vm))
        return false;
    _cleanup_json_ cJSON *identity = NULL;
    _cleanup_(vm_files_done) struct vm_files files = {0};
    if (vm_identity_build(vm->operation->spec, vm->operation->inputs, clock_realtime_ns(),
                          &identity, &err) < 0 ||
        vm_files_read(vm->operation->spec, vm->runtime->paths->root_id, &files, &err) < 0)
        return fail_start(vm, &err);
    json_set(identity, "mounts", TAKE_PTR(vm->guest_mounts));
    channel_send_identity(vm->channel, identity, &files);
    operation_progress(vm->operation, "starting the service", 0, 0, "");
    vm_set_phase(vm, VM_PHASE_SERVICE, vm->volumes ? FILL_TIMEOUT_MS : SERVICE_TIMEOUT_MS);
    return true;
}

static bool step_service(struct vm *vm)
{
    _cleanup_error_ struct error err = {0};
    if (vm->service_started) {
        vm->status.started_at_ms = clock_realtime_ms();
        vm_set_phase(vm, VM_PHASE_RUNNING, 0);
        vm_set_state(vm, VM_RUNNING);
        cJSON *result = cJSON_CreateObject();
        json_set_int(result, "pid", vm->status.pid);
        vm_complete(vm, result, NULL);
        return true;
    }
    if (vm->service_failed) /* vm->failure says why, the guest powers off */
        return kill_now(vm);
    if (cancel_start(vm, &err))
        return fail_start(vm, &err);
    if (vm->process_gone || vm->channel_closed)
        error_set(&err, EIO, "'%s' went away before its service had started", vm->status.instance);
    else if (vm->disk_full)
        error_set(&err, ENOSPC, "'%s' cannot start: the host's disk is full", vm->status.instance);
    else if (vm->timed_out)
        error_set(&err, ETIMEDOUT, "the service of '%s' did not start within %d s",
                  vm->status.instance, (vm->volumes ? FILL_TIMEOUT_MS : SERVICE_TIMEOUT_MS) / 1000);
    return err.code ? fail_start(vm, &err) : false;
}

/* --- running and on the way down ------------------------------------------------------------ */

/* A guest that is paused, or whose QEMU somebody has stopped, could not go down. */
static void let_go_on(struct vm *vm)
{
    process_signal(&vm->process, SIGCONT);
    if (vm->status.state == VM_PAUSED && vm->qmp)
        qmp_execute(vm->qmp, "cont", NULL, NULL, NULL);
}

/* SIGKILL for the service, not for QEMU: that would be a power cut for the guest's disks. */
static bool begin_kill(struct vm *vm)
{
    vm->kill_asked = false;
    let_go_on(vm);
    channel_send_shutdown(vm->channel, SIGKILL, 0);
    vm_set_phase(vm, VM_PHASE_SHUTDOWN, KILL_GRACE_MS);
    vm_set_state(vm, VM_STOPPING);
    return true;
}

static bool begin_shutdown(struct vm *vm)
{
    const cJSON *spec = vm->operation->spec;
    if (json_bool(spec, "kill", false) || is_asked_to(vm, OPERATION_REMOVE) || vm->channel_closed)
        return kill_now(vm);
    let_go_on(vm);
    int64_t timeout_ms = json_int(spec, "stop_timeout_ms", 10000);
    uint64_t grace_ms = timeout_ms < 0 ? 0 : (uint64_t)timeout_ms;
    channel_send_shutdown(vm->channel, vm->stop_signal, grace_ms);
    vm_set_phase(vm, VM_PHASE_SHUTDOWN, grace_ms + POWEROFF_TIMEOUT_MS);
    vm_set_state(vm, VM_STOPPING);
    return true;
}

static bool step_running(struct vm *vm)
{
    if (vm->process_gone)
        return drain(vm);
    if (vm->service_exited) {
        vm_set_phase(vm, VM_PHASE_POWEROFF, POWEROFF_TIMEOUT_MS);
        return true;
    }
    if (is_asked_to(vm, OPERATION_STOP) || is_asked_to(vm, OPERATION_REMOVE))
        return begin_shutdown(vm);
    if (vm->channel_closed) /* QEMU is ending, or nobody can talk to this guest any more */
        return quit(vm);
    if (vm->kill_asked)
        return begin_kill(vm);
    if (is_asked_to(vm, OPERATION_START) || is_asked_to(vm, OPERATION_ENSURE)) {
        cJSON *result = cJSON_CreateObject(); /* it is there already */
        json_set_int(result, "pid", vm->status.pid);
        vm_complete(vm, result, NULL);
    }
    return false;
}

/* Asked again, and less patiently, while it goes down. */
static bool is_asked_to_kill(const struct vm *vm)
{
    return is_asked_to(vm, OPERATION_REMOVE) ||
           (is_asked_to(vm, OPERATION_STOP) && json_bool(vm->operation->spec, "kill", false));
}

static bool step_going_down(struct vm *vm)
{
    if (let_go_if_cancelled(vm))
        return true;
    if (vm->process_gone)
        return drain(vm);
    if (is_asked_to_kill(vm))
        return kill_now(vm);
    if (vm->kill_asked && vm->phase == VM_PHASE_SHUTDOWN && !vm->channel_closed)
        return begin_kill(vm);
    return vm->timed_out ? quit(vm) : false;
}

static bool step_quit(struct vm *vm)
{
    if (vm->process_gone)
        return drain(vm);
    return vm->timed_out || is_asked_to_kill(vm) ? kill_now(vm) : false;
}

static bool step_kill(struct vm *vm)
{
    if (vm->process_gone)
        return drain(vm);
    if (!vm->timed_out)
        return false;
    _cleanup_error_ struct error err = {0};
    error_set(&err, ETIMEDOUT,
              "QEMU of '%s' (pid %d) does not end, not even by SIGKILL: is its disk hanging?",
              vm->status.instance, vm->process.pid);
    log_error("%s", error_text(&err));
    vm->timed_out = false;
    if (vm->operation)
        vm_complete(vm, NULL, &err);
    return false;
}

static void add_evidence(struct vm *vm)
{
    _cleanup_free_ char *console_path = vm_file(vm, "console.log");
    _cleanup_free_ char *console = console_read_tail(console_path, 1500);
    _cleanup_free_ char *qemu_path = vm_file(vm, "qemu.log");
    _cleanup_free_ char *qemu = console_read_tail(qemu_path, 1000);
    struct strbuf text = {0};
    strbuf_add_str(&text, error_text(&vm->failure));
    if (*qemu)
        strbuf_addf(&text, "; QEMU said: %s", qemu);
    strbuf_addf(&text, *console ? "; its console's last lines: %s" : "; its console was silent%s",
                console);
    free(vm->failure.message);
    vm->failure.message = strbuf_take(&text);
}

static void settle_status(struct vm *vm)
{
    struct vm_status *status = &vm->status;
    bool booted = vm->service_started || vm->adopted;
    if (vm->failure.code && !booted) {
        status->reason = VM_EXIT_BOOT;
        if (!vm->service_failed)
            status->exit_code = EXIT_CODE_NOT_BOOTED;
        if (vm->failure.code != ECANCELED && !vm->service_failed)
            add_evidence(vm);
    } else if (!vm->service_exited) {
        status->reason = VM_EXIT_KILLED;
        status->exit_code = EXIT_CODE_KILLED;
    }
    status->finished_at_ms = clock_realtime_ms();
    status->pid = 0;
    vm->process = (struct process_id){0};
}

static bool step_drain(struct vm *vm)
{
    bool all_read = (vm->channel_closed || !vm->channel) && (vm->console_closed || !vm->console);
    if (!all_read && !vm->timed_out)
        return false;
    vm_disconnect(vm);
    settle_status(vm);
    vm_set_phase(vm, VM_PHASE_IDLE, 0);
    vm_set_state(vm, VM_EXITED);
    vm_end_attachments(vm);
    return true;
}

/* --- idle, and gone ------------------------------------------------------------------------- */

struct removal {
    uv_work_t request;
    struct vm *vm;
    char *folder;
    struct error err;
};

static void remove_files(uv_work_t *request)
{
    struct removal *removal = request->data;
    fs_remove_tree(removal->folder, &removal->err);
}

static void on_files_removed(uv_work_t *request, int status)
{
    (void)status;
    struct removal *removal = request->data;
    if (removal->vm) {
        error_move(&removal->vm->failure, &removal->err);
        removal->vm->files_gone = true;
        removal->vm->removal = NULL;
        vm_advance(removal->vm);
    }
    error_done(&removal->err);
    free(removal->folder);
    free(removal);
}

static bool begin_removal(struct vm *vm)
{
    struct removal *removal = new0(struct removal);
    removal->request.data = removal;
    removal->vm = vm;
    removal->folder = xstrdup(vm->folder);
    vm->removal = removal;
    vm->files_gone = false;
    uv_queue_work(vm->runtime->loop, &removal->request, remove_files, on_files_removed);
    vm_set_phase(vm, VM_PHASE_REMOVING, 0);
    return true;
}

void vm_forget_removal(struct vm *vm)
{
    if (vm->removal)
        vm->removal->vm = NULL;
}

static bool begin_ensure(struct vm *vm)
{
    uint64_t bytes = (uint64_t)json_int(vm->operation->spec, "disk_bytes", 0);
    if (vm_ensure_files(vm, bytes ? bytes : DISK_DEFAULT_BYTES, &vm->failure) < 0)
        return true;
    vm_set_phase(vm, VM_PHASE_DISK, 0); /* mke2fs has a deadline of its own */
    return true;
}

static bool step_idle(struct vm *vm)
{
    if (!vm->operation) {
        error_done(&vm->failure);
        return false;
    }
    if (vm->failure.code && is_asked_to(vm, OPERATION_ENSURE) && vm->boot == 0) {
        vm_undo_ensure(vm);
        return false;
    }
    if (vm->failure.code) {
        _cleanup_error_ struct error err = {0};
        error_move(&err, &vm->failure);
        vm_complete(vm, NULL, &err);
        return true;
    }
    switch (vm->operation->verb) {
    case OPERATION_ENSURE:
        return begin_ensure(vm);
    case OPERATION_START:
        platform_prepare(vm->runtime->platform);
        vm_set_phase(vm, VM_PHASE_PLATFORM, PLATFORM_TIMEOUT_MS);
        return true;
    case OPERATION_STOP:
        vm_complete(vm, NULL, NULL);
        return true;
    case OPERATION_REMOVE:
        return begin_removal(vm);
    case OPERATION_WAIT:
    case OPERATION_PAUSE:
    case OPERATION_UNPAUSE:
    case OPERATION_KILL:
    case OPERATION_VERB_COUNT:
        break;
    }
    return false;
}

/* The object ends with the operation. */
static bool step_removing(struct vm *vm)
{
    if (!vm->files_gone)
        return false;
    vm_set_phase(vm, VM_PHASE_IDLE, 0);
    if (vm->failure.code ||
        vm_store_delete(vm->runtime->store, vm->status.instance, &vm->failure) < 0)
        return true;
    vm_complete_removal(vm);
    return false;
}

static bool step(struct vm *vm)
{
    switch (vm->phase) {
    case VM_PHASE_IDLE:
        return step_idle(vm);
    case VM_PHASE_DISK:
        return step_disk(vm);
    case VM_PHASE_PLATFORM:
        return step_platform(vm);
    case VM_PHASE_BOOT:
        return step_boot(vm);
    case VM_PHASE_SERVICE:
        return step_service(vm);
    case VM_PHASE_RUNNING:
        return step_running(vm);
    case VM_PHASE_SHUTDOWN:
    case VM_PHASE_POWEROFF:
        return step_going_down(vm);
    case VM_PHASE_QUIT:
        return step_quit(vm);
    case VM_PHASE_KILL:
        return step_kill(vm);
    case VM_PHASE_DRAIN:
        return step_drain(vm);
    case VM_PHASE_REMOVING:
        return step_removing(vm);
    case VM_PHASE_COUNT:
        break;
    }
    return false;
}

void vm_advance(struct vm *vm)
{
    while (step(vm))
        ;
}
