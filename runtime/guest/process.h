/* Starting a process in the guest: the service and execs alike. The child shares our memory until
 * it calls execve (vfork's way): under emulation a fork that copies page tables costs more than all
 * the rest of an exec. */
#pragma once

#include "base/error.h"
#include "runtime/guest/account.h"

#include <stdbool.h>
#include <sys/types.h>

/* What Docker sets where the image does not. */
#define PROCESS_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct process_spec {
    char *const *argv;
    char *const *environment; /* complete; its PATH is searched for argv[0] */
    const char *working_dir;  /* must exist */
    const struct account *account;
    int stdio[3]; /* become 0, 1, 2 */
    bool tty;     /* stdio[0] becomes the controlling terminal */
};

/* Exit codes of what never ran, as shells and Docker have them. */
#define PROCESS_NOT_EXECUTABLE 126
#define PROCESS_NOT_FOUND 127

/* The child is the leader of a session and a process group of its own. On failure *ret_exit_code is
 * 126 or 127 and err says why. */
int process_spawn(const struct process_spec *spec, pid_t *ret_pid, int *ret_exit_code,
                  struct error *err);
/* A pipe for the child's stdin (0), stdout (1) or stderr (2), which the account may open again by
 * /dev/stdout and the like. Our end, non-blocking; -1 where there is none to be had. */
int process_open_pipe(int child_side, const struct account *account, int *ret_child_fd);
/* A terminal: *ret_master, non-blocking, is our end of everything, stdio the child's. A size of 0
 * is the kernel's business. What was opened before a failure is in *ret_master and stdio, too. */
struct winsize;
int process_open_terminal(const struct account *account, const struct winsize *size,
                          int *ret_master, int stdio[3], struct error *err);
/* What a shell shows of a wait status: the exit code, or 128 + the signal. */
int process_exit_code(int status);

/* "K=V" vectors. Sets KEY, replacing what is there; the vector owns its strings. */
void environment_set(char ***environment, const char *assignment);
/* The value, or NULL. */
const char *environment_get(char *const *environment, const char *key);
/* PATH, HOME and (for a terminal) TERM where they are missing. */
void environment_add_defaults(char ***environment, const struct account *account, bool tty);
