/* Health of one instance, as a state machine without clock, timer or probe: it is told what happens
 * and when, and says when something is to be done and what. Docker's rules (moby daemon/health.go):
 *
 *   - The first probe comes one interval after the start, each further one an interval after the
 *     end of the one before. While "starting" within start_period, start_interval is that interval.
 *   - One success makes it healthy, at any time, and clears the count of failures.
 *   - `retries` failures in a row make it unhealthy. Those of probes begun within start_period do
 *     not count as long as it is "starting".
 *   - A probe that takes longer than `timeout` has failed.
 *   - A paused instance is not probed; what is known of it stays.
 *
 * `now` is monotonic, in milliseconds. */
#pragma once

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

enum health_state {
    HEALTH_NONE, /* has no health check, or does not run */
    HEALTH_STARTING,
    HEALTH_HEALTHY,
    HEALTH_UNHEALTHY,
    HEALTH_STATE_COUNT
};
const char *health_state_name(enum health_state state); /* "", "starting"..., as the store has it */
enum health_state health_state_parse(const char *name); /* HEALTH_NONE for what it does not know */

struct health_options {
    int64_t interval_ms, timeout_ms, start_period_ms, start_interval_ms;
    int64_t retries;
};
/* A spec's "healthcheck"; what is missing or not positive gets Docker's default. */
void health_read_options(const cJSON *healthcheck, struct health_options *ret_options);

enum health_action {
    HEALTH_WAIT,    /* until health_deadline() */
    HEALTH_PROBE,   /* begin one now */
    HEALTH_ABANDON, /* the running probe is out of time: give it up; it counts as failed */
};

struct health {
    struct health_options options;
    enum health_state state;
    int64_t failures; /* in a row, that count */
    bool probing, paused;
    uint64_t started_ms; /* the instance */
    uint64_t probe_ms;   /* begin of the probe that runs, or time of the next */
};

/* The service's process was started. */
void health_start(struct health *health, const struct health_options *options, uint64_t now_ms);
/* It was started earlier, `age_ms` ago, and was `state` when last seen: after the daemon was away.
 */
void health_adopt(struct health *health, const struct health_options *options,
                  enum health_state state, uint64_t age_ms, uint64_t now_ms);
/* It does not run any more. A probe that runs is the caller's to give up. */
void health_stop(struct health *health);
void health_pause(struct health *health);
void health_resume(struct health *health, uint64_t now_ms);

/* What to do; may change the state (HEALTH_ABANDON). After HEALTH_PROBE the probe counts as
 * running. */
enum health_action health_run(struct health *health, uint64_t now_ms);
/* The probe that runs has ended by itself. */
void health_probe_done(struct health *health, bool success, uint64_t now_ms);
/* When health_run() has something to say; UINT64_MAX: not without an event. */
uint64_t health_deadline(const struct health *health);
