/* See plan_up.h: the instances of an up, and what becomes of each. */
#include "orchestrator/plan_up.h"

#include "base/log.h"
#include "base/str.h"

#include <assert.h>

static const char *const action_names[] = {
    [ACTION_NONE] = "not asked for", [ACTION_KEEP] = "kept as it is", [ACTION_START] = "started",
    [ACTION_RESTART] = "restarted",  [ACTION_RECREATE] = "recreated", [ACTION_CREATE] = "created",
    [ACTION_REMOVE] = "removed",
};
static_assert(ARRAY_SIZE(action_names) == ACTION_COUNT, "a name for every action");

/* --- who there is ----------------------------------------------------------------------------- */

static struct target *add_target(struct up *up, size_t service, int64_t number,
                                 const struct observed_instance *instance)
{
    vec_add(&up->targets, (struct target){
                              .service = service,
                              .number = number,
                              .instance = instance,
                              .stop = NO_STEP,
                              .vm_remove = NO_STEP,
                              .ports_remove = NO_STEP,
                              .start = NO_STEP,
                          });
    return &up->targets.items[up->targets.count - 1];
}

static int compare_numbers(const void *a, const void *b)
{
    const struct observed_instance *one = *(const struct observed_instance *const *)a;
    const struct observed_instance *two = *(const struct observed_instance *const *)b;
    return (one->number > two->number) - (one->number < two->number);
}

/* The low numbers survive; new ones come after the highest. */
static void add_service_targets(struct up *up, size_t service,
                                const struct observed_instance **known, size_t count)
{
    int64_t wanted = up->selected[service] ? up->replicas[service] : (int64_t)count, last = 0;
    if (count > 0)
        qsort(known, count, sizeof(const struct observed_instance *), compare_numbers);
    for (size_t i = 0; i < count; i++) {
        struct target *target = add_target(up, service, known[i]->number, known[i]);
        last = known[i]->number;
        if ((int64_t)i >= wanted)
            target->action = ACTION_REMOVE;
    }
    for (int64_t i = (int64_t)count; i < wanted; i++)
        add_target(up, service, ++last, NULL);
}

static void add_oneoff(struct up *up, size_t service)
{
    const struct plan_oneoff *oneoff = up->options->oneoff;
    if (!oneoff || !streq(oneoff->service, up->specs->services[service].name))
        return;
    struct target *target =
        add_target(up, service, 1, observed_find_instance(up->observed, oneoff->name));
    target->oneoff = oneoff;
}

static void add_orphans(struct up *up)
{
    for (size_t i = 0; i < up->observed->instances.count; i++) {
        const struct observed_instance *instance = &up->observed->instances.items[i];
        if (!up->options->up->remove_orphans || !up_is_orphan(up, instance))
            continue;
        add_target(up, NO_SERVICE, instance->number, instance)->action = ACTION_REMOVE;
    }
}

struct instance_list {
    VEC(const struct observed_instance *) known;
};

static void add_targets(struct up *up)
{
    size_t count = up->specs->service_count;
    _cleanup_free_ struct instance_list *lists = xcalloc(count + 1, sizeof(*lists));
    for (size_t i = 0; i < up->observed->instances.count; i++) {
        const struct observed_instance *instance = &up->observed->instances.items[i];
        size_t service = specs_find_service(up->specs, instance->service);
        bool is_replica = service != SIZE_MAX && !instance->oneoff && !up->observed->standalone;
        if (is_replica)
            vec_add(&lists[service].known, instance);
    }
    for (size_t i = 0; i < count; i++) {
        up->first_target[i] = up->targets.count;
        add_service_targets(up, i, lists[i].known.items, lists[i].known.count);
        add_oneoff(up, i);
        vec_done(&lists[i].known);
    }
    up->first_target[count] = up->targets.count;
    add_orphans(up);
}

/* --- what is wanted of them ------------------------------------------------------------------- */

/* Of the image as it is now; while that is not known, and for who only follows others, as the
 * instance had it. */
static const cJSON *find_image(const struct up *up, const struct target *target)
{
    _cleanup_free_ char *key = xasprintf("image/%s", up->specs->services[target->service].image);
    const cJSON *image = json_object(up->options->images, key);
    return image || !target->instance ? image : target->instance->image_result;
}

static const char *image_id_of(const struct target *target)
{
    return json_string(target->image, "id", target->instance ? target->instance->image_id : "");
}

static struct spec_instance *render(const struct up *up, const struct target *target,
                                    const struct observed_resource *previous)
{
    struct spec_rendering how = {
        .service = target->service,
        .number = target->number,
        .image = target->image,
        .previous = previous ? previous->spec : NULL,
        .new_id = up->options->new_id,
    };
    if (target->oneoff) {
        how.name = target->oneoff->name;
        how.oneoff = !target->oneoff->standalone;
        how.auto_remove = target->oneoff->auto_remove;
        how.detached = target->oneoff->detached;
    }
    return spec_render(up->specs, &how);
}

/* Every endpoint and the ports are there, as wanted. */
static bool is_complete(const struct up *up, const struct spec_instance *wanted)
{
    for (size_t i = 0; i < wanted->endpoint_count; i++) {
        const struct observed_resource *known =
            observed_find_resource(up->observed, "endpoint", wanted->endpoints[i].name);
        if (!known || !streq(known->hash, wanted->endpoints[i].hash))
            return false;
    }
    const struct observed_resource *ports =
        observed_find_resource(up->observed, "ports", wanted->name);
    return !wanted->ports || (ports && streq(ports->hash, wanted->ports_hash));
}

/* The first of its volumes that goes, or becomes several ones'; NULL: none. */
static const char *find_volume(const struct up *up, const struct spec_instance *wanted,
                               const bool *chosen)
{
    for (size_t i = 0; wanted->volumes && wanted->volumes[i]; i++) {
        size_t volume = strmap_get(&up->specs->volume_index, wanted->volumes[i]);
        if (volume != STRMAP_NONE && chosen[volume])
            return wanted->volumes[i];
    }
    return NULL;
}

/* --- what becomes of them --------------------------------------------------------------------- */

/* Why an instance that is there is to be made anew; NULL: it is as it should be. Owned by the
 * caller. */
static char *find_divergence(const struct up *up, const struct target *target,
                             const struct observed_resource *vm)
{
    char hash[HASH_HEX_SIZE];
    const char *network = up_changed_network_of(up, target->instance);
    const char *volume = find_volume(up, target->wanted, up->recreated_volumes);
    spec_hash_instance(target->wanted, image_id_of(target), hash);
    if (!streq(vm->hash, hash))
        return spec_describe_changes(target->wanted, image_id_of(target), up->observed,
                                     target->instance);
    if (network)
        return xasprintf("network '%s' has changed", network);
    if (volume)
        return xasprintf("volume '%s' is recreated", volume);
    return NULL;
}

static bool is_forced(const struct up *up, const struct target *target)
{
    const struct up_options *options = up->options->up;
    return options->recreate == RECREATE_FORCE &&
           (options->recreate_dependencies || up->named[target->service]);
}

static enum action by_state(const struct up *up, const struct target *target)
{
    switch (target->instance->state) {
    case VM_CREATED:
    case VM_EXITED:
        return ACTION_START;
    case VM_STARTING: /* nobody is starting or stopping it now: what did was interrupted */
    case VM_STOPPING:
        return ACTION_RESTART;
    case VM_RUNNING:
    case VM_PAUSED:
        return is_complete(up, target->wanted) ? ACTION_KEEP : ACTION_RESTART;
    case VM_STATE_COUNT:
        break;
    }
    assert(false);
    return ACTION_RECREATE;
}

/* --no-recreate: as it was made, whatever the file says by now. */
static enum action keep_as_recorded(const struct up *up, struct target *target)
{
    spec_instance_free(target->wanted);
    target->wanted = spec_instance_recorded(up->observed, target->instance->name);
    target->image = target->instance->image_result;
    return by_state(up, target);
}

static enum action decide_on_known(const struct up *up, struct target *target,
                                   const struct observed_resource *vm)
{
    const char *volume = find_volume(up, target->wanted, up->converted_volumes);
    if (target->instance->missing)
        target->reason = xstrdup("its virtual machine is gone");
    else if (up->options->up->recreate == RECREATE_NEVER)
        return keep_as_recorded(up, target);
    else if (is_forced(up, target))
        target->reason = xstrdup("asked for");
    else
        target->reason = find_divergence(up, target, vm);
    if (target->reason)
        return ACTION_RECREATE;
    enum action action = by_state(up, target);
    if (action == ACTION_KEEP && volume) {
        target->reason = xasprintf("volume '%s' is shared from now on", volume);
        return ACTION_RESTART;
    }
    return action;
}

static enum action decide(const struct up *up, struct target *target)
{
    const struct observed_resource *vm =
        target->instance ? observed_find_resource(up->observed, "vm", target->instance->name)
                         : NULL;
    target->image = find_image(up, target);
    target->wanted = render(up, target, vm);
    if (!vm)
        return ACTION_CREATE;
    enum action action = decide_on_known(up, target, vm);
    if (action == ACTION_RECREATE && up->options->up->renew_anonymous) {
        spec_instance_free(target->wanted);
        target->wanted = render(up, target, NULL);
    }
    return action;
}

static bool is_remade(enum action action)
{
    return action == ACTION_RECREATE || action == ACTION_RESTART;
}

/* `depends_on: {x: {restart: true}}`: restarted when x is. */
static const char *find_leader(const struct up *up, size_t service)
{
    const struct model_service *model = up->specs->services[service].model;
    for (size_t i = 0; i < model->dependency_count; i++) {
        size_t other = model->dependencies[i].service;
        if (!model->dependencies[i].restart)
            continue;
        for (size_t j = up->first_target[other]; j < up->first_target[other + 1]; j++)
            if (is_remade(up->targets.items[j].action))
                return up->specs->services[other].name;
    }
    return NULL;
}

static void decide_service(struct up *up, size_t service)
{
    const char *leader = find_leader(up, service);
    if (leader) /* also where it is not asked for itself */
        up->selected[service] = up->required[service] = true;
    for (size_t i = up->first_target[service]; i < up->first_target[service + 1]; i++) {
        struct target *target = &up->targets.items[i];
        if (target->action == ACTION_REMOVE || !(up->selected[service] || target->oneoff))
            continue;
        target->action = decide(up, target);
        if (target->action == ACTION_KEEP && leader) {
            target->action = ACTION_RESTART;
            target->reason = xasprintf("it depends on '%s'", leader);
        }
        log_debug("'%s' is to be %s", target->wanted->name, action_names[target->action]);
    }
}

/* What is not to be started is only made where it is not there yet. */
static void keep_from_starting(struct up *up)
{
    for (size_t i = 0; i < up->targets.count; i++) {
        struct target *target = &up->targets.items[i];
        if (target->action == ACTION_START || target->action == ACTION_RESTART)
            target->action = ACTION_KEEP;
    }
}

void up_decide(struct up *up)
{
    add_targets(up);
    for (size_t i = 0; i < up->specs->service_count; i++)
        decide_service(up, up->specs->order[i]);
    if (up->options->up->no_start)
        keep_from_starting(up);
}
