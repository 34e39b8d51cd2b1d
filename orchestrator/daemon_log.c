/* See daemon_log.h. */
#include "orchestrator/daemon_log.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SIZE_LIMIT = 1 << 20 };

static bool redirected;

int daemon_log_open(const struct paths *paths, struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s/daemon.log", paths->state);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    redirected = true;
    daemon_log_check(paths);
    return 0;
}

void daemon_log_check(const struct paths *paths)
{
    struct stat status;
    if (!redirected || fstat(STDERR_FILENO, &status) < 0 || status.st_size <= SIZE_LIMIT)
        return;
    _cleanup_free_ char *path = xasprintf("%s/daemon.log", paths->state);
    _cleanup_free_ char *older = xasprintf("%s.1", path);
    if (rename(path, older) == 0)
        daemon_log_open(paths, NULL);
}
