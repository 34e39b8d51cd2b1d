/* What the files behind orchestrator.h share: the orchestrator itself. Private to this folder. */
#pragma once

#include "orchestrator/observed.h"
#include "orchestrator/orchestrator.h"

struct supervisor;
struct host_boot;
struct host_stop;
struct conditions;

struct orchestrator {
    uv_loop_t *loop;
    struct store *store;
    struct orchestrator_world world;
    VEC(struct job *) jobs; /* in order of arrival */
    uv_timer_t *kick;       /* freed by its close callback, hence not embedded */
    struct supervisor *supervisor;
    struct conditions *conditions;
    VEC(struct exit_wait *) exit_waits;
    struct host_boot *booting;           /* NULL: nothing is started for a boot's sake */
    struct host_stop *going_down;        /* NULL: it is not; see host_boot.h */
    orchestrator_event_fn *on_happening; /* NULL: nobody listens */
    void *happening_userdata;
    char root_id[8]; /* the vault's */
    struct control *control;
};

/* All jobs are looked at again in the next turn of the loop, never from within the caller. */
void orchestrator_kick(struct orchestrator *orchestrator);
/* An instance of the project is being revived (see orchestrator_revive()). */
bool orchestrator_has_revival(const struct orchestrator *orchestrator, const char *project);
/* Another job is going to do something with the instance. */
bool orchestrator_is_concerned(const struct orchestrator *orchestrator, const struct job *but,
                               const char *instance);
/* state_observe, and the VMs' states from the world. */
int orchestrator_observe(struct orchestrator *orchestrator, const char *project,
                         struct observed **ret_observed, struct error *err);
