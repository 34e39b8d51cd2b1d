/* Has the kernel killed a process for lack of memory? It says so in its log and nowhere else. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* A descriptor that remembers where the kernel's log ends now; -1 where there is none to be had. */
int oom_watch(void);
/* True where the kernel has killed pid since oom_watch(), or, shortly before now, another process:
 * a shell whose child was killed reports that as its own end. Reads on to the log's end. */
bool oom_killed(int fd, pid_t pid);
