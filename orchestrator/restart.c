/* See restart.h. */
#include "orchestrator/restart.h"

#include "base/str.h"
#include "base/vec.h"

#include <assert.h>

/* moby restartmanager/restartmanager.go */
enum {
    FIRST_DELAY_MS = 100,
    LONGEST_DELAY_MS = 60000,
    DEFAULT_WINDOW_MS = 10000,
};

static const char *const mode_names[] = {
    [RESTART_NO] = "no",
    [RESTART_ALWAYS] = "always",
    [RESTART_ON_FAILURE] = "on-failure",
    [RESTART_UNLESS_STOPPED] = "unless-stopped",
};
static_assert(ARRAY_SIZE(mode_names) == RESTART_MODE_COUNT, "a name for every mode");

static const char *const phase_names[] = {
    [RESTART_IDLE] = "idle",
    [RESTART_PENDING] = "pending",
    [RESTART_DUE] = "due",
};
static_assert(ARRAY_SIZE(phase_names) == RESTART_PHASE_COUNT, "a name for every phase");

const char *restart_phase_name(enum restart_phase phase)
{
    return phase_names[phase];
}

struct restart_policy restart_read_policy(const cJSON *restart)
{
    struct restart_policy policy = {
        .mode = RESTART_NO,
        .max_attempts = json_int(restart, "max_attempts", 0),
        .delay_ms = json_int(restart, "delay_ms", 0),
        .window_ms = json_int(restart, "window_ms", 0),
    };
    for (size_t i = 0; i < RESTART_MODE_COUNT; i++)
        if (streq(json_string(restart, "mode", ""), mode_names[i]))
            policy.mode = (enum model_restart_mode)i;
    return policy;
}

void restart_init(struct restart *restart, const struct restart_policy *policy, int64_t count)
{
    *restart = (struct restart){
        .policy = *policy, .count = count, .attempts = count, .started_ms = UINT64_MAX};
}

void restart_started(struct restart *restart, uint64_t now_ms)
{
    if (restart->phase == RESTART_IDLE) /* by a user */
        restart->count = restart->attempts = 0, restart->delay_ms = 0;
    restart->phase = RESTART_IDLE;
    restart->started_ms = now_ms;
}

void restart_adopt(struct restart *restart, uint64_t age_ms, uint64_t now_ms)
{
    restart->phase = RESTART_IDLE;
    restart->started_ms = now_ms > age_ms ? now_ms - age_ms : 0;
}

/* It ran for long enough to be a new story. */
static void forget_trouble(struct restart *restart, uint64_t now_ms)
{
    int64_t window_ms = restart->policy.window_ms;
    uint64_t enough_ms = (uint64_t)(window_ms > 0 ? window_ms : DEFAULT_WINDOW_MS);
    if (restart->started_ms == UINT64_MAX || now_ms < restart->started_ms + enough_ms)
        return;
    restart->delay_ms = 0;
    if (window_ms > 0)
        restart->attempts = 0;
}

static uint64_t next_delay(const struct restart *restart)
{
    int64_t wanted_ms = restart->policy.delay_ms;
    uint64_t first_ms = (uint64_t)(wanted_ms > 0 ? wanted_ms : FIRST_DELAY_MS);
    uint64_t longest_ms = first_ms > LONGEST_DELAY_MS ? first_ms : LONGEST_DELAY_MS;
    uint64_t delay_ms = restart->delay_ms ? restart->delay_ms * 2 : first_ms;
    return delay_ms < longest_ms ? delay_ms : longest_ms;
}

static bool policy_wants(const struct restart_policy *policy, int exit_code)
{
    switch (policy->mode) {
    case RESTART_ALWAYS:
    case RESTART_UNLESS_STOPPED:
        return true;
    case RESTART_ON_FAILURE:
        return exit_code != 0;
    case RESTART_NO:
    case RESTART_MODE_COUNT:
        break;
    }
    return false;
}

static bool has_attempt_left(const struct restart *restart)
{
    return restart->policy.max_attempts <= 0 || restart->attempts < restart->policy.max_attempts;
}

void restart_ended(struct restart *restart, int exit_code, bool wanted, uint64_t now_ms)
{
    forget_trouble(restart, now_ms);
    restart->phase = RESTART_IDLE;
    restart->started_ms = UINT64_MAX;
    if (!wanted || !policy_wants(&restart->policy, exit_code) || !has_attempt_left(restart))
        return;
    restart->count++;
    restart->attempts++;
    restart->delay_ms = next_delay(restart);
    restart->due_ms = now_ms + restart->delay_ms;
    restart->phase = RESTART_PENDING;
}

void restart_cancel(struct restart *restart)
{
    restart->phase = RESTART_IDLE;
}

bool restart_wants_boot(const struct restart_policy *policy, int exit_code, bool wanted)
{
    return policy_wants(policy, exit_code) && (wanted || policy->mode == RESTART_ALWAYS);
}

enum restart_action restart_run(struct restart *restart, uint64_t now_ms)
{
    if (now_ms < restart_deadline(restart))
        return RESTART_WAIT;
    restart->phase = RESTART_DUE;
    return RESTART_START;
}

void restart_put_off(struct restart *restart, uint64_t delay_ms, uint64_t now_ms)
{
    if (restart->phase == RESTART_IDLE)
        return;
    restart->phase = RESTART_PENDING;
    restart->due_ms = now_ms + delay_ms;
}

uint64_t restart_deadline(const struct restart *restart)
{
    return restart->phase == RESTART_PENDING ? restart->due_ms : UINT64_MAX;
}
