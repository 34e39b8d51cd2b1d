/* See plan_order.h. */
#include "orchestrator/plan_order.h"

#include "base/str.h"

struct step_list *step_lists_new(size_t count)
{
    return xcalloc(count + 1, sizeof(struct step_list));
}

void step_lists_free(struct step_list *lists, size_t count)
{
    for (size_t i = 0; lists && i < count; i++)
        vec_done(&lists[i].steps);
    free(lists);
}

/* All of `from`, each once: seen has room for every step of the plan. */
static void add_all(struct step_list *to, const struct step_list *from, bool *seen)
{
    for (size_t i = 0; i < from->steps.count; i++) {
        size_t step = from->steps.items[i];
        if (!seen[step])
            vec_add(&to->steps, step);
        seen[step] = true;
    }
}

void order_dependents_first(struct plan *plan, const struct graph *services, const size_t *order,
                            struct step_list *lists)
{
    size_t count = graph_count(services);
    bool *seen = xcalloc(plan->steps.count + 1, sizeof(*seen));
    for (size_t i = count; i-- > 0;) {
        struct step_list *own = &lists[order[i]], before = {0};
        struct graph_neighbours dependents = graph_dependents(services, order[i]);
        for (size_t j = 0; j < dependents.count; j++)
            add_all(&before, &lists[dependents.items[j]], seen);
        for (size_t j = 0; j < before.steps.count; j++)
            seen[before.steps.items[j]] = false;
        for (size_t j = 0; j < own->steps.count; j++)
            for (size_t k = 0; k < before.steps.count; k++)
                plan_order(plan, own->steps.items[j], before.steps.items[k]);
        if (own->steps.count == 0) {
            *own = before; /* whom it depends on waits for these in its place */
            continue;
        }
        vec_done(&before.steps);
    }
    free(seen);
}

/* --- recorded services ------------------------------------------------------------------------ */

static size_t add_service(struct recorded_services *services, const char *name)
{
    size_t index = strmap_get(&services->index, name);
    if (index != STRMAP_NONE)
        return index;
    strv_add(&services->names, xstrdup(name));
    strmap_set(&services->index, name, services->count);
    return services->count++;
}

static struct graph *build_graph(const struct recorded_services *services,
                                 const struct observed *observed)
{
    struct graph *graph = graph_new(services->count);
    for (size_t i = 0; i < observed->services.count; i++) {
        const struct observed_service *service = &observed->services.items[i];
        size_t node = strmap_get(&services->index, service->name);
        for (size_t j = 0; j < service->depends_on.count; j++) {
            size_t other = strmap_get(&services->index, service->depends_on.items[j].service);
            if (other != STRMAP_NONE && other != node)
                graph_add(graph, node, other);
        }
    }
    return graph;
}

static size_t find_free(const size_t *missing, const bool *is_placed, size_t count)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (is_placed[i])
            continue;
        if (missing[i] == 0)
            return i;
        if (first == SIZE_MAX)
            first = i;
    }
    return first; /* all that are left wait for each other: the first gives way */
}

/* As graph_order(), but a cycle is no error. */
static void find_order(struct recorded_services *services, const struct graph *graph)
{
    size_t count = services->count;
    _cleanup_free_ size_t *missing = xcalloc(count + 1, sizeof(*missing));
    _cleanup_free_ bool *is_placed = xcalloc(count + 1, sizeof(*is_placed));
    for (size_t i = 0; i < count; i++)
        missing[i] = graph_dependencies(graph, i).count;
    for (size_t i = 0; i < count; i++) {
        size_t next = find_free(missing, is_placed, count);
        struct graph_neighbours dependents = graph_dependents(graph, next);
        is_placed[next] = true;
        services->order[i] = next;
        for (size_t j = 0; j < dependents.count; j++)
            if (missing[dependents.items[j]] > 0)
                missing[dependents.items[j]]--;
    }
}

/* Keeps the edges that agree with the order. */
static struct graph *without_cut_edges(const struct recorded_services *services,
                                       const struct graph *graph)
{
    _cleanup_free_ size_t *place = xcalloc(services->count + 1, sizeof(*place));
    for (size_t i = 0; i < services->count; i++)
        place[services->order[i]] = i;
    struct graph *kept = graph_new(services->count);
    for (size_t i = 0; i < services->count; i++) {
        struct graph_neighbours needs = graph_dependencies(graph, i);
        for (size_t j = 0; j < needs.count; j++)
            if (place[needs.items[j]] < place[i])
                graph_add(kept, i, needs.items[j]);
    }
    return kept;
}

struct recorded_services *recorded_services_new(const struct observed *observed)
{
    struct recorded_services *services = new0(struct recorded_services);
    for (size_t i = 0; i < observed->services.count; i++)
        add_service(services, observed->services.items[i].name);
    for (size_t i = 0; i < observed->instances.count; i++)
        add_service(services, observed->instances.items[i].service);
    for (size_t i = 0; i < observed->resources.count; i++)
        add_service(services, json_string(observed->resources.items[i].spec, "service", ""));
    services->order = xcalloc(services->count + 1, sizeof(*services->order));
    _cleanup_(graph_freep) struct graph *graph = build_graph(services, observed);
    find_order(services, graph);
    services->graph = without_cut_edges(services, graph);
    return services;
}

void recorded_services_free(struct recorded_services *services)
{
    if (!services)
        return;
    strv_free(services->names);
    strmap_done(&services->index);
    graph_free(services->graph);
    free(services->order);
    free(services);
}
