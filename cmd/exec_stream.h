/* The running part of `exec`: our stdin, stdout, stderr and signals against one upgraded connection
 * (docs/api.md, POST /vmstead/exec). One poll(2) loop; nothing here blocks on one side while the
 * other has something to say. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct exec_stream_options {
    int socket_fd;     /* connected, upgraded; stays the caller's */
    const char *early; /* what came behind the answer's head */
    size_t early_length;
    bool tty; /* the terminal is in raw mode: its size is sent, Ctrl-C is a byte */
    bool attach_stdin;
    int signal_fd; /* signalfd(2) of what is forwarded */
};

/* Until the process has ended. *ret_status: its exit status. -ECONNRESET where the daemon went
 * away. */
int exec_stream_run(const struct exec_stream_options *options, int *ret_status, struct error *err);
