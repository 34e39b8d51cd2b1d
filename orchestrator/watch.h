/* One instance under supervision: inside of supervisor.c, watch.c (health) and watch_restart.c. */
#pragma once

#include "orchestrator/supervisor.h"

enum { HEALTH_LOG_LENGTH = 5 }; /* moby daemon/health.go: maxLogEntries */

struct probe_record {
    int64_t start_ns, end_ns;
    int exit_code;
    char *output;
};

struct watch {
    struct supervisor *supervisor;
    char *instance, *project;
    enum vm_state seen;     /* VM_STATE_COUNT: nothing yet */
    int exit_code;          /* of the last end */
    int64_t auto_remove_ms; /* it goes so long after its end; -1: it stays */
    uint64_t remove_at_ms;  /* UINT64_MAX: has not ended */

    cJSON *healthcheck; /* of its spec; NULL: none */
    struct health health;
    enum health_state told; /* the last that was stored and told */
    struct probe *probe;
    int64_t probe_start_ns;
    struct probe_record log[HEALTH_LOG_LENGTH]; /* oldest first */
    size_t log_count;

    struct restart restart;
    struct job *revival;
};

struct supervisor {
    struct orchestrator *orchestrator;
    uv_timer_t *timer; /* freed by its close callback */
    VEC(struct watch *) watches;
    bool retired;
};

/* --- watch.c ---------------------------------------------------------------------------------- */

void watch_health_start(struct watch *watch, uint64_t now_ms);
void watch_health_adopt(struct watch *watch, enum health_state state, uint64_t age_ms,
                        uint64_t now_ms);
void watch_health_stop(struct watch *watch);
void watch_health_pause(struct watch *watch);
void watch_health_resume(struct watch *watch, uint64_t now_ms);
/* Starts and gives up probes as their time has come. */
void watch_run_health(struct watch *watch, uint64_t now_ms);
/* Stores and tells a changed health; DNS hears of it. */
void watch_settle_health(struct watch *watch);
void watch_clear_log(struct watch *watch);
/* The latest probe's output, one line; "" where there was none. */
const char *watch_output(const struct watch *watch);
void watch_update_dns(struct watch *watch);

/* --- watch_restart.c -------------------------------------------------------------------------- */

void watch_ended(struct watch *watch, const struct vm_status *status, uint64_t now_ms);
/* Starts it again where its time has come. */
void watch_run_restart(struct watch *watch, uint64_t now_ms);
/* Takes it away where its time has come. */
void watch_run_removal(struct watch *watch, uint64_t now_ms);
/* It did not come up with a job that should have started it: the policy decides. */
void watch_retry(struct watch *watch, uint64_t now_ms);
/* Nobody waits for its jobs any more. */
void watch_drop_jobs(struct watch *watch);
/* A user has not stopped it. */
bool watch_is_wanted(const struct watch *watch);
