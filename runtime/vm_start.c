/* See vm.h: from a START's spec and inputs to a running, connected QEMU. */
#include "runtime/vm.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/qemu.h"
#include "runtime/qemu_argv.h"
#include "runtime/share.h"
#include "runtime/vm_mounts.h"
#include "runtime/volume.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* --- folder and disk ------------------------------------------------------------------------ */

static void on_disk_made(void *userdata, const struct error *err)
{
    struct vm *vm = userdata;
    vm->disk = NULL;
    vm->disk_done = true;
    if (err)
        error_copy(&vm->failure, err);
    vm_kick(vm);
}

/* From here on its volumes cannot be removed. */
static int note_volumes(struct vm *vm, struct error *err)
{
    _cleanup_strv_ char **volumes = vm_mounts_volumes(vm->operation->spec);
    int r = volume_store_set_used(vm->runtime->store, vm->status.instance, volumes, err);
    if (r < 0)
        return r;
    strv_free(vm->volumes);
    vm->volumes = TAKE_PTR(volumes);
    return 0;
}

int vm_ensure_files(struct vm *vm, uint64_t disk_bytes, struct error *err)
{
    _cleanup_free_ char *disk = vm_file(vm, "data.img");
    int r = note_volumes(vm, err);
    if (r == 0)
        r = fs_make_directory(vm->folder, 0700, err);
    vm->disk_done = false;
    if (r == 0)
        r = disk_ensure(vm->runtime->loop, disk, disk_bytes, on_disk_made, vm, &vm->disk, err);
    return r;
}

/* --- what happens to a running VM ----------------------------------------------------------- */

static void on_process_ended(void *userdata)
{
    struct vm *vm = userdata;
    vm->process_gone = true;
    vm_kick(vm);
}

static void on_console_closed(void *userdata)
{
    struct vm *vm = userdata;
    vm->console_closed = true;
    vm_kick(vm);
}

static void on_channel_ready(void *userdata, bool fresh)
{
    (void)fresh;
    struct vm *vm = userdata;
    vm->channel_ready = true;
    vm_kick(vm);
}

static void on_service_started(void *userdata)
{
    struct vm *vm = userdata;
    vm->service_started = true;
    vm_kick(vm);
}

static void on_service_failed(void *userdata, int exit_code, const char *message)
{
    struct vm *vm = userdata;
    vm->service_failed = true;
    vm->status.exit_code = exit_code;
    if (!vm->failure.code)
        error_set(&vm->failure, EIO, "the service of '%s' could not be started: %s",
                  vm->status.instance, message);
    vm_kick(vm);
}

/* Saved at once: the guest powers off when this callback has returned, and if we die meanwhile
 * nobody else knows the code. */
static void on_service_exited(void *userdata, int exit_code, bool oom)
{
    struct vm *vm = userdata;
    vm->service_exited = true;
    vm->status.exit_code = exit_code;
    vm->status.oom_killed = oom;
    vm->status.reason = oom ? VM_EXIT_OOM : VM_EXIT_SERVICE;
    _cleanup_error_ struct error err = {0};
    if (vm_store_save(vm, &err) < 0)
        log_error("vm %s: %s", vm->status.instance, error_text(&err));
    vm_kick(vm);
}

static void on_log(void *userdata, uint64_t sequence, const struct log_record *record,
                   uint64_t dropped)
{
    struct vm *vm = userdata;
    log_store_append(vm->log, sequence, record, dropped);
}

static void on_logs_end(void *userdata, uint64_t sequence)
{
    struct vm *vm = userdata;
    _cleanup_error_ struct error err = {0};
    bool failed = log_store_flush(vm->log, &err) < 0;
    if (failed && !vm->log_failed)
        log_error("vm %s: %s", vm->status.instance, error_text(&err));
    vm->log_failed = failed;
    channel_ack_log(vm->channel, sequence);
}

static void on_channel_closed(void *userdata, const struct error *err)
{
    struct vm *vm = userdata;
    if (err && err->code)
        log_debug("vm %s: channel: %s", vm->status.instance, error_text(err));
    vm->channel_closed = true;
    vm_kick(vm);
}

static const struct channel_callbacks channel_callbacks = {
    .on_ready = on_channel_ready,
    .on_service_started = on_service_started,
    .on_service_failed = on_service_failed,
    .on_service_exited = on_service_exited,
    .on_log = on_log,
    .on_logs_end = on_logs_end,
    .on_closed = on_channel_closed,
};

/* --- connecting ----------------------------------------------------------------------------- */

static int connect_sockets(struct vm *vm, struct error *err)
{
    uv_loop_t *loop = vm->runtime->loop;
    _cleanup_free_ char *agent = qemu_agent_socket(vm->run_folder);
    _cleanup_free_ char *qmp = qemu_qmp_socket(vm->run_folder);
    _cleanup_free_ char *console = qemu_console_socket(vm->run_folder);
    _cleanup_free_ char *console_log = vm_file(vm, "console.log");
    _cleanup_free_ char *qemu_log = vm_file(vm, "qemu.log");
    static const struct qmp_callbacks qmp_callbacks = {.on_event = vm_on_qmp_event};
    vm->qemu_log = file_bound_new(loop, qemu_log, CONSOLE_FILE_LIMIT);
    int r = console_new(loop, console, console_log, on_console_closed, vm, &vm->console, err);
    if (r == 0)
        r = qmp_new(loop, qmp, &qmp_callbacks, vm, &vm->qmp, err);
    if (r == 0)
        r = channel_new(
            loop,
            &(struct channel_options){.socket_path = agent,
                                      .last_log_sequence = log_store_last_sequence(vm->log)},
            &channel_callbacks, vm, &vm->channel, err);
    return r;
}

int vm_connect(struct vm *vm, struct error *err)
{
    vm->disk_full = false;
    vm->process_gone = vm->channel_closed = vm->console_closed = false;
    vm->channel_ready = vm->service_started = vm->service_exited = vm->service_failed = false;
    vm->kill_asked = false;
    vm->log_failed = false;
    int r = connect_sockets(vm, err);
    if (r < 0)
        return r;
    /* Ended already: that is an event like any other. */
    if (process_watch_new(vm->runtime->loop, &vm->process, on_process_ended, vm, &vm->watch, NULL) <
        0)
        vm->process_gone = true;
    vm_kick(vm);
    return 0;
}

void vm_disconnect(struct vm *vm)
{
    vm_fail_pauses(vm);
    channel_free(TAKE_PTR(vm->channel));
    qmp_free(TAKE_PTR(vm->qmp));
    console_free(TAKE_PTR(vm->console));
    file_bound_free(TAKE_PTR(vm->qemu_log));
    process_watch_free(TAKE_PTR(vm->watch));
    log_store_close(vm->log);
    _cleanup_error_ struct error err = {0};
    if (fs_remove_tree(vm->run_folder, &err) < 0)
        log_warning("%s", error_text(&err));
    _cleanup_free_ char *parent = xasprintf("%s/vm", vm->runtime->paths->run);
    rmdir(parent); /* the last one takes it away */
}

/* --- starting ------------------------------------------------------------------------------- */

static const char *endpoint_name(const cJSON *name)
{
    return cJSON_IsString(name) ? name->valuestring : "";
}

static int read_nics(const struct vm *vm, struct qemu_nic *nics, struct error *err)
{
    const cJSON *name;
    size_t i = 0;
    cJSON_ArrayForEach(name, json_array(vm->operation->spec, "endpoints"))
    {
        _cleanup_free_ char *key = xasprintf("endpoint/%s", endpoint_name(name));
        const cJSON *endpoint = json_object(vm->operation->inputs, key);
        const cJSON *fd = cJSON_GetArrayItem(json_array(endpoint, "fds"), 0);
        const char *mac = json_string(endpoint, "mac", NULL);
        if (!cJSON_IsNumber(fd) || !mac)
            return error_set(err, EINVAL, "'%s': the plan gave no tap for endpoint '%s'",
                             vm->status.instance, endpoint_name(name));
        nics[i++] = (struct qemu_nic){
            .fd = fd->valueint, .mac = mac, .mtu = (unsigned)json_int(endpoint, "mtu", 0)};
    }
    return 0;
}

/* One virtiofsd each; they end with QEMU, or with the descriptors where there will be none. */
static int spawn_shares(struct vm *vm, const struct vm_mounts *mounts, int *fds, struct error *err)
{
    _cleanup_free_ char *log_path = vm_file(vm, "shares.log");
    int r = 0;
    unlink(log_path);
    for (size_t i = 0; i < mounts->shares.count && r == 0; i++) {
        const struct vm_share *share = &mounts->shares.items[i];
        _cleanup_free_ char *folder = xasprintf("%s/share%zu", vm->run_folder, i);
        struct share_start start = {.folder = folder,
                                    .source = share->source,
                                    .is_folder = share->is_folder,
                                    .read_only = share->read_only,
                                    .log_path = log_path};
        r = share_spawn(vm->runtime->loop, &start, &fds[i], err);
    }
    return r;
}

static int spawn_from_spec(struct vm *vm, struct vm_mounts *mounts, const int *share_fds,
                           struct error *err)
{
    const cJSON *spec = vm->operation->spec;
    int count = cJSON_GetArraySize(json_array(spec, "endpoints"));
    _cleanup_free_ struct qemu_nic *nics = xcalloc((size_t)count + 1, sizeof(*nics));
    _cleanup_free_ char *image_key = xasprintf("image/%s", json_string(spec, "image", ""));
    const cJSON *image = json_object(vm->operation->inputs, image_key);
    _cleanup_free_ char *data = vm_file(vm, "data.img"), *log_path = vm_file(vm, "qemu.log");
    int r = read_nics(vm, nics, err);
    if (r < 0)
        return r;
    struct qemu_start start = {.instance = vm->status.instance,
                               .id = vm->id,
                               .run_folder = vm->run_folder,
                               .kvm = platform_has_kvm(vm->runtime->platform),
                               .cpus = vm_spec_cpus(spec),
                               .memory_mib = vm_spec_memory_mib(spec),
                               .kernel = platform_kit(vm->runtime->platform)->kernel,
                               .initramfs = platform_kit(vm->runtime->platform)->initramfs,
                               .rootfs = json_string(image, "rootfs", NULL),
                               .data = data,
                               .disks = mounts->disks,
                               .share_fds = share_fds,
                               .share_count = mounts->shares.count,
                               .log_path = log_path,
                               .nics = nics,
                               .nic_count = (size_t)count};
    return qemu_spawn(vm->runtime->loop, &start, &vm->process, err);
}

static int spawn_with_mounts(struct vm *vm, struct error *err)
{
    struct vm_mounts mounts = {0};
    int r = vm_mounts_open(vm, vm->operation->spec, &mounts, err);
    if (r < 0)
        return r;
    _cleanup_free_ int *fds = xcalloc(mounts.shares.count + 1, sizeof(*fds));
    for (size_t i = 0; i < mounts.shares.count; i++)
        fds[i] = -1;
    r = spawn_shares(vm, &mounts, fds, err);
    if (r == 0)
        r = spawn_from_spec(vm, &mounts, fds, err);
    for (size_t i = 0; i < mounts.shares.count; i++)
        closep(&fds[i]);
    cJSON_Delete(vm->guest_mounts);
    vm->guest_mounts = TAKE_PTR(mounts.guest);
    vm_mounts_done(&mounts);
    return r;
}

/* What a START says is checked as a whole before anything is made. */
static int check_spec(const struct vm *vm, struct error *err)
{
    const struct operation *start = vm->operation;
    _cleanup_json_ cJSON *identity = NULL;
    _cleanup_(vm_files_done) struct vm_files files = {0};
    int r = vm_identity_build(start->spec, start->inputs, 0, &identity, err);
    if (r == 0)
        r = vm_files_read(start->spec, vm->runtime->paths->root_id, &files, err);
    return r;
}

/* The console's file tells of one boot only: it is evidence. */
static void forget_console(const struct vm *vm)
{
    _cleanup_free_ char *console = vm_file(vm, "console.log"), *old = vm_file(vm, "console.log.1");
    unlink(console);
    unlink(old);
}

static void read_logging(struct vm *vm)
{
    const cJSON *logging = json_object(vm->operation->spec, "logging");
    _cleanup_free_ char *text = logging ? json_print(logging) : xstrdup("");
    vm_set_logging(vm, text);
}

static int prepare_start(struct vm *vm, struct error *err)
{
    const char *stop_signal = vm_stop_signal(vm->operation->spec, vm->operation->inputs);
    vm->stop_signal = vm_signal_number(stop_signal);
    if (!vm->stop_signal)
        return error_set(err, EINVAL, "'%s': there is no signal '%s'", vm->status.instance,
                         stop_signal);
    forget_console(vm);
    read_logging(vm);
    vm->boot++;
    vm->adopted = false;
    vm->status.reason = VM_EXIT_NONE;
    vm->status.exit_code = 0;
    vm->status.oom_killed = false;
    vm->status.tty = json_bool(vm->operation->spec, "tty", false);
    vm->stdin_open = json_bool(vm->operation->spec, "stdin_open", false);
    vm->status.started_at_ms = vm->status.finished_at_ms = 0;
    vm->process = (struct process_id){0};
    int r = fs_make_directory(vm->run_folder, 0700, err);
    if (r == 0)
        r = log_store_open(vm->log, vm->boot, err);
    if (r == 0)
        vm_set_state(vm, VM_STARTING); /* the intent: from here on /proc is looked through */
    return r;
}

int vm_start_qemu(struct vm *vm, struct error *err)
{
    int r = check_spec(vm, err);
    if (r < 0)
        return r;
    enum vm_state before = vm->status.state;
    r = prepare_start(vm, err);
    if (r == 0)
        r = note_volumes(vm, err);
    if (r == 0)
        r = spawn_with_mounts(vm, err);
    if (r == 0) {
        vm->status.pid = vm->process.pid;
        r = vm_store_save(vm, err);
    }
    if (r == 0)
        r = vm_connect(vm, err);
    if (r < 0) {
        if (vm->process.pid)
            process_signal(&vm->process, SIGKILL);
        vm->process = (struct process_id){0};
        vm->status.pid = 0;
        vm_disconnect(vm);
        if (vm->status.state == VM_STARTING)
            vm_set_state(vm, before);
    }
    return r;
}
