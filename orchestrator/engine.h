/* The engine: carries out one plan through the providers. A ready-queue: every step whose
 * dependencies are done is started, until nothing moves; then it waits for a provider.
 *
 * A step that fails takes the steps that depend on it with it ("skipped"), but for those that only
 * wait for its end (plan_edge.weak). Without keep_going no other step is started either; what runs
 * is waited for. Each failure is named once, in the final error, with who was not started for it;
 * that of an optional step is a warning. Descriptors in results ("fds") are closed when the plan
 * has ended.
 *
 * It moves in rounds: outcomes of what has ended and intents of what is ready now go to the disk
 * together, then the providers start. So per step: begin(), flush() (the intent is on disk),
 * provider start, provider done, finish(), flush() with the intents of the dependents, these start.
 * Knows neither the store nor a loop. */
#pragma once

#include "orchestrator/plan.h"

struct engine;

struct engine_options {
    const struct provider *const *providers;
    size_t provider_count;
    bool keep_going;
    uint64_t (*now_ms)(void *userdata); /* monotonic */
    /* May be NULL, together. A failing begin fails the step before it starts; a failing finish
     * fails it afterwards. What they write is on disk once flush has returned 0; where it fails all
     * of the round fails. */
    int (*begin)(void *userdata, const struct plan_step *step, int64_t *ret_entry,
                 struct error *err);
    int (*finish)(void *userdata, int64_t entry, const struct plan_step *step, bool success,
                  struct error *err);
    int (*flush)(void *userdata, struct error *err);
    /* Asks for a call of engine_advance() soon, so that answers which come together are dealt with
     * together. NULL: the engine goes on from within operation_done(). */
    void (*schedule)(void *userdata);
    void (*on_event)(void *userdata, const cJSON *event); /* orchestrator.h, "step" */
    /* Last call, also from within engine_run; the engine may be freed in it. -ECANCELED after
     * engine_cancel, unless a step had failed by itself. */
    void (*on_end)(void *userdata, const struct error *err);
    void *userdata;
};

/* The plan is borrowed and stays as it is until the engine is freed. */
struct engine *engine_new(const struct plan *plan, const struct engine_options *options);
/* Never while steps run: see engine_abandon. */
void engine_free(struct engine *engine);
/* Lets all providers look at what they will have to make, before anything is. */
int engine_check(struct engine *engine, struct error *err);
void engine_run(struct engine *engine);
/* Goes as far as it can; harmless where nothing has happened. */
void engine_advance(struct engine *engine);
/* A step that has not ended is about the instance itself (not only waits for it). */
bool engine_concerns(const struct engine *engine, const char *instance);
/* Running steps are cancelled, no further one starts. Not from within a callback of the engine. */
void engine_cancel(struct engine *engine);
/* The process is about to leave: nothing is reported or recorded any more (the journal keeps the
 * intents); the engine and its plan are freed when the last provider has answered. */
void engine_abandon(struct engine *engine, struct plan *plan);
/* {"KIND/NAME": result} of all steps that are done. Owned by the caller. */
cJSON *engine_results(const struct engine *engine);
