/* up as a plan: what is wanted against what is there. plan_decide.c says per service what becomes
 * of it; here follow the deletions that takes, then what is made, each in dependency order. */
#include "orchestrator/plan_up.h"

#include "base/str.h"

/* --- deletions -------------------------------------------------------------------------------- */

static size_t add_removal(struct up *up, const struct observed_resource *resource, const char *kind)
{
    const char *service = json_string(resource->spec, "service", NULL);
    return plan_add(up->plan, kind, resource->name, OPERATION_REMOVE,
                    cJSON_Duplicate(resource->spec, true), service);
}

static bool stops(const struct up *up, size_t service)
{
    const struct observed_instance *instance =
        observed_find_instance(up->observed, up->specs->services[service].instance);
    if (up->actions[service] != ACTION_RESTART && up->actions[service] != ACTION_RECREATE)
        return false;
    return !instance->missing && instance->state != VM_CREATED && instance->state != VM_EXITED;
}

/* Dependents come later in the order and were given their stops already. A guest whose start was
 * interrupted has no service that could end in good order. */
static void add_stop(struct up *up, size_t index)
{
    const struct spec_service *service = &up->specs->services[index];
    const struct observed_resource *vm = up_find_resource(up, "vm", service->instance);
    bool kill = observed_find_instance(up->observed, service->instance)->state == VM_STARTING;
    size_t step = plan_add(up->plan, "vm", service->instance, OPERATION_STOP,
                           plan_stop_spec(vm->spec, -1, kill), service->name);
    struct graph_neighbours dependents = graph_dependents(up->specs->dependencies, index);
    for (size_t i = 0; i < dependents.count; i++)
        plan_order(up->plan, step, up->steps[dependents.items[i]].stop);
    up->steps[index].stop = step;
}

static void add_vm_removal(struct up *up, size_t index)
{
    const struct observed_resource *vm =
        up_find_resource(up, "vm", up->specs->services[index].instance);
    if (!vm || up->actions[index] != ACTION_RECREATE)
        return;
    up->steps[index].vm_remove = add_removal(up, vm, "vm");
    plan_order(up->plan, up->steps[index].vm_remove, up->steps[index].stop);
}

static void add_ports_removal(struct up *up, size_t index)
{
    const struct spec_service *service = &up->specs->services[index];
    const struct observed_resource *ports = up_find_resource(up, "ports", service->instance);
    if (!ports || (service->ports && streq(ports->hash, service->ports_hash) &&
                   !up_is_on_changed_network(up, service)))
        return;
    up->steps[index].ports_remove = add_removal(up, ports, "ports");
    plan_order(up->plan, up->steps[index].ports_remove, up->steps[index].stop);
    plan_order(up->plan, up->steps[index].ports_remove, up->steps[index].vm_remove);
}

static bool is_endpoint_kept(const struct up *up, const struct spec_service *service,
                             const struct observed_resource *resource)
{
    for (size_t i = 0; i < service->endpoint_count; i++) {
        const struct spec_endpoint *endpoint = &service->endpoints[i];
        if (streq(endpoint->name, resource->name))
            return streq(endpoint->hash, resource->hash) && !up->changed[endpoint->network_index];
    }
    return false;
}

static void add_endpoint_removals(struct up *up, size_t index)
{
    const struct spec_service *service = &up->specs->services[index];
    for (size_t i = 0; i < up->observed->resources.count; i++) {
        const struct observed_resource *resource = &up->observed->resources.items[i];
        if (!streq(resource->kind, "endpoint") || !streq(resource->instance, service->instance) ||
            is_endpoint_kept(up, service, resource))
            continue;
        size_t step = add_removal(up, resource, "endpoint");
        plan_order(up->plan, step, up->steps[index].stop);
        plan_order(up->plan, step, up->steps[index].vm_remove);
        plan_order(up->plan, step, up->steps[index].ports_remove);
    }
}

static void add_network_removals(struct up *up)
{
    size_t before = up->plan->steps.count;
    for (size_t i = 0; i < up->specs->network_count; i++) {
        const char *name = up->specs->networks[i].name;
        if (!up->changed[i])
            continue;
        size_t step = add_removal(up, up_find_resource(up, "network", name), "network");
        for (size_t j = 0; j < before; j++)
            if (streq(up->plan->steps.items[j].kind, "endpoint") &&
                streq(json_string(up->plan->steps.items[j].spec, "network", ""), name))
                plan_order(up->plan, step, j);
    }
}

static void add_deletions(struct up *up)
{
    for (size_t i = up->specs->service_count; i-- > 0;) {
        size_t service = up->specs->order[i];
        if (up->actions[service] == ACTION_NONE || up->actions[service] == ACTION_KEEP)
            continue;
        if (stops(up, service))
            add_stop(up, service);
        add_vm_removal(up, service);
        add_ports_removal(up, service);
        add_endpoint_removals(up, service);
    }
    add_network_removals(up);
    up->deletion_count = up->plan->steps.count;
}

/* --- what is made ----------------------------------------------------------------------------- */

static bool starts(const struct up *up, size_t service)
{
    return up->actions[service] != ACTION_NONE && up->actions[service] != ACTION_KEEP;
}

/* Also networks that are there already are looked at again (ENSURE is idempotent) before something
 * starts on them: the store is a hint, the host is the truth. */
static void add_network(struct up *up, size_t index)
{
    const struct spec_network *network = &up->specs->networks[index];
    if (up->network_steps[index] != NO_STEP)
        return;
    size_t step = plan_add(up->plan, "network", network->name, OPERATION_ENSURE,
                           cJSON_Duplicate(network->spec, true), NULL);
    struct plan_step *added = &up->plan->steps.items[step];
    memcpy(added->hash, network->hash, sizeof(added->hash));
    added->quiet = !up->changed[index] && up_find_resource(up, "network", network->name);
    up->network_steps[index] = step;
}

static size_t add_endpoint(struct up *up, const struct spec_service *service,
                           const struct spec_endpoint *endpoint)
{
    size_t step = plan_add(up->plan, "endpoint", endpoint->name, OPERATION_ENSURE,
                           cJSON_Duplicate(endpoint->spec, true), service->name);
    struct plan_step *added = &up->plan->steps.items[step];
    memcpy(added->hash, endpoint->hash, sizeof(added->hash));
    plan_order(up->plan, step, up->network_steps[endpoint->network_index]);
    return step;
}

static size_t add_vm(struct up *up, const struct spec_service *service, const char *id)
{
    cJSON *spec = cJSON_Duplicate(service->vm, true);
    json_set_string(spec, "id", id);
    size_t step =
        plan_add(up->plan, "vm", service->instance, OPERATION_ENSURE, spec, service->name);
    struct plan_step *added = &up->plan->steps.items[step];
    added->instance = new0(struct plan_instance);
    added->instance->image_id = xstrdup(up_image_id(up, service, NULL));
    _cleanup_free_ char *key = xasprintf("image/%s", service->image);
    const cJSON *image = json_object(up->options->images, key);
    added->instance->image_result = image ? json_print(image) : xstrdup("");
    added->instance->command = spec_command_text(service->vm, json_object(image, "config"));
    spec_hash_service(service, added->instance->image_id, added->hash);
    added->fact = TAKE_PTR(key);
    return step;
}

static void add_service(struct up *up, size_t index)
{
    const struct spec_service *service = &up->specs->services[index];
    const struct observed_instance *instance =
        observed_find_instance(up->observed, service->instance);
    bool is_new = up->actions[index] == ACTION_CREATE || up->actions[index] == ACTION_RECREATE;
    char new_id[HASH_HEX_SIZE];
    const char *id = is_new ? up->options->new_id(new_id) : instance->id;

    _cleanup_free_ size_t *endpoints = xcalloc(service->endpoint_count + 1, sizeof(*endpoints));
    for (size_t i = 0; i < service->endpoint_count; i++)
        endpoints[i] = add_endpoint(up, service, &service->endpoints[i]);
    size_t ports = NO_STEP;
    if (service->ports) {
        ports = plan_add(up->plan, "ports", service->instance, OPERATION_ENSURE,
                         cJSON_Duplicate(service->ports, true), service->name);
        memcpy(up->plan->steps.items[ports].hash, service->ports_hash, HASH_HEX_SIZE);
    }
    size_t vm = is_new ? add_vm(up, service, id) : NO_STEP;
    cJSON *spec = cJSON_Duplicate(service->vm, true);
    json_set_string(spec, "id", id);
    size_t start =
        plan_add(up->plan, "vm", service->instance, OPERATION_START, spec, service->name);
    up->plan->steps.items[start].fact = xasprintf("image/%s", service->image);
    for (size_t i = 0; i < service->endpoint_count; i++) {
        plan_order(up->plan, ports, endpoints[i]);
        plan_order(up->plan, start, endpoints[i]);
    }
    plan_order(up->plan, start, ports);
    plan_order(up->plan, start, vm);
    struct graph_neighbours needs = graph_dependencies(up->specs->dependencies, index);
    for (size_t i = 0; i < needs.count; i++)
        plan_order(up->plan, start, up->steps[needs.items[i]].start);
    up->steps[index].start = start;
}

static bool is_last_deletion(const struct up *up, size_t step)
{
    for (size_t i = step + 1; i < up->deletion_count; i++) {
        const struct plan_step *later = &up->plan->steps.items[i];
        for (size_t j = 0; j < later->after.count; j++)
            if (later->after.items[j] == step)
                return false;
    }
    return true;
}

/* What waits for nothing else waits for the deletions, and so does all that waits for it. */
static void wait_for_deletions(struct up *up)
{
    for (size_t i = up->deletion_count; i < up->plan->steps.count; i++) {
        bool is_first = up->plan->steps.items[i].after.count == 0;
        for (size_t j = 0; is_first && j < up->deletion_count; j++)
            if (is_last_deletion(up, j))
                plan_order(up->plan, i, j);
    }
}

static void add_makings(struct up *up)
{
    for (size_t i = 0; i < up->specs->service_count; i++) {
        const struct spec_service *service = &up->specs->services[i];
        for (size_t j = 0; starts(up, i) && j < service->endpoint_count; j++)
            add_network(up, service->endpoints[j].network_index);
    }
    for (size_t i = 0; i < up->specs->service_count; i++)
        if (starts(up, up->specs->order[i]))
            add_service(up, up->specs->order[i]);
    wait_for_deletions(up);
}

static void up_init(struct up *up)
{
    size_t services = up->specs->service_count + 1, networks = up->specs->network_count + 1;
    up->selected = xcalloc(services, sizeof(*up->selected));
    up->actions = xcalloc(services, sizeof(*up->actions));
    up->steps = xcalloc(services, sizeof(*up->steps));
    up->changed = xcalloc(networks, sizeof(*up->changed));
    up->network_steps = xcalloc(networks, sizeof(*up->network_steps));
    for (size_t i = 0; i < services; i++)
        up->steps[i] = (struct service_steps){NO_STEP, NO_STEP, NO_STEP, NO_STEP};
    for (size_t i = 0; i < networks; i++)
        up->network_steps[i] = NO_STEP;
    up->plan = plan_new(up->specs->project);
    up->plan->facts = cJSON_Duplicate(up->options->images, true);
}

static void up_done(struct up *up)
{
    free(up->selected);
    free(up->actions);
    free(up->steps);
    free(up->changed);
    free(up->network_steps);
    plan_free(up->plan);
}

int plan_up(const struct specs *specs, const struct observed *observed,
            const struct plan_up_options *options, struct plan **ret_plan, struct error *err)
{
    _cleanup_(up_done) struct up up = {.specs = specs, .observed = observed, .options = options};
    up_init(&up);
    int r = up_decide(&up, err);
    if (r < 0)
        return r;
    add_deletions(&up);
    add_makings(&up);
    *ret_plan = TAKE_PTR(up.plan);
    return 0;
}
