/* See plan_make.h. */
#include "orchestrator/plan_make.h"

#include "base/str.h"

void making_done(struct making *making)
{
    strmap_done(&making->networks);
    strmap_done(&making->volumes);
    strmap_done(&making->kept_volumes);
    strmap_done(&making->shared_volumes);
    strmap_done(&making->conditions);
}

static void set_hash(struct plan *plan, size_t step, const char *hash)
{
    memcpy(plan->steps.items[step].hash, hash, HASH_HEX_SIZE);
}

/* Says what becomes of a network or volume. What is there and fits is looked at again (ENSURE is
 * idempotent) before something starts on it: the store is a hint, the host is the truth. */
static void tell_ensuring(struct making *making, size_t step, const struct observed_resource *known,
                          bool fits)
{
    struct plan_step *added = &making->plan->steps.items[step];
    bool is_removed = known && !streq(known->hash, added->hash);
    added->quiet = known && !is_removed && fits;
    if (added->quiet)
        return;
    plan_change(making->plan,
                !known       ? PLAN_CREATE
                : is_removed ? PLAN_RECREATE
                             : PLAN_UPDATE,
                added->kind, added->name, NULL,
                !known       ? NULL
                : is_removed ? "its configuration has changed"
                             : "several instances share it");
}

static cJSON *unknown_network(const struct making *making, const char *name)
{
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "project", making->plan->project);
    json_set_string(spec, "key", name);
    json_set_bool(spec, "internal", false);
    json_set_bool(spec, "external", false);
    return spec;
}

static size_t make_network(struct making *making, const char *name)
{
    size_t step = strmap_get(&making->networks, name);
    if (step != STRMAP_NONE)
        return step;
    const struct observed_resource *known =
        observed_find_resource(making->observed, "network", name);
    const struct spec_network *wanted =
        making->specs && !(making->keep && known) ? specs_find_network(making->specs, name) : NULL;
    char hash[HASH_HEX_SIZE];
    cJSON *spec = wanted  ? cJSON_Duplicate(wanted->spec, true)
                  : known ? cJSON_Duplicate(known->spec, true)
                          : unknown_network(making, name);
    step = plan_add(making->plan, "network", name, OPERATION_ENSURE, spec, NULL);
    set_hash(making->plan, step, spec_hash_json(spec, hash));
    tell_ensuring(making, step, known, true);
    strmap_set(&making->networks, name, step);
    return step;
}

static cJSON *volume_spec(const struct making *making, const char *name,
                          const struct observed_resource *known)
{
    bool keeps = making->keep || strmap_get(&making->kept_volumes, name) != STRMAP_NONE;
    const struct spec_volume *wanted =
        making->specs && !(keeps && known) ? specs_find_volume(making->specs, name) : NULL;
    cJSON *spec = wanted  ? cJSON_Duplicate(wanted->spec, true)
                  : known ? cJSON_Duplicate(known->spec, true)
                          : spec_anonymous_volume(making->plan->project);
    json_set(spec, "shared", NULL);
    return spec;
}

static size_t make_volume(struct making *making, const char *name)
{
    size_t step = strmap_get(&making->volumes, name);
    if (step != STRMAP_NONE)
        return step;
    const struct observed_resource *known =
        observed_find_resource(making->observed, "volume", name);
    cJSON *spec = volume_spec(making, name, known);
    bool was_shared = known && json_bool(known->spec, "shared", false);
    bool is_shared = was_shared || strmap_get(&making->shared_volumes, name) != STRMAP_NONE;
    char hash[HASH_HEX_SIZE];
    spec_hash_json(spec, hash); /* as spec_volume.hash: without "shared" */
    json_set_bool(spec, "shared", is_shared);
    step = plan_add(making->plan, "volume", name, OPERATION_ENSURE, spec, NULL);
    set_hash(making->plan, step, hash);
    tell_ensuring(making, step, known, was_shared == is_shared);
    strmap_set(&making->volumes, name, step);
    return step;
}

static size_t make_endpoint(struct making *making, const struct make_instance *how,
                            const struct spec_endpoint *endpoint)
{
    cJSON *spec = cJSON_Duplicate(endpoint->spec, true);
    json_set_bool(spec, "tap", making->starts);
    size_t network = make_network(making, endpoint->network);
    size_t step = plan_add(making->plan, "endpoint", endpoint->name, OPERATION_ENSURE, spec,
                           how->instance->service);
    set_hash(making->plan, step, endpoint->hash);
    plan_order(making->plan, step, network);
    return step;
}

static size_t make_ports(struct making *making, const struct make_instance *how)
{
    const struct spec_instance *instance = how->instance;
    if (!instance->ports)
        return NO_STEP;
    size_t step = plan_add(making->plan, "ports", instance->name, OPERATION_ENSURE,
                           cJSON_Duplicate(instance->ports, true), instance->service);
    set_hash(making->plan, step, instance->ports_hash);
    return step;
}

static size_t add_vm_step(struct making *making, const struct make_instance *how,
                          enum operation_verb verb)
{
    cJSON *spec = cJSON_Duplicate(how->instance->vm, true);
    json_set_string(spec, "id", how->id);
    size_t step =
        plan_add(making->plan, "vm", how->instance->name, verb, spec, how->instance->service);
    if (how->image) {
        _cleanup_free_ char *key = xasprintf("image/%s", json_string(spec, "image", ""));
        struct plan_step *added = &making->plan->steps.items[step];
        added->given = cJSON_CreateObject();
        json_set(added->given, key, cJSON_Duplicate(how->image, true));
    }
    return step;
}

static size_t make_vm(struct making *making, const struct make_instance *how)
{
    if (!how->is_new)
        return NO_STEP;
    size_t step = add_vm_step(making, how, OPERATION_ENSURE);
    struct plan_step *added = &making->plan->steps.items[step];
    added->instance = new0(struct plan_instance);
    added->instance->image_id = xstrdup(how->image_id);
    added->instance->image_result = how->image ? json_print(how->image) : xstrdup("");
    added->instance->command =
        spec_command_text(how->instance->vm, json_object(how->image, "config"));
    spec_hash_instance(how->instance, how->image_id, added->hash);
    return step;
}

static size_t make_start(struct making *making, const struct make_instance *how, size_t vm,
                         const size_t *before, size_t count)
{
    if (!making->starts)
        return NO_STEP;
    size_t start = add_vm_step(making, how, OPERATION_START);
    plan_order(making->plan, start, vm);
    for (size_t i = 0; i < count; i++)
        plan_order(making->plan, start, before[i]);
    return start;
}

struct made make_instance(struct making *making, const struct make_instance *how)
{
    const struct spec_instance *instance = how->instance;
    size_t first = making->plan->steps.count, volumes = strv_length(instance->volumes), count = 0;
    _cleanup_free_ size_t *before =
        xcalloc(instance->endpoint_count + volumes + 1, sizeof(*before));
    for (size_t i = 0; i < volumes; i++)
        before[count++] = make_volume(making, instance->volumes[i]);
    for (size_t i = 0; i < instance->endpoint_count; i++)
        before[count++] = make_endpoint(making, how, &instance->endpoints[i]);
    size_t ports = make_ports(making, how);
    for (size_t i = volumes; i < count; i++)
        plan_order(making->plan, ports, before[i]);
    before[count++] = ports;
    size_t vm = make_vm(making, how);
    size_t start = make_start(making, how, vm, before, count);
    for (size_t i = first; i < making->plan->steps.count; i++) {
        struct plan_step *step = &making->plan->steps.items[i];
        step->optional = how->is_optional && step->service; /* networks are everybody's */
    }
    return (struct made){.ready = vm, .start = start};
}

bool make_is_awaited(const struct making *making, const char *condition, const char *instance)
{
    _cleanup_free_ char *key = xasprintf("%s/%s", condition, instance);
    return strmap_get(&making->conditions, key) != STRMAP_NONE;
}

size_t make_condition(struct making *making, const struct make_condition *how)
{
    _cleanup_free_ char *key = xasprintf("%s/%s", how->condition, how->instance);
    size_t step = strmap_get(&making->conditions, key);
    if (step == STRMAP_NONE) {
        cJSON *spec = cJSON_CreateObject();
        json_set_string(spec, "instance", how->instance);
        json_set_string(spec, "service", how->service);
        json_set_string(spec, "condition", how->condition);
        json_set_int(spec, "timeout_ms", how->timeout_ms);
        json_set_string(spec, "for", how->waiter);
        step =
            plan_add(making->plan, "condition", how->instance, OPERATION_WAIT, spec, how->service);
        making->plan->steps.items[step].optional = true;
        plan_order(making->plan, step, how->after);
        strmap_set(&making->conditions, key, step);
    } else {
        cJSON *spec = making->plan->steps.items[step].spec;
        const char *known = json_string(spec, "for", "");
        const char *comma = strrchr(known, ',');
        const char *last = comma ? comma + 2 : known; /* the instances of a service come in a row */
        _cleanup_free_ char *waiters = xasprintf("%s, %s", known, how->waiter);
        if (!streq(last, how->waiter))
            json_set_string(spec, "for", waiters);
    }
    if (how->is_required)
        making->plan->steps.items[step].optional = false;
    return step;
}

void make_after_deletions(struct plan *plan, size_t deletions)
{
    _cleanup_free_ bool *is_waited_for = xcalloc(deletions + 1, sizeof(*is_waited_for));
    for (size_t i = 0; i < deletions; i++)
        for (size_t j = 0; j < plan->steps.items[i].after.count; j++)
            is_waited_for[plan->steps.items[i].after.items[j].step] = true;
    for (size_t i = deletions; i < plan->steps.count; i++) {
        bool is_first = plan->steps.items[i].after.count == 0;
        for (size_t j = 0; is_first && j < deletions; j++)
            if (!is_waited_for[j])
                plan_order(plan, i, j);
    }
}
