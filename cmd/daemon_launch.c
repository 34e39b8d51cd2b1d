/* See daemon_launch.h. */
#include "cmd/daemon_launch.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"
#include "cmd/client.h"
#include "cmd/daemon_scope.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 30000 /* adoption of many VMs comes first */
#define START_TIMEOUT_MS 15000
#define POLL_MS 5
#define LOG_TAIL_BYTES 2048

char *daemon_program(void)
{
    _cleanup_free_ char *self = realpath("/proc/self/exe", NULL);
    if (!self)
        return xstrdup("vmstead-daemon");
    *strrchr(self, '/') = '\0';
    char *beside = xasprintf("%s/vmstead-daemon", self);
    if (fs_exists(beside))
        return beside;
    free(beside);
    return xasprintf("%s/../libexec/vmstead/vmstead-daemon", self);
}

/* --- starting ------------------------------------------------------------------------------- */

static off_t log_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : 0;
}

/* What the log has got since `from`: at most its last LOG_TAIL_BYTES, without the last newline. */
static char *log_since(const char *path, off_t from)
{
    off_t size = log_size(path);
    if (size - from > LOG_TAIL_BYTES || size < from)
        from = size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0;
    char text[LOG_TAIL_BYTES + 1];
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : pread(fd, text, LOG_TAIL_BYTES, from);
    while (length > 0 && text[length - 1] == '\n')
        length--;
    return xstrndup(text, length > 0 ? (size_t)length : 0);
}

/* What a daemon is told by its environment, or those that it starts: mirrors' proxies, registries'
 * logins, folders. A name that ends in * is a prefix. */
static const char *const daemon_variables[] = {
    "VMSTEAD_*",       "PATH",         "HOME",         "USER",
    "LOGNAME",         "LANG",         "LC_*",         "TZ",
    "TMPDIR",          "XDG_*",        "http_proxy",   "https_proxy",
    "HTTP_PROXY",      "HTTPS_PROXY",  "NO_PROXY",     "no_proxy",
    "all_proxy",       "ALL_PROXY",    "ftp_proxy",    "FTP_PROXY",
    "SSL_CERT_*",      "DOCKER_*",     "REGISTRY_*",   "CONTAINERS_*",
    "ASAN_OPTIONS",    "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS",
    "LD_LIBRARY_PATH", "BUILDAH_*",
};

static bool is_for_daemon(const char *variable)
{
    size_t name_length = strcspn(variable, "=");
    for (size_t i = 0; i < ARRAY_SIZE(daemon_variables); i++) {
        const char *name = daemon_variables[i];
        size_t length = strlen(name);
        if (name[length - 1] == '*') {
            if (strncmp(variable, name, length - 1) == 0)
                return true;
        } else if (length == name_length && strncmp(variable, name, length) == 0) {
            return true;
        }
    }
    return false;
}

/* The daemon and its virtual machines outlive the command by far: the values that a project's user
 * has in the shell, for one `up`, do not stay in their environments. */
static char **daemon_environment(void)
{
    size_t count = 0;
    for (char **variable = environ; *variable; variable++)
        count++;
    char **kept = xcalloc(count + 1, sizeof(*kept));
    size_t used = 0;
    for (char **variable = environ; *variable; variable++)
        if (is_for_daemon(*variable))
            kept[used++] = *variable;
    return kept;
}

/* In the child: a session of its own, nothing of ours open, diagnostics into the log. */
static void become_daemon(char *const *argv, char *const *environment, int log_fd)
{
    setsid();
    int null_fd = open("/dev/null", O_RDWR);
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    close_range(3, ~0U, 0);
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (chdir("/") == 0)
        execve(argv[0], argv, environment);
    dprintf(STDERR_FILENO, "cannot start '%s': %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int spawn_daemon(char *const *argv, const char *log_path, pid_t *ret_pid, struct error *err)
{
    _cleanup_close_ int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return error_set(err, errno, "cannot open the daemon's log '%s': %s", log_path,
                         strerror(errno));
    _cleanup_free_ char **environment = daemon_environment();
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "cannot start the daemon: %s", strerror(errno));
    if (pid == 0)
        become_daemon(argv, environment, log_fd);
    *ret_pid = pid;
    return 0;
}

/* Then the log is the first that cannot be written. */
static bool is_full(const char *path)
{
    struct statvfs status;
    return statvfs(path, &status) == 0 && status.f_bavail * status.f_frsize < LOG_TAIL_BYTES;
}

static int start_failed(const char *log_path, off_t log_start, bool gone, struct error *err)
{
    const char *what = gone ? "ended as soon as it was started" : "was started but does not answer";
    int code = gone ? ECHILD : ETIMEDOUT;
    _cleanup_free_ char *tail = log_since(log_path, log_start);
    if (!*tail && is_full(log_path))
        return error_set(err, ENOSPC, "the daemon %s: no space left on the disk of '%s'", what,
                         log_path);
    if (!*tail)
        return error_set(err, code, "the daemon %s; its log is '%s'", what, log_path);
    return error_set(err, code, "the daemon %s; the end of its log '%s':\n%s", what, log_path,
                     tail);
}

int daemon_call(const char *socket_path, const char *method, const char *path, cJSON **ret_answer,
                struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    int r = client_new(socket_path, &client, err);
    if (r < 0)
        return r;
    client_set_anonymous(client);
    return client_call(client, method, path, NULL, ANSWER_TIMEOUT_MS, ret_answer, err);
}

/* It listens before it has adopted what runs, and may yet fail: only an answer tells. */
static bool daemon_answers(const char *socket_path)
{
    _cleanup_close_ int fd = -1;
    return client_connect(socket_path, &fd, NULL) == 0 &&
           daemon_call(socket_path, "GET", "/vmstead/daemon", NULL, NULL) == 0;
}

/* Somebody may start one by hand at the same moment: ours then ends because the other has the lock,
 * and the other answers. So the end of ours is a failure only when the socket still does not answer
 * after it. */
static int wait_for_answer(const char *socket_path, pid_t pid, const char *log_path,
                           off_t log_start, struct error *err)
{
    uint64_t deadline_ms = clock_monotonic_ms() + START_TIMEOUT_MS;
    bool gone = false;
    for (;;) {
        if (daemon_answers(socket_path))
            return 0;
        int status;
        if (!gone && waitpid(pid, &status, WNOHANG) == pid) {
            gone = true;
            deadline_ms = clock_monotonic_ms() + 500;
        }
        if (clock_monotonic_ms() > deadline_ms)
            return start_failed(log_path, log_start, gone, err);
        poll(NULL, 0, POLL_MS);
    }
}

static int try_to_start(char *const *argv, const char *socket_path, const char *log_path,
                        struct error *err)
{
    off_t log_start = log_size(log_path);
    pid_t pid = 0;
    int r = spawn_daemon(argv, log_path, &pid, err);
    return r < 0 ? r : wait_for_answer(socket_path, pid, log_path, log_start, err);
}

/* Where systemd cannot be reached (a container that has its files, a chroot) there is no session to
 * be kept out of: then without a scope. */
static int start_in_scope(const struct paths *paths, const char *socket_path, const char *log_path,
                          struct error *err)
{
    _cleanup_free_ char *program = daemon_program();
    _cleanup_free_ char *systemd_run = fs_find_program("systemd-run");
    _cleanup_strv_ char **scope =
        daemon_scope_argv(daemon_scope_is_booted(), systemd_run, paths->root_id, getpid(), program);
    char background[] = "--background", *const plain[] = {program, background, NULL};
    int r = scope ? try_to_start(scope, socket_path, log_path, err) : -ECHILD;
    if (r != -ECHILD)
        return r;
    error_done(err);
    return try_to_start(plain, socket_path, log_path, err);
}

/* Clients that come at the same moment take turns (the log is what they lock), so that one
 * daemon is started and not many. */
int daemon_launch(const struct paths *paths, const char *socket_path, struct error *err)
{
    _cleanup_free_ char *log_path = xasprintf("%s/daemon.log", paths->state);
    _cleanup_close_ int lock_fd = -1;
    int r = fs_lock_file(log_path, START_TIMEOUT_MS, &lock_fd, err);
    if (r < 0)
        return error_prefix(err, "another client is starting the daemon");
    if (daemon_answers(socket_path))
        return 0;
    return start_in_scope(paths, socket_path, log_path, err);
}
