/* See share.h. */
#include "runtime/share.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/spawn.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

extern const unsigned char share_launcher_start[], share_launcher_end[];

/* Debian's place, and that of others who package QEMU 7's. */
static const char *const places[] = {"/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"};

static const char *find_virtiofsd(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

int share_probe(struct error *err)
{
    if (!find_virtiofsd())
        return error_set(err, ENOENT,
                         "'%s' is not installed: folders of the host cannot be mounted; install it "
                         "with `apt-get install qemu-system-common`",
                         places[0]);
    if (geteuid() != 0)
        return error_set(err, EPERM, "only root can mount folders of the host in VMs");
    return 0;
}

/* --- the launcher ----------------------------------------------------------------------------- */

/* A memory file with the program, read-only (a file that is open for writing cannot be run). Made
 * once. */
static int open_launcher(struct error *err)
{
    static int launcher = -1;
    if (launcher >= 0)
        return launcher;
    _cleanup_close_ int fd = memfd_create("vmstead-share", MFD_CLOEXEC);
    size_t size = (size_t)(share_launcher_end - share_launcher_start);
    int r = fd < 0 ? -errno : fs_write_all(fd, share_launcher_start, size);
    if (r < 0)
        return error_set(err, -r, "cannot prepare the launcher of virtiofsd: %s", strerror(-r));
    _cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", fd);
    launcher = open(path, O_RDONLY | O_CLOEXEC);
    if (launcher < 0)
        return error_set(err, errno, "cannot prepare the launcher of virtiofsd: %s",
                         strerror(errno));
    return launcher;
}

static char **build_argv(const struct share_start *start, int launcher)
{
    char **argv = NULL;
    /* timeout=0: the guest asks for attributes every time, so that both sides see at once what the
     * other has written; with cache=none files could not be mapped into memory. */
    const char *const options[] = {"sandbox=chroot", "cache=auto",         "timeout=0",    "xattr",
                                   "posix_acl",      "announce_submounts", "log_level=err"};
    /* Not /proc/self: the child's numbers are others. */
    strv_add(&argv, xasprintf("/proc/%d/fd/%d", getpid(), launcher));
    strv_add(&argv, xstrdup(start->folder));
    strv_add(&argv, xstrdup(start->is_folder ? "folder" : "file"));
    strv_add(&argv, xstrdup(start->read_only ? "ro" : "rw"));
    strv_add(&argv, xstrdup(find_virtiofsd()));
    strv_add(&argv, xstrdup("--fd=3"));
    strv_add(&argv, xstrdup("-f"));
    strv_add(&argv, xstrdup("--rlimit-nofile=0")); /* the launcher's is as good as it gets */
    strv_add(&argv, xstrdup("-o"));
    strv_add(&argv, xasprintf("source=%s", start->folder));
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        strv_add(&argv, xstrdup("-o"));
        strv_add(&argv, xstrdup(options[i]));
    }
    return argv;
}

/* --- the sockets ------------------------------------------------------------------------------ */

/* A listening socket and one that waits in its queue, without a name left in the file system. */
static int make_sockets(const char *folder, int *ret_listening, int *ret_connected,
                        struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_free_ char *path = xasprintf("%s.sock", folder);
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(err, ENAMETOOLONG,
                         "the socket's path '%s' is longer than the %zu bytes that Linux allows: "
                         "choose a shorter VMSTEAD_ROOT",
                         path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    _cleanup_close_ int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    _cleanup_close_ int connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path);
    bool good = listening >= 0 && connected >= 0 &&
                bind(listening, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                listen(listening, 1) == 0 &&
                connect(connected, (struct sockaddr *)&address, sizeof(address)) == 0;
    int error = errno;
    unlink(path);
    if (!good)
        return error_set(err, error, "cannot make the socket '%s': %s", path, strerror(error));
    *ret_listening = TAKE_FD(listening);
    *ret_connected = TAKE_FD(connected);
    return 0;
}

/* --- the front -------------------------------------------------------------------------------- */

int share_spawn(uv_loop_t *loop, const struct share_start *start, int *ret_fd, struct error *err)
{
    int launcher = open_launcher(err);
    if (launcher < 0)
        return launcher;
    _cleanup_close_ int listening = -1, connected = -1;
    int r = fs_make_directory(start->folder, 0700, err);
    if (r == 0)
        r = make_sockets(start->folder, &listening, &connected, err);
    if (r < 0)
        return r;
    _cleanup_strv_ char **argv = build_argv(start, launcher);
    _cleanup_close_ int log_fd =
        open(start->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int fds[] = {listening, start->source};
    pid_t pid;
    r = spawn_detached(loop,
                       &(struct spawn_detached_options){.argv = (const char *const *)argv,
                                                        .fds = fds,
                                                        .fd_count = ARRAY_SIZE(fds),
                                                        .log_fd = log_fd},
                       &pid, err);
    if (r == 0)
        *ret_fd = TAKE_FD(connected);
    return r;
}

static bool end_if_below(pid_t pid, char **argv, void *userdata)
{
    const char *run_folder = userdata;
    for (; *argv; argv++) {
        const char *source = str_after_prefix(*argv, "source=");
        struct process_id process;
        if (!source || !str_after_prefix(source, run_folder) || process_identify(pid, &process) < 0)
            continue;
        log_warning("ending virtiofsd %d, which has outlived its VM", pid);
        process_signal(&process, SIGKILL);
        break;
    }
    return false;
}

void share_end_all(const char *run_folder)
{
    process_scan(SHARE_PROGRAM, end_if_below, (void *)run_folder);
}
