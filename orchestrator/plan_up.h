/* Inside of plan_up(): the scratch of one plan, from who is asked for (plan_select.c) over what is
 * to become of each instance (plan_decide.c) and what cannot be (plan_check.c) to the steps that
 * follow from it (plan_up.c). */
#pragma once

#include "orchestrator/plan_make.h"

enum action {
    ACTION_NONE,     /* not selected */
    ACTION_KEEP,     /* runs and is what it should be */
    ACTION_START,    /* there, as it should be, not running: endpoints, ports, start */
    ACTION_RESTART,  /* as START, but something of it may run: it is stopped first */
    ACTION_RECREATE, /* differs, or half there: goes, with its disk, and is made anew */
    ACTION_CREATE,   /* no VM yet; a crash may have left endpoints */
    ACTION_REMOVE,   /* one too many, or an orphan */
    ACTION_COUNT
};

#define NO_SERVICE SIZE_MAX

struct target {     /* an instance that is there, or is to be */
    size_t service; /* or NO_SERVICE: the file does not know it */
    int64_t number;
    const struct observed_instance *instance; /* NULL: it is not there yet */
    const struct plan_oneoff *oneoff;         /* NULL: one of the service's own */
    struct spec_instance *wanted;             /* NULL: goes, or is not selected */
    const cJSON *image;                       /* its image's result; NULL while not known */
    enum action action;
    char *reason;                                /* of a restart or recreation, for people */
    size_t stop, vm_remove, ports_remove, start; /* numbers in the plan, or NO_STEP */
};

struct up {
    const struct specs *specs;
    const struct observed *observed;
    const struct plan_up_options *options;
    struct plan *plan;
    bool *selected;    /* per service */
    bool *named;       /* per service: asked for by name, or as all */
    bool *required;    /* per service: named, or needed by such a one without `required: false` */
    int64_t *replicas; /* per service: how many there are to be */
    bool *changed;     /* per network: there, but not as wanted */
    bool *recreated_volumes;    /* per volume: there, not as wanted, and to go with its content */
    bool *converted_volumes;    /* per volume: one instance's so far, several ones' from now on */
    VEC(struct target) targets; /* by service, then by number; those of no service last */
    size_t *first_target;       /* per service, and one more */
    struct making making;
    size_t deletion_count; /* steps before this number are deletions */
};

/* Fills selected to converted_volumes, and the plan's warnings about volumes and orphans. */
int up_select(struct up *up, struct error *err);
/* Fills targets, with what becomes of each. */
void up_decide(struct up *up);

/* -EINVAL where somebody waits for the health of what has no check. */
int up_check_conditions(const struct up *up, struct error *err);

/* Whether it has an endpoint on a network that is there and will be made anew; the network's name,
 * or NULL. */
const char *up_changed_network_of(const struct up *up, const struct observed_instance *instance);
/* Of no service in the file, or a `run` that is over. */
bool up_is_orphan(const struct up *up, const struct observed_instance *instance);
/* How many instances of the service there are, one-offs aside. */
int64_t up_count_instances(const struct up *up, size_t service);
