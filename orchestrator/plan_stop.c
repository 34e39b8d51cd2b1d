/* stop and down as plans, from the store alone: no Compose file is read. Dependents stop first;
 * then, for down, VMs, ports, endpoints and networks go, each when nothing stands on it any more.
 */
#include "orchestrator/plan.h"

#include "base/str.h"

#include <errno.h>

struct stop {
    const struct observed *observed;
    const struct plan_stop_options *options;
    struct plan *plan;
};

static bool is_selected(const struct stop *stop, const char *service)
{
    return strv_length(stop->options->services) == 0 ||
           strv_contains(stop->options->services, service);
}

static int check_services(const struct stop *stop, struct error *err)
{
    for (size_t i = 0; stop->options->services && stop->options->services[i]; i++) {
        const char *name = stop->options->services[i];
        bool found = observed_find_service(stop->observed, name);
        for (size_t j = 0; j < stop->observed->instances.count; j++)
            found = found || streq(stop->observed->instances.items[j].service, name);
        if (!found)
            return error_set(err, ENOENT, "no such service: %s", name);
    }
    return 0;
}

static bool may_run(const struct observed_instance *instance)
{
    return !instance->missing && instance->state != VM_CREATED && instance->state != VM_EXITED;
}

/* Whether dependent stands, over any number of stored dependencies, on a service. Instances without
 * a step of their own pass the order on, so a direct edge would not do. A stored cycle (two
 * versions of a file can make one) is broken by never ordering two services both ways. */
static bool stands_on(const struct observed *observed, const char *dependent, const char *service)
{
    char **queue = NULL;
    bool found = false;
    strv_add(&queue, xstrdup(dependent));
    for (size_t next = 0; queue[next] && !found; next++) {
        const struct observed_service *known = observed_find_service(observed, queue[next]);
        for (size_t i = 0; known && known->depends_on && known->depends_on[i]; i++) {
            found = found || streq(known->depends_on[i], service);
            if (!strv_contains(queue, known->depends_on[i]))
                strv_add(&queue, xstrdup(known->depends_on[i]));
        }
    }
    strv_free(queue);
    return found;
}

static const char *instance_name(const void *userdata, size_t node)
{
    const struct observed *observed = userdata;
    return observed->instances.items[node].name;
}

/* Over instances: who stops after whom. */
static struct graph *order_instances(const struct observed *observed)
{
    size_t count = observed->instances.count;
    struct graph *graph = graph_new(count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            const char *service = observed->instances.items[i].service;
            const char *dependent = observed->instances.items[j].service;
            if (stands_on(observed, dependent, service) && !stands_on(observed, service, dependent))
                graph_add(graph, i, j);
        }
    return graph;
}

static size_t add_stop(struct stop *stop, const struct observed_instance *instance)
{
    const struct observed_resource *vm =
        observed_find_resource(stop->observed, "vm", instance->name);
    if (!vm || !may_run(instance) || !is_selected(stop, instance->service))
        return NO_STEP;
    return plan_add(stop->plan, "vm", instance->name, OPERATION_STOP,
                    plan_stop_spec(vm->spec, stop->options->timeout_ms, stop->options->kill),
                    instance->service);
}

static int add_stops(struct stop *stop, struct error *err)
{
    size_t count = stop->observed->instances.count;
    _cleanup_(graph_freep) struct graph *graph = order_instances(stop->observed);
    _cleanup_free_ size_t *order = xcalloc(count + 1, sizeof(*order));
    _cleanup_free_ size_t *steps = xcalloc(count + 1, sizeof(*steps));
    int r = graph_order(graph, instance_name, stop->observed, order, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        size_t instance = order[i];
        struct graph_neighbours dependents = graph_dependencies(graph, instance);
        steps[instance] = add_stop(stop, &stop->observed->instances.items[instance]);
        for (size_t j = 0; j < dependents.count; j++)
            plan_order(stop->plan, steps[instance], steps[dependents.items[j]]);
    }
    return 0;
}

/* Removes one kind of what belongs to instances, each after all earlier steps on its instance. */
static void add_instance_removals(struct stop *stop, const char *kind)
{
    size_t before = stop->plan->steps.count;
    for (size_t i = 0; i < stop->observed->resources.count; i++) {
        const struct observed_resource *resource = &stop->observed->resources.items[i];
        const char *service = json_string(resource->spec, "service", "");
        if (!streq(resource->kind, kind) || !is_selected(stop, service))
            continue;
        size_t step = plan_add(stop->plan, kind, resource->name, OPERATION_REMOVE,
                               cJSON_Duplicate(resource->spec, true), service);
        for (size_t j = 0; j < before; j++)
            if (streq(json_string(stop->plan->steps.items[j].spec, "instance", ""),
                      resource->instance))
                plan_order(stop->plan, step, j);
    }
}

static void add_network_removals(struct stop *stop)
{
    size_t before = stop->plan->steps.count;
    for (size_t i = 0; i < stop->observed->resources.count; i++) {
        const struct observed_resource *resource = &stop->observed->resources.items[i];
        if (!streq(resource->kind, "network"))
            continue;
        size_t step = plan_add(stop->plan, "network", resource->name, OPERATION_REMOVE,
                               cJSON_Duplicate(resource->spec, true), NULL);
        for (size_t j = 0; j < before; j++) {
            const struct plan_step *other = &stop->plan->steps.items[j];
            if (streq(other->kind, "endpoint") &&
                streq(json_string(other->spec, "network", ""), resource->name))
                plan_order(stop->plan, step, j);
        }
    }
}

static int make_plan(const struct observed *observed, const struct plan_stop_options *options,
                     bool remove, struct plan **ret_plan, struct error *err)
{
    _cleanup_(plan_freep) struct plan *plan = plan_new(observed->project);
    struct stop stop = {observed, options, plan};
    int r = remove ? check_services(&stop, err) : 0;
    if (r < 0)
        return r;
    r = add_stops(&stop, err);
    if (r < 0)
        return r;
    if (remove) {
        add_instance_removals(&stop, "vm");
        add_instance_removals(&stop, "ports");
        add_instance_removals(&stop, "endpoint");
        if (strv_length(options->services) == 0)
            add_network_removals(&stop);
    }
    *ret_plan = TAKE_PTR(plan);
    return 0;
}

int plan_stop(const struct observed *observed, const struct plan_stop_options *options,
              struct plan **ret_plan, struct error *err)
{
    return make_plan(observed, options, false, ret_plan, err);
}

int plan_down(const struct observed *observed, const struct plan_stop_options *options,
              struct plan **ret_plan, struct error *err)
{
    return make_plan(observed, options, true, ret_plan, err);
}
