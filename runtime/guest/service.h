/* The service's process: started once, its stdout and stderr become log records in the ring, and
 * the ring goes to the host as far as LOG_WINDOW allows. Owned by struct agent.
 *
 * Back-pressure: with a host that is there, a full ring makes us stop reading the pipes, so that
 * nothing is lost while the host is merely slow; after SERVICE_STALL_MS without progress, or with
 * no host, the ring drops its oldest: the service must not hang because the daemon is gone. */
#pragma once

#include "base/error.h"
#include "runtime/guest/loop.h"
#include "runtime/guest/ring.h"
#include "runtime/guest/splitter.h"

#include <sys/types.h>

#define SERVICE_STALL_MS 5000u
/* What a service writes within that time is read in one go: each time it is read costs a guest
 * under emulation several system calls and the host a wake-up. The first line after a silence is
 * read at once. */
#define SERVICE_REST_MS 8u
/* Room in its pipes for what is written meanwhile. */
#define SERVICE_PIPE_BYTES (1 << 20)
#define SERVICE_REPLAY_BYTES (64u << 10)

struct agent;

struct service_output {
    struct watch watch; /* fd -1: at its end */
    struct splitter splitter;
    struct service *service;
};

struct service {
    struct agent *agent;
    struct ring ring;
    struct service_output outputs[2];
    struct strbuf said; /* of a terminal: the last SERVICE_REPLAY_BYTES, for who attaches later */
    struct watch input; /* stdin's writing end, or a terminal; fd -1: none */
    int kernel_log;     /* for oom_killed() */
    bool oom;           /* what has ended it */
    pid_t pid;          /* 0: not started, or reaped */
    bool resting;       /* its pipes are read when `rest` says so, not when they are ready */
    struct timer rest;
    bool dropping; /* the host has made no progress: reading goes on, the oldest go */
    struct timer stall;
    struct timer kill;
};

void service_init(struct service *service, struct agent *agent);
void service_done(struct service *service);
/* By the agent's identity. On failure *ret_exit_code is what is to be reported. */
int service_start(struct service *service, int *ret_exit_code, struct error *err);
void service_signal(struct service *service, int signal_number);
/* Signal now, SIGKILL after timeout_ms. */
void service_stop(struct service *service, int signal_number, uint64_t timeout_ms);
/* Both pipes are at their end: nobody holds them any more. */
bool service_output_ended(const struct service *service);
/* Reads what is in the pipes and closes them, whoever else still holds them. */
void service_finish_output(struct service *service);
/* True where the pid was the service's: then all other processes have been ended, too. */
bool service_reap(struct service *service, pid_t pid, int status);
/* The host has stored records: there is room again. */
void service_logs_stored(struct service *service, uint64_t sequence);
/* A new session: send again what comes after `stored`. */
void service_logs_rewind(struct service *service, uint64_t stored);
/* Moves log records into the link, as far as the window allows; adjusts what is read. */
void service_pump(struct service *service);
/* stdin bytes that were taken; -1 with errno EAGAIN: later, input's watch tells. What nobody can
 * read any more is taken, too. */
ssize_t service_write_input(struct service *service, const void *data, size_t length);
/* The service reads end-of-file. */
void service_end_input(struct service *service);
void service_resize(struct service *service, uint16_t rows, uint16_t columns);
/* Everything that is in the ring has been handed to the link. */
bool service_logs_sent(const struct service *service);
