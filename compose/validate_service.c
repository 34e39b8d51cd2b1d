/* The part of compose/validate.h about keys of one service that say the same thing twice, and about
 * names of instances. */
#include "base/str.h"
#include "compose/model_build.h"
#include "compose/validate.h"

/* A key of the service, and where deploy has it. */
struct twin {
    const char *key, *section, *deploy_key;
};

static const struct twin twins[] = {
    {"mem_limit", "limits", "memory"},
    {"cpus", "limits", "cpus"},
    {"pids_limit", "limits", "pids"},
    {"mem_reservation", "reservations", "memory"},
};

static bool is_same(const struct node *a, const struct node *b)
{
    if (a->kind == NODE_STRING && b->kind == NODE_STRING)
        return streq(a->text, b->text);
    if (a->kind == NODE_FLOAT && b->kind == NODE_FLOAT)
        return a->number == b->number;
    return a->kind != NODE_INT || b->kind != NODE_INT || a->integer == b->integer;
}

static void check_twins(const struct node *node, const struct model_service *service,
                        struct diagnostics *diagnostics)
{
    const struct node *resources = node_get(node_get(node, "deploy"), "resources");
    for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
        const struct node_pair *own = node_find(node, twins[i].key);
        const struct node *other =
            node_get(node_get(resources, twins[i].section), twins[i].deploy_key);
        const struct node *section = node_get(resources, twins[i].section);
        if (own && other && !is_same(own->value, other))
            diagnostics_add(diagnostics, SEVERITY_ERROR, own->position, "keep one of them",
                            "service '%s': '%s' and 'deploy.resources.%s.%s' differ", service->name,
                            twins[i].key, twins[i].section, twins[i].deploy_key);
        if (own && !other && section) /* to the reference this says 0 */
            diagnostics_add(diagnostics, SEVERITY_ERROR, own->position,
                            "say all of them in one place",
                            "service '%s': '%s' has no part in 'deploy.resources.%s'",
                            service->name, twins[i].key, twins[i].section);
    }
}

static void check_container_name(const struct node *node, const struct model_service *service,
                                 struct diagnostics *diagnostics)
{
    const struct node_pair *name = node_find(node, "container_name");
    if (name && service->replicas > 1)
        diagnostics_add(diagnostics, SEVERITY_ERROR, name->position,
                        "leave 'container_name' out, or have one replica",
                        "service '%s' has %lld replicas, which cannot share a name", service->name,
                        (long long)service->replicas);
}

static void check_health(const struct model *model, const struct model_service *service,
                         struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < service->dependency_count; i++) {
        const struct model_dependency *dependency = &service->dependencies[i];
        const struct model_service *other = &model->services[dependency->service];
        if (dependency->condition == CONDITION_HEALTHY && other->healthcheck &&
            other->healthcheck->disable)
            diagnostics_add(diagnostics, SEVERITY_ENGINE, dependency->position,
                            "use 'service_started', or enable the check",
                            "service '%s' waits for '%s' to be healthy, whose healthcheck is "
                            "disabled",
                            service->name, other->name);
    }
}

static void check_name(const struct model_service *service, struct diagnostics *diagnostics)
{
    if (strlen(service->name) > 63)
        diagnostics_add(diagnostics, SEVERITY_ENGINE, service->position,
                        "use 63 characters at most", "the name of service '%s' is too long for DNS",
                        service->name);
}

void validate_service(const struct model *model, const struct node *node,
                      const struct model_service *service, struct diagnostics *diagnostics)
{
    check_twins(node, service, diagnostics);
    check_container_name(node, service, diagnostics);
    check_health(model, service, diagnostics);
    check_name(service, diagnostics);
}
