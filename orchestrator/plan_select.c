/* See plan_up.h: which services an up is about, how many instances each is to have, and which
 * networks and volumes are no longer as wanted (which may bring in more services). */
#include "orchestrator/plan_up.h"

#include "base/str.h"

#include <errno.h>

/* --- questions -------------------------------------------------------------------------------- */

bool up_is_orphan(const struct up *up, const struct observed_instance *instance)
{
    if (instance->oneoff)
        return !instance->missing && instance->state == VM_EXITED;
    if (strv_contains(up->specs->model->disabled, instance->service))
        return false; /* its profile is off now: it stays what it is */
    return specs_find_service(up->specs, instance->service) == SIZE_MAX;
}

int64_t up_count_instances(const struct up *up, size_t service)
{
    int64_t count = 0;
    for (size_t i = 0; i < up->observed->instances.count; i++) {
        const struct observed_instance *instance = &up->observed->instances.items[i];
        count += !instance->oneoff && streq(instance->service, up->specs->services[service].name);
    }
    return count;
}

const char *up_changed_network_of(const struct up *up, const struct observed_instance *instance)
{
    const struct observed_resource *resource = observed_first_of(up->observed, instance->name);
    for (; resource; resource = observed_next_of(up->observed, resource)) {
        size_t network = strmap_get(&up->specs->network_index, resource->network);
        if (network != STRMAP_NONE && up->changed[network])
            return resource->network;
    }
    return NULL;
}

static size_t service_of(const struct up *up, const struct observed_instance *instance)
{
    return instance->oneoff ? NO_SERVICE : specs_find_service(up->specs, instance->service);
}

/* --- who and how many ------------------------------------------------------------------------- */

static void select_required(struct up *up)
{
    memcpy(up->required, up->named, up->specs->service_count * sizeof(*up->required));
    for (size_t i = up->specs->service_count; i-- > 0;) { /* dependents first */
        size_t service = up->specs->order[i];
        const struct model_service *model = up->specs->services[service].model;
        for (size_t j = 0; up->required[service] && j < model->dependency_count; j++)
            if (model->dependencies[j].required)
                up->required[model->dependencies[j].service] = true;
    }
}

static int select_named(struct up *up, struct error *err)
{
    const struct plan_oneoff *oneoff = up->options->oneoff;
    const struct up_options *options = up->options->up;
    char *only[] = {oneoff ? (char *)oneoff->service : NULL, NULL};
    int r =
        plan_select_services(up->specs, oneoff ? only : options->services, false, up->named, err);
    if (r < 0)
        return r;
    memcpy(up->selected, up->named, up->specs->service_count * sizeof(*up->selected));
    if (!options->no_deps)
        graph_select_dependencies(up->specs->dependencies, up->selected);
    select_required(up);
    if (oneoff) /* of its service only this one is asked for, and nobody depends on itself */
        up->selected[specs_find_service(up->specs, oneoff->service)] = false;
    return 0;
}

static int count_replicas(struct up *up, struct error *err)
{
    const struct up_options *options = up->options->up;
    for (size_t i = 0; i < up->specs->service_count; i++)
        up->replicas[i] = up->specs->services[i].model->replicas;
    for (size_t i = 0; i < options->scale_count; i++) {
        size_t service = specs_find_service(up->specs, options->scales[i].service);
        if (service == SIZE_MAX)
            return error_set(err, ENOENT, "no such service: %s", options->scales[i].service);
        if (options->scales[i].replicas < 0)
            return error_set(err, EINVAL, "service '%s' cannot have %lld instances",
                             options->scales[i].service, (long long)options->scales[i].replicas);
        up->replicas[service] = options->scales[i].replicas;
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < up->specs->service_count; i++) {
        if (!up->selected[i])
            continue;
        r = specs_check_replicas(up->specs, i, up->replicas[i], err);
        if (r == 0)
            r = specs_check_values(up->specs, i, err);
    }
    const struct plan_oneoff *oneoff = up->options->oneoff;
    if (r == 0 && oneoff)
        r = specs_check_values(up->specs, specs_find_service(up->specs, oneoff->service), err);
    return r;
}

/* --- networks and volumes --------------------------------------------------------------------- */

static void find_changed_networks(struct up *up)
{
    for (size_t i = 0; i < up->specs->service_count; i++) {
        const struct model_service *service = up->specs->services[i].model;
        for (size_t j = 0; up->selected[i] && j < service->attachment_count; j++) {
            size_t index = service->attachments[j].network;
            const struct spec_network *network = &up->specs->networks[index];
            const struct observed_resource *known =
                observed_find_resource(up->observed, "network", network->name);
            up->changed[index] = known && !streq(known->hash, network->hash);
        }
    }
}

static bool mounts(const struct model_service *service, size_t volume)
{
    for (size_t i = 0; i < service->mount_count; i++)
        if (service->mounts[i].type == MOUNT_VOLUME && service->mounts[i].volume == volume)
            return true;
    return false;
}

/* Instances that will use it and that the file does not count. */
static int64_t count_other_users(const struct up *up, const char *volume)
{
    int64_t count = strv_contains(up->observed->foreign_volumes, volume);
    for (size_t i = 0; i < up->observed->instances.count; i++) {
        const struct observed_instance *instance = &up->observed->instances.items[i];
        const struct observed_resource *vm =
            observed_find_resource(up->observed, "vm", instance->name);
        bool is_other = service_of(up, instance) == NO_SERVICE &&
                        !(up_is_orphan(up, instance) && up->options->up->remove_orphans);
        if (!is_other || !vm)
            continue;
        _cleanup_strv_ char **volumes = spec_volumes_of(vm->spec);
        count += strv_contains(volumes, volume);
    }
    return count;
}

static bool is_used_by_several(const struct up *up, size_t volume)
{
    const struct plan_oneoff *oneoff = up->options->oneoff;
    int64_t users = count_other_users(up, up->specs->volumes[volume].name);
    for (size_t i = 0; i < up->specs->service_count && users < 2; i++) {
        if (!mounts(up->specs->services[i].model, volume))
            continue;
        users += up->selected[i] ? up->replicas[i] : up_count_instances(up, i);
        users += oneoff && streq(oneoff->service, up->specs->services[i].name);
    }
    return users > 1;
}

static void find_shared_volumes(struct up *up)
{
    for (size_t i = 0; i < up->specs->volume_count; i++) {
        const struct spec_volume *volume = &up->specs->volumes[i];
        const struct observed_resource *known =
            observed_find_resource(up->observed, "volume", volume->name);
        if (!volume->is_shared && !is_used_by_several(up, i))
            continue;
        strmap_set(&up->making.shared_volumes, volume->name, 1);
        up->converted_volumes[i] = known && !json_bool(known->spec, "shared", false);
    }
}

/* As Docker Compose does: a volume's content is worth asking for. */
static void find_changed_volumes(struct up *up)
{
    for (size_t i = 0; i < up->specs->volume_count; i++) {
        const struct spec_volume *volume = &up->specs->volumes[i];
        const struct observed_resource *known =
            observed_find_resource(up->observed, "volume", volume->name);
        if (!known || !*known->hash || streq(known->hash, volume->hash))
            continue;
        switch (up->options->up->changed_volumes) {
        case CHANGED_VOLUMES_ASK:
            strv_add(&up->plan->diverged_volumes, xstrdup(volume->name));
            break;
        case CHANGED_VOLUMES_KEEP:
            strv_add(&up->plan->warnings,
                     xasprintf("volume '%s' exists, but not as the file describes it: it is used "
                               "as it is",
                               volume->name));
            break;
        case CHANGED_VOLUMES_RECREATE:
            up->recreated_volumes[i] = true;
            continue;
        }
        strmap_set(&up->making.kept_volumes, volume->name, 1);
    }
}

/* --- who comes in by what they stand on ------------------------------------------------------- */

static bool is_on_changed_network(const struct up *up, size_t service)
{
    for (size_t i = 0; i < up->observed->instances.count; i++) {
        const struct observed_instance *instance = &up->observed->instances.items[i];
        if (service_of(up, instance) == service && up_changed_network_of(up, instance))
            return true;
    }
    return false;
}

static bool is_on_changed_volume(const struct up *up, size_t service)
{
    const struct model_service *model = up->specs->services[service].model;
    for (size_t i = 0; i < model->mount_count; i++) {
        const struct model_mount *mount = &model->mounts[i];
        if (mount->type == MOUNT_VOLUME && mount->volume != MODEL_ANONYMOUS &&
            (up->recreated_volumes[mount->volume] || up->converted_volumes[mount->volume]))
            return up_count_instances(up, service) > 0;
    }
    return false;
}

/* A changed network is made anew, which takes down everybody on it, also who was not asked for; and
 * with them more networks may come in. The same with volumes. */
static void select_affected(struct up *up)
{
    bool is_never = up->options->up->recreate == RECREATE_NEVER, grew = true;
    while (grew && !is_never) {
        grew = false;
        find_changed_networks(up);
        find_shared_volumes(up);
        for (size_t i = 0; i < up->specs->service_count; i++) {
            if (up->selected[i] || !(is_on_changed_network(up, i) || is_on_changed_volume(up, i)))
                continue;
            up->selected[i] = up->required[i] = grew = true;
            up->replicas[i] = up_count_instances(up, i);
        }
    }
    if (is_never)
        find_shared_volumes(up);
}

static int check_changed_networks(const struct up *up, struct error *err)
{
    for (size_t i = 0; i < up->observed->instances.count; i++) {
        const struct observed_instance *instance = &up->observed->instances.items[i];
        const char *network = up_changed_network_of(up, instance);
        bool goes = up_is_orphan(up, instance) && up->options->up->remove_orphans;
        if (!network || goes || service_of(up, instance) != NO_SERVICE)
            continue;
        return error_set(err, EBUSY,
                         "network '%s' has changed, but '%s', which is of no service in the file, "
                         "is still on it: remove it first ('up --remove-orphans', or 'rm')",
                         network, instance->name);
    }
    return 0;
}

static void warn_of_orphans(struct up *up)
{
    _cleanup_strbuf_ struct strbuf names = {0};
    for (size_t i = 0; i < up->observed->instances.count; i++) {
        const struct observed_instance *instance = &up->observed->instances.items[i];
        if (!instance->oneoff && up_is_orphan(up, instance))
            strbuf_addf(&names, "%s%s", names.length ? " " : "", instance->name);
    }
    if (names.length && !up->options->up->remove_orphans && !up->options->oneoff)
        strv_add(
            &up->plan->warnings,
            xasprintf("Found orphan containers ([%s]) for this project. If you removed or renamed "
                      "this service in your compose file, you can run this command with the "
                      "--remove-orphans flag to clean it up.",
                      strbuf_text(&names)));
}

int up_select(struct up *up, struct error *err)
{
    int r = select_named(up, err);
    if (r >= 0)
        r = count_replicas(up, err);
    if (r < 0)
        return r;
    find_changed_volumes(up);
    select_affected(up);
    warn_of_orphans(up);
    return check_changed_networks(up, err);
}
