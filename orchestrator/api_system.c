/* The daemon itself: GET /_ping, /version, /info, /vmstead/daemon; POST /vmstead/daemon/stop. */
#include "base/clock.h"
#include "base/str.h"
#include "base/version.h"
#include "orchestrator/api_internal.h"

#include <stdio.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#define API_VERSION "1.47"
#define API_VERSION_MIN "1.24"

void api_ping(const struct api_call *call)
{
    http_respond(call->request, 200, "text/plain; charset=utf-8", "OK");
}

cJSON *api_describe_daemon(const struct api *api)
{
    const struct paths *paths = api->options.paths;
    _cleanup_free_ char *socket = paths_daemon_socket(paths);
    cJSON *description = cJSON_CreateObject();
    json_set_string(description, "version", vmstead_version);
    json_set_int(description, "pid", getpid());
    json_set_int(description, "started_ms", api->started_ms);
    json_set_int(description, "network_namespace", (int64_t)api->network_namespace);
    json_set_string(description, "root", paths->state);
    json_set_string(description, "run", paths->run);
    json_set_string(description, "root_id", paths->root_id);
    json_set_string(description, "boot_id", clock_boot_id());
    json_set_string(description, "socket", socket);
    json_set_bool(description, "systemd", api->options.systemd);
    json_set_int(description, "idle_seconds", api->options.idle_seconds);
    return description;
}

/* proc(5), statm: the second field is the resident set in pages. */
static int64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long long pages = 0;
    if (!file || fscanf(file, "%*s %lld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

void api_daemon(const struct api_call *call)
{
    _cleanup_json_ cJSON *description = api_describe_daemon(call->api);
    json_set_int(description, "memory_bytes", resident_bytes());
    http_respond_json(call->request, 200, description);
}

void api_daemon_stop(const struct api_call *call)
{
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    json_set_int(answer, "pid", getpid());
    http_request_notify_sent(call->request, call->api->options.on_stop,
                             call->api->options.userdata);
    http_respond_json(call->request, 200, answer);
}

/* The answer comes first: how far it is shows in the lock file, which is free at the end. */
void api_daemon_shutdown(const struct api_call *call)
{
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    json_set_int(answer, "pid", getpid());
    http_request_notify_sent(call->request, call->api->options.on_shutdown,
                             call->api->options.userdata);
    http_respond_json(call->request, 200, answer);
}

/* Go's names of architectures, as Docker's clients expect them. */
static const char *go_architecture(const char *machine)
{
    if (streq(machine, "x86_64"))
        return "amd64";
    return streq(machine, "aarch64") ? "arm64" : machine;
}

void api_version(const struct api_call *call)
{
    struct utsname host;
    uname(&host);
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    cJSON *platform = cJSON_AddObjectToObject(answer, "Platform");
    json_set_string(platform, "Name", "vmstead");
    json_set_string(answer, "Version", vmstead_version);
    json_set_string(answer, "ApiVersion", API_VERSION);
    json_set_string(answer, "MinAPIVersion", API_VERSION_MIN);
    json_set_string(answer, "Os", "linux");
    json_set_string(answer, "Arch", go_architecture(host.machine));
    json_set_string(answer, "KernelVersion", host.release);
    cJSON *component = cJSON_CreateObject();
    json_set_string(component, "Name", "vmstead");
    json_set_string(component, "Version", vmstead_version);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(answer, "Components"), component);
    json_set(answer, "Vmstead", api_describe_daemon(call->api));
    http_respond_json(call->request, 200, answer);
}

void api_info(const struct api_call *call)
{
    struct utsname host;
    uname(&host);
    struct sysinfo system;
    sysinfo(&system);
    _cleanup_json_ cJSON *all = api_list_instances(call->api, NULL, true);
    int64_t total = cJSON_GetArraySize(all), running = 0;
    const cJSON *instance;
    cJSON_ArrayForEach(instance, all) running += api_instance_runs(instance);
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    json_set_string(answer, "ID", call->api->options.paths->root_id);
    json_set_string(answer, "Name", host.nodename);
    json_set_int(answer, "Containers", total);
    json_set_int(answer, "ContainersRunning", running);
    json_set_int(answer, "ContainersStopped", total - running);
    json_set_string(answer, "Driver", "erofs");
    json_set_string(answer, "OSType", "linux");
    json_set_string(answer, "OperatingSystem", host.sysname);
    json_set_string(answer, "KernelVersion", host.release);
    json_set_string(answer, "Architecture", host.machine);
    json_set_int(answer, "NCPU", get_nprocs());
    json_set_int(answer, "MemTotal", (int64_t)system.totalram * system.mem_unit);
    json_set_string(answer, "ServerVersion", vmstead_version);
    json_set_string(answer, "DockerRootDir", call->api->options.paths->state);
    http_respond_json(call->request, 200, answer);
}
