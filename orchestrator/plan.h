/* The plan: which operations, in which order. Data; made by the pure functions below from what is
 * wanted (spec.h) and what is there (observed.h), carried out by the engine, told as a diff by
 * --dry-run, printed by golden tests. Deletions stand first, and everything that is made waits for
 * all of them: subnets, addresses and host ports may pass from one to the other.
 *
 * Images come in a plan of their own that runs first: only their results tell whether a service is
 * still what it was, and nothing else is made while one of them is missing. */
#pragma once

#include "base/hash.h"
#include "base/provider.h"
#include "base/vec.h"
#include "orchestrator/observed.h"
#include "orchestrator/orchestrator.h"
#include "orchestrator/spec.h"

/* What the store keeps of an instance, beside its VM's spec. */
struct plan_instance {
    char *image_id;
    char *image_result; /* JSON text: what a start without a file needs */
    char *command;      /* for people */
};

struct plan_edge {
    size_t step; /* must have ended before; its result is an input */
    bool weak;   /* however it ended (`required: false`) */
};

struct plan_step {
    const char *kind; /* a literal */
    char *name;
    enum operation_verb verb;
    cJSON *spec;
    char *service;            /* NULL: of no service */
    char hash[HASH_HEX_SIZE]; /* what the store remembers it by once it is made; "" on removal */
    VEC(struct plan_edge) after;
    cJSON *given; /* NULL, or {"KIND/NAME": result}: inputs from before the plan */
    struct plan_instance *instance; /* the ensuring of a VM: its row; else NULL */
    bool quiet;                     /* looked at again only: no news unless it fails */
    bool optional;                  /* a failure is a warning */
    bool keep_wish;                 /* STOP: nobody wished it; see act_options */
};

enum plan_action { /* what becomes of a thing, for people */
                   PLAN_CREATE,
                   PLAN_RECREATE,
                   PLAN_START,
                   PLAN_RESTART,
                   PLAN_STOP,
                   PLAN_REMOVE,
                   PLAN_UPDATE,
                   PLAN_KEEP,
                   PLAN_ACTION_COUNT
};
const char *plan_action_name(enum plan_action action);

struct plan_change {
    enum plan_action action;
    const char *kind;              /* a literal */
    char *name, *service, *reason; /* service, reason: may be NULL */
};

struct plan {
    char *project;
    VEC(struct plan_step) steps;
    VEC(struct plan_change) changes;
    char **warnings;
    char **diverged_volumes; /* there, but not as the file has them, and nobody has decided yet */
};

void plan_free(struct plan *plan);
DEFINE_FREEP(struct plan *, plan_free)

/* One more instance than the services have: `run`. */
struct plan_oneoff {
    const char *service, *name;
    bool standalone, auto_remove, detached;
};

struct plan_up_options {
    const struct up_options *up;
    const struct plan_oneoff *oneoff; /* NULL: none. Else the rest is brought up for it alone */
    /* {"image/NAME": result}; NULL while they are not known: instances are then taken to have the
     * image they had, which is good enough for a look ahead. */
    const cJSON *images;
    /* Writes 64 hex digits; hash_random_hex but for tests. */
    char *(*new_id)(char *hex);
};

/* Ensures each image that the selected services need, once. -ENOENT: no such service. */
int plan_images(const struct specs *specs, const struct plan_up_options *options,
                struct plan **ret_plan, struct error *err);
/* The same for `pull` and `build`. */
int plan_pull(const struct specs *specs, const struct image_options *options,
              struct plan **ret_plan, struct error *err);
int plan_build(const struct specs *specs, const struct image_options *options,
               struct plan **ret_plan, struct error *err);
/* Makes the selected services and what they depend on as wanted. -EBUSY where a changed network is
 * in use by an instance that no file speaks of any more. */
int plan_up(const struct specs *specs, const struct observed *observed,
            const struct plan_up_options *options, struct plan **ret_plan, struct error *err);

/* start, stop, restart...: from what is there alone. -ENOENT: no such service, no such instance. */
int plan_act(const struct observed *observed, enum act_verb verb, const struct act_options *options,
             struct plan **ret_plan, struct error *err);
/* Starts one instance that has ended, as it is; nothing else is looked at. -ENOENT. */
int plan_revive(const struct observed *observed, const char *instance, struct plan **ret_plan,
                struct error *err);
/* Stops and removes; without a choice of services also all that belongs to none of them. -ENOENT:
 * no such service. */
int plan_down(const struct observed *observed, const struct down_options *options,
              struct plan **ret_plan, struct error *err);

/* One line per change and per step, with its number, what it waits for and its spec. */
void plan_print(const struct plan *plan, struct strbuf *out);

/* --- for those who make plans ----------------------------------------------------------------- */

#define NO_STEP SIZE_MAX

struct plan *plan_new(const char *project);
/* Takes spec; service may be NULL. Returns the step's number. */
size_t plan_add(struct plan *plan, const char *kind, const char *name, enum operation_verb verb,
                cJSON *spec, const char *service);
/* The removal of what is there, as the store has it. */
size_t plan_add_removal(struct plan *plan, const struct observed_resource *resource);
/* NO_STEP on either side does nothing. */
void plan_order(struct plan *plan, size_t step, size_t after);
void plan_order_weakly(struct plan *plan, size_t step, size_t after);
void plan_change(struct plan *plan, enum plan_action action, const char *kind, const char *name,
                 const char *service, const char *reason);
/* Chooses by name; empty: all. -ENOENT "no such service: NAME". */
int plan_select_services(const struct specs *specs, char *const *names, bool with_dependencies,
                         bool *selected, struct error *err);
/* The spec of STOP for an instance made from vm_spec. */
cJSON *plan_stop_spec(const cJSON *vm_spec, int64_t timeout_ms, bool kill);
