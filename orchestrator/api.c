/* See api.h: the table of routes, what every request goes through, and errors' statuses. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define API_VERSION "1.47"

/* A pattern's "{}" takes one path segment. */
static const struct route {
    const char *method, *pattern;
    void (*serve)(const struct api_call *call);
    bool any_client; /* also answers clients of another version or namespace */
} routes[] = {
    {"GET", "/_ping", api_ping, true},
    {"GET", "/version", api_version, false},
    {"GET", "/info", api_info, false},
    {"GET", "/events", api_events, false},
    {"GET", "/containers/json", api_containers_list, false},
    {"GET", "/containers/{}/json", api_container_inspect, false},
    {"GET", "/containers/{}/logs", api_container_logs, false},
    {"POST", "/containers/{}/exec", api_exec_create, false},
    {"POST", "/exec/{}/start", api_exec_start, false},
    {"POST", "/exec/{}/resize", api_exec_resize, false},
    {"GET", "/exec/{}/json", api_exec_inspect, false},
    {"GET", "/networks", api_networks_list, false},
    {"GET", "/networks/{}", api_network_inspect, false},
    {"GET", "/images/json", api_images_list, false},
    {"GET", "/vmstead/daemon", api_daemon, true},
    {"POST", "/vmstead/daemon/stop", api_daemon_stop, true},
    {"GET", "/vmstead/projects", api_projects_list, false},
    {"GET", "/vmstead/projects/{}/instances", api_project_instances, false},
    {"POST", "/vmstead/projects/{}/up", api_project_up, false},
    {"POST", "/vmstead/projects/{}/stop", api_project_stop, false},
    {"POST", "/vmstead/projects/{}/down", api_project_down, false},
    {"POST", "/vmstead/jobs/{}/cancel", api_job_cancel, false},
    {"POST", "/vmstead/exec", api_exec_run, false},
};

/* "/v1.47/containers/json" -> "/containers/json". */
static const char *skip_version(const char *path)
{
    if (path[0] != '/' || path[1] != 'v')
        return path;
    size_t length = strspn(path + 2, "0123456789.");
    return length > 0 && path[2 + length] == '/' ? path + 2 + length : path;
}

/* Where pattern fits: true, and *ret_name is what "{}" stands for (NULL without one). */
static bool route_matches(const char *pattern, const char *path, char **ret_name)
{
    const char *hole = strstr(pattern, "{}");
    if (!hole)
        return streq(pattern, path);
    size_t before = (size_t)(hole - pattern);
    if (strncmp(pattern, path, before) != 0)
        return false;
    size_t length = strcspn(path + before, "/");
    if (length == 0 || !streq(path + before + length, hole + 2))
        return false;
    *ret_name = xstrndup(path + before, length);
    return true;
}

/* A client of another version or network namespace must not be served silently. */
static bool client_fits(const struct api *api, struct http_request *request)
{
    const char *version = http_request_header(request, "Vmstead-Version");
    const char *namespace = http_request_header(request, "Vmstead-Netns");
    if ((!version || streq(version, VMSTEAD_VERSION)) &&
        (!namespace || streq(namespace, api->namespace_text)))
        return true;
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    json_set_string(body, "message",
                    "the daemon of this root has another version or runs in another network "
                    "namespace than this client");
    json_set_string(body, "version", VMSTEAD_VERSION);
    json_set_int(body, "network_namespace", (int64_t)api->network_namespace);
    http_respond_json(request, 412, body);
    return false;
}

static void serve_route(struct api *api, const struct route *route, struct http_request *request,
                        const char *name)
{
    if (!route->any_client && !client_fits(api, request))
        return;
    const struct api_call call = {.api = api, .request = request, .name = name};
    route->serve(&call);
}

static void on_request(void *userdata, struct http_request *request)
{
    struct api *api = userdata;
    const char *path = skip_version(http_request_path(request));
    const char *method = http_request_method(request);
    if (api->closing) {
        http_respond_error(request, 503, ESHUTDOWN, "the daemon is leaving: try again");
        return;
    }
    bool known_path = false;
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        _cleanup_free_ char *name = NULL;
        if (!route_matches(routes[i].pattern, path, &name))
            continue;
        known_path = true;
        if (streq(method, routes[i].method) ||
            (streq(method, "HEAD") && streq(routes[i].method, "GET"))) {
            serve_route(api, &routes[i], request, name);
            return;
        }
    }
    if (known_path)
        http_respond_error(request, 405, EINVAL, "'%s' cannot be done to '%s'", method, path);
    else
        http_respond_error(request, 404, ENOENT, "no such page: '%s %s' is not part of this API",
                           method, path);
}

/* --- life ------------------------------------------------------------------------------------ */

uint64_t api_network_namespace(void)
{
    struct stat status;
    return stat("/proc/self/ns/net", &status) < 0 ? 0 : (uint64_t)status.st_ino;
}

static void on_request_end(void *userdata)
{
    struct api *api = userdata;
    if (!api->closing)
        api->options.on_activity(api->options.userdata);
}

static void api_set_headers(struct api *api)
{
    api->server_name = xasprintf("vmstead/%s", VMSTEAD_VERSION);
    api->namespace_text = xasprintf("%llu", (unsigned long long)api->network_namespace);
    api->headers[0] = (struct http_header){"Api-Version", API_VERSION};
    api->headers[1] = (struct http_header){"Ostype", "linux"};
    api->headers[2] = (struct http_header){"Server", api->server_name};
    api->headers[3] = (struct http_header){"Vmstead-Netns", api->namespace_text};
}

static void api_destroy(struct api *api)
{
    free(api->server_name);
    free(api->namespace_text);
    free(api);
}

int api_new(const struct api_options *options, struct api **ret_api, struct error *err)
{
    struct api *api = new0(struct api);
    api->options = *options;
    api->network_namespace = api_network_namespace();
    api->started_ms = clock_realtime_ms();
    api_set_headers(api);
    const struct http_server_options server = {.loop = options->loop,
                                               .listen_fd = options->listen_fd,
                                               .allowed_uid = geteuid(),
                                               .headers = api->headers,
                                               .on_request = on_request,
                                               .on_request_end = on_request_end,
                                               .userdata = api};
    int code = http_server_new(&server, &api->server, err);
    if (code < 0) {
        api_destroy(api);
        return code;
    }
    *ret_api = api;
    return 0;
}

void api_free(struct api *api)
{
    if (!api)
        return;
    api->closing = true;
    http_server_free(api->server);
    api_execs_close(api);
    api_jobs_close(api);
    api_destroy(api);
}

bool api_is_quiet(const struct api *api)
{
    return http_server_connections(api->server) == 0;
}

/* --- what several resources use -------------------------------------------------------------- */

/* Docker's statuses; what is left over is ours to mend: 500. */
static unsigned status_of_errno(int code)
{
    static const struct {
        int code;
        unsigned status;
    } statuses[] = {
        {EINVAL, 400},   {ENOENT, 404},   {EEXIST, 409},     {EBUSY, 409},
        {EALREADY, 409}, {ENOTCONN, 409}, {EADDRINUSE, 409}, {EPERM, 403},
    };
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
        if (statuses[i].code == code)
            return statuses[i].status;
    return 500;
}

void api_respond_failure(struct http_request *request, const struct error *err)
{
    http_respond_error(request, status_of_errno(err->code), err->code, "%s", error_text(err));
}

cJSON *api_read_body(struct http_request *request)
{
    size_t length;
    const char *text = http_request_body(request, &length);
    if (length == 0)
        return cJSON_CreateObject();
    _cleanup_error_ struct error err = {0};
    _cleanup_json_ cJSON *body = NULL;
    if (json_parse(text, length, &body, &err) < 0) {
        http_respond_error(request, 400, EINVAL, "the request's body is not JSON: %s",
                           error_text(&err));
        return NULL;
    }
    if (!cJSON_IsObject(body)) {
        http_respond_error(request, 400, EINVAL, "the request's body is JSON, but not an object");
        return NULL;
    }
    return TAKE_PTR(body);
}

cJSON *api_list_instances(struct api *api, const char *project, bool all)
{
    cJSON *list = orchestrator_instances(api->options.orchestrator, project, all);
    return list ? list : cJSON_CreateArray();
}

cJSON *api_find_instance(const struct api_call *call)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *name = NULL;
    int code = orchestrator_find_instance(call->api->options.orchestrator, call->name, &name, &err);
    if (code < 0) {
        if (code == -ENOENT)
            http_respond_error(call->request, 404, ENOENT, "no such container: %s", call->name);
        else
            api_respond_failure(call->request, &err);
        return NULL;
    }
    _cleanup_json_ cJSON *list = api_list_instances(call->api, NULL, true);
    cJSON *instance;
    cJSON_ArrayForEach(instance, list) if (streq(json_string(instance, "Name", ""),
                                                 name)) return cJSON_DetachItemViaPointer(list,
                                                                                          instance);
    http_respond_error(call->request, 404, ENOENT, "no such container: %s", call->name);
    return NULL;
}

bool api_instance_runs(const cJSON *instance)
{
    return streq(json_string(instance, "State", ""), "running");
}
