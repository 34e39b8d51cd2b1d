/* See plan_remove.h. */
#include "orchestrator/plan_remove.h"

#include "base/str.h"

#include <errno.h>

int remove_check_services(const struct observed *observed, char *const *names, struct error *err)
{
    for (size_t i = 0; names && names[i]; i++) {
        bool found = observed_find_service(observed, names[i]);
        for (size_t j = 0; !found && j < observed->instances.count; j++)
            found = streq(observed->instances.items[j].service, names[i]);
        if (!found)
            return error_set(err, ENOENT, "no such service: %s", names[i]);
    }
    return 0;
}

/* A guest whose start was interrupted has no service that could end in good order. */
static size_t add_stop(struct plan *plan, const struct observed *observed,
                       const struct observed_instance *instance, const struct stopping *how)
{
    const struct observed_resource *vm = observed_find_resource(observed, "vm", instance->name);
    if (!vm || !observed_may_run(instance))
        return NO_STEP;
    bool kill = how->kill || instance->state == VM_STARTING;
    return plan_add(plan, "vm", instance->name, OPERATION_STOP,
                    plan_stop_spec(vm->spec, how->timeout_ms, kill), instance->service);
}

void remove_add_stops(struct plan *plan, const struct observed *observed, const bool *chosen,
                      const struct stopping *how, size_t *ret_stops)
{
    _cleanup_(recorded_services_freep) struct recorded_services *services =
        recorded_services_new(observed);
    struct step_list *lists = step_lists_new(services->count);
    struct step_list *members = step_lists_new(services->count); /* instances of each */
    for (size_t i = 0; i < observed->instances.count; i++) {
        size_t service = strmap_get(&services->index, observed->instances.items[i].service);
        vec_add(&members[service].steps, i);
        ret_stops[i] = NO_STEP;
    }
    for (size_t i = services->count; i-- > 0;) {
        size_t service = services->order[i];
        for (size_t j = 0; j < members[service].steps.count; j++) {
            size_t index = members[service].steps.items[j];
            if (chosen[index])
                ret_stops[index] = add_stop(plan, observed, &observed->instances.items[index], how);
            if (ret_stops[index] != NO_STEP)
                vec_add(&lists[service].steps, ret_stops[index]);
        }
    }
    order_dependents_first(plan, services->graph, services->order, lists);
    step_lists_free(lists, services->count);
    step_lists_free(members, services->count);
}

static size_t remove_after(struct plan *plan, const struct observed_resource *resource,
                           const size_t *before, size_t count)
{
    size_t step = plan_add_removal(plan, resource);
    for (size_t i = 0; i < count; i++)
        plan_order(plan, step, before[i]);
    return step;
}

void remove_instance(struct plan *plan, const struct observed *observed, const char *instance,
                     size_t stop)
{
    size_t before[] = {stop, NO_STEP, NO_STEP};
    const struct observed_resource *vm = observed_find_resource(observed, "vm", instance);
    const struct observed_resource *ports = observed_find_resource(observed, "ports", instance);
    if (vm)
        before[1] = remove_after(plan, vm, before, ARRAY_SIZE(before));
    if (ports)
        before[2] = remove_after(plan, ports, before, ARRAY_SIZE(before));
    const struct observed_resource *resource = observed_first_of(observed, instance);
    for (; resource; resource = observed_next_of(observed, resource))
        if (streq(resource->kind, "endpoint"))
            remove_after(plan, resource, before, ARRAY_SIZE(before));
}

/* Endpoints on each network that the plan does not remove. */
static void count_endpoints(const struct plan *plan, const struct observed *observed,
                            const struct strmap *networks, size_t *ret_counts)
{
    for (size_t i = 0; i < observed->resources.count; i++) {
        size_t network = strmap_get(networks, observed->resources.items[i].network);
        if (network != STRMAP_NONE)
            ret_counts[network]++;
    }
    for (size_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.items[i];
        size_t network = strmap_get(networks, json_string(step->spec, "network", ""));
        if (network != STRMAP_NONE && streq(step->kind, "endpoint"))
            ret_counts[network]--;
    }
}

static void remove_network(struct plan *plan, const struct observed_resource *network,
                           size_t before)
{
    size_t step = plan_add_removal(plan, network);
    plan_change(plan, PLAN_REMOVE, "network", network->name, NULL, NULL);
    for (size_t i = 0; i < before; i++) {
        const struct plan_step *other = &plan->steps.items[i];
        if (streq(other->kind, "endpoint") &&
            streq(json_string(other->spec, "network", ""), network->name))
            plan_order(plan, step, i);
    }
}

void remove_networks(struct plan *plan, const struct observed *observed)
{
    size_t before = plan->steps.count, count = observed->resources.count;
    _cleanup_strmap_ struct strmap networks = {0};
    _cleanup_free_ size_t *left = xcalloc(count + 1, sizeof(*left));
    for (size_t i = 0; i < count; i++)
        if (streq(observed->resources.items[i].kind, "network"))
            strmap_set(&networks, observed->resources.items[i].name, i);
    count_endpoints(plan, observed, &networks, left);
    for (size_t i = 0; i < count; i++) {
        const struct observed_resource *network = &observed->resources.items[i];
        if (!streq(network->kind, "network"))
            continue;
        if (left[i] == 0)
            remove_network(plan, network, before);
        else
            strv_add(&plan->warnings,
                     xasprintf("network '%s' stays: instances that are not removed are on it",
                               network->name));
    }
}

void remove_volume(struct plan *plan, const struct observed_resource *volume)
{
    size_t before = plan->steps.count, step = plan_add_removal(plan, volume);
    plan_change(plan, PLAN_REMOVE, "volume", volume->name, NULL, NULL);
    for (size_t i = 0; i < before; i++)
        if (streq(plan->steps.items[i].kind, "vm"))
            plan_order(plan, step, i);
}
