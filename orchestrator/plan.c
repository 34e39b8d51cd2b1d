/* See plan.h: the plan as data, its images and its text. plan_up.c and plan_stop.c make the rest.
 */
#include "orchestrator/plan.h"

#include "base/str.h"

#include <errno.h>

struct plan *plan_new(const char *project)
{
    struct plan *plan = new0(struct plan);
    plan->project = xstrdup(project);
    return plan;
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->steps.count; i++) {
        struct plan_step *step = &plan->steps.items[i];
        free(step->name);
        free(step->service);
        free(step->fact);
        cJSON_Delete(step->spec);
        vec_done(&step->after);
        if (step->instance) {
            free(step->instance->image_id);
            free(step->instance->image_result);
            free(step->instance->command);
            free(step->instance);
        }
    }
    vec_done(&plan->steps);
    cJSON_Delete(plan->facts);
    strv_free(plan->unchanged);
    strv_free(plan->warnings);
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

void plan_order(struct plan *plan, size_t step, size_t after)
{
    if (step == NO_STEP || after == NO_STEP)
        return;
    vec_add(&plan->steps.items[step].after, after);
}

int plan_select_services(const struct specs *specs, char *const *names, bool *selected,
                         struct error *err)
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

static bool has_image(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->steps.count; i++)
        if (streq(plan->steps.items[i].name, name))
            return true;
    return false;
}

int plan_images(const struct specs *specs, const struct plan_up_options *options,
                struct plan **ret_plan, struct error *err)
{
    _cleanup_(plan_freep) struct plan *plan = plan_new(specs->project);
    _cleanup_free_ bool *selected = xcalloc(specs->service_count + 1, sizeof(*selected));
    int r = plan_select_services(specs, options->services, selected, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < specs->service_count; i++) {
        const struct spec_service *service = &specs->services[i];
        if (selected[i] && !has_image(plan, service->image))
            plan_add(plan, "image", service->image, OPERATION_ENSURE,
                     cJSON_Duplicate(service->image_spec, true), NULL);
    }
    *ret_plan = TAKE_PTR(plan);
    return 0;
}

void plan_print(const struct plan *plan, struct strbuf *out)
{
    for (size_t i = 0; plan->warnings && plan->warnings[i]; i++)
        strbuf_addf(out, "warning: %s\n", plan->warnings[i]);
    for (size_t i = 0; plan->unchanged && plan->unchanged[i]; i++)
        strbuf_addf(out, "unchanged: %s\n", plan->unchanged[i]);
    for (size_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.items[i];
        strbuf_addf(out, "%zu. %s %s %s%s", i + 1, operation_verb_name(step->verb), step->kind,
                    step->name, step->quiet ? " (look again)" : "");
        for (size_t j = 0; j < step->after.count; j++)
            strbuf_addf(out, "%s%zu", j ? ", " : " after ", step->after.items[j] + 1);
        _cleanup_free_ char *spec = json_print(step->spec);
        strbuf_addf(out, "\n   %s\n", spec);
    }
}
