/* A bare QEMU, for comparison: boots what the driver would boot (its own argv, kernel, initramfs,
 * an EROFS, a disk, one tap) with nothing around it, and prints the milliseconds from the fork
 * until the agent has answered HELLO. Then the QEMU is killed. tests/bench/run calls it, in a
 * network namespace.
 *
 * usage: bare_boot FOLDER ROOTFS.erofs kvm|tcg        FOLDER: a place for files that are not kept
 */
#include "base/alloc.h"
#include "base/fs.h"
#include "base/paths.h"
#include "base/str.h"
#include "runtime/channel.h"
#include "runtime/deadline.h"
#include "runtime/disk.h"
#include "runtime/guest_kit.h"
#include "runtime/qemu.h"
#include "runtime/qemu_argv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOT_TIMEOUT_MS 120000

struct bench {
    uv_loop_t loop;
    bool disk_made, hello, timed_out;
    struct error err;
};

static void on_disk(void *userdata, const struct error *err)
{
    struct bench *bench = userdata;
    bench->disk_made = true;
    if (err)
        error_copy(&bench->err, err);
}

static void on_ready(void *userdata, bool fresh)
{
    (void)fresh;
    ((struct bench *)userdata)->hello = true;
}

static void on_closed(void *userdata, const struct error *err)
{
    struct bench *bench = userdata;
    if (!bench->err.code)
        error_set(&bench->err, EIO, "the channel closed: %s", err ? error_text(err) : "");
}

static void on_timeout(void *userdata)
{
    ((struct bench *)userdata)->timed_out = true;
}

/* Runs the loop until *flag, a failure or the deadline. */
static int wait_for(struct bench *bench, const bool *flag, const char *what, struct error *err)
{
    struct deadline *deadline = deadline_new(&bench->loop, on_timeout, bench);
    deadline_set(deadline, BOOT_TIMEOUT_MS);
    while (!*flag && !bench->timed_out && !bench->err.code)
        uv_run(&bench->loop, UV_RUN_ONCE);
    deadline_free(deadline);
    if (bench->err.code)
        return error_move(err, &bench->err);
    return *flag ? 0
                 : error_set(err, ETIMEDOUT, "%s: not within %d s", what, BOOT_TIMEOUT_MS / 1000);
}

static int open_tap(struct error *err)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "bench%%d");
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
        return error_set(err, errno, "cannot make a tap: %s", strerror(errno));
    return fd;
}

static int make_disk(struct bench *bench, const char *path, struct error *err)
{
    struct disk_request *request;
    unlink(path);
    int r = disk_ensure(&bench->loop, path, DISK_DEFAULT_BYTES, on_disk, bench, &request, err);
    return r < 0 ? r : wait_for(bench, &bench->disk_made, "the disk", err);
}

/* From the fork to HELLO. */
static int boot(struct bench *bench, const struct qemu_start *start, double *ret_ms,
                struct error *err)
{
    static const struct channel_callbacks callbacks = {.on_ready = on_ready,
                                                       .on_closed = on_closed};
    _cleanup_free_ char *socket = qemu_agent_socket(start->run_folder);
    struct process_id process;
    struct channel *channel = NULL;
    uint64_t before = uv_hrtime();
    int r = qemu_spawn(&bench->loop, start, &process, err);
    if (r < 0)
        return r;
    r = channel_new(&bench->loop, &(struct channel_options){.socket_path = socket}, &callbacks,
                    bench, &channel, err);
    if (r == 0)
        r = wait_for(bench, &bench->hello, "HELLO", err);
    *ret_ms = (double)(uv_hrtime() - before) / 1e6;
    channel_free(channel);
    process_signal(&process, SIGKILL);
    waitpid(process.pid, NULL, 0);
    return r;
}

static int measure(struct bench *bench, const char *folder, const char *rootfs, bool kvm,
                   double *ret_ms, struct error *err)
{
    struct paths paths;
    struct guest_kit kit;
    _cleanup_free_ char *run = xasprintf("%s/bare", folder), *data = xasprintf("%s/data.img", run);
    _cleanup_free_ char *log = xasprintf("%s/qemu.log", run);
    int r = paths_init(&paths, err);
    if (r == 0)
        r = guest_kit_ensure(&paths, &kit, err);
    if (r == 0)
        r = fs_make_directory(run, 0700, err);
    if (r == 0)
        r = make_disk(bench, data, err);
    int tap = r == 0 ? open_tap(err) : -1;
    if (tap < 0)
        return -EIO;
    struct qemu_nic nic = {.fd = tap, .mac = "02:00:00:00:00:01", .mtu = 1500};
    struct qemu_start start = {.instance = "bare",
                               .id = "ba5e0000ba5e0000ba5e0000ba5e0000",
                               .run_folder = run,
                               .kvm = kvm,
                               .cpus = 1,
                               .memory_mib = 512,
                               .kernel = kit.kernel,
                               .initramfs = kit.initramfs,
                               .rootfs = rootfs,
                               .data = data,
                               .log_path = log,
                               .nics = &nic,
                               .nic_count = 1};
    r = boot(bench, &start, ret_ms, err);
    close(tap);
    guest_kit_done(&kit);
    paths_done(&paths);
    fs_remove_tree(run, NULL);
    return r;
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    _cleanup_error_ struct error err = {0};
    double ms;
    if (argc != 4) {
        fprintf(stderr, "usage: bare_boot FOLDER ROOTFS.erofs kvm|tcg\n");
        return 2;
    }
    uv_loop_init(&bench.loop);
    if (measure(&bench, argv[1], argv[2], streq(argv[3], "kvm"), &ms, &err) < 0) {
        fprintf(stderr, "bare_boot: %s\n", error_text(&err));
        return 1;
    }
    printf("%.1f\n", ms);
    return 0;
}
