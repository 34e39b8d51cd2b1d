/* orchestrator/: makes the host look like a model. Graph and plan are pure; the engine is a
 * ready-queue over providers (base/provider.h); intent is journalled before an effect and the
 * outcome after it.
 * Knows network/ and runtime/ only through what main hands it.
 *
 * A job is one command on one project. Jobs on one project run one after the other, in order of
 * arrival. Each reports events (JSON objects, one line each on the wire):
 *   {"type":"step","kind":"network","name":"shop_frontend","service":S (where it is of one),
 *    "verb":"ensure","state":"waiting"|"working"|"done"|"error"|"skipped","text":"Created","elapsed_ms":N,
 *    "current":N,"total":N,"unit":"B"}     current, total, unit: only where the provider told; what
 *   went wrong stands in on_end's error, once, with a line for each step that failed
 *   {"type":"warning","text":S}     {"type":"message","text":S}    e.g. the line about TCG, or
 *   "waiting for another command on project 'shop' (up, since 12 s)"
 *   {"type":"plan","action":"create"|"recreate"|"start"|"restart"|"stop"|"remove"|"update"|"keep",
 *    "kind":"vm"|"network"|"volume"|"image","name":S,"service":S (of a VM),
 *    "reason":S (why a recreate: "image, environment")}           dry_run: one for each thing
 *   {"type":"question","volume":S,"text":S}     {"type":"instance","name":S,"id":S}     see below
 * and ends with on_end. Steps of kind "vm" have the verbs pause, unpause and kill beside those of a
 * provider; steps of kind "condition" have the verb wait, and the name of who is waited for. */
#pragma once

#include "base/paths.h"
#include "base/provider.h"
#include "base/store.h"
#include "compose/model.h"
#include "network/presence.h"
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
    /* network_set_presence: who is named (network/dns.h). */
    void (*set_presence)(void *userdata, const char *instance, enum instance_presence presence);
    /* 0 or -ENOENT; runtime_vm_status in the daemon. */
    int (*vm_status)(void *userdata, const char *instance, struct vm_status *ret_status);
    /* network_describe_endpoints, network_describe_ports: arrays, owned by the caller. */
    cJSON *(*describe_endpoints)(void *userdata, const char *instance);
    cJSON *(*describe_ports)(void *userdata, const char *instance);
    /* runtime_acceleration_note: NULL where there is nothing to say. */
    const char *(*acceleration_note)(void *userdata);
    /* runtime_image_remove; used: {image id: an instance}. */
    int (*remove_image)(void *userdata, const char *name, const cJSON *used, struct error *err);
    /* runtime_vm_signal, runtime_vm_kill and runtime_vm_set_paused. */
    int (*signal)(void *userdata, const char *instance, int signal_number, struct error *err);
    int (*kill)(void *userdata, const char *instance, struct error *err);
    int (*set_paused)(void *userdata, const char *instance, bool paused,
                      void (*on_done)(void *userdata, const struct error *err), void *done_userdata,
                      struct error *err);
    /* runtime_probe_start and _abandon. */
    int (*start_probe)(void *userdata, const char *instance, const struct probe_options *options,
                       void (*on_done)(void *userdata, const struct probe_result *result,
                                       const struct error *err),
                       void *done_userdata, struct probe **ret_probe, struct error *err);
    void (*abandon_probe)(void *userdata, struct probe *probe);
    /* runtime_logs_open. */
    int (*open_logs)(void *userdata, const char *instance, const struct log_query *query,
                     bool (*on_record)(void *userdata, const struct log_record *record),
                     void (*on_end)(void *userdata, const struct error *err), void *log_userdata,
                     struct log_reader **ret_reader, struct error *err);
    void *userdata;
};

/* The store is to outlive the orchestrator. */
int orchestrator_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                     const struct orchestrator_world *world, struct orchestrator **ret_orchestrator,
                     struct error *err);
/* Jobs that still run are given up without another callback (their journal entries tell the next
 * daemon): the providers are told to cancel, and may answer later, on the loop. */
void orchestrator_free(struct orchestrator *orchestrator);
/* After network_adopt and runtime_adopt: the journal's unfinished entries are settled, and who
 * should run by its policy and does not is started. */
int orchestrator_adopt(struct orchestrator *orchestrator, struct error *err);
/* For the host's sake: jobs are cancelled and further ones refused, everything that runs is
 * stopped, dependents first, projects side by side. What is wanted of it stays, so the next daemon
 * brings back what should run. on_done is the last call of all; with an error for what could not be
 * stopped. */
void orchestrator_shutdown(struct orchestrator *orchestrator,
                           void (*on_done)(void *userdata, const struct error *err),
                           void *userdata);
/* runtime_new's on_event; userdata is the orchestrator. */
void orchestrator_vm_event(void *self, const struct vm_status *status);
/* True where no instance runs or is about to be restarted, and no job runs: the daemon may leave
 * after its time. */
bool orchestrator_is_idle(const struct orchestrator *orchestrator);

/* Which instances of the project: those of the services, and these by name or ID; with both empty
 * all. One-off instances (`run`) are meant only by name, or with all; never by start and restart of
 * all. */
struct selection {
    char *const *services;
    char *const *instances;
};

struct scale {
    const char *service;
    int64_t replicas;
};
enum recreate_policy {
    RECREATE_DIVERGED, /* what is no longer as it should be */
    RECREATE_FORCE,    /* in any case */
    RECREATE_NEVER,
    RECREATE_POLICY_COUNT
};
enum build_policy {
    BUILD_MISSING, /* where there is no such image yet, or `pull_policy: build` */
    BUILD_ALWAYS,
    BUILD_NEVER,
    BUILD_POLICY_COUNT
};
/* A volume that is there, but not as the file describes it. */
enum changed_volumes {
    CHANGED_VOLUMES_ASK,  /* an event {"type":"question","volume":S,"text":S} for each, and the job
                             ends with -EEXIST before anything was changed */
    CHANGED_VOLUMES_KEEP, /* with a warning */
    CHANGED_VOLUMES_RECREATE, /* their content is lost; who uses them is recreated */
};

struct up_options {
    char *const *services;      /* these and what they depend on; empty: all */
    char *const *files;         /* the Compose files, for ls; NULL: the model's */
    const struct scale *scales; /* beats the model's replicas; -ENOENT for an unknown service */
    size_t scale_count;
    enum recreate_policy recreate; /* of the services named; dependencies: only what diverged */
    bool recreate_dependencies;    /* recreate holds for dependencies as well */
    bool no_deps;                  /* leave dependencies alone, whatever their state */
    bool no_start;                 /* `create`: nothing is started, what runs runs on */
    bool remove_orphans;           /* also networks that nobody speaks of any more */
    bool renew_anonymous; /* who is recreated gets fresh anonymous volumes; the old ones go */
    bool wait; /* the job ends when all are running, or healthy where they have a check */
    int64_t wait_timeout_ms; /* of the waiting; 0: none */
    int64_t timeout_ms;      /* of stops; -1: each service's own. To be set: 0 is no grace at all */
    enum build_policy build;
    enum model_pull pull; /* PULL_DEFAULT: each service's own */
    enum changed_volumes changed_volumes;
    bool dry_run; /* events {"type":"plan",...}, and nothing else happens; images are not looked for
                     anew: what a pull or a build would bring is not known */
};

struct down_options {
    char *const *services; /* empty: all, and networks */
    int64_t timeout_ms;    /* -1: each service's own (10 s) */
    bool kill;             /* no grace */
    bool volumes;          /* volumes, too, named and anonymous; never external ones */
    enum { REMOVE_IMAGES_NONE, REMOVE_IMAGES_LOCAL, REMOVE_IMAGES_ALL } remove_images;
    /* The services of the file. With it, instances of others are orphans: left alone, with a
     * warning, but for remove_orphans. NULL: the file is not known, all go. */
    char *const *known_services;
    bool remove_orphans;
};

enum act_verb {
    ACT_START,   /* who does not run, after its dependencies' conditions */
    ACT_STOP,    /* dependents first; they stay, as exited */
    ACT_RESTART, /* stop, then start; with those who depend on them with `restart: true` */
    ACT_KILL,    /* a signal; SIGKILL: done when it has ended */
    ACT_REMOVE,  /* who does not run goes */
    ACT_PAUSE,
    ACT_UNPAUSE,
    ACT_VERB_COUNT
};
struct act_options {
    struct selection selection;
    int64_t timeout_ms; /* STOP, RESTART: -1: each service's own; kill: none */
    bool kill;
    int signal_number; /* KILL; 0: SIGKILL */
    bool force;        /* REMOVE: who runs is killed, then goes; else it is left alone */
    bool stop;         /* REMOVE: who runs is stopped, then goes (rm -s) */
    bool volumes;      /* REMOVE: their anonymous volumes as well */
    bool no_deps;      /* RESTART: not those who depend on them; START: wait for nobody */
    bool wait;         /* START, RESTART: as in up_options */
    int64_t wait_timeout_ms;
    bool in_order;  /* START: who is named waits for who is named, as their services do */
    bool keep_wish; /* STOP: for the host's sake, no user's wish; by policy it comes back */
};

/* `run`. The model's service is already what the one-off is to be: its command, environment, ports,
 * mounts, tty... are taken from there; its replicas do not count. */
struct run_options {
    const char *service;
    const char *name; /* NULL: PROJECT-SERVICE-run-<12 hex digits> */
    bool no_deps;     /* else dependencies are brought up first, as by up */
    bool standalone;  /* `vmstead run IMAGE`: project and instance have one name; not a one-off */
    bool remove;      /* the VM's spec says "auto_remove_ms": who watches exits takes it away */
    bool detach;      /* at once; else whoever is attached has a while to read its last words */
    enum build_policy build;
    enum model_pull pull;
    char *const *files; /* as in up_options */
};

struct image_options {     /* `pull`, `build` */
    char *const *services; /* empty: all */
    bool dependencies;     /* and what they depend on */
    /* pull */
    enum model_pull pull;  /* PULL_MISSING, or as DEFAULT: PULL_ALWAYS */
    bool ignore_buildable; /* leave out what can be built */
    /* build */
    bool no_cache, pull_base;
    char *const *args; /* "K=V", over the file's */
};

/* Makes the project as the model says: unchanged instances are left alone, changed ones recreated.
 * Takes model, in any case; so do all that follow. */
int orchestrator_up(struct orchestrator *orchestrator, struct model *model,
                    const struct up_options *options, const struct job_callbacks *callbacks,
                    void *userdata, struct job **ret_job, struct error *err);
/* Event {"type":"instance","name":S,"id":S} once it is made; the job ends when it was started. */
int orchestrator_run(struct orchestrator *orchestrator, struct model *model,
                     const struct run_options *options, const struct job_callbacks *callbacks,
                     void *userdata, struct job **ret_job, struct error *err);
int orchestrator_pull(struct orchestrator *orchestrator, struct model *model,
                      const struct image_options *options, const struct job_callbacks *callbacks,
                      void *userdata, struct job **ret_job, struct error *err);
int orchestrator_build(struct orchestrator *orchestrator, struct model *model,
                       const struct image_options *options, const struct job_callbacks *callbacks,
                       void *userdata, struct job **ret_job, struct error *err);

/* From the store alone, no Compose file is needed. Named services and instances that are not there:
 * the job ends with -ENOENT. */
int orchestrator_act(struct orchestrator *orchestrator, const char *project, enum act_verb verb,
                     const struct act_options *options, const struct job_callbacks *callbacks,
                     void *userdata, struct job **ret_job, struct error *err);
/* Stops and removes all of the project: instances, endpoints, ports, networks. Works from the store
 * alone. */
int orchestrator_down(struct orchestrator *orchestrator, const char *project,
                      const struct down_options *options, const struct job_callbacks *callbacks,
                      void *userdata, struct job **ret_job, struct error *err);
/* The supervisor's: starts an instance that has ended, as it is. Does not queue: it runs beside the
 * project's job, unless that has something to do with the instance itself (-EBUSY then: that job
 * decides); a job that would change the project waits for it in turn. */
int orchestrator_revive(struct orchestrator *orchestrator, const char *instance,
                        const struct job_callbacks *callbacks, void *userdata, struct job **ret_job,
                        struct error *err);
/* Nobody listens any more; the job goes on to its end. */
void job_detach(struct job *job);
/* Running operations are cancelled, no further one starts; on_end comes with -ECANCELED. */
void job_cancel(struct job *job);

/* The instances of a project (NULL: of all), in order of creation:
 *   [{"Id": 64 hex, "Name":"shop-web-1", "Project", "Service", "Number":1, "Image": as written,
 *     "ImageID", "Command":"nginx -g 'daemon off;'", "CreatedMs":N,
 *     "State":"running"|"exited"|"created"|"restarting"|..., "Health", "RestartCount":N,
 * "OOMKilled":B, "OneOff":B, "Desired":"running"|"stopped", "Labels":{K:V}, "ExitCode":N, "Reason":
 * vm_exit_reason_name, "StartedMs":N, "FinishedMs":N, "Pid":N, "Mounts":[{"Type","Name"
 * (volume),"Source","Destination","RW":B}], "Endpoints":[...], "Ports":[...] (empty for who does
 * not run)}] all false: only those that run. Owned by the caller. */
cJSON *orchestrator_instances(struct orchestrator *orchestrator, const char *project, bool all);
/* [{"Name","Status":"running(3)","Instances":3,"Directory":S,"ConfigFiles":[S...]}], without those
 * of standalone instances. */
cJSON *orchestrator_projects(struct orchestrator *orchestrator);
/* The instance's name for a name, an ID or an ID's unambiguous prefix (12 digits as ps shows, or
 * more). -ENOENT, or -EEXIST where a prefix fits several. Owned by the caller. */
int orchestrator_find_instance(struct orchestrator *orchestrator, const char *name_or_id,
                               char **ret_instance, struct error *err);

/* --- what happens ----------------------------------------------------------------------------- */

struct orchestrator_event {
    int64_t number; /* grows from one to the next */
    int64_t time_ns;
    const char *project, *service, *instance, *id, *image;
    const char *action;      /* Docker's words: "start", "die", "health_status: healthy"... */
    const cJSON *attributes; /* strings, as Docker has them: {"exitCode":"1"}; never NULL */
};
typedef void orchestrator_event_fn(void *userdata, const struct orchestrator_event *event);
/* Every event from now on; one listener. NULL: none any more. */
void orchestrator_listen(struct orchestrator *orchestrator, orchestrator_event_fn *on_event,
                         void *userdata);
/* Those that are kept (the latest 1000), oldest first; both bounds belong to it. */
int orchestrator_list_events(struct orchestrator *orchestrator, int64_t since_ns, int64_t until_ns,
                             orchestrator_event_fn *visit, void *userdata, struct error *err);
/* One from outside ("exec_create: ls"). attributes may be NULL; never a value of an environment. */
void orchestrator_note_event(struct orchestrator *orchestrator, const char *instance,
                             const char *action, const cJSON *attributes);

enum exit_condition {                   /* Docker's `wait?condition=` */
                      EXIT_NOT_RUNNING, /* at once where it does not run */
                      EXIT_NEXT,
                      EXIT_REMOVED,
};
struct exit_wait;
/* on_exit comes once, never from within, with the exit code of its next or, where it was over, last
 * end. Also one that its policy starts again has ended. -ENOENT: no such instance. */
int orchestrator_wait_exit(struct orchestrator *orchestrator, const char *instance,
                           enum exit_condition condition,
                           void (*on_exit)(void *userdata, int exit_code), void *userdata,
                           struct exit_wait **ret_wait, struct error *err);
/* Before or after on_exit, also from within it; NULL is fine. */
void exit_wait_free(struct exit_wait *wait);

/* Docker's State.Health of an instance: {"Status","FailingStreak","Log":[...]}; NULL where it has
 * no check. Owned by the caller. */
cJSON *orchestrator_describe_health(struct orchestrator *orchestrator, const char *instance);
