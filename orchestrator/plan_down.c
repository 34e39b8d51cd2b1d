/* down as a plan, from the store alone: no Compose file is read. Dependents stop first; then VMs,
 * ports, endpoints, networks, and where it is asked for volumes and images go, each when nothing
 * stands on it any more. */
#include "orchestrator/plan_remove.h"

#include "base/str.h"

struct down {
    const struct observed *observed;
    const struct down_options *options;
    struct plan *plan;
    bool *chosen; /* per instance */
};

static bool is_asked_for(const struct down *down, const char *service)
{
    return strv_length(down->options->services) == 0 ||
           strv_contains(down->options->services, service);
}

/* Left alone, as the file does not speak of it. */
static bool is_orphan(const struct down *down, const char *service)
{
    return down->options->known_services && !down->options->remove_orphans && *service &&
           !strv_contains(down->options->known_services, service);
}

static void choose(struct down *down)
{
    _cleanup_strbuf_ struct strbuf orphans = {0};
    for (size_t i = 0; i < down->observed->instances.count; i++) {
        const struct observed_instance *instance = &down->observed->instances.items[i];
        bool is_left = is_orphan(down, instance->service);
        down->chosen[i] = is_asked_for(down, instance->service) && !is_left;
        if (is_left)
            strbuf_addf(&orphans, "%s%s", orphans.length ? " " : "", instance->name);
        if (down->chosen[i])
            plan_change(down->plan, PLAN_REMOVE, "vm", instance->name, instance->service, NULL);
    }
    if (orphans.length)
        strv_add(&down->plan->warnings,
                 xasprintf("Found orphan containers ([%s]) for this project. If you removed or "
                           "renamed this service in your compose file, you can run this command "
                           "with the --remove-orphans flag to clean it up.",
                           strbuf_text(&orphans)));
}

/* Also what a crash left of an instance that has no row. */
static void remove_instances(struct down *down, const size_t *stops)
{
    const struct observed *observed = down->observed;
    for (size_t i = 0; i < observed->instances.count; i++)
        if (down->chosen[i])
            remove_instance(down->plan, observed, observed->instances.items[i].name, stops[i]);
    for (size_t i = 0; i < observed->resources.count; i++) {
        const struct observed_resource *resource = &observed->resources.items[i];
        const char *service = json_string(resource->spec, "service", "");
        bool is_first =
            *resource->instance && observed_first_of(observed, resource->instance) == resource;
        if (is_first && !observed_find_instance(observed, resource->instance) &&
            is_asked_for(down, service) && !is_orphan(down, service))
            remove_instance(down->plan, observed, resource->instance, NO_STEP);
    }
}

/* Built by us, under a name that nobody chose. */
static bool is_local_image(const struct observed_instance *instance, const char *project)
{
    _cleanup_free_ char *built = xasprintf("%s-%s", project, instance->service);
    return str_after_prefix(instance->image, "bootstrap:") || streq(instance->image, built);
}

static void remove_image(struct down *down, const struct observed_instance *instance)
{
    size_t before = down->plan->steps.count;
    for (size_t i = 0; i < before; i++)
        if (streq(down->plan->steps.items[i].kind, "image") &&
            streq(down->plan->steps.items[i].name, instance->image))
            return;
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "image", instance->image);
    json_set_string(spec, "id", instance->image_id);
    size_t step = plan_add(down->plan, "image", instance->image, OPERATION_REMOVE, spec, NULL);
    down->plan->steps.items[step].optional = true; /* others may use it */
    plan_change(down->plan, PLAN_REMOVE, "image", instance->image, NULL, NULL);
    for (size_t i = 0; i < before; i++)
        if (streq(down->plan->steps.items[i].kind, "vm"))
            plan_order(down->plan, step, i);
}

static void remove_images(struct down *down)
{
    for (size_t i = 0; i < down->observed->instances.count; i++) {
        const struct observed_instance *instance = &down->observed->instances.items[i];
        bool is_meant = down->options->remove_images == REMOVE_IMAGES_ALL ||
                        is_local_image(instance, down->observed->project);
        if (down->chosen[i] && is_meant)
            remove_image(down, instance);
    }
}

static void remove_volumes(struct down *down)
{
    for (size_t i = 0; i < down->observed->resources.count; i++)
        if (streq(down->observed->resources.items[i].kind, "volume"))
            remove_volume(down->plan, &down->observed->resources.items[i]);
}

int plan_down(const struct observed *observed, const struct down_options *options,
              struct plan **ret_plan, struct error *err)
{
    _cleanup_(plan_freep) struct plan *plan = plan_new(observed->project);
    _cleanup_free_ bool *chosen = xcalloc(observed->instances.count + 1, sizeof(*chosen));
    _cleanup_free_ size_t *stops = xcalloc(observed->instances.count + 1, sizeof(*stops));
    struct down down = {observed, options, plan, chosen};
    struct stopping how = {options->timeout_ms, options->kill};
    int r = remove_check_services(observed, options->services, err);
    if (r < 0)
        return r;
    choose(&down);
    remove_add_stops(plan, observed, chosen, &how, stops);
    remove_instances(&down, stops);
    if (strv_length(options->services) == 0) {
        remove_networks(plan, observed);
        if (options->volumes)
            remove_volumes(&down);
    }
    if (options->remove_images != REMOVE_IMAGES_NONE)
        remove_images(&down);
    *ret_plan = TAKE_PTR(plan);
    return 0;
}
