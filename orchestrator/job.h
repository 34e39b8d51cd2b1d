/* A job: one command on one project, from the queue to its end. Its phases are advanced from the
 * orchestrator's kick only (one turn of the loop each), so that no callback of ours runs inside a
 * caller's, and a job that has ended can be freed on the spot. */
#pragma once

#include "orchestrator/context.h"
#include "orchestrator/plan.h"
#include "orchestrator/spec.h"

enum job_kind {
    JOB_UP,
    JOB_RUN,
    JOB_PULL,
    JOB_BUILD,
    JOB_ACT,
    JOB_DOWN,
    JOB_REVIVE, /* beside the others, see orchestrator_revive() */
    JOB_KIND_COUNT
};

struct job_request {
    enum job_kind kind;
    const char *project;
    struct specs *specs;        /* UP, RUN, PULL, BUILD: taken */
    struct up_options up;       /* UP, RUN */
    struct plan_oneoff oneoff;  /* RUN */
    struct image_options image; /* PULL, BUILD */
    enum act_verb verb;         /* ACT */
    struct act_options act;     /* ACT */
    struct down_options down;   /* DOWN */
    const char *instance;       /* REVIVE */
    const struct job_callbacks *callbacks;
    void *userdata;
};

struct job *job_new(struct orchestrator *orchestrator, const struct job_request *request);
const char *job_project(const struct job *job);
bool job_is_cancelled(const struct job *job);
/* It does not take turns with the jobs of its project. */
bool job_runs_beside(const struct job *job);
/* Something that it is still going to do concerns the instance. */
bool job_concerns(const struct job *job, const char *instance);
/* Says, once, what it waits for. */
void job_tell_waiting(struct job *job, const struct job *other);
/* Goes as far as it can without waiting; true when it has ended and on_end was called. */
bool job_advance(struct job *job);
/* Of a job that runs: nothing is called any more (see engine_abandon). */
void job_free(struct job *job);
