/* Whether and when an instance that has ended is started again, as a state machine without clock or
 * timer. Docker's rules (moby restartmanager):
 *
 *   no              never
 *   on-failure[:N]  where the exit code is not 0, at most N times in all
 *   always          in any case
 *   unless-stopped  in any case
 *
 * Whoever was stopped by the user is left alone by all four; they differ when the host has booted:
 * `always` is then started even so, the others are not (restart_wants_boot).
 *
 * The first delay is delay_ms (default 100 ms); each further one is twice as long, up to a minute,
 * and the first again once an instance has run for window_ms (default 10 s). A start by the user
 * begins anew. An explicit window (deploy.restart_policy) also forgets the attempts.
 *
 * `now` is monotonic, in milliseconds. */
#pragma once

#include "base/json.h"
#include "compose/model.h"

#include <stdbool.h>
#include <stdint.h>

struct restart_policy {
    enum model_restart_mode mode;
    int64_t max_attempts; /* 0: any number */
    int64_t delay_ms;     /* 0: default */
    int64_t window_ms;    /* 0: default, and attempts are never forgotten */
};
/* A spec's "restart"; NULL or an unknown mode: never. */
struct restart_policy restart_read_policy(const cJSON *restart);

enum restart_phase {
    RESTART_IDLE,    /* it runs, or has ended for good */
    RESTART_PENDING, /* waits for its time */
    RESTART_DUE,     /* is being started again, or would be but for somebody else's work */
    RESTART_PHASE_COUNT
};
const char *restart_phase_name(enum restart_phase phase);

enum restart_action { RESTART_WAIT, RESTART_START };

struct restart {
    struct restart_policy policy;
    enum restart_phase phase;
    int64_t count;       /* restarts since the user's start: Docker's RestartCount */
    int64_t attempts;    /* those that max_attempts is about */
    uint64_t started_ms; /* UINT64_MAX: it never ran */
    uint64_t delay_ms;   /* the latest; 0: none yet */
    uint64_t due_ms;
};

/* count: of restarts so far, as the store remembers it. */
void restart_init(struct restart *restart, const struct restart_policy *policy, int64_t count);
/* Its service was started: by the policy where it is due, else by a user. */
void restart_started(struct restart *restart, uint64_t now_ms);
/* Found running, since `age_ms`: after the daemon was away. */
void restart_adopt(struct restart *restart, uint64_t age_ms, uint64_t now_ms);
/* It has ended, or could not be started. wanted: no user has stopped it. */
void restart_ended(struct restart *restart, int exit_code, bool wanted, uint64_t now_ms);
/* A user stops it, or starts it: nothing is pending any more. */
void restart_cancel(struct restart *restart);
/* Whether it is started after a boot of the host, having ended with exit_code. */
bool restart_wants_boot(const struct restart_policy *policy, int exit_code, bool wanted);

/* RESTART_START once for each restart; the phase is RESTART_DUE then. */
enum restart_action restart_run(struct restart *restart, uint64_t now_ms);
/* It cannot be started just now: once more after delay_ms, which is no attempt. */
void restart_put_off(struct restart *restart, uint64_t delay_ms, uint64_t now_ms);
/* When restart_run() has something to say; UINT64_MAX: not without an event. */
uint64_t restart_deadline(const struct restart *restart);
