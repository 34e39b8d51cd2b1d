/* POST /containers/{id}/wait: the headers at once, the exit code when there is one. */
#include "base/alloc.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

struct wait_call {
    struct http_stream *stream;
    struct exit_wait *wait;
};

static void on_exit_code(void *userdata, int exit_code)
{
    struct wait_call *wait = userdata;
    _cleanup_free_ char *text = xasprintf("{\"StatusCode\":%d}\n", exit_code);
    http_stream_write(wait->stream, text, strlen(text));
    http_stream_end(wait->stream);
}

static void on_close(void *userdata)
{
    struct wait_call *wait = userdata;
    exit_wait_free(wait->wait);
    free(wait);
}

static bool read_condition(struct http_request *request, enum exit_condition *ret_condition)
{
    static const char *const names[] = {
        [EXIT_NOT_RUNNING] = "not-running", [EXIT_NEXT] = "next-exit", [EXIT_REMOVED] = "removed"};
    const char *text = http_request_query(request, "condition");
    *ret_condition = EXIT_NOT_RUNNING;
    if (!text || !*text)
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        *ret_condition = (enum exit_condition)i;
        if (streq(names[i], text))
            return true;
    }
    http_respond_error(request, 400, EINVAL,
                       "invalid condition '%s': not-running, next-exit or removed", text);
    return false;
}

void api_container_wait(const struct api_call *call)
{
    static const struct http_stream_callbacks callbacks = {.on_close = on_close};
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    enum exit_condition condition;
    if (!instance || !read_condition(call->request, &condition))
        return;
    _cleanup_free_ struct wait_call *wait = new0(struct wait_call);
    _cleanup_error_ struct error err = {0};
    if (orchestrator_wait_exit(call->api->options.orchestrator, json_string(instance, "Name", ""),
                               condition, on_exit_code, wait, &wait->wait, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    wait->stream = http_respond_stream(call->request, "application/json", &callbacks, wait);
    TAKE_PTR(wait);
}
