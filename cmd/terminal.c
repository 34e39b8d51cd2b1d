/* Raw mode and forwarded signals; see terminal.h. */
#include "cmd/terminal.h"

#include "base/vec.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

int terminal_open_signals(struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
        sigaddset(&set, forwarded[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : error_set(err, errno, "cannot watch signals: %s", strerror(errno));
}

int terminal_run(const struct exec_stream_options *options, struct error *err)
{
    struct termios saved;
    bool raw = options->tty && tcgetattr(STDIN_FILENO, &saved) == 0;
    if (raw) {
        struct termios changed = saved;
        cfmakeraw(&changed);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &changed);
    }
    int status;
    int r = exec_stream_run(options, &status, err);
    if (raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
    return r < 0 ? r : status;
}
