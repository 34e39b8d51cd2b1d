/* What job.c (phases), job_plan.c (what is planned), and job_wishes.c (the options, copied) share.
 */
#pragma once

#include "orchestrator/engine.h"
#include "orchestrator/job.h"

enum job_phase {
    PHASE_QUEUED,
    PHASE_IMAGES,  /* the engine gets the images */
    PHASE_CHANGES, /* the engine makes the host as planned */
    PHASE_ENDED,
    PHASE_COUNT
};

/* The request's options, with copies of all they point to. */
struct wishes {
    struct up_options up;
    struct plan_oneoff oneoff;
    struct image_options image;
    enum act_verb verb;
    struct act_options act;
    struct down_options down;
    char *instance;
};
void wishes_init(struct wishes *wishes, const struct job_request *request);
void wishes_done(struct wishes *wishes);

struct job {
    struct orchestrator *orchestrator;
    enum job_kind kind;
    enum job_phase phase;
    char *project;
    struct specs *specs;
    struct wishes wishes;
    uint64_t submitted_ms; /* monotonic */
    bool cancelled;
    bool waiting_told;
    struct job_callbacks callbacks;
    void *userdata;

    bool acceleration_told; /* that VMs are slow here: once a job */
    cJSON *images;          /* results, once PHASE_IMAGES is over */
    struct plan *plan;
    struct engine *engine;
    bool engine_ended;
    bool journal_open; /* within a round of the engine only */
    struct error outcome;
};

/* --- job_plan.c ------------------------------------------------------------------------------- */

bool job_has_model(const struct job *job); /* and so images, and a project to be recorded */
int job_plan_images(const struct job *job, struct plan **ret_plan, struct error *err);
/* What is to change; without images (job->images NULL) as far as can be said. */
int job_plan_changes(struct job *job, const struct observed *observed, struct plan **ret_plan,
                     struct error *err);
/* -EEXIST, after questions, where the plan would need an answer first. */
int job_ask(struct job *job, const struct plan *plan, struct error *err);
/* Digests need the project's salt: from the store, or a new one. */
void job_set_salt(struct job *job, const struct observed *observed);
/* Values of secrets and configs go where the runtime finds them. */
int job_fill_vault(const struct job *job, struct error *err);

/* --- job_events.c ----------------------------------------------------------------------------- */

void job_send(struct job *job, const cJSON *event);
void job_send_text(struct job *job, const char *type, const char *text);
/* Warnings, and the instances that stay as they are. */
void job_report_plan(struct job *job, const struct plan *plan);
/* The diff of a dry run. */
void job_report_changes(struct job *job, const struct plan *plan);
/* What the engine tells goes on to the caller, with what belongs beside it. */
void job_report_step(struct job *job, const cJSON *event);
