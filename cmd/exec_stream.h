/* The running part of `exec`, `attach` and `run`: our stdin, stdout, stderr and signals against one
 * upgraded connection (docs/api.md, POST /vmstead/exec and /containers/{id}/attach). One poll(2)
 * loop; nothing here blocks on one side while the other has something to say. */
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

    /* NULL: exec, which takes everything as frames, and ends with one that says how. Else attach:
     * what we send is bare, what comes too with a terminal; signals and sizes go another way, by
     * this. */
    void (*on_signal)(void *userdata, int signal_number);
    void *userdata;
    /* With a terminal: the bytes that mean "leave it alone"; NULL: none. */
    const char *detach_keys;
};

#define EXEC_STREAM_DETACHED -1 /* a status: the detach keys were pressed */

/* Until the process has ended. *ret_status: its exit status; an attach does not know it: 0.
 * -ECONNRESET where the daemon went
 * away. */
int exec_stream_run(const struct exec_stream_options *options, int *ret_status, struct error *err);
