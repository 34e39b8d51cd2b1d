/* Step events as JSON, for the engine: shapes as in orchestrator.h. Pure. */
#pragma once

#include "orchestrator/plan.h"

enum step_state {
    STEP_WAITING,
    STEP_WORKING,
    STEP_DONE,
    STEP_ERROR,
    STEP_SKIPPED, /* not started: something it depends on failed, or the job ended */
    STEP_STATE_COUNT
};

const char *step_state_name(enum step_state state);
/* Text is the usual one ("Creating", "Created"...) where NULL. Owned by the caller. */
cJSON *step_event_new(const struct plan_step *step, enum step_state state, const char *text,
                      uint64_t elapsed_ms);
/* "service 'web': MESSAGE", "network 'x': MESSAGE": puts the step's subject before a message that
 * does not name it. */
void step_event_name_error(const struct plan_step *step, struct error *err);
