/* Inside of the planners: which steps of one service stand after those of another, along the
 * dependencies between services. A service without steps passes the order on. */
#pragma once

#include "orchestrator/graph.h"
#include "orchestrator/observed.h"
#include "orchestrator/plan.h"

struct step_list {
    VEC(size_t) steps;
};
/* One list per service, zeroed. */
struct step_list *step_lists_new(size_t count);
void step_lists_free(struct step_list *lists, size_t count);

/* Each step of a service waits for those of the services that depend on it: stops. order:
 * dependencies first. */
void order_dependents_first(struct plan *plan, const struct graph *services, const size_t *order,
                            struct step_list *lists);

/* The services that the store knows, with the order between them. Two versions of a file can have
 * left a cycle in it, which is then cut somewhere. */
struct recorded_services {
    char **names;
    struct strmap index;
    size_t count;
    struct graph *graph; /* without the edges that were cut */
    size_t *order;       /* dependencies first */
};
struct recorded_services *recorded_services_new(const struct observed *observed);
void recorded_services_free(struct recorded_services *services);
DEFINE_FREEP(struct recorded_services *, recorded_services_free)
