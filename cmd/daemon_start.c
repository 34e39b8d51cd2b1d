/* Finds, checks, replaces and starts the daemon; see daemon_start.h. */
#include "cmd/daemon_start.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/process.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/version.h"
#include "cmd/project.h"

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
#define LEAVE_TIMEOUT_MS 15000
#define SHUTDOWN_TIMEOUT_MS 600000 /* services have grace periods, one after the other */
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
static void become_daemon(const char *program, char *const *environment, int log_fd)
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
        execle(program, "vmstead-daemon", "--background", NULL, environment);
    dprintf(STDERR_FILENO, "cannot start '%s': %s\n", program, strerror(errno));
    _exit(127);
}

static int spawn_daemon(const char *log_path, pid_t *ret_pid, struct error *err)
{
    _cleanup_free_ char *program = daemon_program();
    _cleanup_close_ int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return error_set(err, errno, "cannot open the daemon's log '%s': %s", log_path,
                         strerror(errno));
    _cleanup_free_ char **environment = daemon_environment();
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "cannot start the daemon: %s", strerror(errno));
    if (pid == 0)
        become_daemon(program, environment, log_fd);
    *ret_pid = pid;
    return 0;
}

/* Then the log is the first that cannot be written. */
static bool is_full(const char *path)
{
    struct statvfs status;
    return statvfs(path, &status) == 0 && status.f_bavail * status.f_frsize < LOG_TAIL_BYTES;
}

static int start_failed(const char *log_path, off_t log_start, const char *what, struct error *err)
{
    _cleanup_free_ char *tail = log_since(log_path, log_start);
    if (!*tail && is_full(log_path))
        return error_set(err, ENOSPC, "the daemon %s: no space left on the disk of '%s'", what,
                         log_path);
    if (!*tail)
        return error_set(err, ECHILD, "the daemon %s; its log is '%s'", what, log_path);
    return error_set(err, ECHILD, "the daemon %s; the end of its log '%s':\n%s", what, log_path,
                     tail);
}

/* Asks without our identity headers, which this daemon would refuse. */
static int call_stranger(const char *socket_path, const char *method, const char *path,
                         cJSON **ret_answer, struct error *err)
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
           call_stranger(socket_path, "GET", "/vmstead/daemon", NULL, NULL) == 0;
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
            return start_failed(
                log_path, log_start,
                gone ? "ended as soon as it was started" : "was started but does not answer", err);
        poll(NULL, 0, POLL_MS);
    }
}

/* Clients that come at the same moment take turns (the log is what they lock), so that one
 * daemon is started and not many. */
static int start_daemon(const struct paths *paths, const char *socket_path, struct error *err)
{
    _cleanup_free_ char *log_path = xasprintf("%s/daemon.log", paths->state);
    _cleanup_close_ int lock_fd = -1;
    int r = fs_lock_file(log_path, START_TIMEOUT_MS, &lock_fd, err);
    if (r < 0)
        return error_prefix(err, "another client is starting the daemon");
    if (daemon_answers(socket_path))
        return 0;
    off_t log_start = log_size(log_path);
    pid_t pid = 0;
    r = spawn_daemon(log_path, &pid, err);
    if (r < 0)
        return r;
    return wait_for_answer(socket_path, pid, log_path, log_start, err);
}

/* --- the right one -------------------------------------------------------------------------- */

/* The version's word comes first: an older daemon is replaced wherever VMs run, since the next one
 * finds them; a newer one's state would be more than we understand. */
enum fit {
    FIT_OURS,
    FIT_OLDER,     /* than we are: to be replaced */
    FIT_NEWER,     /* than we are: not ours to touch */
    FIT_ELSEWHERE, /* in another network namespace: replaced where nothing runs */
};

static enum fit judge_daemon(const cJSON *daemon)
{
    int difference = version_compare(json_string(daemon, "version", ""), vmstead_version);
    if (difference > 0)
        return FIT_NEWER;
    if ((uint64_t)json_int(daemon, "network_namespace", 0) != client_network_namespace())
        return FIT_ELSEWHERE;
    return difference < 0 ? FIT_OLDER : FIT_OURS;
}

static bool has_running(const cJSON *projects)
{
    const cJSON *project;
    cJSON_ArrayForEach(project, projects)
    {
        if (strstr(json_string(project, "Status", ""), "running"))
            return true;
    }
    return false;
}

static int refuse_newer(const cJSON *daemon, struct error *err)
{
    return error_set(err, EREMCHG,
                     "the daemon (pid %d) is of version %s, this program of version %s: upgrade "
                     "it, or use the newer one",
                     (int)json_int(daemon, "pid", 0), json_string(daemon, "version", "?"),
                     vmstead_version);
}

static int refuse_elsewhere(const cJSON *daemon, struct error *err)
{
    int pid = (int)json_int(daemon, "pid", 0);
    return error_set(err, EREMCHG,
                     "virtual machines run under a daemon in another network namespace (pid %d): "
                     "reach it with 'nsenter -t %d -n vmstead ...', or choose another VMSTEAD_ROOT",
                     pid, pid);
}

/* The lock file is held as long as the daemon lives. */
static int wait_until_gone(const struct paths *paths, uint64_t timeout_ms, struct error *err)
{
    _cleanup_free_ char *lock_path = xasprintf("%s/daemon.lock", paths->run);
    _cleanup_close_ int fd = -1;
    int r = fs_lock_file(lock_path, timeout_ms, &fd, err);
    return r < 0 ? error_prefix(err, "the daemon does not leave") : 0;
}

static int replace_daemon(const struct paths *paths, const char *socket_path, struct error *err)
{
    _cleanup_json_ cJSON *answer = NULL;
    int r = call_stranger(socket_path, "POST", "/vmstead/daemon/stop", &answer, err);
    if (r == 0)
        r = wait_until_gone(paths, LEAVE_TIMEOUT_MS, err);
    return r < 0 ? r : start_daemon(paths, socket_path, err);
}

static int replace_where_idle(const struct paths *paths, const char *socket_path,
                              const cJSON *daemon, struct error *err)
{
    _cleanup_json_ cJSON *projects = NULL;
    int r = call_stranger(socket_path, "GET", "/vmstead/projects", &projects, err);
    if (r < 0)
        return r;
    return has_running(projects) ? refuse_elsewhere(daemon, err)
                                 : replace_daemon(paths, socket_path, err);
}

/* -ENOENT, -ECONNREFUSED or -ERESTART where there is none. Asking costs a tenth of a millisecond,
 * and is the only way to know: one that is being killed takes connections until the last moment. */
static int check_daemon(const struct paths *paths, const char *socket_path, struct error *err)
{
    _cleanup_json_ cJSON *daemon = NULL;
    int r = call_stranger(socket_path, "GET", "/vmstead/daemon", &daemon, err);
    if (r < 0)
        return r;
    switch (judge_daemon(daemon)) {
    case FIT_OLDER:
        return replace_daemon(paths, socket_path, err);
    case FIT_NEWER:
        return refuse_newer(daemon, err);
    case FIT_ELSEWHERE:
        return replace_where_idle(paths, socket_path, daemon, err);
    case FIT_OURS:
        break;
    }
    return 0;
}

int daemon_describe(cJSON **ret_daemon, struct error *err)
{
    _cleanup_(paths_done) struct paths paths = {0};
    int r = paths_init(&paths, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *socket_path = paths_daemon_socket(&paths);
    return call_stranger(socket_path, "GET", "/vmstead/daemon", ret_daemon, err);
}

/* What check_daemon() and the like return where none runs. */
static bool is_absent(int r)
{
    return r == -ENOENT || r == -ECONNREFUSED || r == -ERESTART;
}

static bool has_state(const struct paths *paths)
{
    _cleanup_free_ char *database = xasprintf("%s/vmstead.db", paths->state);
    return fs_exists(database);
}

int daemon_open(const struct invocation *invocation, enum daemon_need need,
                struct client **ret_client, struct error *err)
{
    *ret_client = NULL;
    _cleanup_(paths_done) struct paths paths = {0};
    int r = project_need_root(invocation, err);
    if (r == 0)
        r = paths_init(&paths, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *socket_path = paths_daemon_socket(&paths);
    r = check_daemon(&paths, socket_path, err);
    bool absent = is_absent(r);
    if (absent && need == DAEMON_IF_ANY && !has_state(&paths)) {
        error_done(err);
        return 0;
    }
    if (absent) {
        error_done(err);
        r = start_daemon(&paths, socket_path, err);
        if (r == 0) /* somebody else may have started another kind meanwhile */
            r = check_daemon(&paths, socket_path, err);
    }
    return r < 0 ? r : client_new(socket_path, ret_client, err);
}

int daemon_restart(const struct invocation *invocation, struct error *err)
{
    _cleanup_(paths_done) struct paths paths = {0};
    int r = project_need_root(invocation, err);
    if (r == 0)
        r = paths_init(&paths, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *socket_path = paths_daemon_socket(&paths);
    r = replace_daemon(&paths, socket_path, err);
    if (!is_absent(r))
        return r;
    error_done(err);
    return start_daemon(&paths, socket_path, err);
}

int daemon_shutdown(const struct invocation *invocation, struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    int r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    if (r < 0 || !client)
        return r;
    _cleanup_(paths_done) struct paths paths = {0};
    r = paths_init(&paths, err);
    if (r == 0)
        r = client_call(client, "POST", "/vmstead/daemon/shutdown", NULL, ANSWER_TIMEOUT_MS, NULL,
                        err);
    return r < 0 ? r : wait_until_gone(&paths, SHUTDOWN_TIMEOUT_MS, err);
}
