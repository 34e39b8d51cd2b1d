/* /volumes, in Docker's shapes. A volume belongs to no job: it is a row until it is first used, and
 * can go when nobody uses it. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

/* What a project has made carries Docker Compose's labels; the user's own come with it. */
static cJSON *describe_labels(const cJSON *volume)
{
    const cJSON *own = json_object(volume, "labels");
    cJSON *labels = own ? cJSON_Duplicate(own, true) : cJSON_CreateObject();
    const char *project = json_string(volume, "project", "");
    const char *key = json_string(volume, "key", "");
    if (*project)
        json_set_string(labels, "com.docker.compose.project", project);
    if (*key)
        json_set_string(labels, "com.docker.compose.volume", key);
    if (json_bool(volume, "anonymous", false))
        json_set_string(labels, "com.docker.volume.anonymous", "");
    return labels;
}

static cJSON *describe_volume(const cJSON *volume)
{
    char time[CLOCK_TEXT_SIZE];
    cJSON *answer = cJSON_CreateObject();
    json_set_string(answer, "Name", json_string(volume, "name", ""));
    json_set_string(answer, "Driver", "local");
    json_set_string(answer, "Mountpoint", json_string(volume, "path", ""));
    json_set_string(answer, "CreatedAt",
                    clock_format_ns(json_int(volume, "created_ms", 0) * 1000000, time));
    json_set(answer, "Labels", describe_labels(volume));
    json_set_string(answer, "Scope", "local");
    json_set(answer, "Options", cJSON_CreateObject());
    cJSON *usage = cJSON_AddObjectToObject(answer, "UsageData");
    json_set_int(usage, "Size", json_int(volume, "bytes", 0));
    json_set_int(usage, "RefCount", cJSON_GetArraySize(json_array(volume, "users")));
    return answer;
}

/* --- filters --------------------------------------------------------------------------------- */

static bool is_unused(const cJSON *volume)
{
    return cJSON_GetArraySize(json_array(volume, "users")) == 0;
}

static bool volume_matches(const cJSON *volume, const cJSON *filters)
{
    _cleanup_json_ cJSON *labels = describe_labels(volume);
    bool dangling_fits = !json_array(filters, "dangling") ||
                         api_filter_is_true(filters, "dangling") == is_unused(volume);
    return dangling_fits &&
           api_filter_matches(json_array(filters, "name"), json_string(volume, "name", ""),
                              api_text_contains) &&
           api_labels_match(labels, json_array(filters, "label"));
}

/* --- the routes ------------------------------------------------------------------------------ */

void api_volumes_list(const struct api_call *call)
{
    static const char *const known[] = {"name", "label", "dangling", NULL};
    _cleanup_json_ cJSON *filters = NULL;
    if (!api_read_filters(call->request, known, &filters))
        return;
    _cleanup_json_ cJSON *volumes = runtime_describe_volumes(call->api->options.runtime);
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(answer, "Volumes");
    const cJSON *volume;
    cJSON_ArrayForEach(volume, volumes) if (volume_matches(volume, filters))
        cJSON_AddItemToArray(list, describe_volume(volume));
    json_set(answer, "Warnings", cJSON_CreateNull());
    http_respond_json(call->request, 200, answer);
}

/* Answers with the volume of that name; 404 where there is none. */
static void respond_volume(const struct api_call *call, unsigned status, const char *name)
{
    _cleanup_json_ cJSON *volume = runtime_describe_volume(call->api->options.runtime, name);
    if (!volume) {
        http_respond_error(call->request, 404, ENOENT, "no such volume: %s", name);
        return;
    }
    _cleanup_json_ cJSON *answer = describe_volume(volume);
    http_respond_json(call->request, status, answer);
}

void api_volume_inspect(const struct api_call *call)
{
    respond_volume(call, 200, call->name);
}

struct volume_request {
    const char *name, *driver;
    const cJSON *labels, *driver_options;
};
static const struct api_option create_rows[] = {
    {"Name", API_STRING, offsetof(struct volume_request, name), NULL},
    {"Driver", API_STRING, offsetof(struct volume_request, driver), NULL},
    {"Labels", API_OBJECT, offsetof(struct volume_request, labels), NULL},
    {"DriverOpts", API_OBJECT, offsetof(struct volume_request, driver_options), NULL},
};
static const struct api_option_table create_table = {create_rows, ARRAY_SIZE(create_rows), NULL};

static int read_create(const cJSON *body, struct volume_request *volume, struct error *err)
{
    int code = api_options_read(&create_table, body, volume, err);
    if (code < 0)
        return code;
    if (volume->driver && !streq(volume->driver, "local"))
        return error_set(err, EINVAL, "volumes have no driver '%s': there is only 'local'",
                         volume->driver);
    if (cJSON_GetArraySize(volume->driver_options) > 0)
        return error_set(err, EINVAL, "volumes have no driver options");
    return 0;
}

void api_volume_create(const struct api_call *call)
{
    _cleanup_json_ cJSON *body = api_read_body(call->request);
    if (!body)
        return;
    struct volume_request volume = {0};
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *name = NULL;
    int code = read_create(body, &volume, &err);
    if (code == 0)
        code = runtime_volume_create(call->api->options.runtime, volume.name, volume.labels, &name,
                                     &err);
    if (code < 0 && code != -EEXIST)
        api_respond_failure(call->request, &err);
    else
        respond_volume(call, 201, name ? name : volume.name);
}

void api_volume_remove(const struct api_call *call)
{
    _cleanup_error_ struct error err = {0};
    int code = runtime_volume_remove(call->api->options.runtime, call->name, &err);
    if (code == 0 || (code == -ENOENT && http_request_flag(call->request, "force")))
        http_respond(call->request, 204, NULL, "");
    else
        api_respond_failure(call->request, &err);
}

/* Docker's rule since API 1.42: anonymous ones, and with all=true the named, too. */
static bool is_to_be_pruned(const cJSON *volume, const cJSON *filters)
{
    bool anonymous = json_bool(volume, "anonymous", false);
    _cleanup_json_ cJSON *labels = describe_labels(volume);
    return is_unused(volume) && (anonymous || api_filter_is_true(filters, "all")) &&
           api_labels_match(labels, json_array(filters, "label"));
}

void api_volumes_prune(const struct api_call *call)
{
    static const char *const known[] = {"all", "label", NULL};
    _cleanup_json_ cJSON *filters = NULL;
    if (!api_read_filters(call->request, known, &filters))
        return;
    struct runtime *runtime = call->api->options.runtime;
    _cleanup_json_ cJSON *volumes = runtime_describe_volumes(runtime);
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    cJSON *deleted = cJSON_AddArrayToObject(answer, "VolumesDeleted");
    int64_t bytes = 0;
    const cJSON *volume;
    cJSON_ArrayForEach(volume, volumes)
    {
        const char *name = json_string(volume, "name", "");
        if (!is_to_be_pruned(volume, filters) || runtime_volume_remove(runtime, name, NULL) < 0)
            continue;
        cJSON_AddItemToArray(deleted, cJSON_CreateString(name));
        bytes += json_int(volume, "bytes", 0);
    }
    json_set_int(answer, "SpaceReclaimed", bytes);
    http_respond_json(call->request, 200, answer);
}
