/* Inside of plan_up(): the scratch of one plan, between the decisions (plan_decide.c) and the steps
 * that follow from them (plan_up.c). */
#pragma once

#include "orchestrator/plan.h"

enum action {
    ACTION_NONE,     /* not selected */
    ACTION_KEEP,     /* runs and is what it should be */
    ACTION_START,    /* there, as it should be, not running: endpoints, ports, start */
    ACTION_RESTART,  /* as START, but something of it may run: it is stopped first */
    ACTION_RECREATE, /* differs, or half there: goes, with its disk, and is made anew */
    ACTION_CREATE,   /* no VM yet; a crash may have left endpoints */
    ACTION_COUNT
};

struct service_steps { /* numbers in the plan, or NO_STEP */
    size_t stop, vm_remove, ports_remove, start;
};

struct up {
    const struct specs *specs;
    const struct observed *observed;
    const struct plan_up_options *options;
    struct plan *plan;
    bool *selected;        /* per service */
    enum action *actions;  /* per service */
    bool *changed;         /* per network: there, but not as wanted */
    size_t *network_steps; /* per network: its ensuring, or NO_STEP */
    struct service_steps *steps;
    size_t deletion_count; /* steps before this number are deletions */
};

/* Fills selected, changed and actions, and the plan's warnings and unchanged instances. */
int up_decide(struct up *up, struct error *err);
const struct observed_resource *up_find_resource(const struct up *up, const char *kind,
                                                 const char *name);
/* Whether it has an endpoint on a network that is there and will be made anew. */
bool up_is_on_changed_network(const struct up *up, const struct spec_service *service);
/* Of the instance where no image is known yet; "" where it has none either. */
const char *up_image_id(const struct up *up, const struct spec_service *service,
                        const struct observed_instance *instance);
