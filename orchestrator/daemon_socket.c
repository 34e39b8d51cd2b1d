/* See daemon_socket.h. */
#include "orchestrator/daemon_socket.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
    SYSTEMD_FIRST_FD = 3, /* SD_LISTEN_FDS_START */
    BACKLOG = 512,
};

/* The descriptor, or -1. The variables are not for our children. */
static int take_systemd_socket(void)
{
    const char *pid_text = getenv("LISTEN_PID"), *count_text = getenv("LISTEN_FDS");
    uint32_t pid = 0, count = 0;
    bool ours = pid_text && count_text && str_to_u32(pid_text, &pid) == 0 &&
                str_to_u32(count_text, &count) == 0 && pid == (uint32_t)getpid() && count >= 1;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!ours)
        return -1;
    fcntl(SYSTEMD_FIRST_FD, F_SETFD, FD_CLOEXEC);
    fcntl(SYSTEMD_FIRST_FD, F_SETFL, fcntl(SYSTEMD_FIRST_FD, F_GETFL) | O_NONBLOCK);
    return SYSTEMD_FIRST_FD;
}

static int bind_socket(int fd, const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(err, ENAMETOOLONG,
                         "the socket's path '%s' is longer than the %zu bytes of a Unix socket's "
                         "address: choose a shorter VMSTEAD_ROOT",
                         path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    unlink(path);
    mode_t mask = umask(0177);
    int code = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
    umask(mask);
    if (!code && listen(fd, BACKLOG) < 0)
        code = errno;
    return code ? error_set(err, code, "cannot listen on '%s': %s", path, strerror(code)) : 0;
}

/* Root's daemon serves a group: its members are as powerful as root then. */
static gid_t find_group(void)
{
    const struct group *group = geteuid() == 0 ? getgrnam(PATHS_GROUP) : NULL;
    return group ? group->gr_gid : 0;
}

/* Members must also get through the run folder, where everything else is ours alone. */
static int open_to_group(const struct paths *paths, const char *path, gid_t group,
                         struct error *err)
{
    if (group == 0)
        return 0;
    if (chown(path, (uid_t)-1, group) < 0 || chmod(path, 0660) < 0 || chmod(paths->run, 0711) < 0)
        return error_set(err, errno, "cannot open '%s' to the group '" PATHS_GROUP "': %s", path,
                         strerror(errno));
    return 0;
}

int daemon_socket_open(const struct paths *paths, struct daemon_socket *ret_socket,
                       struct error *err)
{
    _cleanup_free_ char *path = paths_daemon_socket(paths);
    _cleanup_close_ int fd = take_systemd_socket();
    bool systemd = fd >= 0;
    gid_t group = find_group();
    if (!systemd) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
            return error_set(err, errno, "cannot make a Unix socket: %s", strerror(errno));
        int code = bind_socket(fd, path, err);
        if (code == 0)
            code = open_to_group(paths, path, group, err);
        if (code < 0)
            return code;
    }
    struct stat status;
    ret_socket->inode = !systemd && stat(path, &status) == 0 ? status.st_ino : 0;
    ret_socket->parked_path = xasprintf("%s.leaving", path);
    ret_socket->path = TAKE_PTR(path);
    ret_socket->systemd = systemd;
    ret_socket->group = group;
    ret_socket->fd = TAKE_FD(fd);
    return 0;
}

void daemon_socket_park(struct daemon_socket *socket)
{
    if (!socket->systemd)
        rename(socket->path, socket->parked_path);
}

bool daemon_socket_has_client(const struct daemon_socket *socket)
{
    struct pollfd state = {.fd = socket->fd, .events = POLLIN};
    return poll(&state, 1, 0) > 0;
}

void daemon_socket_unpark(struct daemon_socket *socket)
{
    if (!socket->systemd)
        rename(socket->parked_path, socket->path);
}

static bool is_at(const struct daemon_socket *socket, const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && status.st_ino == socket->inode;
}

bool daemon_socket_is_reachable(const struct daemon_socket *socket)
{
    return socket->systemd || is_at(socket, socket->path) || is_at(socket, socket->parked_path);
}

void daemon_socket_remove(struct daemon_socket *socket)
{
    if (!socket->path || socket->systemd || !daemon_socket_is_reachable(socket))
        return;
    unlink(socket->path);
    unlink(socket->parked_path);
}

void daemon_socket_done(struct daemon_socket *socket)
{
    closep(&socket->fd);
    free(socket->path);
    free(socket->parked_path);
    *socket = (struct daemon_socket){.fd = -1};
}
