/* start, stop, restart, kill, rm, pause and unpause as plans, from the store alone: each instance
 * is taken as it was made. */
#include "orchestrator/plan_make.h"
#include "orchestrator/plan_remove.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>

enum { ID_PREFIX_MIN = 12 };

struct act {
    const struct observed *observed;
    enum act_verb verb;
    const struct act_options *options;
    struct plan *plan;
    struct making making;
    bool *chosen;           /* per instance */
    size_t *stops, *starts; /* per instance: steps, or NO_STEP */
};

static const struct observed_instance *instance_at(const struct act *act, size_t index)
{
    return &act->observed->instances.items[index];
}

/* --- whom it is about ------------------------------------------------------------------------- */

static int choose_instance(struct act *act, const char *word, struct error *err)
{
    bool may_be_id = strlen(word) >= ID_PREFIX_MIN;
    for (size_t i = 0; i < act->observed->instances.count; i++) {
        const struct observed_instance *instance = instance_at(act, i);
        if (!streq(instance->name, word) && !(may_be_id && str_after_prefix(instance->id, word)))
            continue;
        act->chosen[i] = true;
        return 0;
    }
    return error_set(err, ENOENT, "no such container: %s", word);
}

static void choose_service(struct act *act, const char *service)
{
    for (size_t i = 0; i < act->observed->instances.count; i++) {
        const struct observed_instance *instance = instance_at(act, i);
        if (!instance->oneoff && streq(instance->service, service))
            act->chosen[i] = true;
    }
}

static void choose_all(struct act *act)
{
    bool with_oneoffs = act->verb != ACT_START && act->verb != ACT_RESTART;
    for (size_t i = 0; i < act->observed->instances.count; i++)
        act->chosen[i] = with_oneoffs || !instance_at(act, i)->oneoff;
}

static bool is_chosen(const struct act *act, const char *service)
{
    for (size_t i = 0; i < act->observed->instances.count; i++)
        if (act->chosen[i] && streq(instance_at(act, i)->service, service))
            return true;
    return false;
}

/* start: also what they depend on. */
static void choose_dependencies(struct act *act)
{
    bool grew = true;
    while (grew) {
        grew = false;
        for (size_t i = 0; i < act->observed->services.count; i++) {
            const struct observed_service *service = &act->observed->services.items[i];
            for (size_t j = 0; is_chosen(act, service->name) && j < service->depends_on.count;
                 j++) {
                const char *other = service->depends_on.items[j].service;
                bool was_chosen = is_chosen(act, other);
                choose_service(act, other);
                grew = grew || (!was_chosen && is_chosen(act, other));
            }
        }
    }
}

static void choose_running(struct act *act, const char *service, bool *grew)
{
    for (size_t i = 0; i < act->observed->instances.count; i++) {
        const struct observed_instance *instance = instance_at(act, i);
        if (act->chosen[i] || instance->oneoff || !streq(instance->service, service) ||
            !observed_may_run(instance))
            continue;
        act->chosen[i] = *grew = true;
    }
}

/* restart: also those who run and depend on one of them with `restart: true`. */
static void choose_dependents(struct act *act)
{
    bool grew = true;
    while (grew) {
        grew = false;
        for (size_t i = 0; i < act->observed->services.count; i++) {
            const struct observed_service *service = &act->observed->services.items[i];
            for (size_t j = 0; j < service->depends_on.count; j++)
                if (service->depends_on.items[j].restart &&
                    is_chosen(act, service->depends_on.items[j].service))
                    choose_running(act, service->name, &grew);
        }
    }
}

static int choose(struct act *act, struct error *err)
{
    const struct selection *selection = &act->options->selection;
    bool by_service = selection->services && selection->services[0];
    int r = remove_check_services(act->observed, selection->services, err);
    for (size_t i = 0; r == 0 && by_service && selection->services[i]; i++)
        choose_service(act, selection->services[i]);
    for (size_t i = 0; r == 0 && selection->instances && selection->instances[i]; i++)
        r = choose_instance(act, selection->instances[i], err);
    if (r < 0)
        return r;
    if (!by_service && strv_length(selection->instances) == 0)
        choose_all(act);
    if (act->verb == ACT_START && by_service && !act->options->no_deps)
        choose_dependencies(act);
    if (act->verb == ACT_RESTART && !act->options->no_deps)
        choose_dependents(act);
    return 0;
}

/* --- stops ------------------------------------------------------------------------------------ */

/* Nobody is starting or stopping it now: what did was interrupted. */
static bool is_interrupted(const struct observed_instance *instance)
{
    return !instance->missing && (instance->state == VM_STARTING || instance->state == VM_STOPPING);
}

static void add_stops(struct act *act)
{
    const struct act_options *options = act->options;
    bool kills = options->kill || (act->verb == ACT_REMOVE && !options->stop);
    struct stopping how = {options->timeout_ms, kills};
    size_t count = act->observed->instances.count;
    _cleanup_free_ bool *stopped = xcalloc(count + 1, sizeof(*stopped));
    for (size_t i = 0; i < count; i++) {
        bool stops = act->verb == ACT_STOP || act->verb == ACT_RESTART ||
                     (act->verb == ACT_KILL && instance_at(act, i)->restarting) ||
                     (act->verb == ACT_START && is_interrupted(instance_at(act, i))) ||
                     (act->verb == ACT_REMOVE && (options->force || options->stop));
        stopped[i] = act->chosen[i] && stops;
    }
    remove_add_stops(act->plan, act->observed, stopped, &how, act->stops);
    for (size_t i = 0; i < count; i++)
        if (act->stops[i] != NO_STEP)
            act->plan->steps.items[act->stops[i]].keep_wish = options->keep_wish;
    for (size_t i = 0; i < count; i++)
        if (act->verb == ACT_STOP && act->stops[i] != NO_STEP)
            plan_change(act->plan, PLAN_STOP, "vm", instance_at(act, i)->name,
                        instance_at(act, i)->service, NULL);
}

/* --- starts ----------------------------------------------------------------------------------- */

static int make_start(struct act *act, size_t index, struct error *err)
{
    const struct observed_instance *instance = instance_at(act, index);
    _cleanup_(spec_instance_freep) struct spec_instance *recorded =
        spec_instance_recorded(act->observed, instance->name);
    if (!recorded || instance->missing || !instance->image_result)
        return error_set(err, ENODATA,
                         "'%s' cannot be started: it is only half there, or from an older vmstead; "
                         "run 'vmstead up' for it",
                         instance->name);
    struct make_instance how = {
        .instance = recorded, .id = instance->id, .image = instance->image_result};
    act->starts[index] = make_instance(&act->making, &how).start;
    plan_change(act->plan, act->verb == ACT_RESTART ? PLAN_RESTART : PLAN_START, "vm",
                instance->name, instance->service, NULL);
    return 0;
}

static bool is_started(const struct act *act, size_t index)
{
    const struct observed_instance *instance = instance_at(act, index);
    if (!act->chosen[index])
        return false;
    return act->verb == ACT_RESTART || instance->missing || instance->state == VM_CREATED ||
           instance->state == VM_EXITED || is_interrupted(instance);
}

static void wait_for_instance(struct act *act, size_t waiter, size_t index,
                              const struct observed_dependency *dependency)
{
    const struct observed_instance *of = instance_at(act, index);
    size_t after = act->starts[index];
    if (is_started(act, index) && after == NO_STEP)
        return; /* comes later: an edge of a recorded cycle */
    if (dependency->condition != CONDITION_STARTED)
        after = make_condition(&act->making,
                               &(struct make_condition){
                                   .instance = of->name,
                                   .service = of->service,
                                   .condition = spec_condition_name(dependency->condition),
                                   .waiter = instance_at(act, waiter)->service,
                                   .after = act->starts[index],
                                   .is_required = dependency->required,
                               });
    (dependency->required ? plan_order : plan_order_weakly)(act->plan, act->starts[waiter], after);
}

/* Where services are meant: instances that are named themselves start at once, unless said so. */
static void wait_for_dependencies(struct act *act, size_t index)
{
    const struct observed_service *service =
        observed_find_service(act->observed, instance_at(act, index)->service);
    bool named = strv_length(act->options->selection.instances) > 0;
    bool waits = (!named || act->options->in_order) && !act->options->no_deps;
    for (size_t i = 0; waits && service && i < service->depends_on.count; i++)
        for (size_t j = 0; j < act->observed->instances.count; j++)
            if (act->chosen[j] && !instance_at(act, j)->oneoff &&
                streq(instance_at(act, j)->service, service->depends_on.items[i].service))
                wait_for_instance(act, index, j, &service->depends_on.items[i]);
}

static void add_wait(struct act *act, size_t index)
{
    const struct observed_instance *instance = instance_at(act, index);
    make_condition(&act->making, &(struct make_condition){
                                     .instance = instance->name,
                                     .service = instance->service,
                                     .condition = "running_or_healthy",
                                     .waiter = "",
                                     .after = act->starts[index],
                                     .timeout_ms = act->options->wait_timeout_ms,
                                     .is_required = true,
                                 });
}

/* In the order of the dependencies, so that no step waits for a later one. */
static int add_starts(struct act *act, struct error *err)
{
    size_t deletions = act->plan->steps.count, count = act->observed->instances.count;
    _cleanup_(recorded_services_freep) struct recorded_services *services =
        recorded_services_new(act->observed);
    for (size_t i = 0; i < services->count; i++) {
        const char *name = services->names[services->order[i]];
        for (size_t j = 0; j < count; j++) {
            if (!streq(instance_at(act, j)->service, name) || !act->chosen[j])
                continue;
            int r = is_started(act, j) ? make_start(act, j, err) : 0;
            if (r < 0)
                return r;
            if (act->starts[j] != NO_STEP)
                wait_for_dependencies(act, j);
            else
                plan_change(act->plan, PLAN_KEEP, "vm", instance_at(act, j)->name, name, NULL);
        }
    }
    for (size_t i = 0; act->options->wait && i < count; i++)
        if (act->chosen[i])
            add_wait(act, i);
    make_after_deletions(act->plan, deletions);
    return 0;
}

/* --- the others ------------------------------------------------------------------------------- */

static void add_removals(struct act *act)
{
    for (size_t i = 0; i < act->observed->instances.count; i++) {
        const struct observed_instance *instance = instance_at(act, i);
        if (!act->chosen[i] || (observed_may_run(instance) && act->stops[i] == NO_STEP))
            continue;
        remove_instance(act->plan, act->observed, instance->name, act->stops[i]);
        plan_change(act->plan, PLAN_REMOVE, "vm", instance->name, instance->service, NULL);
        const struct observed_resource *vm =
            observed_find_resource(act->observed, "vm", instance->name);
        _cleanup_strv_ char **volumes = spec_volumes_of(vm ? vm->spec : NULL);
        for (size_t j = 0; act->options->volumes && volumes && volumes[j]; j++) {
            const struct observed_resource *volume =
                observed_find_resource(act->observed, "volume", volumes[j]);
            if (volume && spec_is_anonymous(volumes[j]))
                remove_volume(act->plan, volume);
        }
    }
    if (act->observed->standalone) /* its project ends with it */
        remove_networks(act->plan, act->observed);
}

static bool is_in_state(const struct observed_instance *instance, enum act_verb verb)
{
    if (instance->missing)
        return false;
    if (verb == ACT_KILL)
        return observed_may_run(instance) && !instance->restarting;
    return instance->state == (verb == ACT_PAUSE ? VM_RUNNING : VM_PAUSED);
}

static void add_control(struct act *act, enum operation_verb verb)
{
    for (size_t i = 0; i < act->observed->instances.count; i++) {
        const struct observed_instance *instance = instance_at(act, i);
        if (!act->chosen[i] || !is_in_state(instance, act->verb))
            continue;
        cJSON *spec = cJSON_CreateObject();
        json_set_string(spec, "instance", instance->name);
        if (verb == OPERATION_KILL)
            json_set_int(spec, "signal",
                         act->options->signal_number ? act->options->signal_number : SIGKILL);
        plan_add(act->plan, "vm", instance->name, verb, spec, instance->service);
    }
}

static int add_steps(struct act *act, struct error *err)
{
    add_stops(act);
    switch (act->verb) {
    case ACT_START:
    case ACT_RESTART:
        return add_starts(act, err);
    case ACT_STOP:
        return 0;
    case ACT_REMOVE:
        add_removals(act);
        return 0;
    case ACT_KILL:
        add_control(act, OPERATION_KILL);
        return 0;
    case ACT_PAUSE:
        add_control(act, OPERATION_PAUSE);
        return 0;
    case ACT_UNPAUSE:
        add_control(act, OPERATION_UNPAUSE);
        return 0;
    case ACT_VERB_COUNT:
        break;
    }
    assert(false);
    return -EINVAL;
}

static void act_done(struct act *act)
{
    free(act->chosen);
    free(act->stops);
    free(act->starts);
    making_done(&act->making);
    plan_free(act->plan);
}

int plan_act(const struct observed *observed, enum act_verb verb, const struct act_options *options,
             struct plan **ret_plan, struct error *err)
{
    size_t count = observed->instances.count + 1;
    _cleanup_(act_done) struct act act = {
        .observed = observed,
        .verb = verb,
        .options = options,
        .plan = plan_new(observed->project),
        .chosen = xcalloc(count, sizeof(bool)),
        .stops = xcalloc(count, sizeof(size_t)),
        .starts = xcalloc(count, sizeof(size_t)),
    };
    act.making = (struct making){.plan = act.plan, .observed = observed, .starts = true};
    for (size_t i = 0; i < count; i++)
        act.stops[i] = act.starts[i] = NO_STEP;
    int r = choose(&act, err);
    if (r >= 0)
        r = add_steps(&act, err);
    if (r < 0)
        return r;
    *ret_plan = TAKE_PTR(act.plan);
    return 0;
}

int plan_revive(const struct observed *observed, const char *instance, struct plan **ret_plan,
                struct error *err)
{
    char *names[] = {(char *)instance, NULL};
    struct act_options options = {.selection = {.instances = names}, .timeout_ms = -1};
    return plan_act(observed, ACT_START, &options, ret_plan, err);
}
