/* A command that is one job in the daemon per project it is about: progress, Ctrl-C, outcome. */
#pragma once

#include "cmd/target.h"

struct job_command {
    const char *verb;  /* the last part of the job's path: "stop" */
    const char *title; /* of the progress: "Stopping" */
    bool quiet;        /* no progress, whatever --progress says */
    bool quiet_images; /* none of images */
    void (*on_event)(void *userdata, const cJSON *event); /* remote_job_watch(); may be NULL */
    void *userdata;
};

/* Runs the job and waits. Ctrl-C cancels it: the exit status is then 130. *ret_had_steps (may be
 * NULL): whether there was anything to do. body: JSON text. */
int job_command_run(const struct invocation *invocation, struct client *client, const char *project,
                    const struct job_command *command, const char *body, bool *ret_had_steps,
                    struct error *err);
/* The same for all targets in turn; options: the body but "services" and "instances", which each
 * target says itself. */
int job_command_run_targets(const struct invocation *invocation, const struct targets *targets,
                            const struct job_command *command, const cJSON *options,
                            struct error *err);
/* target_find() of the operands, then the above: all that start, stop... do. Takes options. */
int job_command_run_operands(const struct invocation *invocation, const struct job_command *command,
                             cJSON *options, struct error *err);
