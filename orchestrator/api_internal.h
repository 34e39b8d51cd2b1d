/* What the api_*.c files share; nobody else includes it. */
#pragma once

#include "base/vec.h"
#include "orchestrator/api.h"
#include "orchestrator/http.h"

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
    struct api_listener *listeners;
    bool closing;
};

/* What a route's pattern took out of the path: at most one "{...}". */
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
/* true where the `filters` label values all hold. */
bool api_labels_match(const cJSON *labels, const cJSON *wanted);
/* The `filters` parameter as {"key":["value"...]}; Docker's older {"key":{"value":true}} too. 400
 * and false where it is not one. */
bool api_read_filters(struct http_request *request, cJSON **ret_filters);

/* The routes' functions, by file. */
void api_ping(const struct api_call *call);
void api_version(const struct api_call *call);
void api_info(const struct api_call *call);
void api_daemon(const struct api_call *call);
void api_daemon_stop(const struct api_call *call);
void api_containers_list(const struct api_call *call);
void api_container_inspect(const struct api_call *call);
void api_container_logs(const struct api_call *call);
void api_exec_create(const struct api_call *call);
void api_exec_start(const struct api_call *call);
void api_exec_inspect(const struct api_call *call);
void api_exec_resize(const struct api_call *call);
void api_exec_run(const struct api_call *call);
void api_networks_list(const struct api_call *call);
void api_network_inspect(const struct api_call *call);
void api_images_list(const struct api_call *call);
void api_events(const struct api_call *call);
void api_projects_list(const struct api_call *call);
void api_project_instances(const struct api_call *call);
void api_project_up(const struct api_call *call);
void api_project_stop(const struct api_call *call);
void api_project_down(const struct api_call *call);
void api_job_cancel(const struct api_call *call);

/* api_free(): what a resource still holds. */
void api_jobs_close(struct api *api);
void api_execs_close(struct api *api);
