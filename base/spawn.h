/* The one way to run a program: argv (never a shell), on the libuv loop, with a deadline, a way to
 * cancel, stdout and stderr captured in bounds. Long-lived programs (QEMU) use spawn_detached. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct spawn;

struct spawn_result {
    int exit_status;    /* of a normal exit, else -1 */
    int term_signal;    /* 0 where it exited */
    bool timed_out;     /* ended by us at the deadline */
    bool cancelled;     /* ended by spawn_cancel() */
    const char *output; /* stdout, at most output_limit bytes, NUL-terminated */
    size_t output_length;
    const char *errors; /* the last 4 KiB of stderr, trimmed, NUL-terminated */
};

struct spawn_options {
    const char *const *argv;        /* argv[0] is looked up in $PATH */
    const char *const *environment; /* "K=V"s added to ours; may be NULL */
    const char *working_directory;  /* NULL: ours */
    const char *input;              /* written to stdin, then closed; NULL: /dev/null */
    uint64_t timeout_ms;            /* 0: none. At the deadline SIGTERM, 2 s later SIGKILL, to the
                                       whole process group */
    size_t output_limit;            /* 0: 1 MiB; more is dropped */
    /* Each line of stdout as it comes; then only its last 4 KiB are kept. May be NULL. */
    void (*on_output_line)(void *userdata, const char *line);
    /* Each line of stderr as it comes, for progress; may be NULL. */
    void (*on_error_line)(void *userdata, const char *line);
    /* Called once, after the program has ended and both pipes are closed, never from within
     * spawn_start(). The result is valid during the call. */
    void (*on_done)(void *userdata, const struct spawn_result *result);
    void *userdata;
};

/* The program ends (SIGTERM) when the calling thread does, however that ends.
 * Errors: -ENOENT with the program's name where it is not installed. */
int spawn_start(uv_loop_t *loop, const struct spawn_options *options, struct spawn **ret_spawn,
                struct error *err);
/* on_done still comes, with cancelled set. */
void spawn_cancel(struct spawn *spawn);
/* 0 for exit status 0, else an error "PROGRAM failed ...: LAST LINE OF STDERR". */
int spawn_check(const char *program, const struct spawn_result *result, struct error *err);

/* Starts a program in its own session; nobody waits for it on our side but the caller. stdin is
 * /dev/null, stdout and stderr go to log_fd (or /dev/null for -1). fds[i] becomes descriptor 3 + i
 * in the child. Not 0: uid and gid are taken over, supplementary groups and with them all
 * capabilities are dropped, before exec (capabilities(7): a change from 0 to another uid clears the
 * sets). The child is ours until it ends: on_exit is called (exit status, or -1 and the signal);
 * with on_exit NULL it is reaped silently. */
struct spawn_detached_options {
    const char *const *argv;
    const int *fds;
    size_t fd_count;
    int log_fd;
    uid_t uid;
    gid_t gid;
    void (*on_exit)(void *userdata, int exit_status, int term_signal);
    void *userdata;
};
int spawn_detached(uv_loop_t *loop, const struct spawn_detached_options *options, pid_t *ret_pid,
                   struct error *err);
/* on_exit of that child is not called any more (its userdata is going away). */
void spawn_detached_forget(uv_loop_t *loop, pid_t pid);
