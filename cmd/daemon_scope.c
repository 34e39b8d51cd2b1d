/* See daemon_scope.h. */
#include "cmd/daemon_scope.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <sys/stat.h>

bool daemon_scope_is_booted(void)
{
    struct stat status;
    return lstat("/run/systemd/system/", &status) == 0 && S_ISDIR(status.st_mode);
}

/* --collect: a daemon that failed leaves no unit behind. systemd-run turns into the daemon itself,
 * so that the pid is its. */
char **daemon_scope_argv(bool booted, const char *systemd_run, const char *root_id, pid_t pid,
                         const char *program)
{
    if (!booted || !systemd_run)
        return NULL;
    _cleanup_free_ char *unit = xasprintf("--unit=vmstead-%s-%d.scope", root_id, (int)pid);
    const char *const argv[] = {systemd_run,
                                "--scope",
                                "--quiet",
                                "--collect",
                                "--slice=system.slice",
                                unit,
                                "--description=vmstead: a daemon and its virtual machines",
                                "--",
                                program,
                                "--background",
                                NULL};
    return strv_copy(argv);
}
