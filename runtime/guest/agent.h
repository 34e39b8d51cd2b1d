/* The agent: what the guest does with the host's messages. Everything that is particular to being
 * PID 1 of a VM (mounts, network, power) is behind struct agent_platform, so that the same code
 * runs in tests as an ordinary process over a socketpair.
 *
 *   main.c -> boot.c (mounts, modules, port) -> agent.c (messages, phases)
 *                 service.c (the service, its logs)   task.c (execs)   process.c (starting
 * programs) setup.c -> rootfs.c, network.c, etc_files.c, when the identity comes */
#pragma once

#include "runtime/guest/identity.h"
#include "runtime/guest/link.h"
#include "runtime/guest/loop.h"
#include "runtime/guest/service.h"

struct agent_platform {
    /* Makes the guest what the identity says. err says what could not be done. */
    int (*set_up)(struct identity *identity, struct error *err);
    /* The identity's conversion, in place of set_up and a service. */
    int (*convert)(const struct identity *identity, struct error *err);
    /* Ends every process but us (the service has ended; what it left behind goes too). */
    void (*kill_all)(void);
    /* Ends the machine; the agent's loop has been left. */
    void (*power_off)(void);
};

enum agent_phase {
    AGENT_ANONYMOUS, /* no identity yet */
    AGENT_RUNNING,   /* the service runs */
    AGENT_ENDING,    /* it has ended; output is being collected */
    AGENT_REPORTING, /* FAILED or EXITED is (to be) sent, until REPORT_ACK */
    AGENT_FINISHED   /* leave the loop, power off */
};

/* How long a guest whose service has ended waits for a daemon that comes and takes the exit code
 * and the last logs: a daemon may be away over a night, but a forgotten VM must not stay for ever.
 */
#define AGENT_REPORT_LIMIT_MS (24u * 3600 * 1000)
/* How long execs and output may take to end once the service has. */
#define AGENT_ENDING_LIMIT_MS 5000u
/* Execs, copies and so on at one time. */
#define AGENT_JOBS_MAX 256u

struct job;

struct agent {
    const struct agent_platform *platform;
    struct loop loop;
    struct link link;
    struct watch port;     /* the virtio-serial port */
    bool host_is_away;     /* as far as the last read told: a hint, see agent_on_port() */
    struct watch children; /* signalfd: SIGCHLD, SIGINT (Ctrl-Alt-Del), SIGPWR */
    enum agent_phase phase;
    struct identity identity;
    struct service service;
    struct job *jobs;
    size_t job_count;
    struct timer limit; /* of the phase */
    bool collected;     /* ENDING has lasted long enough: execs ended, output closed */
    bool failed;        /* the report: FAILED with a message, or EXITED */
    int exit_code;
    char *failure;
};

/* Takes the port's descriptor (non-blocking). SIGCHLD must be blocked. */
int agent_init(struct agent *agent, int port_fd, const struct agent_platform *platform);
/* Until the machine is to be powered off. */
void agent_run(struct agent *agent);
void agent_done(struct agent *agent);
/* The service's process has ended (called by service.c). */
void agent_service_ended(struct agent *agent, int exit_code);
