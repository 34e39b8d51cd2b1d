/* The contract between the engine (orchestrator/) and those who change the world (network/,
 * runtime/): a provider carries out operations on one kind of resource.
 *
 * An operation is data: a verb, a name, a `spec` (what is wanted, JSON, complete in itself: it is
 * what the journal keeps and what the config hash is taken of) and `inputs` (what the operations it
 * depends on returned). The shapes of specs and results stand in network/network.h and
 * runtime/runtime.h.
 *
 * Rules a provider keeps:
 *  - ENSURE is idempotent: what is there and fits is taken over, also half-made after a crash.
 *    REMOVE is idempotent: what is not there is success. An operation that fails has undone what it
 *    had made itself.
 *  - start() never blocks the loop. It returns 0 and calls operation_done() exactly once, at once
 *    or later; or it returns -errno with err set and never calls it.
 *  - Every wait inside has a timeout. After cancel() the operation still ends by operation_done(),
 *    with -ECANCELED or with its true outcome.
 *  - Names are recorded in the store before the effect, the outcome after.
 *  - A result that carries descriptors says so in the member "fds": [N, ...]; the engine closes
 * them when the plan has ended, so whoever keeps one dups it.
 */
#pragma once

#include "base/json.h"

#include <stddef.h>

enum operation_verb {
    OPERATION_ENSURE, /* make the resource exist as in spec */
    OPERATION_START,  /* vm only: run it */
    OPERATION_STOP,   /* vm only: the guest's service ends, then the guest; the disk stays */
    OPERATION_REMOVE, /* nothing of it is left */
    /* Kept from providers below the orchestrator: these leave nothing behind, so the journal does
     * not know them. */
    OPERATION_WAIT, /* condition only: done when it holds */
    OPERATION_PAUSE,
    OPERATION_UNPAUSE,
    OPERATION_KILL, /* a signal for the guest's service */
    OPERATION_VERB_COUNT
};

/* "ensure", "start", "stop", "remove", "wait", "pause", "unpause", "kill". */
const char *operation_verb_name(enum operation_verb verb);

struct operation;

/* What the engine lays under an operation; one instance of it per engine. */
struct operation_listener {
    /* Takes result (may be NULL) and, when err->code is not 0, err's content. */
    void (*done)(struct operation *operation, cJSON *result, struct error *err);
    /* What it is doing now ("fetching layer 2 of 5"); current/total in `unit` ("B" for bytes, "%"),
     * total 0 where unknown. */
    void (*progress)(struct operation *operation, const char *text, int64_t current, int64_t total,
                     const char *unit);
    /* What people should know although the operation goes on; said once a plan. May be NULL. */
    void (*warning)(struct operation *operation, const char *text);
};

struct operation {
    const char *project; /* "" outside any project */
    const char *kind;    /* "image", "network", "endpoint", "ports", "vm" */
    const char *name;
    enum operation_verb verb;
    const cJSON *spec;   /* borrowed, lives as long as the operation */
    const cJSON *inputs; /* {"KIND/NAME": result, ...} of its dependencies; never NULL */
    const struct operation_listener *listener;
    void *provider_data; /* the provider's, while it runs */
    void *engine_data;
};

/* Called by providers. */
static inline void operation_done(struct operation *operation, cJSON *result, struct error *err)
{
    operation->listener->done(operation, result, err);
}
static inline void operation_progress(struct operation *operation, const char *text,
                                      int64_t current, int64_t total, const char *unit)
{
    if (operation->listener->progress)
        operation->listener->progress(operation, text, current, total, unit);
}
static inline void operation_warning(struct operation *operation, const char *text)
{
    if (operation->listener->warning)
        operation->listener->warning(operation, text);
}

struct provider {
    const char *kind;
    /* Looks, before a plan starts and before anything is created, at all ENSURE and START
     * operations of this kind in the plan, and refuses what cannot work (a busy port, no kernel,
     * too little memory), naming cause and remedy. Changes nothing that outlives the process. May
     * be NULL. */
    int (*check)(void *self, struct operation *const *operations, size_t count, struct error *err);
    int (*start)(void *self, struct operation *operation, struct error *err);
    void (*cancel)(void *self, struct operation *operation); /* may be NULL */
    void *self;
};
