/* See run_program.h. */
#include "cmd/run_program.h"

#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const char *program, const char *const *argv, bool quiet)
{
    int null_fd = quiet ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
    for (int fd = 0; quiet && fd < 3; fd++)
        dup2(null_fd, fd);
    signal(SIGPIPE, SIG_DFL);
    execv(program, (char *const *)argv);
    _exit(127);
}

int run_program(const char *const *argv, bool quiet, int *ret_status, struct error *err)
{
    _cleanup_free_ char *program = fs_find_program(argv[0]);
    int status;
    if (!program)
        return error_set(err, ENOENT, "'%s' is not installed", argv[0]);
    pid_t pid = fork();
    if (pid == 0)
        become(program, argv, quiet);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return error_set(err, errno, "cannot run '%s': %s", program, strerror(errno));
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}
