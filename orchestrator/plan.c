/* See plan.h: the plan as data, and its text. plan_images.c, plan_up.c, plan_act.c and plan_down.c
 * make plans. */
#include "orchestrator/plan.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>

static const char *const action_names[] = {
    [PLAN_CREATE] = "create",   [PLAN_RECREATE] = "recreate", [PLAN_START] = "start",
    [PLAN_RESTART] = "restart", [PLAN_STOP] = "stop",         [PLAN_REMOVE] = "remove",
    [PLAN_UPDATE] = "update",   [PLAN_KEEP] = "keep",
};
static_assert(ARRAY_SIZE(action_names) == PLAN_ACTION_COUNT, "a name for every action");

const char *plan_action_name(enum plan_action action)
{
    return action_names[action];
}

struct plan *plan_new(const char *project)
{
    struct plan *plan = new0(struct plan);
    plan->project = xstrdup(project);
    return plan;
}

static void step_done(struct plan_step *step)
{
    free(step->name);
    free(step->service);
    cJSON_Delete(step->spec);
    cJSON_Delete(step->given);
    vec_done(&step->after);
    if (!step->instance)
        return;
    free(step->instance->image_id);
    free(step->instance->image_result);
    free(step->instance->command);
    free(step->instance);
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->steps.count; i++)
        step_done(&plan->steps.items[i]);
    for (size_t i = 0; i < plan->changes.count; i++) {
        free(plan->changes.items[i].name);
        free(plan->changes.items[i].service);
        free(plan->changes.items[i].reason);
    }
    vec_done(&plan->steps);
    vec_done(&plan->changes);
    strv_free(plan->warnings);
    strv_free(plan->diverged_volumes);
    free(plan->project);
    free(plan);
}

size_t plan_add(struct plan *plan, const char *kind, const char *name, enum operation_verb verb,
                cJSON *spec, const char *service)
{
    vec_add(&plan->steps, (struct plan_step){
                              .kind = kind,
                              .name = xstrdup(name),
                              .verb = verb,
                              .spec = spec,
                              .service = xstrdup(service),
                          });
    return plan->steps.count - 1;
}

/* A kind as the literal that steps carry. */
static const char *kind_literal(const char *kind)
{
    static const char *const kinds[] = {"network", "volume", "endpoint", "ports", "vm"};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (streq(kinds[i], kind))
            return kinds[i];
    return "unknown"; /* from a newer vmstead's store, which is not opened */
}

size_t plan_add_removal(struct plan *plan, const struct observed_resource *resource)
{
    return plan_add(plan, kind_literal(resource->kind), resource->name, OPERATION_REMOVE,
                    cJSON_Duplicate(resource->spec, true),
                    json_string(resource->spec, "service", NULL));
}

static void add_edge(struct plan *plan, size_t step, size_t after, bool weak)
{
    if (step == NO_STEP || after == NO_STEP)
        return;
    vec_add(&plan->steps.items[step].after, (struct plan_edge){after, weak});
}

void plan_order(struct plan *plan, size_t step, size_t after)
{
    add_edge(plan, step, after, false);
}

void plan_order_weakly(struct plan *plan, size_t step, size_t after)
{
    add_edge(plan, step, after, true);
}

void plan_change(struct plan *plan, enum plan_action action, const char *kind, const char *name,
                 const char *service, const char *reason)
{
    vec_add(&plan->changes, (struct plan_change){
                                .action = action,
                                .kind = kind,
                                .name = xstrdup(name),
                                .service = xstrdup(service),
                                .reason = xstrdup(reason),
                            });
}

int plan_select_services(const struct specs *specs, char *const *names, bool with_dependencies,
                         bool *selected, struct error *err)
{
    bool all = strv_length(names) == 0;
    for (size_t i = 0; i < specs->service_count; i++)
        selected[i] = all;
    for (size_t i = 0; !all && names[i]; i++) {
        size_t service = specs_find_service(specs, names[i]);
        if (service == SIZE_MAX)
            return error_set(err, ENOENT, "no such service: %s", names[i]);
        selected[service] = true;
    }
    if (with_dependencies)
        graph_select_dependencies(specs->dependencies, selected);
    return 0;
}

cJSON *plan_stop_spec(const cJSON *vm_spec, int64_t timeout_ms, bool kill)
{
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "instance", json_string(vm_spec, "instance", ""));
    json_set_int(spec, "stop_timeout_ms",
                 timeout_ms >= 0 ? timeout_ms : json_int(vm_spec, "stop_timeout_ms", 10000));
    json_set_bool(spec, "kill", kill);
    return spec;
}

static void print_change(const struct plan_change *change, struct strbuf *out)
{
    strbuf_addf(out, "%s %s %s", action_names[change->action], change->kind, change->name);
    strbuf_addf(out, change->reason ? " (%s)\n" : "\n", change->reason);
}

static void print_step(const struct plan *plan, size_t index, struct strbuf *out)
{
    const struct plan_step *step = &plan->steps.items[index];
    strbuf_addf(out, "%zu. %s %s %s%s%s", index + 1, operation_verb_name(step->verb), step->kind,
                step->name, step->quiet ? " (look again)" : "",
                step->optional ? " (optional)" : "");
    for (size_t i = 0; i < step->after.count; i++) {
        const struct plan_edge *edge = &step->after.items[i];
        strbuf_addf(out, "%s%zu%s", i ? ", " : " after ", edge->step + 1, edge->weak ? "?" : "");
    }
    _cleanup_free_ char *spec = json_print(step->spec);
    strbuf_addf(out, "\n   %s\n", spec);
}

void plan_print(const struct plan *plan, struct strbuf *out)
{
    for (size_t i = 0; plan->warnings && plan->warnings[i]; i++)
        strbuf_addf(out, "warning: %s\n", plan->warnings[i]);
    for (size_t i = 0; plan->diverged_volumes && plan->diverged_volumes[i]; i++)
        strbuf_addf(out, "diverged: %s\n", plan->diverged_volumes[i]);
    for (size_t i = 0; i < plan->changes.count; i++)
        print_change(&plan->changes.items[i], out);
    for (size_t i = 0; i < plan->steps.count; i++)
        print_step(plan, i, out);
}
