/* See qemu.h. */
#include "runtime/qemu.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/qemu_argv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define UID_BASE 0x70000000u
#define UID_NOBODY 65534u

/* Descriptors for the child, in its order: items[i] becomes 3 + i. All are closed by us. */
struct child_fds {
    VEC(int) list;
};

static void child_fds_done(struct child_fds *fds)
{
    for (size_t i = 0; i < fds->list.count; i++)
        close(fds->list.items[i]);
    vec_done(&fds->list);
}

static int child_fds_add(struct child_fds *fds, int fd)
{
    vec_add(&fds->list, fd);
    return 3 + (int)fds->list.count - 1;
}

char *qemu_agent_socket(const char *run_folder)
{
    return xasprintf("%s/agent.sock", run_folder);
}

char *qemu_qmp_socket(const char *run_folder)
{
    return xasprintf("%s/qmp.sock", run_folder);
}

char *qemu_console_socket(const char *run_folder)
{
    return xasprintf("%s/console.sock", run_folder);
}

int qemu_probe(struct error *err)
{
    _cleanup_free_ char *program = fs_find_program(QEMU_PROGRAM);
    if (!program)
        return error_set(err, ENOENT,
                         "'" QEMU_PROGRAM "' is not installed: VMs cannot be started; "
                         "install it with `apt-get install qemu-system-x86`");
    return 0;
}

/* path is freed. */
static int listen_on(struct child_fds *fds, char *path, int *ret_number, struct error *err)
{
    _cleanup_free_ char *owned = path;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(err, ENAMETOOLONG,
                         "the socket's path '%s' is longer than the %zu bytes that Linux allows: "
                         "choose a shorter VMSTEAD_ROOT",
                         path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(path, 0600) < 0 || listen(fd, 4) < 0)
        return error_set(err, errno, "cannot listen on '%s': %s", path, strerror(errno));
    *ret_number = child_fds_add(fds, TAKE_FD(fd));
    return 0;
}

static int open_for_child(struct child_fds *fds, const char *path, int flags, int *ret_number,
                          struct error *err)
{
    *ret_number = -1;
    if (!path)
        return 0;
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
    *ret_number = child_fds_add(fds, fd);
    return 0;
}

static int prepare_fds(const struct qemu_start *start, struct qemu_options *options,
                       struct child_fds *fds, struct error *err)
{
    int r = open_for_child(fds, start->kernel, O_RDONLY, &options->kernel_fd, err);
    if (r == 0)
        r = open_for_child(fds, start->initramfs, O_RDONLY, &options->initramfs_fd, err);
    if (r == 0)
        r = open_for_child(fds, start->rootfs, O_RDONLY, &options->rootfs_fd, err);
    if (r == 0)
        r = open_for_child(fds, start->data, O_RDWR, &options->data_fd, err);
    if (r == 0)
        r = open_for_child(fds, "/dev/null", O_RDWR, &options->mark_fd, err);
    if (r == 0)
        r = listen_on(fds, qemu_agent_socket(start->run_folder), &options->agent_fd, err);
    if (r == 0)
        r = listen_on(fds, qemu_qmp_socket(start->run_folder), &options->qmp_fd, err);
    if (r == 0)
        r = listen_on(fds, qemu_console_socket(start->run_folder), &options->console_fd, err);
    return r;
}

static int prepare_disks(const struct qemu_start *start, int *disk_fds, struct child_fds *fds,
                         struct error *err)
{
    int r = 0;
    for (size_t i = 0; start->disks && start->disks[i] && r == 0; i++)
        r = open_for_child(fds, start->disks[i], O_RDWR | O_NOFOLLOW, &disk_fds[i], err);
    return r;
}

/* Sockets stay the caller's; the child gets copies. */
static int prepare_shares(const struct qemu_start *start, int *share_fds, struct child_fds *fds,
                          struct error *err)
{
    for (size_t i = 0; i < start->share_count; i++) {
        int fd = fcntl(start->share_fds[i], F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
            return error_set(err, errno, "share %zu of '%s' has no descriptor: %s", i,
                             start->instance, strerror(errno));
        share_fds[i] = child_fds_add(fds, fd);
    }
    return 0;
}

/* The plan owns the taps' descriptors; the child gets copies. */
static int prepare_nics(const struct qemu_start *start, struct qemu_nic *nics,
                        struct child_fds *fds, struct error *err)
{
    for (size_t i = 0; i < start->nic_count; i++) {
        int fd = fcntl(start->nics[i].fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
            return error_set(err, errno, "the network interface %zu of '%s' has no descriptor: %s",
                             i, start->instance, strerror(errno));
        nics[i] = start->nics[i];
        nics[i].fd = child_fds_add(fds, fd);
    }
    return 0;
}

static bool uid_is_mapped(uid_t uid)
{
    _cleanup_free_ char *map = NULL;
    if (fs_read_file("/proc/self/uid_map", 65536, &map, NULL, NULL) < 0)
        return true;
    char *rest = NULL;
    for (char *line = strtok_r(map, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        unsigned long long inside, outside, count;
        if (sscanf(line, "%llu %llu %llu", &inside, &outside, &count) == 3 && uid >= inside &&
            uid - inside < count)
            return true;
    }
    return false;
}

static uid_t choose_uid(const char *id)
{
    if (geteuid() != 0)
        return 0; /* nothing to drop */
    unsigned bits = 0;
    sscanf(id, "%6x", &bits);
    uid_t uid = UID_BASE + bits;
    return uid_is_mapped(uid) ? uid : UID_NOBODY;
}

/* Kernel and initramfs are opened again by QEMU through /proc/self/fd, with its own uid's rights.
 */
static int check_readable(const char *path, struct error *err)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return error_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
    if (geteuid() == 0 && !(status.st_mode & S_IROTH) && chmod(path, status.st_mode | 0444) < 0)
        return error_set(err, errno, "cannot make '%s' readable for QEMU: %s", path,
                         strerror(errno));
    return 0;
}

static int spawn(uv_loop_t *loop, const struct qemu_start *start, struct qemu_options *options,
                 struct child_fds *fds, struct process_id *ret_process, struct error *err)
{
    _cleanup_strv_ char **argv = qemu_argv(options);
    _cleanup_close_ int log_fd =
        open(start->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    uid_t uid = choose_uid(start->id);
    pid_t pid = 0;
    int r = spawn_detached(loop,
                           &(struct spawn_detached_options){.argv = (const char *const *)argv,
                                                            .fds = fds->list.items,
                                                            .fd_count = fds->list.count,
                                                            .log_fd = log_fd,
                                                            .uid = uid,
                                                            .gid = uid},
                           &pid, err);
    if (r < 0)
        return r;
    /* Our child: its pid is not reused before we have reaped it. One that has ended already is
     * known by a start time that no process has. */
    if (process_identify(pid, ret_process) < 0)
        *ret_process = (struct process_id){.pid = pid};
    return 0;
}

static void remove_sockets(const char *run_folder)
{
    char *paths[] = {qemu_agent_socket(run_folder), qemu_qmp_socket(run_folder),
                     qemu_console_socket(run_folder)};
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        unlink(paths[i]);
        free(paths[i]);
    }
}

int qemu_spawn(uv_loop_t *loop, const struct qemu_start *start, struct process_id *ret_process,
               struct error *err)
{
    _cleanup_(child_fds_done) struct child_fds fds = {0};
    _cleanup_free_ struct qemu_nic *nics =
        xcalloc(start->nic_count ? start->nic_count : 1, sizeof(*nics));
    size_t disk_count = strv_length(start->disks);
    _cleanup_free_ int *disk_fds = xcalloc(disk_count + 1, sizeof(*disk_fds));
    _cleanup_free_ int *share_fds = xcalloc(start->share_count + 1, sizeof(*share_fds));
    struct qemu_options options = {.instance = start->instance,
                                   .id = start->id,
                                   .run_folder = start->run_folder,
                                   .kvm = start->kvm,
                                   .cpus = start->cpus,
                                   .memory_mib = start->memory_mib,
                                   .disk_fds = disk_fds,
                                   .disk_count = disk_count,
                                   .share_fds = share_fds,
                                   .share_count = start->share_count,
                                   .nics = nics,
                                   .nic_count = start->nic_count};
    int r = check_readable(start->kernel, err);
    if (r == 0)
        r = check_readable(start->initramfs, err);
    if (r == 0)
        r = prepare_fds(start, &options, &fds, err);
    if (r == 0)
        r = prepare_disks(start, disk_fds, &fds, err);
    if (r == 0)
        r = prepare_shares(start, share_fds, &fds, err);
    if (r == 0)
        r = prepare_nics(start, nics, &fds, err);
    if (r == 0)
        r = spawn(loop, start, &options, &fds, ret_process, err);
    if (r < 0)
        remove_sockets(start->run_folder);
    return r;
}
