/* orchestrator's tables in the store: projects, services (what depends on what, for down without a
 * file), resources (what was made, from which spec), instances, journal (journal.h), events.
 *
 * The store is a hint about the host, and the truth about intentions. err is never NULL here. */
#pragma once

#include "base/store.h"
#include "orchestrator/observed.h"
#include "orchestrator/spec.h"

const struct store_schema *state_schema(void);
struct state_project {
    char *const *files; /* NULL: the model's */
    bool standalone;    /* one instance outside any project; known from its first record on */
};
/* The project and the dependencies of its services; services that are no longer in the file stay as
 * long as they have an instance. */
int state_record_project(struct store *store, const struct specs *specs,
                         const struct state_project *about, struct error *err);
/* Forgets the project when nothing of it is left but volumes, whose rows stay: a later up knows
 * what they were made from, and `down -v` finds them. 1 where nothing is left, else 0. */
int state_forget_project(struct store *store, const char *project, struct error *err);
/* What the store knows; the instances' states are left for the caller. */
int state_observe(struct store *store, const char *project, struct observed **ret_observed,
                  struct error *err);

struct state_instance {
    char *name, *id, *project, *service, *image, *image_id, *command;
    int64_t number, created_ms;
    bool oneoff;
    bool is_wanted; /* to run, as far as people said: desired is 'running' */
    int64_t restarts;
    char *health;       /* "", "starting", "healthy", "unhealthy" */
    bool oom;           /* its last end */
    char *image_result; /* JSON; "": not known */
};
struct state_instances {
    VEC(struct state_instance) list;
};
/* In order of creation; project NULL: of all. */
int state_list_instances(struct store *store, const char *project,
                         struct state_instances *ret_instances, struct error *err);
void state_instances_done(struct state_instances *instances);
/* What a resource was made from; NULL where it is not there. Owned by the caller. */
int state_read_spec(struct store *store, const char *project, const char *kind, const char *name,
                    cJSON **ret_spec, struct error *err);
/* The project of an instance. -ENOENT; owned by the caller. */
int state_find_project(struct store *store, const char *instance, char **ret_project,
                       struct error *err);
struct state_project_row {
    char *name, *directory;
    cJSON *files; /* an array */
};
struct state_projects {
    VEC(struct state_project_row) list;
};
/* By name; without those of standalone instances. */
int state_list_projects(struct store *store, struct state_projects *ret_projects,
                        struct error *err);
void state_projects_done(struct state_projects *projects);

/* Remembers the state last seen of an instance. 1 where it differs from the one before, 0 where it
 * does not or there is no such instance. */
int state_set_instance_state(struct store *store, const char *instance, const char *state,
                             struct error *err);
/* Whether people want it to run; starts and stops say so by their journal entries. */
int state_set_wanted(struct store *store, const char *instance, bool wanted, struct error *err);
