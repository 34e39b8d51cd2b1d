/* /images: what the cache holds, in Docker's shapes. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

enum { ID_PREFIX_MIN = 4 };

/* {image id: an instance that uses it}, as runtime.h wants it. */
static cJSON *map_users(struct api *api)
{
    _cleanup_json_ cJSON *instances = api_list_instances(api, NULL, true);
    cJSON *users = cJSON_CreateObject();
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances) if (*json_string(instance, "ImageID", ""))
        json_set_string(users, json_string(instance, "ImageID", ""),
                        json_string(instance, "Name", ""));
    return users;
}

static int64_t count_users(const cJSON *instances, const char *id)
{
    int64_t count = 0;
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances) count +=
        streq(json_string(instance, "ImageID", ""), id);
    return count;
}

static cJSON *copy_or_empty_list(const cJSON *list)
{
    return list ? cJSON_Duplicate(list, true) : cJSON_CreateArray();
}

static cJSON *describe_labels(const cJSON *image)
{
    const cJSON *labels = json_object(json_object(image, "config"), "Labels");
    return labels ? cJSON_Duplicate(labels, true) : cJSON_CreateObject();
}

static cJSON *describe_image(const cJSON *image, const cJSON *instances)
{
    const char *id = json_string(image, "id", "");
    cJSON *answer = cJSON_CreateObject();
    json_set_string(answer, "Id", id);
    json_set_string(answer, "ParentId", "");
    json_set(answer, "RepoTags", copy_or_empty_list(json_array(image, "references")));
    json_set(answer, "RepoDigests", cJSON_CreateArray());
    json_set_int(answer, "Created", json_int(image, "created_ms", 0) / 1000);
    json_set_int(answer, "Size", json_int(image, "size", 0));
    json_set_int(answer, "SharedSize", -1);
    json_set(answer, "Labels", describe_labels(image));
    json_set_int(answer, "Containers", count_users(instances, id));
    return answer;
}

/* --- filters --------------------------------------------------------------------------------- */

static bool has_reference(const cJSON *image, const char *name)
{
    _cleanup_strv_ char **references = json_strv(json_array(image, "references"));
    _cleanup_free_ char *latest = xasprintf("%s:latest", name);
    return references && (strv_contains(references, name) || strv_contains(references, latest));
}

static bool has_one_of(const cJSON *image, const cJSON *names)
{
    const cJSON *name;
    cJSON_ArrayForEach(name, names) if (cJSON_IsString(name) &&
                                        has_reference(image, name->valuestring)) return true;
    return !names;
}

/* Docker's `dangling`: nobody names it any more. */
static bool dangles_as_wanted(const cJSON *image, const cJSON *filters)
{
    bool dangles = cJSON_GetArraySize(json_array(image, "references")) == 0;
    return !json_array(filters, "dangling") || dangles == api_filter_is_true(filters, "dangling");
}

static bool image_matches(const cJSON *image, const cJSON *filters)
{
    _cleanup_json_ cJSON *labels = describe_labels(image);
    return has_one_of(image, json_array(filters, "reference")) &&
           dangles_as_wanted(image, filters) &&
           api_labels_match(labels, json_array(filters, "label"));
}

/* --- the routes ------------------------------------------------------------------------------ */

void api_images_list(const struct api_call *call)
{
    static const char *const known[] = {"label", "reference", "dangling", NULL};
    _cleanup_json_ cJSON *filters = NULL;
    if (!api_read_filters(call->request, known, &filters))
        return;
    _cleanup_json_ cJSON *images = runtime_describe_images(call->api->options.runtime);
    _cleanup_json_ cJSON *instances = api_list_instances(call->api, NULL, true);
    _cleanup_json_ cJSON *answer = cJSON_CreateArray();
    const cJSON *image;
    cJSON_ArrayForEach(image, images) if (image_matches(image, filters))
        cJSON_AddItemToArray(answer, describe_image(image, instances));
    http_respond_json(call->request, 200, answer);
}

static bool is_called(const cJSON *image, const char *name)
{
    const char *id = json_string(image, "id", "");
    const char *digits = str_after_prefix(id, "sha256:");
    return streq(id, name) || has_reference(image, name) ||
           (digits && strlen(name) >= ID_PREFIX_MIN && str_after_prefix(digits, name));
}

static cJSON *inspect_image(const cJSON *image)
{
    char time[CLOCK_TEXT_SIZE];
    cJSON *answer = cJSON_CreateObject();
    json_set_string(answer, "Id", json_string(image, "id", ""));
    json_set(answer, "RepoTags", copy_or_empty_list(json_array(image, "references")));
    json_set(answer, "RepoDigests", cJSON_CreateArray());
    json_set_string(answer, "Created",
                    clock_format_ns(json_int(image, "created_ms", 0) * 1000000, time));
    json_set_string(answer, "Architecture", json_string(image, "architecture", ""));
    json_set_string(answer, "Os", "linux");
    json_set_int(answer, "Size", json_int(image, "size", 0));
    const cJSON *config = json_object(image, "config");
    json_set(answer, "Config", config ? cJSON_Duplicate(config, true) : cJSON_CreateObject());
    return answer;
}

void api_image_inspect(const struct api_call *call)
{
    _cleanup_json_ cJSON *images = runtime_describe_images(call->api->options.runtime);
    const cJSON *image;
    cJSON_ArrayForEach(image, images)
    {
        if (!is_called(image, call->name))
            continue;
        _cleanup_json_ cJSON *answer = inspect_image(image);
        http_respond_json(call->request, 200, answer);
        return;
    }
    http_respond_error(call->request, 404, ENOENT, "no such image: %s", call->name);
}

void api_image_remove(const struct api_call *call)
{
    _cleanup_json_ cJSON *users = map_users(call->api);
    _cleanup_json_ cJSON *removed = NULL;
    _cleanup_error_ struct error err = {0};
    if (runtime_image_remove(call->api->options.runtime, call->name, users, &removed, &err) < 0)
        api_respond_failure(call->request, &err);
    else
        http_respond_json(call->request, 200, removed);
}

static int64_t find_size(const cJSON *images, const char *id)
{
    const cJSON *image;
    cJSON_ArrayForEach(image, images) if (streq(json_string(image, "id", ""), id)) return json_int(
        image, "size", 0);
    return 0;
}

/* Builds whose name a newer one has, and nobody uses. What was fetched has a name as long as it is
 * there, so Docker's `dangling=false` has nothing to add; its filters are accepted. */
void api_images_prune(const struct api_call *call)
{
    static const char *const known[] = {"dangling", NULL};
    struct runtime *runtime = call->api->options.runtime;
    _cleanup_json_ cJSON *filters = NULL, *users = NULL, *removed = NULL;
    if (!api_read_filters(call->request, known, &filters))
        return;
    _cleanup_error_ struct error err = {0};
    _cleanup_json_ cJSON *images = runtime_describe_images(runtime);
    users = map_users(call->api);
    if (runtime_images_prune(runtime, users, &removed, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    int64_t bytes = 0;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, removed) bytes +=
        find_size(images, json_string(entry, "Deleted", ""));
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    json_set(answer, "ImagesDeleted", TAKE_PTR(removed));
    json_set_int(answer, "SpaceReclaimed", bytes);
    http_respond_json(call->request, 200, answer);
}
