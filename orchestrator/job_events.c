/* See job_internal.h: what a job tells its caller. Shapes as in orchestrator.h. */
#include "orchestrator/job_internal.h"

#include "base/str.h"
#include "orchestrator/step_event.h"

void job_send(struct job *job, const cJSON *event)
{
    if (job->callbacks.on_event)
        job->callbacks.on_event(job->userdata, event);
}

void job_send_text(struct job *job, const char *type, const char *text)
{
    _cleanup_json_ cJSON *event = cJSON_CreateObject();
    json_set_string(event, "type", type);
    json_set_string(event, "text", text);
    job_send(job, event);
}

static void report_kept(struct job *job, const struct plan_change *change)
{
    struct plan_step step = {
        .kind = "vm", .name = change->name, .service = change->service, .verb = OPERATION_START};
    const char *text = job->wishes.up.no_start ? "Created" : "Running";
    _cleanup_json_ cJSON *event = step_event_new(&step, STEP_DONE, text, 0);
    job_send(job, event);
}

void job_report_plan(struct job *job, const struct plan *plan)
{
    for (size_t i = 0; plan->warnings && plan->warnings[i]; i++)
        job_send_text(job, "warning", plan->warnings[i]);
    for (size_t i = 0; i < plan->changes.count; i++)
        if (plan->changes.items[i].action == PLAN_KEEP)
            report_kept(job, &plan->changes.items[i]);
}

void job_report_changes(struct job *job, const struct plan *plan)
{
    for (size_t i = 0; plan->warnings && plan->warnings[i]; i++)
        job_send_text(job, "warning", plan->warnings[i]);
    for (size_t i = 0; i < plan->changes.count; i++) {
        const struct plan_change *change = &plan->changes.items[i];
        _cleanup_json_ cJSON *event = cJSON_CreateObject();
        json_set_string(event, "type", "plan");
        json_set_string(event, "action", plan_action_name(change->action));
        json_set_string(event, "kind", change->kind);
        json_set_string(event, "name", change->name);
        json_set_string(event, "service", change->service);
        json_set_string(event, "reason", change->reason);
        job_send(job, event);
    }
}

static bool is_step(const cJSON *event, const char *kind, enum operation_verb verb)
{
    return streq(json_string(event, "kind", ""), kind) &&
           streq(json_string(event, "verb", ""), operation_verb_name(verb));
}

/* How VMs run here is known by the time the first of them boots. Who makes a project, or runs
 * something once, hears of it; who starts again what is there has heard it. */
static void tell_acceleration(struct job *job, const cJSON *event)
{
    const struct orchestrator_world *world = &job->orchestrator->world;
    bool makes = job->kind == JOB_UP || job->kind == JOB_RUN;
    if (!makes || job->acceleration_told || !is_step(event, "vm", OPERATION_START))
        return;
    const char *note = world->acceleration_note(world->userdata);
    if (!note)
        return;
    job->acceleration_told = true;
    job_send_text(job, "message", note);
}

static void tell_instance(struct job *job, const cJSON *event)
{
    const char *name = job->wishes.oneoff.name;
    if (job->kind != JOB_RUN || !is_step(event, "vm", OPERATION_ENSURE) ||
        !streq(json_string(event, "name", ""), name) ||
        !streq(json_string(event, "state", ""), step_state_name(STEP_DONE)))
        return;
    for (size_t i = 0; i < job->plan->steps.count; i++) {
        const struct plan_step *step = &job->plan->steps.items[i];
        if (!step->instance || !streq(step->name, name))
            continue;
        _cleanup_json_ cJSON *told = cJSON_CreateObject();
        json_set_string(told, "type", "instance");
        json_set_string(told, "name", name);
        json_set_string(told, "id", json_string(step->spec, "id", ""));
        job_send(job, told);
    }
}

void job_report_step(struct job *job, const cJSON *event)
{
    tell_acceleration(job, event);
    job_send(job, event);
    tell_instance(job, event);
}
