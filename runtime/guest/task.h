/* One exec in the guest: a process, its three pipes or its terminal, and the credits of its stream.
 * Made by EXEC_START, gone after EXEC_EXIT or ABANDON. */
#pragma once

#include "runtime/guest/job.h"
#include "runtime/guest/loop.h"

struct task_pipe {
    struct watch watch; /* fd -1: at its end */
    struct task *task;
    enum message_type type; /* EXEC_STDOUT, EXEC_STDERR: what its bytes become */
};

struct task {
    struct job job; /* first */
    pid_t pid;
    bool tty, reaped;
    bool drained; /* a terminal's last words have had their time */
    int exit_code;
    struct task_pipe outputs[2]; /* a terminal has only the first */
    struct watch input;          /* fd -1: closed */
    struct strbuf input_data;    /* on its way to the process */
    bool input_ended;
    size_t credit;      /* output bytes that may be sent */
    struct timer drain; /* a terminal's last words, see task_reap */
};

/* EXEC_START. What cannot be started answers with its reason on stderr and EXEC_EXIT 126 or 127. */
void task_start(struct agent *agent, const struct message *message);
