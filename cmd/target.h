/* Whom a command is about: services of the project that the files or -p name, and virtual machines
 * by name or ID, wherever they are. A word is a service first, a machine second; without words it
 * is the whole project.
 *
 *     operands -> target_find() -> one target per project -> a job each, or its instances */
#pragma once

#include "cmd/client.h"
#include "cmd/command.h"
#include "compose/model.h"

struct target {
    char *project;
    char **services, **instances; /* instances by name; both NULL: the whole project */
};

struct targets {
    struct target *items;
    size_t count, capacity;
    struct model *model;   /* NULL: the files were not needed, or not there */
    struct client *client; /* NULL: no daemon, and nothing that one could know */
};

/* Words that name nothing are -ENOENT: "no such service: x". Where no file is and -p is not given,
 * every word must be a machine's. */
int target_find(const struct invocation *invocation, char *const *words, size_t count,
                struct targets *ret_targets, struct error *err);
void targets_done(struct targets *targets);
#define _cleanup_targets_ _cleanup_(targets_done)

enum target_scope {
    TARGET_RUNNING = 0,
    TARGET_ALL = 1,     /* not only those that run */
    TARGET_ONEOFFS = 2, /* also what `run` made, where services are meant */
};

/* The instances meant, as docs/api.md shapes them; an empty array where there is no daemon. Owned
 * by the caller. */
int targets_instances(const struct targets *targets, unsigned scope, cJSON **ret_instances,
                      struct error *err);
/* The one instance that a word means: the service's with this number (0: the first that runs, else
 * the first), or the machine itself. Owned by the caller. */
int target_find_one(const struct invocation *invocation, const char *word, int64_t index,
                    struct client **ret_client, cJSON **ret_instance, struct error *err);
