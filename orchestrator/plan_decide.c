/* See plan_up.h: what is to be done with whom. */
#include "orchestrator/plan_up.h"

#include "base/log.h"
#include "base/str.h"

#include <assert.h>
#include <errno.h>

static const char *const action_names[] = {
    [ACTION_NONE] = "not asked for", [ACTION_KEEP] = "kept as it is", [ACTION_START] = "started",
    [ACTION_RESTART] = "restarted",  [ACTION_RECREATE] = "recreated", [ACTION_CREATE] = "created",
};
static_assert(ARRAY_SIZE(action_names) == ACTION_COUNT, "a name for every action");

const struct observed_resource *up_find_resource(const struct up *up, const char *kind,
                                                 const char *name)
{
    return observed_find_resource(up->observed, kind, name);
}

bool up_is_on_changed_network(const struct up *up, const struct spec_service *service)
{
    for (size_t i = 0; i < up->observed->resources.count; i++) {
        const struct observed_resource *resource = &up->observed->resources.items[i];
        if (!streq(resource->kind, "endpoint") || !streq(resource->instance, service->instance))
            continue;
        for (size_t j = 0; j < up->specs->network_count; j++)
            if (up->changed[j] && streq(up->specs->networks[j].name, resource->network))
                return true;
    }
    return false;
}

static void find_changed_networks(struct up *up)
{
    for (size_t i = 0; i < up->specs->service_count; i++) {
        const struct spec_service *service = &up->specs->services[i];
        for (size_t j = 0; up->selected[i] && j < service->endpoint_count; j++) {
            size_t index = service->endpoints[j].network_index;
            const struct spec_network *network = &up->specs->networks[index];
            const struct observed_resource *known = up_find_resource(up, "network", network->name);
            up->changed[index] = known && !streq(known->hash, network->hash);
        }
    }
}

/* A changed network is made anew, which takes down everybody on it, also who was not asked for; and
 * with them more networks may come in. */
static void select_services(struct up *up)
{
    bool grew = true;
    while (grew) {
        grew = false;
        find_changed_networks(up);
        for (size_t i = 0; i < up->specs->service_count; i++) {
            if (up->selected[i] || !up_is_on_changed_network(up, &up->specs->services[i]))
                continue;
            up->selected[i] = grew = true;
        }
        graph_select_dependencies(up->specs->dependencies, up->selected);
    }
}

static bool is_wanted_instance(const struct up *up, const char *name)
{
    for (size_t i = 0; i < up->specs->service_count; i++)
        if (streq(up->specs->services[i].instance, name))
            return true;
    return false;
}

static int check_orphans(struct up *up, struct error *err)
{
    for (size_t i = 0; i < up->specs->network_count; i++) {
        const char *network = up->specs->networks[i].name;
        for (size_t j = 0; up->changed[i] && j < up->observed->resources.count; j++) {
            const struct observed_resource *resource = &up->observed->resources.items[j];
            if (streq(resource->network, network) && *resource->instance &&
                !is_wanted_instance(up, resource->instance))
                return error_set(err, EBUSY,
                                 "network '%s' has changed, but '%s', whose service is no longer "
                                 "in the file, is still on it: run 'vmstead down' first",
                                 network, resource->instance);
        }
    }
    _cleanup_strbuf_ struct strbuf names = {0};
    for (size_t i = 0; i < up->observed->instances.count; i++) {
        const char *name = up->observed->instances.items[i].name;
        if (!is_wanted_instance(up, name))
            strbuf_addf(&names, "%s%s", names.length ? " " : "", name);
    }
    if (names.length)
        strv_add(
            &up->plan->warnings,
            xasprintf("Found orphan containers ([%s]) for this project. If you removed or "
                      "renamed this service in your compose file, they go with 'vmstead down'.",
                      strbuf_text(&names)));
    return 0;
}

const char *up_image_id(const struct up *up, const struct spec_service *service,
                        const struct observed_instance *instance)
{
    if (!up->options->images)
        return instance ? instance->image_id : "";
    _cleanup_free_ char *key = xasprintf("image/%s", service->image);
    return json_string(json_object(up->options->images, key), "id", "");
}

/* Every endpoint and the ports are there, as wanted. */
static bool is_complete(const struct up *up, const struct spec_service *service)
{
    for (size_t i = 0; i < service->endpoint_count; i++) {
        const struct spec_endpoint *endpoint = &service->endpoints[i];
        const struct observed_resource *known = up_find_resource(up, "endpoint", endpoint->name);
        if (!known || !streq(known->hash, endpoint->hash))
            return false;
    }
    const struct observed_resource *ports = up_find_resource(up, "ports", service->instance);
    return !service->ports || (ports && streq(ports->hash, service->ports_hash));
}

static enum action decide(const struct up *up, const struct spec_service *service)
{
    const struct observed_instance *instance =
        observed_find_instance(up->observed, service->instance);
    const struct observed_resource *vm = up_find_resource(up, "vm", service->instance);
    if (!instance || !vm)
        return ACTION_CREATE;
    char hash[HASH_HEX_SIZE];
    spec_hash_service(service, up_image_id(up, service, instance), hash);
    if (instance->missing || !streq(vm->hash, hash) || up_is_on_changed_network(up, service))
        return ACTION_RECREATE;
    switch (instance->state) {
    case VM_CREATED:
    case VM_EXITED:
        return ACTION_START;
    case VM_STARTING: /* nobody is starting or stopping it now: what did was interrupted */
    case VM_STOPPING:
        return ACTION_RESTART;
    case VM_RUNNING:
    case VM_PAUSED:
        return is_complete(up, service) ? ACTION_KEEP : ACTION_RESTART;
    case VM_STATE_COUNT:
        break;
    }
    assert(false);
    return ACTION_RECREATE;
}

/* `depends_on: {x: {restart: true}}`: restarted when x is made anew. */
static bool must_follow(const struct up *up, size_t service)
{
    for (size_t i = 0; i < up->specs->service_count; i++)
        if (up->specs->services[service].restart_with[i] &&
            (up->actions[i] == ACTION_RECREATE || up->actions[i] == ACTION_RESTART))
            return true;
    return false;
}

static void decide_all(struct up *up)
{
    for (size_t i = 0; i < up->specs->service_count; i++) {
        size_t service = up->specs->order[i];
        if (!up->selected[service])
            continue;
        enum action action = decide(up, &up->specs->services[service]);
        if (action == ACTION_KEEP && must_follow(up, service))
            action = ACTION_RESTART;
        if (action == ACTION_KEEP)
            strv_add(&up->plan->unchanged, xstrdup(up->specs->services[service].instance));
        log_debug("'%s' is to be %s", up->specs->services[service].instance, action_names[action]);
        up->actions[service] = action;
    }
}

int up_decide(struct up *up, struct error *err)
{
    int r = plan_select_services(up->specs, up->options->services, up->selected, err);
    if (r < 0)
        return r;
    select_services(up);
    r = check_orphans(up, err);
    if (r < 0)
        return r;
    decide_all(up);
    return 0;
}
