/* GET /images/json: the images that instances use, in Docker's shape. */
#include "base/str.h"
#include "orchestrator/api_internal.h"

static cJSON *find_image(cJSON *images, const char *id)
{
    cJSON *image;
    cJSON_ArrayForEach(image, images) if (streq(json_string(image, "Id", ""), id)) return image;
    return NULL;
}

static cJSON *describe_image(const cJSON *instance)
{
    cJSON *image = cJSON_CreateObject();
    json_set_string(image, "Id", json_string(instance, "ImageID", ""));
    json_set_string(image, "ParentId", "");
    json_set(image, "RepoTags", cJSON_CreateArray());
    json_set(image, "RepoDigests", cJSON_CreateArray());
    json_set_int(image, "Created", json_int(instance, "CreatedMs", 0) / 1000);
    json_set_int(image, "Size", 0);
    json_set(image, "Labels", cJSON_CreateObject());
    json_set_int(image, "Containers", 0);
    return image;
}

static void count_instance(cJSON *images, const cJSON *instance)
{
    cJSON *image = find_image(images, json_string(instance, "ImageID", ""));
    if (!image)
        cJSON_AddItemToArray(images, image = describe_image(instance));
    json_set_int(image, "Containers", json_int(image, "Containers", 0) + 1);
    _cleanup_strv_ char **tags = json_strv(json_array(image, "RepoTags"));
    const char *tag = json_string(instance, "Image", "");
    if (*tag && !strv_contains(tags, tag))
        cJSON_AddItemToArray(json_array(image, "RepoTags"), cJSON_CreateString(tag));
}

void api_images_list(const struct api_call *call)
{
    _cleanup_json_ cJSON *instances = api_list_instances(call->api, NULL, true);
    _cleanup_json_ cJSON *answer = cJSON_CreateArray();
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances) if (*json_string(instance, "ImageID", ""))
        count_instance(answer, instance);
    http_respond_json(call->request, 200, answer);
}
