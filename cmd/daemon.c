/* `vmstead daemon`: becomes the daemon's own program. That is a program apart (daemon_main.c) so
 * that a client does not pay, at every start, for loading the libraries of networks, HTTP serving
 * and archives: 10 ms. */
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/daemon_launch.h"
#include "cmd/daemon_start.h"

#include <errno.h>
#include <unistd.h>

struct daemon_values {
    bool background, restart, stop, shutdown;
};

static const struct option_row rows[] = {
    {"background", 0, OPTION_FLAG, offsetof(struct daemon_values, background), NULL, NULL, 0, 0,
     "Write diagnostics to STATE/daemon.log instead of standard error"},
    {"restart", 0, OPTION_FLAG, offsetof(struct daemon_values, restart), NULL, NULL, 0, 0,
     "Have the daemon that runs replaced by a new one, which puts back what is missing of the "
     "networks; virtual machines go on"},
    {"stop", 0, OPTION_FLAG, offsetof(struct daemon_values, stop), NULL, NULL, 0, 0,
     "Have the daemon that runs leave; virtual machines go on"},
    {"shutdown", 0, OPTION_FLAG, offsetof(struct daemon_values, shutdown), NULL, NULL, 0, 0,
     "Have the daemon that runs stop all virtual machines in good order, and leave"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct daemon_values *values = invocation->values;
    if (values->restart)
        return daemon_restart(invocation, err);
    if (values->stop)
        return daemon_stop(invocation, err);
    if (values->shutdown)
        return daemon_shutdown(invocation, err);
    _cleanup_free_ char *program = daemon_program();
    execl(program, "vmstead-daemon", values->background ? "--background" : NULL, NULL);
    return error_set(err, errno, "cannot run '%s': %s; it is installed together with vmstead",
                     program, strerror(errno));
}

const struct command command_daemon = {
    .name = "daemon",
    .arguments = "",
    .summary = "Run the daemon in the foreground",
    .details =
        "Other commands start the daemon by themselves when none answers, and it leaves when\n"
        "nothing has run for a minute. Run it by hand to see its diagnostics, or from a\n"
        "service manager to keep it. Virtual machines outlive it: the next daemon finds them.\n\n"
        "With --shutdown everything stops, as for a reboot of the host; what `restart:` always or\n"
        "unless-stopped keeps running comes back with the next daemon.\n\n"
        "Environment:\n"
        "  VMSTEAD_IDLE_SECONDS   leave after so long with nothing to do (default 60; 0: never)\n"
        "  VMSTEAD_LOG            error, warning (default), info or debug",
    .examples = "  VMSTEAD_LOG=debug vmstead daemon",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct daemon_values),
    .run = run,
};
