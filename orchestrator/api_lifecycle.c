/* Docker's verbs on one container: /containers/{id}/{start,stop,restart,kill,pause,unpause} and
 * DELETE /containers/{id}. Each is a job on the instance's project, as the project's own verbs are;
 * the answer is its outcome. */
#include "base/alloc.h"
#include "base/signal_name.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

/* Docker's t=-1: until it ends by itself. */
enum { NO_TIME_LIMIT_MS = INT32_MAX };

static void start_act(const struct api_call *call, const cJSON *instance, enum act_verb verb,
                      struct act_options *options)
{
    char *const names[] = {(char *)json_string(instance, "Name", ""), NULL};
    options->selection.instances = names;
    _cleanup_error_ struct error err = {0};
    struct api_job *job = api_job_new(call->api);
    struct job *handle = NULL;
    int code =
        orchestrator_act(call->api->options.orchestrator, json_string(instance, "Project", ""),
                         verb, options, &api_job_callbacks, job, &handle, &err);
    api_job_await(job, code, handle, call->request, &err);
}

static bool state_is(const cJSON *instance, const char *state)
{
    return streq(json_string(instance, "State", ""), state);
}

static bool is_alive(const cJSON *instance)
{
    return !state_is(instance, "exited") && !state_is(instance, "created");
}

static void refuse(const struct api_call *call, const cJSON *instance, const char *problem)
{
    http_respond_error(call->request, 409, EALREADY, "container %s %s",
                       json_string(instance, "Name", ""), problem);
}

/* t: seconds; none: the service's own grace. */
static int64_t read_timeout(struct http_request *request)
{
    const char *text = http_request_query(request, "t");
    uint32_t seconds;
    if (!text || !*text)
        return -1;
    if (text[0] == '-' || str_to_u32(text, &seconds) < 0)
        return NO_TIME_LIMIT_MS;
    return (int64_t)seconds * 1000;
}

void api_container_start(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    struct act_options options = {.timeout_ms = -1, .no_deps = true};
    if (!instance)
        return;
    if (state_is(instance, "paused"))
        refuse(call, instance, "is paused: unpause it");
    else if (api_instance_runs(instance))
        http_respond(call->request, 304, NULL, "");
    else
        start_act(call, instance, ACT_START, &options);
}

void api_container_stop(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    struct act_options options = {.timeout_ms = read_timeout(call->request)};
    if (!instance)
        return;
    if (is_alive(instance))
        start_act(call, instance, ACT_STOP, &options);
    else
        http_respond(call->request, 304, NULL, "");
}

void api_container_restart(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    struct act_options options = {.timeout_ms = read_timeout(call->request), .no_deps = true};
    if (instance)
        start_act(call, instance, ACT_RESTART, &options);
}

void api_container_kill(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    if (!instance)
        return;
    const char *name = http_request_query(call->request, "signal");
    struct act_options options = {.timeout_ms = -1};
    if (name && *name)
        options.signal_number = signal_from_name(name);
    if (name && *name && !options.signal_number)
        http_respond_error(call->request, 400, EINVAL, "invalid signal: %s", name);
    else if (!is_alive(instance))
        refuse(call, instance, "is not running");
    else
        start_act(call, instance, ACT_KILL, &options);
}

void api_container_pause(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    struct act_options options = {.timeout_ms = -1};
    if (!instance)
        return;
    if (state_is(instance, "paused"))
        refuse(call, instance, "is already paused");
    else if (!api_refuse_unless_running(call->request, instance))
        start_act(call, instance, ACT_PAUSE, &options);
}

void api_container_unpause(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    struct act_options options = {.timeout_ms = -1};
    if (!instance)
        return;
    if (state_is(instance, "paused"))
        start_act(call, instance, ACT_UNPAUSE, &options);
    else
        refuse(call, instance, "is not paused");
}

void api_container_remove(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    struct act_options options = {
        .timeout_ms = -1,
        .force = http_request_flag(call->request, "force"),
        .volumes = http_request_flag(call->request, "v"),
    };
    if (!instance)
        return;
    if (is_alive(instance) && !options.force)
        refuse(call, instance, "is running: stop it first, or use force");
    else
        start_act(call, instance, ACT_REMOVE, &options);
}
