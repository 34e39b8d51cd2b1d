/* orchestrator/: makes the host look like a model. Graph and plan are pure; the engine is a
 * ready-queue over providers (base/provider.h); intent is journalled before an effect and the
 * outcome after it.
 * Knows network/ and runtime/ only through what main hands it.
 *
 * A job is one command on one project. Jobs on one project run one after the other, in order of
 * arrival. Each reports events (JSON objects, one line each on the wire):
 *   {"type":"step","kind":"network","name":"shop_frontend","verb":"ensure",
 *    "state":"waiting"|"working"|"done"|"error"|"skipped","text":"Created","elapsed_ms":N,
 *    "current":N,"total":N,"unit":"B"}     current, total, unit: only where the provider told; what
 *   went wrong stands in on_end's error, once, with a line for each step that failed
 *   {"type":"warning","text":S}     {"type":"message","text":S}    e.g. the line about TCG
 * and ends with on_end. */
#pragma once

#include "base/paths.h"
#include "base/provider.h"
#include "base/store.h"
#include "compose/model.h"
#include "runtime/runtime.h"

#include <uv.h>

struct orchestrator;
struct job;

struct job_callbacks {
    void (*on_event)(void *userdata, const cJSON *event);
    /* Last call. err->code 0: all done. */
    void (*on_end)(void *userdata, const struct error *err);
};

/* What the engine works with; a test hands it fakes. Copied, the list of providers too. */
struct orchestrator_world {
    const struct provider *const *providers; /* provider_count of them */
    size_t provider_count;
    /* DNS: this instance runs, or no longer does. */
    void (*set_instance_running)(void *userdata, const char *instance, bool running);
    /* 0 or -ENOENT; runtime_vm_status in the daemon. */
    int (*vm_status)(void *userdata, const char *instance, struct vm_status *ret_status);
    /* network_describe_endpoints, network_describe_ports: arrays, owned by the caller. */
    cJSON *(*describe_endpoints)(void *userdata, const char *instance);
    cJSON *(*describe_ports)(void *userdata, const char *instance);
    /* runtime_acceleration_note: NULL where there is nothing to say. */
    const char *(*acceleration_note)(void *userdata);
    void *userdata;
};

/* The store is to outlive the orchestrator. */
int orchestrator_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                     const struct orchestrator_world *world, struct orchestrator **ret_orchestrator,
                     struct error *err);
/* Jobs that still run are given up without another callback (their journal entries tell the next
 * daemon): the providers are told to cancel, and may answer later, on the loop. */
void orchestrator_free(struct orchestrator *orchestrator);
/* After network_adopt and runtime_adopt: the journal's unfinished entries are settled. */
int orchestrator_adopt(struct orchestrator *orchestrator, struct error *err);
/* runtime_new's on_event; userdata is the orchestrator. */
void orchestrator_vm_event(void *self, const struct vm_status *status);
/* True where no instance runs and no job does: the daemon may leave after its time. */
bool orchestrator_is_idle(const struct orchestrator *orchestrator);

struct up_options {
    char *const *services; /* these and what they depend on; empty: all */
};
struct stop_options {
    char *const *services; /* empty: all */
    int64_t timeout_ms;    /* -1: each service's own (10 s) */
    bool kill;             /* no grace */
};
/* Makes the project as the model says: unchanged instances are left alone, changed ones recreated.
 * Takes model. */
int orchestrator_up(struct orchestrator *orchestrator, struct model *model,
                    const struct up_options *options, const struct job_callbacks *callbacks,
                    void *userdata, struct job **ret_job, struct error *err);
/* Stops instances, dependents first; they stay, as exited. */
int orchestrator_stop(struct orchestrator *orchestrator, const char *project,
                      const struct stop_options *options, const struct job_callbacks *callbacks,
                      void *userdata, struct job **ret_job, struct error *err);
/* Stops and removes all of the project: instances, endpoints, ports, networks. Works from the store
 * alone: no Compose file is needed. */
int orchestrator_down(struct orchestrator *orchestrator, const char *project,
                      const struct stop_options *options, const struct job_callbacks *callbacks,
                      void *userdata, struct job **ret_job, struct error *err);
/* Nobody listens any more; the job goes on to its end. */
void job_detach(struct job *job);
/* Running operations are cancelled, no further one starts; on_end comes with -ECANCELED. */
void job_cancel(struct job *job);

/* The instances of a project (NULL: of all), in order of creation:
 *   [{"Id": 64 hex, "Name":"shop-web-1", "Project", "Service", "Number":1, "Image": as written,
 *     "ImageID", "Command":"nginx -g 'daemon off;'", "CreatedMs":N,
 *     "State":"running"|"exited"|"created"|..., "ExitCode":N, "Reason": vm_exit_reason_name,
 *     "StartedMs":N, "FinishedMs":N, "Pid":N, "Endpoints":[...],
 *     "Ports":[...] (empty for who does not run)}]
 * all false: only those that run. Owned by the caller. */
cJSON *orchestrator_instances(struct orchestrator *orchestrator, const char *project, bool all);
/* [{"Name","Status":"running(3)","Instances":3}] */
cJSON *orchestrator_projects(struct orchestrator *orchestrator);
/* The instance's name for a name, an ID or an ID's unambiguous prefix (12 digits as ps shows, or
 * more). -ENOENT, or -EEXIST where a prefix fits several. Owned by the caller. */
int orchestrator_find_instance(struct orchestrator *orchestrator, const char *name_or_id,
                               char **ret_instance, struct error *err);
