/* See plan.h: the images of up, pull and build. */
#include "orchestrator/plan.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>

static const char *pull_name(enum model_pull pull)
{
    switch (pull) {
    case PULL_ALWAYS:
        return "always";
    case PULL_MISSING:
        return "missing";
    case PULL_NEVER:
        return "never";
    case PULL_DEFAULT:
    case PULL_BUILD:
    case PULL_COUNT:
        break;
    }
    return NULL; /* each service's own */
}

/* Also where two services name the same image: the one that can build it wins. */
static size_t find_image(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->steps.count; i++)
        if (streq(plan->steps.items[i].name, name))
            return i;
    return NO_STEP;
}

static void add_image(struct plan *plan, const struct spec_service *service, cJSON *spec)
{
    size_t known = find_image(plan, service->image);
    if (known == NO_STEP) {
        plan_add(plan, "image", service->image, OPERATION_ENSURE, spec, NULL);
        return;
    }
    struct plan_step *step = &plan->steps.items[known];
    bool replaces = json_object(spec, "build") && !json_object(step->spec, "build");
    cJSON_Delete(replaces ? step->spec : spec);
    if (replaces)
        step->spec = spec;
}

static cJSON *spec_for_up(const struct spec_service *service, const struct up_options *options)
{
    cJSON *spec = cJSON_Duplicate(service->image_spec, true);
    const char *pull = pull_name(options->pull);
    if (pull)
        json_set_string(spec, "pull", pull);
    if (!json_object(spec, "build"))
        return spec;
    if (options->build == BUILD_NEVER) {
        json_set(spec, "build", NULL);
        json_set(spec, "when", NULL);
        json_set(spec, "service", NULL);
    } else if (options->build == BUILD_ALWAYS) {
        json_set_string(spec, "when", "always");
    }
    return spec;
}

int plan_images(const struct specs *specs, const struct plan_up_options *options,
                struct plan **ret_plan, struct error *err)
{
    _cleanup_(plan_freep) struct plan *plan = plan_new(specs->project);
    _cleanup_free_ bool *selected = xcalloc(specs->service_count + 1, sizeof(*selected));
    const struct up_options *up = options->up;
    char *oneoff[] = {options->oneoff ? (char *)options->oneoff->service : NULL, NULL};
    int r = plan_select_services(specs, options->oneoff ? oneoff : up->services, !up->no_deps,
                                 selected, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < specs->service_count; i++)
        if (selected[i])
            add_image(plan, &specs->services[i], spec_for_up(&specs->services[i], up));
    *ret_plan = TAKE_PTR(plan);
    return 0;
}

int plan_pull(const struct specs *specs, const struct image_options *options,
              struct plan **ret_plan, struct error *err)
{
    _cleanup_(plan_freep) struct plan *plan = plan_new(specs->project);
    _cleanup_free_ bool *selected = xcalloc(specs->service_count + 1, sizeof(*selected));
    int r = plan_select_services(specs, options->services, options->dependencies, selected, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < specs->service_count; i++) {
        const struct spec_service *service = &specs->services[i];
        bool is_pulled = !service->model->bootstrap && service->model->image &&
                         !(options->ignore_buildable && service->model->build);
        if (!selected[i] || !is_pulled)
            continue;
        cJSON *spec = cJSON_Duplicate(service->image_spec, true);
        json_set(spec, "build", NULL);
        json_set(spec, "when", NULL);
        json_set(spec, "service", NULL);
        json_set_string(spec, "pull", options->pull == PULL_MISSING ? "missing" : "always");
        add_image(plan, service, spec);
    }
    *ret_plan = TAKE_PTR(plan);
    return 0;
}

/* "K=V" over what the file says. */
static void set_arguments(cJSON *build, char *const *arguments)
{
    cJSON *known = json_object(build, "args");
    for (size_t i = 0; arguments && arguments[i]; i++) {
        const char *equals = strchr(arguments[i], '=');
        if (!equals)
            continue;
        _cleanup_free_ char *name = xstrndup(arguments[i], (size_t)(equals - arguments[i]));
        json_set_string(known, name, equals + 1);
    }
}

int plan_build(const struct specs *specs, const struct image_options *options,
               struct plan **ret_plan, struct error *err)
{
    _cleanup_(plan_freep) struct plan *plan = plan_new(specs->project);
    _cleanup_free_ bool *selected = xcalloc(specs->service_count + 1, sizeof(*selected));
    int r = plan_select_services(specs, options->services, options->dependencies, selected, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < specs->service_count; i++) {
        const struct spec_service *service = &specs->services[i];
        if (!selected[i] || !json_object(service->image_spec, "build"))
            continue;
        cJSON *spec = cJSON_Duplicate(service->image_spec, true);
        cJSON *build = json_object(spec, "build");
        json_set_string(spec, "when", "always");
        set_arguments(build, options->args);
        if (options->no_cache)
            json_set_bool(build, "no_cache", true);
        if (options->pull_base)
            json_set_bool(build, "pull", true);
        add_image(plan, service, spec);
    }
    *ret_plan = TAKE_PTR(plan);
    return 0;
}
