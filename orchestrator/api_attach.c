/* POST /containers/{id}/attach and /containers/{id}/resize: a client at the service's own process.
 */
#include "base/alloc.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"
#include "orchestrator/exec_session.h"

#include <errno.h>

struct api_attach {
    struct api *api;
    char *instance;
    struct exec_session *session;
    struct api_attach *next;
};

static void attach_free(struct api_attach *attach)
{
    if (!attach)
        return;
    free(attach->instance);
    free(attach);
}
DEFINE_FREEP(struct api_attach *, attach_free)

static void on_exited(void *userdata, int exit_code, const struct error *err)
{
    (void)userdata; /* whoever wants the exit code asks for it with wait */
    (void)exit_code;
    (void)err;
}

static void on_close(void *userdata)
{
    struct api_attach *attach = userdata;
    struct api_attach **link = &attach->api->attaches;
    while (*link != attach)
        link = &(*link)->next;
    *link = attach->next;
    attach_free(attach);
}

static bool read_options(struct http_request *request, const cJSON *instance,
                         struct exec_join_options *options)
{
    options->attach.attach_stdin = http_request_flag(request, "stdin");
    options->attach.replay = http_request_flag(request, "logs");
    options->wants_stdout = http_request_flag(request, "stdout");
    options->wants_stderr = http_request_flag(request, "stderr");
    /* Docker's StdinOnce, which its clients set for what they run themselves. */
    options->keeps_stdin = !json_bool(instance, "OneOff", false);
    if (http_request_flag(request, "stream"))
        return true;
    http_respond_error(request, 400, EINVAL,
                       "attach needs stream=1; for what was written so far ask for the logs");
    return false;
}

/* A service that reads no stdin is attached to without: what the client sends is dropped. */
static int attach_join(struct api_attach *attach, struct exec_join_options *options,
                       struct error *err)
{
    static const struct exec_session_callbacks callbacks = {.on_exit = on_exited,
                                                            .on_close = on_close};
    struct runtime *runtime = attach->api->options.runtime;
    struct vm_status status;
    bool tty = runtime_vm_status(runtime, attach->instance, &status) == 0 && status.tty;
    enum exec_wire wire = tty ? EXEC_WIRE_RAW : EXEC_WIRE_DOCKER;
    int code = exec_session_join(runtime, attach->instance, options, wire, &callbacks, attach,
                                 &attach->session, err);
    if (code != -EINVAL || !options->attach.attach_stdin)
        return code;
    error_done(err);
    options->attach.attach_stdin = false;
    return exec_session_join(runtime, attach->instance, options, wire, &callbacks, attach,
                             &attach->session, err);
}

void api_container_attach(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    struct exec_join_options options = {0};
    if (!instance || api_refuse_unless_upgrade(call->request) ||
        !read_options(call->request, instance, &options))
        return;
    _cleanup_(attach_freep) struct api_attach *attach = new0(struct api_attach);
    attach->api = call->api;
    attach->instance = xstrdup(json_string(instance, "Name", ""));
    _cleanup_error_ struct error err = {0};
    if (attach_join(attach, &options, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    attach->next = call->api->attaches;
    call->api->attaches = attach;
    exec_session_attach(TAKE_PTR(attach)->session, call->request);
}

/* All who are attached see one terminal: the last size holds. */
void api_container_resize(const struct api_call *call)
{
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    if (!instance || api_refuse_unless_running(call->request, instance))
        return;
    uint16_t rows = api_query_u16(call->request, "h");
    uint16_t columns = api_query_u16(call->request, "w");
    const char *name = json_string(instance, "Name", "");
    for (struct api_attach *attach = call->api->attaches; attach; attach = attach->next)
        if (streq(attach->instance, name))
            exec_session_resize(attach->session, rows, columns);
    http_respond(call->request, 200, NULL, "");
}
