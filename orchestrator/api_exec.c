/* Running processes in guests. Docker's way in two requests (/containers/{id}/exec makes a
 * description, /exec/{id}/start runs it) and ours in one (/vmstead/exec). */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "orchestrator/api_exec_registry.h"
#include "orchestrator/exec_detached.h"
#include "orchestrator/exec_session.h"

#include <errno.h>

/* --- running ---------------------------------------------------------------------------------- */

static void on_exited(void *userdata, int exit_code, const struct error *err)
{
    struct api_exec *exec = userdata;
    exec->running = false;
    exec->exit_code = err && err->code ? 137 : exit_code; /* lost: as if it had been killed */
    exec->changed_ms = clock_realtime_ms();
    _cleanup_free_ char *code = xasprintf("%d", exec->exit_code);
    api_events_tell_exec(exec->api, exec->instance_id, exec->id, "exec_die", code);
}

static void on_close(void *userdata)
{
    struct api_exec *exec = userdata;
    exec->session = NULL; /* frees itself */
    if (exec->own)
        api_exec_remove(exec);
}

static const struct exec_session_callbacks session_callbacks = {.on_exit = on_exited,
                                                                .on_close = on_close};

static struct exec_options exec_options_of(const struct api_exec *exec)
{
    return (struct exec_options){
        .argv = (const char *const *)exec->argv,
        .environment = (const char *const *)exec->environment,
        .user = exec->user,
        .working_directory = exec->working_directory,
        .tty = exec->tty,
        .rows = exec->rows,
        .columns = exec->columns,
        .attach_stdin = exec->attach_stdin,
    };
}

static int exec_run(struct api_exec *exec, enum exec_wire wire, struct error *err)
{
    const struct exec_options options = exec_options_of(exec);
    exec->running = true;
    int code = exec_session_new(exec->api->options.runtime, exec->instance, &options, wire,
                                &session_callbacks, exec, &exec->session, err);
    if (code < 0)
        exec->running = false;
    else
        exec->started = true;
    return code;
}

/* --- detached -------------------------------------------------------------------------------- */

static void respond_detached(struct api_exec *exec, struct http_request *request,
                             const struct error *err)
{
    if (err->code == ENOENT || err->code == EACCES) {
        http_respond_error(request, 400, err->code, "%s", error_text(err));
    } else if (err->code) {
        api_respond_failure(request, err);
    } else {
        _cleanup_json_ cJSON *answer = cJSON_CreateObject();
        json_set_string(answer, "Id", exec->id);
        http_respond_json(request, 200, answer);
    }
}

static void on_detached(void *userdata, const struct error *err)
{
    struct api_exec *exec = userdata;
    exec->detached = NULL;
    exec->running = exec->on_its_own = err->code == 0;
    exec->exit_code = err->code == ENOENT ? 127 : 126;
    exec->changed_ms = clock_realtime_ms();
    if (exec->running)
        api_exec_tell(exec, "exec_start");
    if (exec->waiting)
        respond_detached(exec, TAKE_PTR(exec->waiting), err);
}

static void on_detached_leave(void *userdata)
{
    struct api_exec *exec = userdata;
    exec->waiting = NULL;
}

/* exec is registered. */
static void exec_run_detached(struct api_exec *exec, struct http_request *request)
{
    const struct exec_options options = exec_options_of(exec);
    _cleanup_error_ struct error err = {0};
    if (exec_detached_start(exec->api->options.runtime, exec->instance, &options, on_detached, exec,
                            &exec->detached, &err) < 0) {
        api_respond_failure(request, &err);
        return;
    }
    exec->started = exec->running = true;
    exec->waiting = request;
    http_request_defer(request, on_detached_leave, exec);
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* NULL where the text is missing or empty: the service's own. */
static char *optional_text(const cJSON *body, const char *key)
{
    const char *text = json_string(body, key, "");
    return *text ? xstrdup(text) : NULL;
}

static void exec_set_instance(struct api_exec *exec, const cJSON *instance)
{
    exec->instance = xstrdup(json_string(instance, "Name", ""));
    exec->instance_id = xstrdup(json_string(instance, "Id", ""));
}

/* --- Docker's --------------------------------------------------------------------------------- */

static struct api_exec *read_docker_exec(const cJSON *body)
{
    struct api_exec *exec = new0(struct api_exec);
    exec->argv = json_strv(json_array(body, "Cmd"));
    exec->environment = json_strv(json_array(body, "Env"));
    exec->user = optional_text(body, "User");
    exec->working_directory = optional_text(body, "WorkingDir");
    exec->tty = json_bool(body, "Tty", false);
    exec->attach_stdin = json_bool(body, "AttachStdin", false);
    const cJSON *size = json_array(body, "ConsoleSize");
    if (cJSON_GetArraySize(size) == 2) {
        exec->rows = (uint16_t)cJSON_GetArrayItem(size, 0)->valueint;
        exec->columns = (uint16_t)cJSON_GetArrayItem(size, 1)->valueint;
    }
    return exec;
}

void api_exec_create(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    _cleanup_json_ cJSON *body = instance ? api_read_body(call->request) : NULL;
    if (!body || api_refuse_unless_running(call->request, instance))
        return;
    _cleanup_(api_exec_freep) struct api_exec *exec = read_docker_exec(body);
    if (strv_length(exec->argv) == 0) {
        http_respond_error(call->request, 400, EINVAL, "no exec command specified");
        return;
    }
    exec_set_instance(exec, instance);
    api_exec_register(call->api, exec);
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    json_set_string(answer, "Id", exec->id);
    TAKE_PTR(exec);
    http_respond_json(call->request, 201, answer);
}

void api_exec_start(const struct api_call *call)
{
    struct api_exec *exec = api_exec_find(call);
    _cleanup_json_ cJSON *body = exec ? api_read_body(call->request) : NULL;
    if (!body)
        return;
    bool detach = json_bool(body, "Detach", false);
    if (exec->started) {
        http_respond_error(call->request, 409, EALREADY, "exec %s has already run", exec->id);
        return;
    }
    if (detach) {
        exec_run_detached(exec, call->request);
        return;
    }
    if (api_refuse_unless_upgrade(call->request))
        return;
    _cleanup_error_ struct error err = {0};
    if (exec_run(exec, exec->tty ? EXEC_WIRE_RAW : EXEC_WIRE_DOCKER, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    api_exec_tell(exec, "exec_start");
    exec_session_attach(exec->session, call->request);
}

/* Of one that runs on its own: as far as its instance does. */
static bool exec_is_running(const struct api_call *call, const struct api_exec *exec)
{
    if (!exec->on_its_own)
        return exec->running;
    _cleanup_json_ cJSON *list = api_list_instances(call->api, NULL, false);
    const cJSON *instance;
    cJSON_ArrayForEach(
        instance, list) if (streq(json_string(instance, "Id", ""), exec->instance_id)) return true;
    return false;
}

void api_exec_inspect(const struct api_call *call)
{
    const struct api_exec *exec = api_exec_find(call);
    if (!exec)
        return;
    bool has_code = exec->started && !exec->running && !exec->on_its_own;
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    json_set_string(answer, "ID", exec->id);
    json_set_bool(answer, "Running", exec_is_running(call, exec));
    json_set(answer, "ExitCode",
             has_code ? cJSON_CreateNumber(exec->exit_code) : cJSON_CreateNull());
    json_set_string(answer, "ContainerID", exec->instance_id);
    json_set_int(answer, "Pid", 0);
    json_set_bool(answer, "OpenStdin", exec->attach_stdin);
    json_set_bool(answer, "OpenStdout", true);
    json_set_bool(answer, "OpenStderr", true);
    cJSON *process = cJSON_AddObjectToObject(answer, "ProcessConfig");
    json_set_bool(process, "tty", exec->tty);
    json_set_string(process, "user", exec->user ? exec->user : "");
    json_set_string(process, "entrypoint", exec->argv[0]);
    json_set(process, "arguments", json_from_strv(exec->argv + 1));
    http_respond_json(call->request, 200, answer);
}

void api_exec_resize(const struct api_call *call)
{
    struct api_exec *exec = api_exec_find(call);
    if (!exec)
        return;
    exec->rows = api_query_u16(call->request, "h");
    exec->columns = api_query_u16(call->request, "w");
    if (exec->session)
        exec_session_resize(exec->session, exec->rows, exec->columns);
    http_respond(call->request, 201, NULL, "");
}

/* --- ours ------------------------------------------------------------------------------------- */

static struct api_exec *read_own_exec(const cJSON *body)
{
    struct api_exec *exec = new0(struct api_exec);
    exec->own = true;
    exec->argv = json_strv(json_array(body, "argv"));
    exec->environment = json_strv(json_array(body, "environment"));
    exec->user = optional_text(body, "user");
    exec->working_directory = optional_text(body, "working_dir");
    exec->tty = json_bool(body, "tty", false);
    exec->attach_stdin = json_bool(body, "stdin", false);
    exec->rows = (uint16_t)json_int(body, "rows", 0);
    exec->columns = (uint16_t)json_int(body, "columns", 0);
    return exec;
}

/* The running instance of a service with the wanted number, or with the lowest (index 0). */
static cJSON *find_running(const struct api_call *call, const char *project, const char *service,
                           int64_t index)
{
    _cleanup_json_ cJSON *list = api_list_instances(call->api, project, false);
    cJSON *instance, *best = NULL;
    cJSON_ArrayForEach(instance, list)
    {
        int64_t number = json_int(instance, "Number", 1);
        if (!streq(json_string(instance, "Service", ""), service) || !api_instance_runs(instance) ||
            (index && number != index))
            continue;
        if (!best || number < json_int(best, "Number", 1))
            best = instance;
    }
    return best ? cJSON_DetachItemViaPointer(list, best) : NULL;
}

static cJSON *find_target(const struct api_call *call, const cJSON *body)
{
    const char *container = json_string(body, "container", NULL);
    const char *project = json_string(body, "project", NULL);
    const char *service = json_string(body, "service", NULL);
    if (container) {
        const struct api_call named = {
            .api = call->api, .request = call->request, .name = container};
        return api_find_instance(&named);
    }
    if (!project || !service) {
        http_respond_error(call->request, 400, EINVAL,
                           "name a 'container', or a 'project' and its 'service'");
        return NULL;
    }
    cJSON *instance = find_running(call, project, service, json_int(body, "index", 0));
    if (!instance)
        http_respond_error(call->request, 409, ENOTCONN, "service \"%s\" is not running", service);
    return instance;
}

static void start_own(const struct api_call *call, struct api_exec *exec)
{
    _cleanup_error_ struct error err = {0};
    exec->api = call->api;
    if (exec_run(exec, EXEC_WIRE_OWN, &err) < 0) {
        api_respond_failure(call->request, &err);
        api_exec_free(exec);
        return;
    }
    api_exec_register(call->api, exec);
    api_exec_tell(exec, "exec_start");
    exec_session_attach(exec->session, call->request);
}

static void start_own_detached(const struct api_call *call, struct api_exec *exec)
{
    exec->own = false; /* its outcome can be asked for */
    api_exec_register(call->api, exec);
    exec_run_detached(exec, call->request);
}

void api_exec_run(const struct api_call *call)
{
    _cleanup_json_ cJSON *body = api_read_body(call->request);
    bool detach = json_bool(body, "detach", false);
    if (!body || (!detach && api_refuse_unless_upgrade(call->request)))
        return;
    _cleanup_(api_exec_freep) struct api_exec *exec = read_own_exec(body);
    if (strv_length(exec->argv) == 0) {
        http_respond_error(call->request, 400, EINVAL, "the request's body has no 'argv'");
        return;
    }
    _cleanup_json_ cJSON *instance = find_target(call, body);
    if (!instance || api_refuse_unless_running(call->request, instance))
        return;
    exec_set_instance(exec, instance);
    if (detach)
        start_own_detached(call, TAKE_PTR(exec));
    else
        start_own(call, TAKE_PTR(exec));
}
