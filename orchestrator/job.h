/* A job: one command on one project, from the queue to its end. Its phases are advanced from the
 * orchestrator's kick only (one turn of the loop each), so that no callback of ours runs inside a
 * caller's, and a job that has ended can be freed on the spot. */
#pragma once

#include "orchestrator/context.h"
#include "orchestrator/spec.h"

enum job_kind { JOB_UP, JOB_STOP, JOB_DOWN, JOB_KIND_COUNT };

struct job_request {
    enum job_kind kind;
    const char *project;
    struct specs *specs; /* JOB_UP: taken */
    char *const *services;
    int64_t timeout_ms; /* JOB_STOP, JOB_DOWN: as in struct stop_options */
    bool kill;
    const struct job_callbacks *callbacks;
    void *userdata;
};

struct job *job_new(struct orchestrator *orchestrator, const struct job_request *request);
const char *job_project(const struct job *job);
bool job_is_cancelled(const struct job *job);
/* Goes as far as it can without waiting; true when it has ended and on_end was called. */
bool job_advance(struct job *job);
/* Of a job that runs: nothing is called any more (see engine_abandon). */
void job_free(struct job *job);
