/* One daemon's life for tests of whole jobs: a loop, a store, a fake world, the orchestrator; and a
 * caller who waits for the end of a job. */
#pragma once

#include "fake_world.h"
#include "orchestrator/orchestrator.h"

struct host {
    uv_loop_t loop;
    uv_idle_t pump; /* answers one operation per turn of the loop */
    struct store *store;
    struct fake_world world;
    struct orchestrator *orchestrator;
};

/* Paths NULL: in memory. */
void host_init(struct host *host, enum fake_answer answer, const char *store_path,
               const char *world_path);
void host_done(struct host *host);

struct end { /* of a job */
    struct host *host;
    struct job *job;
    bool came;
    struct error err;
    size_t events, warnings, messages, questions, changes;
    char *instance, *id; /* of the "instance" event */
    struct strbuf plan;  /* "create vm shop-web-1\n" for each "plan" event */
    size_t cancel_after; /* events; 0: never */
};
void end_done(struct end *end);

extern const struct job_callbacks end_callbacks; /* userdata: struct end */
/* Turns the loop until it came. */
void end_wait(struct end *end);
/* The same; the code of its error, and end is given back. */
int end_code(struct end *end);

/* Up of a file (NULL options: all of it) to its end; the code of its error. end may be NULL. */
int host_up(struct host *host, const char *file, const struct up_options *options, struct end *end);
int host_act(struct host *host, const char *project, enum act_verb verb,
             const struct act_options *options);
int host_down(struct host *host, const char *project, const struct down_options *options);
/* Owned by the caller; NULL where there is no such instance. */
char *host_id_of(struct host *host, const char *instance);
void host_assert_before(const struct host *host, const char *one, const char *two);
void host_assert_nothing_left(struct host *host);
