/* See health.h. */
#include "orchestrator/health.h"

#include "base/str.h"
#include "base/vec.h"

#include <assert.h>

/* moby daemon/health.go */
enum {
    DEFAULT_INTERVAL_MS = 30000,
    DEFAULT_TIMEOUT_MS = 30000,
    DEFAULT_START_INTERVAL_MS = 5000,
    DEFAULT_RETRIES = 3,
};

static const char *const state_names[] = {
    [HEALTH_NONE] = "",
    [HEALTH_STARTING] = "starting",
    [HEALTH_HEALTHY] = "healthy",
    [HEALTH_UNHEALTHY] = "unhealthy",
};
static_assert(ARRAY_SIZE(state_names) == HEALTH_STATE_COUNT, "a name for every state");

const char *health_state_name(enum health_state state)
{
    return state_names[state];
}

enum health_state health_state_parse(const char *name)
{
    for (size_t i = 0; i < HEALTH_STATE_COUNT; i++)
        if (streq(state_names[i], name))
            return (enum health_state)i;
    return HEALTH_NONE;
}

static int64_t read_positive(const cJSON *healthcheck, const char *key, int64_t fallback)
{
    int64_t value = json_int(healthcheck, key, 0);
    return value > 0 ? value : fallback;
}

void health_read_options(const cJSON *healthcheck, struct health_options *ret_options)
{
    *ret_options = (struct health_options){
        .interval_ms = read_positive(healthcheck, "interval_ms", DEFAULT_INTERVAL_MS),
        .timeout_ms = read_positive(healthcheck, "timeout_ms", DEFAULT_TIMEOUT_MS),
        .start_period_ms = read_positive(healthcheck, "start_period_ms", 0),
        .start_interval_ms =
            read_positive(healthcheck, "start_interval_ms", DEFAULT_START_INTERVAL_MS),
        .retries = read_positive(healthcheck, "retries", DEFAULT_RETRIES),
    };
}

static bool is_in_start_period(const struct health *health, uint64_t at_ms)
{
    return health->state == HEALTH_STARTING &&
           at_ms < health->started_ms + (uint64_t)health->options.start_period_ms;
}

static void schedule(struct health *health, uint64_t now_ms)
{
    int64_t interval_ms = is_in_start_period(health, now_ms) ? health->options.start_interval_ms
                                                             : health->options.interval_ms;
    health->probing = false;
    health->probe_ms = now_ms + (uint64_t)interval_ms;
}

void health_start(struct health *health, const struct health_options *options, uint64_t now_ms)
{
    *health = (struct health){.options = *options, .state = HEALTH_STARTING, .started_ms = now_ms};
    schedule(health, now_ms);
}

void health_adopt(struct health *health, const struct health_options *options,
                  enum health_state state, uint64_t age_ms, uint64_t now_ms)
{
    health_start(health, options, now_ms > age_ms ? now_ms - age_ms : 0);
    if (state != HEALTH_NONE)
        health->state = state;
    if (state == HEALTH_UNHEALTHY)
        health->failures = options->retries;
    schedule(health, now_ms);
}

void health_stop(struct health *health)
{
    *health = (struct health){.state = HEALTH_NONE};
}

void health_pause(struct health *health)
{
    health->paused = true;
    health->probing = false;
}

void health_resume(struct health *health, uint64_t now_ms)
{
    if (!health->paused)
        return;
    health->paused = false;
    schedule(health, now_ms);
}

static void count_failure(struct health *health)
{
    if (is_in_start_period(health, health->probe_ms))
        return;
    health->failures++;
    if (health->failures >= health->options.retries)
        health->state = HEALTH_UNHEALTHY;
}

void health_probe_done(struct health *health, bool success, uint64_t now_ms)
{
    if (!health->probing)
        return;
    if (success) {
        health->failures = 0;
        health->state = HEALTH_HEALTHY;
    } else {
        count_failure(health);
    }
    schedule(health, now_ms);
}

enum health_action health_run(struct health *health, uint64_t now_ms)
{
    if (now_ms < health_deadline(health))
        return HEALTH_WAIT;
    if (health->probing) {
        health_probe_done(health, false, now_ms);
        return HEALTH_ABANDON;
    }
    health->probing = true;
    health->probe_ms = now_ms;
    return HEALTH_PROBE;
}

uint64_t health_deadline(const struct health *health)
{
    if (health->state == HEALTH_NONE || health->paused)
        return UINT64_MAX;
    return health->probing ? health->probe_ms + (uint64_t)health->options.timeout_ms
                           : health->probe_ms;
}
