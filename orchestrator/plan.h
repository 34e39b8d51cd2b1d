/* The plan: which operations, in which order. Data; made by the pure functions below from what is
 * wanted (spec.h) and what is there (observed.h), carried out by the engine, printed by --dry-run
 * and golden tests. Deletions stand first, and everything that is made waits for all of them:
 * subnets, addresses and host ports may pass from one to the other.
 *
 * Images come in a plan of their own that runs first: only their results tell whether a service is
 * still what it was, and nothing else is made while one of them is missing. */
#pragma once

#include "base/hash.h"
#include "base/provider.h"
#include "base/vec.h"
#include "orchestrator/observed.h"
#include "orchestrator/spec.h"

/* What the store keeps of an instance, beside its VM's spec. */
struct plan_instance {
    char *image_id;
    char *image_result; /* JSON text: what a start without a file needs */
    char *command;      /* for people */
};

struct plan_step {
    const char *kind; /* a literal */
    char *name;
    enum operation_verb verb;
    cJSON *spec;
    char *service;            /* NULL: of no service */
    char hash[HASH_HEX_SIZE]; /* what the store remembers it by once it is made; "" on removal */
    VEC(size_t) after;        /* steps that must be done before; their results are the inputs */
    char *fact;               /* NULL, or a key of plan->facts that is an input too */
    struct plan_instance *instance; /* the ensuring of a VM: its row; else NULL */
    bool quiet;                     /* looked at again only: no news unless it fails */
};

struct plan {
    char *project;
    VEC(struct plan_step) steps;
    cJSON *facts;     /* {"KIND/NAME": result} from an earlier plan */
    char **unchanged; /* instances that run as they should */
    char **warnings;
};

void plan_free(struct plan *plan);
DEFINE_FREEP(struct plan *, plan_free)

struct plan_up_options {
    char *const *services; /* empty: all */
    /* {"image/NAME": result}; NULL while they are not known: instances are then taken to have the
     * image they should, which is good enough for a look ahead. */
    const cJSON *images;
    /* Writes 64 hex digits; hash_random_hex but for tests. */
    char *(*new_id)(char *hex);
};

/* Ensures each image that the selected services need, once. -ENOENT: no such service. */
int plan_images(const struct specs *specs, const struct plan_up_options *options,
                struct plan **ret_plan, struct error *err);
/* Makes the selected services and what they depend on as wanted. -EBUSY where a changed network is
 * in use by an instance that no file speaks of any more. */
int plan_up(const struct specs *specs, const struct observed *observed,
            const struct plan_up_options *options, struct plan **ret_plan, struct error *err);

struct plan_stop_options {
    char *const *services; /* empty: all */
    int64_t timeout_ms;    /* -1: each one's own */
    bool kill;
};
/* Stops what runs, dependents first. What is not there does not run: no error. */
int plan_stop(const struct observed *observed, const struct plan_stop_options *options,
              struct plan **ret_plan, struct error *err);
/* Stops and removes; without a choice of services also all that belongs to none of them. -ENOENT:
 * no such service. */
int plan_down(const struct observed *observed, const struct plan_stop_options *options,
              struct plan **ret_plan, struct error *err);

/* One line per step, with its number, what it waits for and its spec. */
void plan_print(const struct plan *plan, struct strbuf *out);

/* --- for those who make plans ----------------------------------------------------------------- */

#define NO_STEP SIZE_MAX

struct plan *plan_new(const char *project);
/* Takes spec; service may be NULL. Returns the step's number. */
size_t plan_add(struct plan *plan, const char *kind, const char *name, enum operation_verb verb,
                cJSON *spec, const char *service);
/* NO_STEP on either side does nothing. */
void plan_order(struct plan *plan, size_t step, size_t after);
/* Chooses by name; empty: all. -ENOENT "no such service: NAME". */
int plan_select_services(const struct specs *specs, char *const *names, bool *selected,
                         struct error *err);
/* The spec of STOP for an instance made from vm_spec. */
cJSON *plan_stop_spec(const cJSON *vm_spec, int64_t timeout_ms, bool kill);
