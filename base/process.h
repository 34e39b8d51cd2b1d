/* Processes that outlive us: identity by pid and start time (a pid alone may have been reused). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_id {
    pid_t pid;           /* 0: none */
    uint64_t start_time; /* clock ticks since boot, /proc/PID/stat field 22 (proc(5)) */
};

/* 0, or -ESRCH where there is no such process. A zombie counts as gone. */
int process_identify(pid_t pid, struct process_id *ret_id);
bool process_is_alive(const struct process_id *id);
/* By SIGSTOP: it is there and does nothing. */
bool process_is_stopped(const struct process_id *id);
/* Signals it only if it is still the same process (through a pidfd); 0 or -errno. */
int process_signal(const struct process_id *id, int signal_number);
/* A pidfd of it (readable when it has ended; works for processes that are not our children),
 * or -errno. */
int process_open(const struct process_id *id);
/* Calls visit for every process whose argv[0]'s file name begins with `program`, with its argument
 * vector (NULL-terminated); stops when visit returns true. */
void process_scan(const char *program, bool (*visit)(pid_t pid, char **argv, void *userdata),
                  void *userdata);
