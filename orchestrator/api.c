/* See api.h: the table of routes, what every request goes through, and errors' statuses. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/version.h"
#include "orchestrator/api_internal.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define API_VERSION "1.47"

enum route_flags {
    ANY_CLIENT = 1 << 0, /* also answers clients of another version or namespace */
    TAKES_BODY = 1 << 1, /* is called when the headers are here; reads the body itself */
};

/* A pattern's "{}" takes one path segment, its "{*}" any number of them. */
static const struct route {
    const char *method, *pattern;
    void (*serve)(const struct api_call *call);
    unsigned flags;
} routes[] = {
    {"GET", "/_ping", api_ping, ANY_CLIENT},
    {"GET", "/version", api_version, 0},
    {"GET", "/info", api_info, 0},
    {"GET", "/events", api_events, 0},
    {"GET", "/containers/json", api_containers_list, 0},
    {"GET", "/containers/{}/json", api_container_inspect, 0},
    {"GET", "/containers/{}/logs", api_container_logs, 0},
    {"POST", "/containers/{}/start", api_container_start, 0},
    {"POST", "/containers/{}/stop", api_container_stop, 0},
    {"POST", "/containers/{}/restart", api_container_restart, 0},
    {"POST", "/containers/{}/kill", api_container_kill, 0},
    {"POST", "/containers/{}/pause", api_container_pause, 0},
    {"POST", "/containers/{}/unpause", api_container_unpause, 0},
    {"POST", "/containers/{}/wait", api_container_wait, 0},
    {"DELETE", "/containers/{}", api_container_remove, 0},
    {"POST", "/containers/{}/attach", api_container_attach, 0},
    {"POST", "/containers/{}/resize", api_container_resize, 0},
    {"GET", "/containers/{}/top", api_container_top, 0},
    {"GET", "/containers/{}/archive", api_archive_get, 0},
    {"PUT", "/containers/{}/archive", api_archive_put, TAKES_BODY},
    {"POST", "/containers/{}/exec", api_exec_create, 0},
    {"POST", "/exec/{}/start", api_exec_start, 0},
    {"POST", "/exec/{}/resize", api_exec_resize, 0},
    {"GET", "/exec/{}/json", api_exec_inspect, 0},
    {"GET", "/networks", api_networks_list, 0},
    {"POST", "/networks/create", api_network_create, 0},
    {"POST", "/networks/prune", api_networks_prune, 0},
    {"GET", "/networks/{}", api_network_inspect, 0},
    {"DELETE", "/networks/{}", api_network_remove, 0},
    {"GET", "/volumes", api_volumes_list, 0},
    {"POST", "/volumes/create", api_volume_create, 0},
    {"POST", "/volumes/prune", api_volumes_prune, 0},
    {"GET", "/volumes/{}", api_volume_inspect, 0},
    {"DELETE", "/volumes/{}", api_volume_remove, 0},
    {"GET", "/images/json", api_images_list, 0},
    {"POST", "/images/prune", api_images_prune, 0},
    {"GET", "/images/{*}/json", api_image_inspect, 0},
    {"DELETE", "/images/{*}", api_image_remove, 0},
    {"GET", "/vmstead/daemon", api_daemon, ANY_CLIENT},
    {"POST", "/vmstead/daemon/stop", api_daemon_stop, ANY_CLIENT},
    {"POST", "/vmstead/daemon/shutdown", api_daemon_shutdown, ANY_CLIENT},
    {"GET", "/vmstead/instances", api_project_instances, 0},
    {"GET", "/vmstead/instances/{}/doctor", api_instance_doctor, 0},
    {"GET", "/vmstead/names", api_names_list, 0},
    {"GET", "/vmstead/projects", api_projects_list, 0},
    {"GET", "/vmstead/projects/{}/instances", api_project_instances, 0},
    {"POST", "/vmstead/projects/{}/up", api_project_up, 0},
    {"POST", "/vmstead/projects/{}/run", api_project_run, 0},
    {"POST", "/vmstead/projects/{}/pull", api_project_pull, 0},
    {"POST", "/vmstead/projects/{}/build", api_project_build, 0},
    {"POST", "/vmstead/projects/{}/start", api_project_start, 0},
    {"POST", "/vmstead/projects/{}/stop", api_project_stop, 0},
    {"POST", "/vmstead/projects/{}/restart", api_project_restart, 0},
    {"POST", "/vmstead/projects/{}/kill", api_project_kill, 0},
    {"POST", "/vmstead/projects/{}/rm", api_project_remove, 0},
    {"POST", "/vmstead/projects/{}/pause", api_project_pause, 0},
    {"POST", "/vmstead/projects/{}/unpause", api_project_unpause, 0},
    {"POST", "/vmstead/projects/{}/down", api_project_down, 0},
    {"POST", "/vmstead/jobs/{}/cancel", api_job_cancel, 0},
    {"POST", "/vmstead/exec", api_exec_run, 0},
};

/* "/v1.47/containers/json" -> "/containers/json". */
static const char *skip_version(const char *path)
{
    if (path[0] != '/' || path[1] != 'v')
        return path;
    size_t length = strspn(path + 2, "0123456789.");
    return length > 0 && path[2 + length] == '/' ? path + 2 + length : path;
}

/* Where pattern fits: true, and *ret_name is what its hole stands for (NULL without one). */
static bool route_matches(const char *pattern, const char *path, char **ret_name)
{
    const char *hole = strchr(pattern, '{');
    if (!hole)
        return streq(pattern, path);
    size_t before = (size_t)(hole - pattern);
    if (strncmp(pattern, path, before) != 0)
        return false;
    const char *name = path + before, *after = strchr(hole, '}') + 1;
    size_t length = strlen(name) - (str_ends_with(name, after) ? strlen(after) : 0);
    if (hole[1] == '}')
        length = strcspn(name, "/");
    if (length == 0 || !streq(name + length, after))
        return false;
    *ret_name = xstrndup(name, length);
    return true;
}

/* A client of another version or network namespace must not be served silently. */
static bool client_fits(const struct api *api, struct http_request *request)
{
    const char *version = http_request_header(request, "Vmstead-Version");
    const char *namespace = http_request_header(request, "Vmstead-Netns");
    if ((!version || streq(version, vmstead_version)) &&
        (!namespace || streq(namespace, api->namespace_text)))
        return true;
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    json_set_string(body, "message",
                    "the daemon of this root has another version or runs in another network "
                    "namespace than this client");
    json_set_string(body, "version", vmstead_version);
    json_set_int(body, "network_namespace", (int64_t)api->network_namespace);
    http_respond_json(request, 412, body);
    return false;
}

static void serve_route(struct api *api, const struct route *route, struct http_request *request,
                        const char *name)
{
    if (!(route->flags & ANY_CLIENT) && !client_fits(api, request))
        return;
    const struct api_call call = {.api = api, .request = request, .name = name};
    route->serve(&call);
}

static bool route_takes(const struct route *route, const char *method)
{
    return streq(method, route->method) || (streq(method, "HEAD") && streq(route->method, "GET"));
}

/* NULL: there is none; *ret_known_path says whether another method would have been right. */
static const struct route *find_route(struct http_request *request, char **ret_name,
                                      bool *ret_known_path)
{
    const char *path = skip_version(http_request_path(request));
    *ret_known_path = false;
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        _cleanup_free_ char *name = NULL;
        if (!route_matches(routes[i].pattern, path, &name))
            continue;
        *ret_known_path = true;
        if (!route_takes(&routes[i], http_request_method(request)))
            continue;
        *ret_name = TAKE_PTR(name);
        return &routes[i];
    }
    return NULL;
}

static void on_headers(void *userdata, struct http_request *request)
{
    struct api *api = userdata;
    _cleanup_free_ char *name = NULL;
    bool known_path;
    if (api->closing || !streq(http_request_method(request), "PUT"))
        return;
    const struct route *route = find_route(request, &name, &known_path);
    if (route && (route->flags & TAKES_BODY))
        serve_route(api, route, request, name);
}

static void on_request(void *userdata, struct http_request *request)
{
    struct api *api = userdata;
    _cleanup_free_ char *name = NULL;
    bool known_path;
    if (api->closing) {
        http_respond_error(request, 503, ESHUTDOWN, "the daemon is leaving: try again");
        return;
    }
    const struct route *route = find_route(request, &name, &known_path);
    const char *path = skip_version(http_request_path(request));
    if (route)
        serve_route(api, route, request, name);
    else if (known_path)
        http_respond_error(request, 405, EINVAL, "'%s' cannot be done to '%s'",
                           http_request_method(request), path);
    else
        http_respond_error(request, 404, ENOENT, "no such page: '%s %s' is not part of this API",
                           http_request_method(request), path);
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
    api->server_name = xasprintf("vmstead/%s", vmstead_version);
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
                                               .allowed_gid = options->group,
                                               .headers = api->headers,
                                               .on_headers = on_headers,
                                               .on_request = on_request,
                                               .on_request_end = on_request_end,
                                               .userdata = api};
    int code = http_server_new(&server, &api->server, err);
    if (code < 0) {
        api_destroy(api);
        return code;
    }
    orchestrator_listen(options->orchestrator, api_events_tell, api);
    *ret_api = api;
    return 0;
}

void api_free(struct api *api)
{
    if (!api)
        return;
    api->closing = true;
    orchestrator_listen(api->options.orchestrator, NULL, NULL);
    http_server_free(api->server);
    api_execs_close(api);
    api_jobs_close(api);
    api_destroy(api);
}

bool api_is_quiet(const struct api *api)
{
    return http_server_connections(api->server) == 0;
}
