/* The variables that interpolation and bare `KEY`s of an environment see: the caller's environment,
 * below it .env. Lives in an arena. */
#pragma once

#include "compose/node.h"

struct variables;

/* Names are looked up in outer (may be NULL) first. */
struct variables *variables_new(struct arena *arena, const struct variables *outer);
/* The first definition of a name stands. name and value are kept by reference. */
void variables_add(struct variables *variables, const char *name, const char *value);
/* The last definition stands. */
void variables_put(struct variables *variables, const char *name, const char *value,
                   struct position position);
/* All of "K=V"..., which may be NULL. */
void variables_add_all(struct variables *variables, char *const *environment);
/* "K=V", sorted, in the arena. */
char **variables_list(const struct variables *variables);
/* Without those of outer: names to strings, in the order of their definition. */
struct node *variables_own(const struct variables *variables);
/* NULL where it is not set. */
const char *variables_get(const struct variables *variables, const char *name);
