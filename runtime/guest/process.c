/* Process creation, see process.h. */
#include "runtime/guest/process.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What dockerd's own unit gives containers: a modest soft limit, room to raise it. */
#define FILES_SOFT 1024
#define FILES_HARD 524288

struct child {
    const struct process_spec *spec;
    const char *path;
    const char *failed_step; /* NULL: execve itself */
    int error;
    char candidate[PATH_MAX];
};

static int child_fail(struct child *child, const char *step)
{
    child->error = errno;
    child->failed_step = step;
    return -1;
}

/* From here to execve: nothing but system calls, in the parent's memory. */
static void child_reset_signals(void)
{
    sigset_t none;
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&none);
    sigaction(SIGPIPE, &action, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int child_set_stdio(struct child *child)
{
    const struct process_spec *spec = child->spec;
    for (int i = 0; i < 3; i++)
        if (dup2(spec->stdio[i], i) < 0)
            return child_fail(child, "set up the standard streams");
    if (spec->tty && ioctl(0, TIOCSCTTY, 0) < 0)
        return child_fail(child, "take the terminal");
    return 0;
}

static int child_set_account(struct child *child)
{
    const struct account *account = child->spec->account;
    if (geteuid() != 0 && geteuid() == account->uid)
        return 0;
    if (syscall(SYS_setgroups, account->group_count, account->groups) < 0 ||
        syscall(SYS_setgid, account->gid) < 0 || syscall(SYS_setuid, account->uid) < 0)
        return child_fail(child, "change the user");
    return 0;
}

/* execvpe() with Docker's verdict: a program that is there and cannot be run counts for more than
 * one that is missing. Sets child->error only where all has failed: on success the parent, in whose
 * memory this runs, goes on with what we leave behind. */
static void child_exec(struct child *child)
{
    const struct process_spec *spec = child->spec;
    const char *name = spec->argv[0];
    int error = ENOENT;
    if (strchr(name, '/')) {
        execve(name, spec->argv, spec->environment);
        error = errno;
    }
    for (const char *path = child->path; *name && !strchr(name, '/') && *path;
         path += *path == ':') {
        size_t length = strcspn(path, ":");
        int written = snprintf(child->candidate, sizeof(child->candidate), "%.*s/%s",
                               length ? (int)length : 1, length ? path : ".", name);
        path += length;
        if (written < 0 || (size_t)written >= sizeof(child->candidate))
            continue;
        /* An execve of what is not there makes and drops a whole address space. */
        if (access(child->candidate, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
            continue;
        execve(child->candidate, spec->argv, spec->environment);
        if (errno != ENOENT && errno != ENOTDIR)
            error = errno;
        if (error != ENOENT && error != EACCES)
            break;
    }
    child->error = error;
}

static int child_main(void *argument)
{
    struct child *child = argument;
    struct rlimit files = {FILES_SOFT, FILES_HARD};
    child_reset_signals();
    setsid();
    if (geteuid() == 0)
        setrlimit(RLIMIT_NOFILE, &files);
    if (child_set_stdio(child) < 0)
        _exit(PROCESS_NOT_EXECUTABLE);
    if (chdir(child->spec->working_dir) < 0) {
        child_fail(child, "change to the working directory");
        _exit(PROCESS_NOT_EXECUTABLE);
    }
    if (child_set_account(child) == 0)
        child_exec(child);
    _exit(PROCESS_NOT_EXECUTABLE);
}

static int process_explain(const struct child *child, int *ret_exit_code, struct error *err)
{
    const char *name = child->spec->argv[0];
    bool missing = !child->failed_step && (child->error == ENOENT || child->error == ENOTDIR);
    *ret_exit_code = missing ? PROCESS_NOT_FOUND : PROCESS_NOT_EXECUTABLE;
    if (child->failed_step)
        return error_set(err, child->error, "exec: \"%s\": cannot %s (\"%s\"): %s", name,
                         child->failed_step, child->spec->working_dir, strerror(child->error));
    if (missing && !strchr(name, '/'))
        return error_set(err, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
    return error_set(err, child->error, "exec: \"%s\": %s", name, strerror(child->error));
}

int process_spawn(const struct process_spec *spec, pid_t *ret_pid, int *ret_exit_code,
                  struct error *err)
{
    static _Alignas(16) char stack[65536];
    struct child child = {.spec = spec, .path = environment_get(spec->environment, "PATH")};
    if (!child.path)
        child.path = PROCESS_PATH;
    /* With CLONE_VFORK we sleep until the child is in its own program or gone: one stack will do.
     */
    pid_t pid = clone(child_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
    if (pid < 0) {
        *ret_exit_code = PROCESS_NOT_EXECUTABLE;
        return error_set(err, errno, "exec: \"%s\": cannot create a process: %s", spec->argv[0],
                         strerror(errno));
    }
    if (child.error) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return process_explain(&child, ret_exit_code, err);
    }
    *ret_pid = pid;
    return 0;
}

int process_open_pipe(int child_side, const struct account *account, int *ret_child_fd)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    int ours = child_side == 0 ? 1 : 0;
    if (fchown(ends[!ours], account->uid, account->gid) < 0)
        errno = 0;
    *ret_child_fd = ends[!ours];
    fcntl(ends[ours], F_SETFL, O_NONBLOCK);
    return ends[ours];
}

int process_open_terminal(const struct account *account, const struct winsize *size,
                          int *ret_master, int stdio[3], struct error *err)
{
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    int unlock = 0;
    if (master < 0)
        return error_set(err, errno, "cannot open a terminal: %s", strerror(errno));
    *ret_master = master;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0 ||
        (stdio[0] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
        return error_set(err, errno, "cannot open a terminal: %s", strerror(errno));
    if (fchown(stdio[0], account->uid, (gid_t)-1) < 0)
        errno = 0;
    if (size->ws_row || size->ws_col)
        ioctl(master, TIOCSWINSZ, size);
    stdio[1] = fcntl(stdio[0], F_DUPFD_CLOEXEC, 0);
    stdio[2] = fcntl(stdio[0], F_DUPFD_CLOEXEC, 0);
    return 0;
}

int process_exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- environment ---------------------------------------------------------------------------- */

void environment_set(char ***environment, const char *assignment)
{
    size_t key = strcspn(assignment, "=") + 1;
    for (char **item = *environment; item && *item; item++) {
        if (strncmp(*item, assignment, key) != 0)
            continue;
        free(*item);
        *item = xstrdup(assignment);
        return;
    }
    strv_add(environment, xstrdup(assignment));
}

const char *environment_get(char *const *environment, const char *key)
{
    size_t length = strlen(key);
    for (; environment && *environment; environment++)
        if (strncmp(*environment, key, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

void environment_add_defaults(char ***environment, const struct account *account, bool tty)
{
    if (!environment_get(*environment, "PATH"))
        strv_add(environment, xstrdup("PATH=" PROCESS_PATH));
    if (!environment_get(*environment, "HOME"))
        strv_add(environment, xasprintf("HOME=%s", account->home));
    if (tty && !environment_get(*environment, "TERM"))
        strv_add(environment, xstrdup("TERM=xterm"));
}
