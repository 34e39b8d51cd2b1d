/* up as a plan: what is wanted against what is there. plan_select.c says whom it is about,
 * plan_decide.c what becomes of each instance; here follow the deletions that takes, then what is
 * made, each in dependency order. */
#include "orchestrator/plan_up.h"

#include "base/str.h"
#include "orchestrator/plan_order.h"

static bool goes(const struct target *target)
{
    return target->action == ACTION_REMOVE || target->action == ACTION_RECREATE;
}

static bool is_made(const struct target *target)
{
    return target->action != ACTION_NONE && target->action != ACTION_KEEP &&
           target->action != ACTION_REMOVE;
}

/* --- the diff --------------------------------------------------------------------------------- */

static void tell_target(struct up *up, const struct target *target)
{
    static const enum plan_action told[ACTION_COUNT] = {
        [ACTION_NONE] = PLAN_KEEP,         [ACTION_KEEP] = PLAN_KEEP,
        [ACTION_START] = PLAN_START,       [ACTION_RESTART] = PLAN_RESTART,
        [ACTION_RECREATE] = PLAN_RECREATE, [ACTION_CREATE] = PLAN_CREATE,
        [ACTION_REMOVE] = PLAN_REMOVE,
    };
    if (target->action == ACTION_NONE)
        return;
    const char *name = target->wanted ? target->wanted->name : target->instance->name;
    const char *service = target->service == NO_SERVICE ? target->instance->service
                                                        : up->specs->services[target->service].name;
    const char *reason = target->reason;
    if (target->action == ACTION_REMOVE)
        reason = target->service == NO_SERVICE ? "orphan" : "one too many";
    plan_change(up->plan, told[target->action], "vm", name, service, reason);
}

/* --- deletions -------------------------------------------------------------------------------- */

/* A guest whose start was interrupted has no service that could end in good order. */
static void add_stop(struct up *up, struct target *target)
{
    const struct observed_instance *instance = target->instance;
    bool stops = (goes(target) || target->action == ACTION_RESTART) && instance &&
                 observed_may_run(instance);
    const struct observed_resource *vm =
        stops ? observed_find_resource(up->observed, "vm", instance->name) : NULL;
    if (vm)
        target->stop = plan_add(
            up->plan, "vm", instance->name, OPERATION_STOP,
            plan_stop_spec(vm->spec, up->options->up->timeout_ms, instance->state == VM_STARTING),
            instance->service);
}

/* Dependents first; orphans, whose dependencies no file tells, before all. */
static void add_stops(struct up *up)
{
    size_t services = up->specs->service_count;
    struct step_list *lists = step_lists_new(services);
    for (size_t i = up->targets.count; i-- > up->first_target[services];)
        add_stop(up, &up->targets.items[i]);
    size_t orphans = up->plan->steps.count;
    for (size_t i = services; i-- > 0;) {
        size_t service = up->specs->order[i];
        for (size_t j = up->first_target[service]; j < up->first_target[service + 1]; j++) {
            struct target *target = &up->targets.items[j];
            add_stop(up, target);
            if (target->stop != NO_STEP)
                vec_add(&lists[service].steps, target->stop);
            for (size_t k = 0; k < orphans; k++)
                plan_order(up->plan, target->stop, k);
        }
    }
    order_dependents_first(up->plan, up->specs->dependencies, up->specs->order, lists);
    step_lists_free(lists, services);
}

static size_t add_removal(struct up *up, const struct target *target,
                          const struct observed_resource *resource)
{
    size_t step = plan_add_removal(up->plan, resource);
    plan_order(up->plan, step, target->stop);
    plan_order(up->plan, step, target->vm_remove);
    plan_order(up->plan, step, target->ports_remove);
    return step;
}

static void add_ports_removal(struct up *up, struct target *target, const char *name)
{
    const struct observed_resource *ports = observed_find_resource(up->observed, "ports", name);
    const struct spec_instance *wanted = target->action == ACTION_REMOVE ? NULL : target->wanted;
    bool is_kept = ports && wanted && wanted->ports && streq(ports->hash, wanted->ports_hash) &&
                   !(target->instance && up_changed_network_of(up, target->instance));
    if (ports && !is_kept)
        target->ports_remove = add_removal(up, target, ports);
}

static bool is_endpoint_kept(const struct up *up, const struct target *target,
                             const struct observed_resource *resource)
{
    const struct spec_instance *wanted = target->action == ACTION_REMOVE ? NULL : target->wanted;
    size_t network = strmap_get(&up->specs->network_index, resource->network);
    if (network != STRMAP_NONE && up->changed[network])
        return false;
    for (size_t i = 0; wanted && i < wanted->endpoint_count; i++)
        if (streq(wanted->endpoints[i].name, resource->name))
            return streq(wanted->endpoints[i].hash, resource->hash);
    return false;
}

static void add_endpoint_removals(struct up *up, struct target *target, const char *name)
{
    const struct observed_resource *resource = observed_first_of(up->observed, name);
    for (; resource; resource = observed_next_of(up->observed, resource))
        if (streq(resource->kind, "endpoint") && !is_endpoint_kept(up, target, resource))
            add_removal(up, target, resource);
}

/* Anonymous volumes that nobody inherits, where they are not wanted any more. */
static void add_volume_removals(struct up *up, struct target *target,
                                const struct observed_resource *vm)
{
    if (target->action != ACTION_RECREATE || !up->options->up->renew_anonymous || !vm)
        return;
    _cleanup_strv_ char **volumes = spec_volumes_of(vm->spec);
    for (size_t i = 0; volumes && volumes[i]; i++) {
        const struct observed_resource *volume =
            observed_find_resource(up->observed, "volume", volumes[i]);
        if (volume && spec_is_anonymous(volumes[i]))
            add_removal(up, target, volume);
    }
}

static void add_target_removals(struct up *up, struct target *target)
{
    const char *name = target->instance ? target->instance->name : target->wanted->name;
    const struct observed_resource *vm = observed_find_resource(up->observed, "vm", name);
    if (goes(target) && vm)
        target->vm_remove = add_removal(up, target, vm);
    add_ports_removal(up, target, name);
    add_endpoint_removals(up, target, name);
    add_volume_removals(up, target, vm);
}

/* Nobody speaks of it any more, and nobody stays on it. */
static bool is_abandoned(const struct up *up, const struct observed_resource *network)
{
    if (!up->options->up->remove_orphans || specs_find_network(up->specs, network->name))
        return false;
    size_t endpoints = 0;
    for (size_t i = 0; i < up->observed->resources.count; i++)
        endpoints += streq(up->observed->resources.items[i].network, network->name);
    for (size_t i = 0; i < up->plan->steps.count; i++)
        if (streq(up->plan->steps.items[i].kind, "endpoint") &&
            streq(json_string(up->plan->steps.items[i].spec, "network", ""), network->name))
            endpoints--;
    return endpoints == 0;
}

static void add_network_removals(struct up *up)
{
    size_t before = up->plan->steps.count;
    for (size_t i = 0; i < up->observed->resources.count; i++) {
        const struct observed_resource *network = &up->observed->resources.items[i];
        if (!streq(network->kind, "network"))
            continue;
        size_t index = strmap_get(&up->specs->network_index, network->name);
        bool is_changed = index != STRMAP_NONE && up->changed[index];
        if (!is_changed && !is_abandoned(up, network))
            continue;
        size_t step = plan_add_removal(up->plan, network);
        if (!is_changed)
            plan_change(up->plan, PLAN_REMOVE, "network", network->name, NULL, "orphan");
        for (size_t j = 0; j < before; j++)
            if (streq(up->plan->steps.items[j].kind, "endpoint") &&
                streq(json_string(up->plan->steps.items[j].spec, "network", ""), network->name))
                plan_order(up->plan, step, j);
    }
}

static void add_recreated_volumes(struct up *up)
{
    size_t before = up->plan->steps.count;
    for (size_t i = 0; i < up->specs->volume_count; i++) {
        if (!up->recreated_volumes[i])
            continue;
        size_t step = plan_add_removal(
            up->plan, observed_find_resource(up->observed, "volume", up->specs->volumes[i].name));
        for (size_t j = 0; j < before; j++)
            if (streq(up->plan->steps.items[j].kind, "vm"))
                plan_order(up->plan, step, j);
    }
}

static void add_deletions(struct up *up)
{
    size_t services = up->specs->service_count;
    add_stops(up);
    for (size_t i = up->targets.count; i-- > up->first_target[services];)
        add_target_removals(up, &up->targets.items[i]);
    for (size_t i = services; i-- > 0;) {
        size_t service = up->specs->order[i];
        for (size_t j = up->first_target[service]; j < up->first_target[service + 1]; j++)
            if (is_made(&up->targets.items[j]) || goes(&up->targets.items[j]))
                add_target_removals(up, &up->targets.items[j]);
    }
    add_network_removals(up);
    add_recreated_volumes(up);
    up->deletion_count = up->plan->steps.count;
}

/* --- what is made ----------------------------------------------------------------------------- */

/* target->start, where there is one, comes after every instance of the dependency, as its condition
 * wants it. */
static void wait_for_dependency(struct up *up, const struct target *target,
                                const struct model_dependency *dependency)
{
    size_t other = dependency->service;
    const char *service = up->specs->services[target->service].name;
    if (!up->selected[other])
        return;
    for (size_t i = up->first_target[other]; i < up->first_target[other + 1]; i++) {
        const struct target *of = &up->targets.items[i];
        if (of->action == ACTION_REMOVE || of->oneoff)
            continue;
        size_t after = of->start;
        if (dependency->condition != CONDITION_STARTED)
            after = make_condition(&up->making,
                                   &(struct make_condition){
                                       .instance = of->wanted->name,
                                       .service = up->specs->services[other].name,
                                       .condition = spec_condition_name(dependency->condition),
                                       .waiter = service,
                                       .after = of->start,
                                       .timeout_ms = up->options->up->wait_timeout_ms,
                                       .is_required = dependency->required,
                                   });
        if (target->start != NO_STEP)
            (dependency->required ? plan_order : plan_order_weakly)(up->plan, target->start, after);
    }
}

static void wait_for_dependencies(struct up *up, const struct target *target)
{
    const struct model_service *model = up->specs->services[target->service].model;
    for (size_t i = 0; i < model->dependency_count; i++)
        wait_for_dependency(up, target, &model->dependencies[i]);
}

static void make_target(struct up *up, struct target *target)
{
    char new_id[HASH_HEX_SIZE];
    bool is_new = target->action == ACTION_CREATE || target->action == ACTION_RECREATE;
    struct make_instance how = {
        .instance = target->wanted,
        .id = is_new ? up->options->new_id(new_id) : target->instance->id,
        .is_new = is_new,
        .is_optional = !up->required[target->service],
        .image = target->image,
        .image_id =
            json_string(target->image, "id", target->instance ? target->instance->image_id : ""),
    };
    target->start = make_instance(&up->making, &how).start;
    if (target->start != NO_STEP)
        wait_for_dependencies(up, target);
}

/* Somebody needs the service to end well, as Docker Compose's --wait then does. */
static bool is_to_complete(const struct up *up, size_t service)
{
    for (size_t i = 0; i < up->specs->service_count; i++) {
        const struct model_service *model = up->specs->services[i].model;
        for (size_t j = 0; j < model->dependency_count; j++)
            if (model->dependencies[j].service == service &&
                model->dependencies[j].condition == CONDITION_COMPLETED)
                return true;
    }
    return false;
}

/* --wait: with a limit all begin to wait when the last has been started, as Docker Compose does. */
static void add_waits(struct up *up)
{
    const struct up_options *options = up->options->up;
    size_t before = up->plan->steps.count;
    for (size_t i = 0; i < up->targets.count; i++) {
        const struct target *target = &up->targets.items[i];
        if (target->action == ACTION_NONE || target->action == ACTION_REMOVE)
            continue;
        bool completes = is_to_complete(up, target->service);
        const char *condition =
            completes ? spec_condition_name(CONDITION_COMPLETED) : "running_or_healthy";
        if (completes && make_is_awaited(&up->making, condition, target->wanted->name))
            continue; /* by one that starts behind it */
        size_t step =
            make_condition(&up->making, &(struct make_condition){
                                            .instance = target->wanted->name,
                                            .service = up->specs->services[target->service].name,
                                            .condition = condition,
                                            .waiter = "",
                                            .after = target->start,
                                            .timeout_ms = options->wait_timeout_ms,
                                            .is_required = true,
                                        });
        for (size_t j = 0; options->wait_timeout_ms > 0 && j < before; j++)
            if (up->plan->steps.items[j].verb == OPERATION_START)
                plan_order(up->plan, step, j);
    }
}

static void add_makings(struct up *up)
{
    for (size_t i = 0; i < up->specs->service_count; i++) {
        size_t service = up->specs->order[i];
        for (size_t j = up->first_target[service]; j < up->first_target[service + 1]; j++)
            if (is_made(&up->targets.items[j]))
                make_target(up, &up->targets.items[j]);
            else if (up->targets.items[j].action == ACTION_KEEP && !up->options->up->no_start)
                wait_for_dependencies(up, &up->targets.items[j]); /* as Docker Compose does */
    }
    if (up->options->up->wait && !up->options->up->no_start)
        add_waits(up);
    make_after_deletions(up->plan, up->deletion_count);
    for (size_t i = 0; i < up->targets.count; i++)
        tell_target(up, &up->targets.items[i]);
}

/* --- life ------------------------------------------------------------------------------------- */

static void up_init(struct up *up)
{
    size_t services = up->specs->service_count + 1;
    up->selected = xcalloc(services, sizeof(*up->selected));
    up->named = xcalloc(services, sizeof(*up->named));
    up->required = xcalloc(services, sizeof(*up->required));
    up->replicas = xcalloc(services, sizeof(*up->replicas));
    up->first_target = xcalloc(services, sizeof(*up->first_target));
    up->changed = xcalloc(up->specs->network_count + 1, sizeof(*up->changed));
    up->recreated_volumes = xcalloc(up->specs->volume_count + 1, sizeof(*up->recreated_volumes));
    up->converted_volumes = xcalloc(up->specs->volume_count + 1, sizeof(*up->converted_volumes));
    up->plan = plan_new(up->specs->project);
    up->making = (struct making){
        .plan = up->plan,
        .observed = up->observed,
        .specs = up->specs,
        .keep = up->options->up->recreate == RECREATE_NEVER,
        .starts = !up->options->up->no_start,
    };
}

static void up_done(struct up *up)
{
    for (size_t i = 0; i < up->targets.count; i++) {
        spec_instance_free(up->targets.items[i].wanted);
        free(up->targets.items[i].reason);
    }
    vec_done(&up->targets);
    free(up->selected);
    free(up->named);
    free(up->required);
    free(up->replicas);
    free(up->first_target);
    free(up->changed);
    free(up->recreated_volumes);
    free(up->converted_volumes);
    making_done(&up->making);
    plan_free(up->plan);
}

int plan_up(const struct specs *specs, const struct observed *observed,
            const struct plan_up_options *options, struct plan **ret_plan, struct error *err)
{
    _cleanup_(up_done) struct up up = {.specs = specs, .observed = observed, .options = options};
    up_init(&up);
    int r = up_select(&up, err);
    if (r < 0)
        return r;
    up_decide(&up);
    r = up_check_conditions(&up, err);
    if (r < 0)
        return r;
    add_deletions(&up);
    add_makings(&up);
    *ret_plan = TAKE_PTR(up.plan);
    return 0;
}
