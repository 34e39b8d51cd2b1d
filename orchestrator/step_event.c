/* See step_event.h. */
#include "orchestrator/step_event.h"

#include "base/str.h"

#include <assert.h>

static const char *const state_names[] = {
    [STEP_WAITING] = "waiting", [STEP_WORKING] = "working", [STEP_DONE] = "done",
    [STEP_ERROR] = "error",     [STEP_SKIPPED] = "skipped",
};
static_assert(ARRAY_SIZE(state_names) == STEP_STATE_COUNT, "a name for every state");

static const char *const working_texts[] = {
    [OPERATION_ENSURE] = "Creating",   [OPERATION_START] = "Starting",
    [OPERATION_STOP] = "Stopping",     [OPERATION_REMOVE] = "Removing",
    [OPERATION_WAIT] = "Waiting",      [OPERATION_PAUSE] = "Pausing",
    [OPERATION_UNPAUSE] = "Unpausing", [OPERATION_KILL] = "Killing",
};
static_assert(ARRAY_SIZE(working_texts) == OPERATION_VERB_COUNT, "a text for every verb");

static const char *const done_texts[] = {
    [OPERATION_ENSURE] = "Created",   [OPERATION_START] = "Started", [OPERATION_STOP] = "Stopped",
    [OPERATION_REMOVE] = "Removed",   [OPERATION_WAIT] = "Ready",    [OPERATION_PAUSE] = "Paused",
    [OPERATION_UNPAUSE] = "Unpaused", [OPERATION_KILL] = "Killed",
};
static_assert(ARRAY_SIZE(done_texts) == OPERATION_VERB_COUNT, "a text for every verb");

const char *step_state_name(enum step_state state)
{
    return state_names[state];
}

static const char *usual_text(const struct plan_step *step, enum step_state state)
{
    bool is_image = streq(step->kind, "image") && step->verb == OPERATION_ENSURE;
    switch (state) {
    case STEP_WAITING:
        return "Waiting";
    case STEP_WORKING:
        return is_image ? "Preparing" : working_texts[step->verb];
    case STEP_DONE:
        return is_image ? "Ready" : done_texts[step->verb];
    case STEP_ERROR:
        return "Error";
    case STEP_SKIPPED:
        return "Skipped";
    case STEP_STATE_COUNT:
        break;
    }
    assert(false);
    return "";
}

cJSON *step_event_new(const struct plan_step *step, enum step_state state, const char *text,
                      uint64_t elapsed_ms)
{
    cJSON *event = cJSON_CreateObject();
    json_set_string(event, "type", "step");
    json_set_string(event, "kind", step->kind);
    json_set_string(event, "name", step->name);
    if (step->service)
        json_set_string(event, "service", step->service);
    json_set_string(event, "verb", operation_verb_name(step->verb));
    json_set_string(event, "state", step_state_name(state));
    json_set_string(event, "text", text ? text : usual_text(step, state));
    json_set_int(event, "elapsed_ms", (int64_t)elapsed_ms);
    return event;
}

void step_event_name_error(const struct plan_step *step, struct error *err)
{
    _cleanup_free_ char *quoted = xasprintf("'%s'", step->name);
    if (strstr(error_text(err), quoted))
        return;
    if (step->service)
        error_prefix(err, "service '%s'", step->service);
    else
        error_prefix(err, "%s '%s'", step->kind, step->name);
}
