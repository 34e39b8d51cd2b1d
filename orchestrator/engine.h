/* The engine: carries out one plan through the providers. A ready-queue: every step whose
 * dependencies are done is started, until nothing moves; then it waits for a provider.
 *
 * A step that fails takes the steps that depend on it with it ("skipped"), but for those that only
 * wait for its end (plan_edge.weak). Without keep_going no other step is started either; what runs
 * is waited for. Each failure is named once, in the final error, with who was not started for it;
 * that of an optional step is a warning. Descriptors in results ("fds") are closed when the plan
 * has ended.
 *
 * The order of effects per step: begin() (the intent is on disk), provider start, provider done,
 * finish() (the outcome is on disk), then dependents start. Knows neither the store nor a loop. */
#pragma once

#include "orchestrator/plan.h"

struct engine;

struct engine_options {
    const struct provider *const *providers;
    size_t provider_count;
    bool keep_going;
    uint64_t (*now_ms)(void *userdata); /* monotonic */
    /* May be NULL, together. A failing begin fails the step before it starts; a failing finish
     * fails it afterwards. */
    int (*begin)(void *userdata, const struct plan_step *step, int64_t *ret_entry,
                 struct error *err);
    int (*finish)(void *userdata, int64_t entry, const struct plan_step *step, bool success,
                  struct error *err);
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
/* A step that has not ended is about the instance itself (not only waits for it). */
bool engine_concerns(const struct engine *engine, const char *instance);
/* Running steps are cancelled, no further one starts. Not from within a callback of the engine. */
void engine_cancel(struct engine *engine);
/* The process is about to leave: nothing is reported or recorded any more (the journal keeps the
 * intents); the engine and its plan are freed when the last provider has answered. */
void engine_abandon(struct engine *engine, struct plan *plan);
/* {"KIND/NAME": result} of all steps that are done. Owned by the caller. */
cJSON *engine_results(const struct engine *engine);
