/* What several resources of the API use: bodies, errors, instances. */
#include "base/alloc.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

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

bool api_refuse_unless_running(struct http_request *request, const cJSON *instance)
{
    if (api_instance_runs(instance))
        return false;
    http_respond_error(request, 409, ENOTCONN, "container %s is not running",
                       json_string(instance, "Name", ""));
    return true;
}

bool api_refuse_unless_upgrade(struct http_request *request)
{
    if (http_request_wants_upgrade(request))
        return false;
    http_respond_error(request, 400, EINVAL,
                       "this request needs the headers 'Connection: Upgrade' and 'Upgrade: tcp'");
    return true;
}

uint16_t api_query_u16(struct http_request *request, const char *name)
{
    const char *text = http_request_query(request, name);
    uint16_t value = 0;
    if (text)
        str_to_u16(text, &value);
    return value;
}

/* "1700000000", "1700000000.123456789": digits behind the ninth do not count. */
static bool parse_time(const char *text, int64_t *ret_ns)
{
    size_t length = strcspn(text, ".");
    _cleanup_free_ char *seconds_text = xstrndup(text, length);
    uint64_t seconds;
    if (str_to_u64(seconds_text, &seconds) < 0 || seconds > INT64_MAX / 1000000000 - 1)
        return false;
    int64_t fraction = 0;
    const char *digits = text[length] ? text + length + 1 : "";
    if (strspn(digits, "0123456789") != strlen(digits))
        return false;
    for (int i = 0; i < 9; i++) {
        fraction = fraction * 10 + (*digits ? *digits - '0' : 0);
        digits += *digits != '\0';
    }
    *ret_ns = (int64_t)seconds * 1000000000 + fraction;
    return true;
}

bool api_query_time(struct http_request *request, const char *name, int64_t *ret_ns)
{
    const char *text = http_request_query(request, name);
    *ret_ns = 0;
    if (!text || !*text || parse_time(text, ret_ns))
        return true;
    http_respond_error(request, 400, EINVAL,
                       "invalid %s '%s': seconds since 1970, with a fraction if need be", name,
                       text);
    return false;
}
