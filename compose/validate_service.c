/* The part of compose/validate.h about names of instances, and keys of a service that exclude each
 * other. */
#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_build.h"
#include "compose/validate.h"

#include <limits.h>

/* --- names ----------------------------------------------------------------------------------- */

/* The service that has an instance of this name, PROJECT-SERVICE-NUMBER; NULL: none. */
static const struct model_service *find_instance(const struct model *model, const char *name)
{
    _cleanup_free_ char *prefix = xasprintf("%s-", model->name);
    const char *rest = str_after_prefix(name, prefix), *dash = rest ? strrchr(rest, '-') : NULL;
    uint32_t number = 0;
    if (!dash || str_to_u32(dash + 1, &number) < 0)
        return NULL;
    _cleanup_free_ char *service_name = xstrndup(rest, (size_t)(dash - rest));
    const struct node *services = node_get(model->tree, "services");
    const struct node_pair *pair = node_find(services, service_name);
    const struct model_service *service = pair ? &model->services[pair - services->pairs] : NULL;
    return service && number >= 1 && number <= service->replicas ? service : NULL;
}

/* seen: those of earlier services. */
static void check_container_name(const struct model *model, const struct node *node,
                                 const struct model_service *service, struct node *seen,
                                 struct diagnostics *diagnostics)
{
    const struct node *services = node_get(model->tree, "services");
    const struct node_pair *name = node_find(node, "container_name");
    if (!name || name->value->kind != NODE_STRING)
        return;
    const char *text = name->value->text;
    if (service->replicas > 1)
        diagnostics_add(diagnostics, SEVERITY_ERROR, name->position,
                        "leave 'container_name' out, or have one replica",
                        "service '%s' has %lld replicas, which cannot share a name", service->name,
                        (long long)service->replicas);
    const struct node_pair *earlier = node_find(seen, text);
    if (earlier) {
        _cleanup_free_ char *hint =
            diagnostics_other_place(diagnostics, name->value->position, earlier->position);
        diagnostics_add(diagnostics, SEVERITY_ERROR, name->value->position, hint,
                        "'%s' is the 'container_name' of service '%s' already", text,
                        earlier->value->text);
        return;
    }
    node_put(model_arena(model), seen, text, name->value->position,
             node_new_string(model_arena(model), service->name, name->position));
    const struct model_service *other = find_instance(model, text);
    if (other && other != service &&
        !node_find(services->pairs[other - model->services].value, "container_name"))
        diagnostics_add(diagnostics, SEVERITY_ENGINE, name->value->position, NULL,
                        "the 'container_name' of service '%s' is the name of an instance of "
                        "service '%s'",
                        service->name, other->name);
}

/* The service's name is the VM's host name and its name in DNS; the instance's is a folder's. */
static void check_names(const struct model *model, const struct model_service *service,
                        struct diagnostics *diagnostics)
{
    char number[STR_U64_SIZE];
    size_t digits = (size_t)(str_put_u64(number, (uint64_t)service->replicas) - number);
    size_t length = strlen(model->name) + strlen(service->name) + digits + strlen("--");
    if (strlen(service->name) > 63)
        diagnostics_add(diagnostics, SEVERITY_ENGINE, service->position,
                        "use 63 characters at most", "the name of service '%s' is too long for DNS",
                        service->name);
    else if (length > NAME_MAX)
        diagnostics_add(diagnostics, SEVERITY_ENGINE, service->position,
                        "choose a shorter name of the project",
                        "instances of service '%s' get names of %zu characters, more than %d",
                        service->name, length, NAME_MAX);
}

/* --- keys that exclude each other ------------------------------------------------------------ */

/* moby: validateNetMode */
static void check_network_mode(const struct node *node, const struct model_service *service,
                               struct diagnostics *diagnostics)
{
    static const char *const keys[] = {"hostname", "ports",       "expose",     "links",
                                       "dns",      "extra_hosts", "mac_address"};
    const char *mode = node_get_string(node, "network_mode", "");
    bool is_shared = str_after_prefix(mode, "service:") || str_after_prefix(mode, "container:");
    bool is_bare = streq(mode, "host") || streq(mode, "none");
    for (size_t i = 0; (is_shared || is_bare) && i < ARRAY_SIZE(keys); i++) {
        const struct node_pair *pair = node_find(node, keys[i]);
        bool is_mac = streq(keys[i], "mac_address") && streq(mode, "host");
        _cleanup_free_ char *hint =
            pair ? diagnostics_keep_one(diagnostics, pair->position,
                                        node_find(node, "network_mode")->position)
                 : NULL;
        if (pair && (is_shared || is_mac))
            diagnostics_add(diagnostics, SEVERITY_ENGINE, pair->position, hint,
                            "service '%s' has both 'network_mode: %s' and '%s', which exclude each "
                            "other",
                            service->name, mode, keys[i]);
        else if (pair && streq(keys[i], "ports"))
            diagnostics_add(diagnostics, SEVERITY_WARNING, pair->position, NULL,
                            "service '%s' has 'network_mode: %s': its 'ports' are not published",
                            service->name, mode);
    }
}

static void check_uts(const struct node *node, const struct model_service *service,
                      struct diagnostics *diagnostics)
{
    const struct node_pair *hostname = node_find(node, "hostname");
    if (!hostname || !streq(node_get_string(node, "uts", ""), "host"))
        return;
    _cleanup_free_ char *hint =
        diagnostics_keep_one(diagnostics, hostname->position, node_find(node, "uts")->position);
    diagnostics_add(diagnostics, SEVERITY_ENGINE, hostname->position, hint,
                    "service '%s' has both 'uts: host' and 'hostname', which exclude each other",
                    service->name);
}

/* --- what others wait for -------------------------------------------------------------------- */

/* True where nothing can ever say that the service is healthy. An image may bring a check: what it
 * has is known at `up` only, which refuses it then (orchestrator/). */
static bool has_no_check(const struct model_service *service)
{
    const struct model_healthcheck *check = service->healthcheck;
    bool is_own = check && (check->test || check->http || check->tcp);
    return (check && check->disable) || (service->bootstrap && !is_own);
}

static void check_condition(const struct model_service *service,
                            const struct model_dependency *dependency,
                            const struct model_service *other, struct diagnostics *diagnostics)
{
    bool is_kept =
        other->restart.mode == RESTART_ALWAYS || other->restart.mode == RESTART_UNLESS_STOPPED;
    if (dependency->condition == CONDITION_HEALTHY && has_no_check(other))
        diagnostics_add(diagnostics, SEVERITY_ENGINE, dependency->position,
                        other->healthcheck && other->healthcheck->disable
                            ? "use 'service_started', or enable the check"
                            : "use 'service_started', or give it a 'healthcheck'",
                        other->healthcheck && other->healthcheck->disable
                            ? "service '%s' waits for '%s' to be healthy, whose healthcheck is "
                              "disabled"
                            : "service '%s' waits for '%s' to be healthy, which has no healthcheck",
                        service->name, other->name);
    if (dependency->condition == CONDITION_COMPLETED && is_kept && other->restart.max_attempts == 0)
        diagnostics_add(diagnostics, SEVERITY_ENGINE, dependency->position,
                        "give it 'restart: on-failure', or none",
                        "service '%s' waits for '%s' to end, which is always started again",
                        service->name, other->name);
}

void validate_service(const struct model *model, const struct node *node,
                      const struct model_service *service, struct diagnostics *diagnostics)
{
    check_names(model, service, diagnostics);
    check_network_mode(node, service, diagnostics);
    check_uts(node, service, diagnostics);
}

void validate_services(const struct validation *validation, const struct model *model)
{
    const struct node *services = node_get(model->tree, "services");
    struct node *names = node_new(model_arena(model), NODE_MAP, (struct position){0});
    for (size_t i = 0; i < model->service_count; i++) {
        const struct model_service *service = &model->services[i];
        if (validation->traits.items[i] & TRAIT_NAME)
            check_container_name(model, services->pairs[i].value, service, names,
                                 validation->diagnostics);
        for (size_t j = 0; j < service->dependency_count; j++)
            check_condition(service, &service->dependencies[j],
                            &model->services[service->dependencies[j].service],
                            validation->diagnostics);
    }
}
