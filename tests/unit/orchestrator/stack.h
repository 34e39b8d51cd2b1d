/* Compose files of testdata/plan as models, and a store with what is there once they are up. */
#pragma once

#include "orchestrator/plan.h"
#include "orchestrator/state.h"

/* FILE below testdata/plan; fails the test where it does not load. */
struct model *stack_load(const char *file);
struct model *stack_load_file(const char *path);
struct specs *stack_specs(const char *file);
/* 64 hex digits: 000...1, 000...2 and so on, from stack_reset_ids(). */
char *stack_new_id(char *hex);
void stack_reset_ids(void);
/* Results for all images of the specs, IDs "sha256:<name>" + suffix. */
cJSON *stack_images(const struct specs *specs, const char *suffix);
/* Journals every step of a plan as done, as the engine would. */
void stack_apply(struct store *store, const struct specs *specs, const struct plan *plan);
/* What the store says, every VM in that state. */
struct observed *stack_observe(struct store *store, const char *project, enum vm_state state);
/* Every plan's order is one: nothing waits for itself, over whatever way. */
void stack_check_order(const struct plan *plan);
/* An empty store in memory with our tables. */
struct store *stack_store(void);
