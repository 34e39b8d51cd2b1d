/* Starting a program the way the service was started: its environment, its working directory.
 * Between those who do (task.c, probe.c) and process.c. */
#pragma once

#include "runtime/guest/identity.h"
#include "runtime/guest/process.h"

struct command {
    char *const *argv;
    char *const *environment; /* "K=V"s added to the service's; may be NULL */
    const char *working_dir;  /* NULL or "": the service's */
    const struct account *account;
    int stdio[3]; /* as in struct process_spec */
    bool tty;
};

/* As process_spawn(). */
int command_spawn(const struct identity *identity, const struct command *command, pid_t *ret_pid,
                  int *ret_exit_code, struct error *err);
