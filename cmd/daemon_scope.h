/* A daemon that a login session starts must outlive it, and its VMs too: where logind has
 * KillUserProcesses=yes, systemd kills the session's scope at logout (logind.conf(5)), whatever
 * session (setsid(2)) a process is in. So it is started in a scope of its own, below system.slice.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* systemd is what the host was booted with (sd_booted(3)). */
bool daemon_scope_is_booted(void);
/* The daemon's argument vector through systemd-run(1); owned by the caller. systemd_run: its path;
 * NULL, or booted false: NULL. pid makes the scope's name one that nobody has. Pure. */
char **daemon_scope_argv(bool booted, const char *systemd_run, const char *root_id, pid_t pid,
                         const char *program);
