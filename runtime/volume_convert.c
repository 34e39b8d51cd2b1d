/* See volume.h: a disk becomes a folder or the other way round. Both are mounted by a guest that
 * exists for nothing else, and its agent copies what is in one to the other: a file system that
 * guests have written is never given to the host's kernel, and nothing is lost on the way that one
 * guest could have seen: owners, modes, times, links, holes, devices, attributes.
 *
 *   platform -> disk (mke2fs, or there) -> QEMU boots -> agent copies -> QEMU ends -> syncfs */
#include "runtime/volume.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/guest/protocol.h"
#include "runtime/qemu.h"
#include "runtime/share.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define MEMORY_MIB 256
#define PLATFORM_TIMEOUT_MS 120000
#define BOOT_TIMEOUT_MS 120000
#define COPY_TIMEOUT_MS (4u * 3600 * 1000)
#define END_TIMEOUT_MS 15000

enum phase {
    PHASE_PLATFORM, /* waits for guest kit and acceleration verdict */
    PHASE_DISK,     /* mke2fs */
    PHASE_BOOT,
    PHASE_COPY,
    PHASE_END,  /* the guest powers off */
    PHASE_SYNC, /* in the thread pool */
    PHASE_DONE,
    PHASE_COUNT
};
static const char *const phase_names[] = {"platform", "disk", "boot", "copy",
                                          "end",      "sync", "done"};
static_assert(ARRAY_SIZE(phase_names) == PHASE_COUNT, "a name for each phase");

struct sync_work {
    uv_work_t request;
    struct volume_conversion *conversion; /* NULL: abandoned */
    char *folder;
    int error;
};

struct volume_conversion {
    struct volume *volume;
    struct runtime *runtime;
    bool to_folder;
    enum phase phase;
    struct deadline *tick, *timeout;
    char *run_folder;
    struct disk_request *disk;
    struct process_id process;
    struct process_watch *watch;
    struct channel *channel;
    struct sync_work *sync;
    /* What has happened. */
    bool timed_out, cancelled, disk_done, ready, copied, process_gone, synced;
    struct error failure;
    void (*on_done)(void *userdata, struct error *err);
    void *userdata;
};

static void kick(struct volume_conversion *conversion)
{
    deadline_set(conversion->tick, 0);
}

static void set_phase(struct volume_conversion *conversion, enum phase phase, uint64_t timeout_ms)
{
    log_debug("volume %s: conversion: %s -> %s", conversion->volume->name,
              phase_names[conversion->phase], phase_names[phase]);
    conversion->phase = phase;
    conversion->timed_out = false;
    deadline_set(conversion->timeout, timeout_ms);
}

/* --- what happens ----------------------------------------------------------------------------- */

static void on_disk_made(void *userdata, const struct error *err)
{
    struct volume_conversion *conversion = userdata;
    conversion->disk = NULL;
    conversion->disk_done = true;
    if (err)
        error_copy(&conversion->failure, err);
    kick(conversion);
}

static void on_ready(void *userdata, bool fresh)
{
    (void)fresh;
    struct volume_conversion *conversion = userdata;
    conversion->ready = true;
    kick(conversion);
}

static void on_failed(void *userdata, int exit_code, const char *message)
{
    (void)exit_code;
    struct volume_conversion *conversion = userdata;
    error_set(&conversion->failure, EIO, "%s", message);
    kick(conversion);
}

static void on_exited(void *userdata, int exit_code, bool oom_killed)
{
    (void)exit_code, (void)oom_killed;
    struct volume_conversion *conversion = userdata;
    conversion->copied = true;
    kick(conversion);
}

static void on_process_ended(void *userdata)
{
    struct volume_conversion *conversion = userdata;
    conversion->process_gone = true;
    kick(conversion);
}

static void on_timeout(void *userdata)
{
    struct volume_conversion *conversion = userdata;
    conversion->timed_out = true;
    kick(conversion);
}

/* --- the guest -------------------------------------------------------------------------------- */

static int spawn_share(struct volume_conversion *conversion, const char *log_path, int *ret_fd,
                       struct error *err)
{
    _cleanup_free_ char *tree = volume_tree_path(conversion->volume);
    _cleanup_free_ char *folder = xasprintf("%s/share0", conversion->run_folder);
    _cleanup_close_ int source = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (source < 0)
        return error_set(err, errno, "cannot open '%s': %s", tree, strerror(errno));
    struct share_start start = {
        .folder = folder, .source = source, .is_folder = true, .log_path = log_path};
    return share_spawn(conversion->runtime->loop, &start, ret_fd, err);
}

static int spawn_guest(struct volume_conversion *conversion, struct error *err)
{
    struct runtime *runtime = conversion->runtime;
    const struct guest_kit *kit = platform_kit(runtime->platform);
    _cleanup_free_ char *disk = volume_disk_path(conversion->volume);
    _cleanup_free_ char *log_path = xasprintf("%s/qemu.log", conversion->run_folder);
    _cleanup_free_ char *share_log = xasprintf("%s/share.log", conversion->run_folder);
    _cleanup_close_ int share = -1;
    char id[HASH_HEX_SIZE], *disks[] = {disk, NULL};
    int r = fs_make_directory(conversion->run_folder, 0700, err);
    if (r == 0)
        r = spawn_share(conversion, share_log, &share, err);
    if (r < 0)
        return r;
    struct qemu_start start = {.instance = "volume-conversion",
                               .id = hash_random_hex(id),
                               .run_folder = conversion->run_folder,
                               .kvm = platform_has_kvm(runtime->platform),
                               .cpus = 1,
                               .memory_mib = MEMORY_MIB,
                               .kernel = kit->kernel,
                               .initramfs = kit->initramfs,
                               .disks = disks,
                               .share_fds = &share,
                               .share_count = 1,
                               .log_path = log_path};
    return qemu_spawn(runtime->loop, &start, &conversion->process, err);
}

static int boot(struct volume_conversion *conversion, struct error *err)
{
    static const struct channel_callbacks callbacks = {
        .on_ready = on_ready, .on_service_failed = on_failed, .on_service_exited = on_exited};
    struct runtime *runtime = conversion->runtime;
    _cleanup_free_ char *socket_path = qemu_agent_socket(conversion->run_folder);
    int r = spawn_guest(conversion, err);
    if (r == 0)
        r = channel_new(runtime->loop, &(struct channel_options){.socket_path = socket_path},
                        &callbacks, conversion, &conversion->channel, err);
    if (r == 0)
        r = process_watch_new(runtime->loop, &conversion->process, on_process_ended, conversion,
                              &conversion->watch, err);
    return r;
}

static void send_job(struct volume_conversion *conversion)
{
    _cleanup_json_ cJSON *identity = cJSON_CreateObject();
    cJSON *mounts = cJSON_CreateArray();
    for (int i = 0; i < 2; i++) {
        bool is_disk = conversion->to_folder == (i == 0);
        cJSON *mount = cJSON_CreateObject();
        json_set_string(mount, "type", is_disk ? "disk" : "share");
        json_set_string(mount, "device", is_disk ? "volume0" : "share0");
        json_set_string(mount, "path", VOLUME_CONTENT);
        json_set_string(mount, "target", i == 0 ? "/from" : "/to");
        cJSON_AddItemToArray(mounts, mount);
    }
    json_set(identity, "mounts", mounts);
    json_set_bool(identity, "convert", true);
    channel_send_identity(conversion->channel, identity, NULL);
}

static void end_guest(struct volume_conversion *conversion)
{
    channel_free(TAKE_PTR(conversion->channel));
    process_watch_free(TAKE_PTR(conversion->watch));
    if (conversion->process.pid)
        process_signal(&conversion->process, SIGKILL);
    conversion->process = (struct process_id){0};
    fs_remove_tree(conversion->run_folder, NULL);
}

/* --- the state machine ------------------------------------------------------------------------ */

static int begin_disk(struct volume_conversion *conversion, struct error *err)
{
    struct volume *volume = conversion->volume;
    _cleanup_free_ char *disk = volume_disk_path(volume);
    _cleanup_free_ char *tree = volume_tree_path(volume);
    volume_remove_other_form(volume); /* what an earlier attempt has left */
    int r = conversion->to_folder ? fs_make_directory(tree, 0700, err) : 0;
    if (r == 0)
        r = disk_ensure(volume->runtime->loop, disk, VOLUME_DISK_BYTES, on_disk_made, conversion,
                        &conversion->disk, err);
    set_phase(conversion, PHASE_DISK, BOOT_TIMEOUT_MS);
    return r;
}

static void sync_files(uv_work_t *request)
{
    struct sync_work *work = request->data;
    _cleanup_close_ int fd = open(work->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0)
        work->error = errno;
}

static void on_synced(uv_work_t *request, int status)
{
    (void)status;
    struct sync_work *work = request->data;
    struct volume_conversion *conversion = work->conversion;
    if (conversion) {
        conversion->sync = NULL;
        conversion->synced = true;
        if (work->error)
            error_set(&conversion->failure, work->error, "cannot write '%s': %s", work->folder,
                      strerror(work->error));
        kick(conversion);
    }
    free(work->folder);
    free(work);
}

static void begin_sync(struct volume_conversion *conversion)
{
    struct sync_work *work = new0(struct sync_work);
    work->request.data = work;
    work->conversion = conversion;
    work->folder = xstrdup(conversion->volume->folder);
    conversion->sync = work;
    uv_queue_work(conversion->runtime->loop, &work->request, sync_files, on_synced);
    set_phase(conversion, PHASE_SYNC, COPY_TIMEOUT_MS);
}

/* Looks for what ends it before its time; true where it has. */
static bool has_failed(struct volume_conversion *conversion)
{
    struct error *err = &conversion->failure;
    if (err->code)
        return true;
    if (conversion->cancelled)
        error_set(err, ECANCELED, "it was cancelled");
    else if (conversion->timed_out && conversion->phase != PHASE_END)
        error_set(err, ETIMEDOUT, "the copying guest did not come on in time (%s)",
                  phase_names[conversion->phase]);
    else if (conversion->process_gone && !conversion->copied)
        error_set(err, EIO, "the copying guest went away");
    return err->code != 0;
}

static void step_platform(struct volume_conversion *conversion)
{
    struct error *err = &conversion->failure;
    switch (platform_state(conversion->runtime->platform, err)) {
    case PLATFORM_IDLE:
    case PLATFORM_PREPARING:
        deadline_set(conversion->tick, 50);
        return;
    case PLATFORM_FAILED:
        kick(conversion);
        return;
    case PLATFORM_READY:
        break;
    }
    if (begin_disk(conversion, err) < 0)
        kick(conversion);
}

static void step(struct volume_conversion *conversion)
{
    switch (conversion->phase) {
    case PHASE_PLATFORM:
        step_platform(conversion);
        break;
    case PHASE_DISK:
        if (!conversion->disk_done)
            break;
        set_phase(conversion, PHASE_BOOT, BOOT_TIMEOUT_MS);
        if (boot(conversion, &conversion->failure) < 0)
            kick(conversion);
        break;
    case PHASE_BOOT:
        if (!conversion->ready)
            break;
        send_job(conversion);
        set_phase(conversion, PHASE_COPY, COPY_TIMEOUT_MS);
        break;
    case PHASE_COPY:
        if (!conversion->copied)
            break;
        set_phase(conversion, PHASE_END, END_TIMEOUT_MS);
        kick(conversion);
        break;
    case PHASE_END: /* the agent has unmounted: killing it late loses nothing */
        if (!conversion->process_gone && !conversion->timed_out)
            break;
        end_guest(conversion);
        begin_sync(conversion);
        break;
    case PHASE_SYNC:
        if (!conversion->synced)
            break;
        set_phase(conversion, PHASE_DONE, COPY_TIMEOUT_MS);
        kick(conversion);
        break;
    case PHASE_DONE:
    case PHASE_COUNT:
        break;
    }
}

static void conversion_free(struct volume_conversion *conversion)
{
    end_guest(conversion);
    if (conversion->disk)
        disk_request_abandon(conversion->disk);
    if (conversion->sync)
        conversion->sync->conversion = NULL;
    deadline_free(conversion->tick);
    deadline_free(conversion->timeout);
    error_done(&conversion->failure);
    free(conversion->run_folder);
    free(conversion);
}

static void on_tick(void *userdata)
{
    struct volume_conversion *conversion = userdata;
    if (conversion->phase != PHASE_DONE && !has_failed(conversion)) {
        step(conversion);
        return;
    }
    _cleanup_error_ struct error err = {0};
    error_move(&err, &conversion->failure);
    void (*on_done)(void *userdata, struct error *err) = conversion->on_done;
    void *owner = conversion->userdata;
    conversion_free(conversion);
    on_done(owner, &err);
}

int volume_convert(struct volume *volume, void (*on_done)(void *userdata, struct error *err),
                   void *userdata, struct volume_conversion **ret_conversion, struct error *err)
{
    struct runtime *runtime = volume->runtime;
    int r = qemu_probe(err);
    if (r == 0)
        r = guest_kit_probe(err);
    if (r == 0)
        r = share_probe(err);
    if (r < 0)
        return r;
    char random[HASH_HEX_SIZE];
    struct volume_conversion *conversion = new0(struct volume_conversion);
    conversion->volume = volume;
    conversion->runtime = runtime;
    conversion->to_folder = volume->kind == VOLUME_DISK;
    conversion->on_done = on_done;
    conversion->userdata = userdata;
    conversion->run_folder = xasprintf("%s/vm/%.12s", runtime->paths->run, hash_random_hex(random));
    conversion->tick = deadline_new(runtime->loop, on_tick, conversion);
    conversion->timeout = deadline_new(runtime->loop, on_timeout, conversion);
    set_phase(conversion, PHASE_PLATFORM, PLATFORM_TIMEOUT_MS);
    platform_prepare(runtime->platform);
    kick(conversion);
    *ret_conversion = conversion;
    return 0;
}

void volume_conversion_cancel(struct volume_conversion *conversion)
{
    conversion->cancelled = true;
    kick(conversion);
}

void volume_conversion_abandon(struct volume_conversion *conversion)
{
    conversion_free(conversion);
}
