/* Inside of the planners: the steps that make an instance and what it stands on, each network and
 * volume once. Specs come from the model where there is one, else from what the store remembers. */
#pragma once

#include "orchestrator/plan.h"

struct making {
    struct plan *plan;
    const struct observed *observed;
    const struct specs *specs;       /* NULL: all as the store has it */
    bool keep;                       /* what is there stays as it is, whatever the specs say */
    bool starts;                     /* instances are started, not only made */
    struct strmap networks, volumes; /* name -> step */
    struct strmap kept_volumes;      /* by name: as `keep`, for these */
    struct strmap shared_volumes;    /* by name: several instances use it */
    struct strmap conditions;        /* "CONDITION/INSTANCE" -> step */
};
void making_done(struct making *making);

struct make_instance {
    const struct spec_instance *instance;
    const char *id;
    bool is_new;          /* its VM is to be made, not only started */
    bool is_optional;     /* that it fails is a warning */
    const cJSON *image;   /* the result of its operation; NULL while it is not known */
    const char *image_id; /* of a new one */
};
struct made {
    size_t ready; /* the last of what must be there before its start, or NO_STEP */
    size_t start; /* or NO_STEP */
};
struct made make_instance(struct making *making, const struct make_instance *how);

/* The step that waits for an instance: after its start, where that is a step. `waiter` is who
 * waits; a step that only optional waiters have is optional itself. */
struct make_condition {
    const char *instance, *service, *condition;
    const char *waiter; /* a service; "": a person */
    size_t after;
    int64_t timeout_ms; /* 0: none */
    bool is_required;
};
size_t make_condition(struct making *making, const struct make_condition *how);
/* There is such a step already. */
bool make_is_awaited(const struct making *making, const char *condition, const char *instance);

/* Steps from `deletions` on that wait for nothing wait for all before it, and so does what waits
 * for them. */
void make_after_deletions(struct plan *plan, size_t deletions);
