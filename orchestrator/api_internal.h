/* What the api_*.c files share; nobody else includes it. */
#pragma once

#include "base/vec.h"
#include "orchestrator/api.h"
#include "orchestrator/api_options.h"
#include "orchestrator/http.h"

struct api_attach;
struct api_job;
struct api_exec;
struct api_listener;

struct api {
    struct api_options options;
    struct http_server *server;
    struct http_header headers[5];
    char *server_name, *namespace_text; /* in headers */
    uint64_t network_namespace;
    int64_t started_ms;
    struct api_job *jobs;
    uint64_t last_job_id;
    struct api_exec *execs;
    struct api_attach *attaches;
    struct api_listener *listeners;
    bool closing;
};

/* What a route's pattern took out of the path: at most one part. */
struct api_call {
    struct api *api;
    struct http_request *request;
    const char *name;
};

/* Answers the request with an error of ours: the errno becomes a status. */
void api_respond_failure(struct http_request *request, const struct error *err);
/* The body as an object; an empty body is an empty object. NULL: 400 was answered. */
cJSON *api_read_body(struct http_request *request);
/* The instance called `name` (name, ID, prefix), as orchestrator_instances() describes it. NULL:
 * the error was answered. Owned by the caller. */
cJSON *api_find_instance(const struct api_call *call);
/* All instances, as orchestrator_instances(). Owned by the caller. */
cJSON *api_list_instances(struct api *api, const char *project, bool all);
/* Docker's com.docker.compose.* labels. */
cJSON *api_describe_labels(const cJSON *instance);
/* "Up 5 seconds", "Exited (0) 3 minutes ago", "Created". Owned by the caller. */
char *api_describe_status(const cJSON *instance, int64_t now_ms);
bool api_instance_runs(const cJSON *instance);
/* 409 and true where it does not run. */
bool api_refuse_unless_running(struct http_request *request, const cJSON *instance);
/* 400 and true where the client does not ask for `Upgrade: tcp`. */
bool api_refuse_unless_upgrade(struct http_request *request);
/* A number in the query; 0 where it is none. */
uint16_t api_query_u16(struct http_request *request, const char *name);
/* Docker's times in a query: seconds since 1970 with a fraction; 0 where there is none. 400 and
 * false where it is something else. */
bool api_query_time(struct http_request *request, const char *name, int64_t *ret_ns);
/* --- filters (api_filters.c) ------------------------------------------------------------------ */

/* The `filters` parameter as {"key":["value"...]}; Docker's older {"key":{"value":true}} too. 400
 * and false where it is not one, or has a key that is not known (known ends with NULL). */
bool api_read_filters(struct http_request *request, const char *const *known, cJSON **ret_filters);
/* All of the wanted labels ("K=V", or "K") hold. wanted NULL: true. */
bool api_labels_match(const cJSON *labels, const cJSON *wanted);
/* One of the values matches; without any, everything does. */
bool api_filter_matches(const cJSON *values, const char *text,
                        bool (*matches)(const char *text, const char *value));
/* For it, beside streq(). */
bool api_text_contains(const char *text, const char *part);
bool api_text_begins(const char *text, const char *prefix);
/* The first value is "true" or "1". */
bool api_filter_is_true(const cJSON *filters, const char *key);

/* orchestrator_listen()'s callback; userdata is the api. */
void api_events_tell(void *userdata, const struct orchestrator_event *event);
/* An exec's "exec_create: CMD", "exec_start: CMD" or "exec_die"; exit_code NULL: none yet. */
void api_events_tell_exec(struct api *api, const char *instance_id, const char *exec_id,
                          const char *action, const char *exit_code);

/* --- jobs (api_jobs.c) ----------------------------------------------------------------------- */

/* Made before the orchestrator is asked, for callbacks may come from within; then given to
 * api_job_stream() or api_job_await() with what the orchestrator returned. */
struct api_job *api_job_new(struct api *api);
void api_job_free(struct api_job *job);
extern const struct job_callbacks api_job_callbacks;
/* The job's events are the answer; or err, where code says that it was not taken on. */
void api_job_stream(struct api_job *job, int code, struct job *handle, struct http_request *request,
                    const struct error *err);
/* The answer is 204 or the job's error, when it has ended. */
void api_job_await(struct api_job *job, int code, struct job *handle, struct http_request *request,
                   const struct error *err);

/* --- the verbs' bodies (api_verbs.c) ---------------------------------------------------------- */

struct api_verb_body {
    cJSON *json;
    cJSON *model;         /* in json */
    const cJSON *options; /* in json */
    const char *service;  /* in json */
    char **services;
    struct model *parsed; /* model once it was read, until the orchestrator takes it */
};
/* {"model","service","services","options"}, with the options into values by table. false: the error
 * was answered. In any case api_verb_body_done() must follow. */
bool api_read_verb_body(const struct api_call *call, const struct api_option_table *table,
                        void *values, struct api_verb_body *ret_body);
void api_verb_body_done(struct api_verb_body *body);
/* A model as compose_serialize() wrote it, of the path's project; NULL with err set. */
struct model *api_read_model(const struct api_call *call, const cJSON *value, struct error *err);
/* By enum build_policy, and enum model_pull without PULL_BUILD; each ends with NULL. */
extern const char *const api_build_names[], *const api_pull_names[];

/* Of network_describe_networks(): by name, or by the beginning of an Id that is one network's only;
 * NULL for none. */
const cJSON *api_find_network(const cJSON *networks, const char *name);
bool api_network_matches(const cJSON *network, const cJSON *filters);
bool api_network_is_unused(const cJSON *network);
/* "bridge", which comes and goes by itself. */
bool api_network_is_builtin(const cJSON *network);

/* The routes' functions, by file. */
void api_ping(const struct api_call *call);
void api_version(const struct api_call *call);
void api_info(const struct api_call *call);
void api_daemon(const struct api_call *call);
void api_daemon_stop(const struct api_call *call);
void api_daemon_shutdown(const struct api_call *call);
void api_containers_list(const struct api_call *call);
void api_container_inspect(const struct api_call *call);
void api_container_logs(const struct api_call *call);
void api_container_start(const struct api_call *call);
void api_container_stop(const struct api_call *call);
void api_container_restart(const struct api_call *call);
void api_container_kill(const struct api_call *call);
void api_container_pause(const struct api_call *call);
void api_container_unpause(const struct api_call *call);
void api_container_remove(const struct api_call *call);
void api_container_wait(const struct api_call *call);
void api_container_attach(const struct api_call *call);
void api_container_resize(const struct api_call *call);
void api_container_top(const struct api_call *call);
void api_instance_doctor(const struct api_call *call);
void api_archive_get(const struct api_call *call);
void api_archive_put(const struct api_call *call);
void api_exec_create(const struct api_call *call);
void api_exec_start(const struct api_call *call);
void api_exec_inspect(const struct api_call *call);
void api_exec_resize(const struct api_call *call);
void api_exec_run(const struct api_call *call);
void api_networks_list(const struct api_call *call);
void api_names_list(const struct api_call *call);
void api_network_inspect(const struct api_call *call);
void api_network_create(const struct api_call *call);
void api_network_remove(const struct api_call *call);
void api_networks_prune(const struct api_call *call);
void api_volumes_list(const struct api_call *call);
void api_volume_create(const struct api_call *call);
void api_volume_inspect(const struct api_call *call);
void api_volume_remove(const struct api_call *call);
void api_volumes_prune(const struct api_call *call);
void api_images_list(const struct api_call *call);
void api_image_inspect(const struct api_call *call);
void api_image_remove(const struct api_call *call);
void api_images_prune(const struct api_call *call);
void api_events(const struct api_call *call);
void api_projects_list(const struct api_call *call);
void api_project_instances(const struct api_call *call);
void api_project_up(const struct api_call *call);
void api_project_run(const struct api_call *call);
void api_project_pull(const struct api_call *call);
void api_project_build(const struct api_call *call);
void api_project_down(const struct api_call *call);
void api_project_start(const struct api_call *call);
void api_project_stop(const struct api_call *call);
void api_project_restart(const struct api_call *call);
void api_project_kill(const struct api_call *call);
void api_project_remove(const struct api_call *call);
void api_project_pause(const struct api_call *call);
void api_project_unpause(const struct api_call *call);
void api_job_cancel(const struct api_call *call);

/* api_free(): what a resource still holds. */
void api_jobs_close(struct api *api);
void api_execs_close(struct api *api);
