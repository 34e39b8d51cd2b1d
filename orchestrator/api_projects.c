/* GET /vmstead/projects, /vmstead/projects/{name}/instances and /vmstead/instances. */
#include "base/alloc.h"
#include "base/clock.h"
#include "orchestrator/api_internal.h"

void api_projects_list(const struct api_call *call)
{
    _cleanup_json_ cJSON *projects = orchestrator_projects(call->api->options.orchestrator);
    http_respond_json(call->request, 200, projects);
}

/* call->name NULL: of all projects. */
void api_project_instances(const struct api_call *call)
{
    _cleanup_json_ cJSON *instances =
        api_list_instances(call->api, call->name, http_request_flag(call->request, "all"));
    int64_t now_ms = clock_realtime_ms();
    cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        _cleanup_free_ char *status = api_describe_status(instance, now_ms);
        json_set_string(instance, "Status", status);
    }
    http_respond_json(call->request, 200, instances);
}
