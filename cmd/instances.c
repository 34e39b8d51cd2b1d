/* Instances over the API; see instances.h. */
#include "cmd/instances.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

/* The first answer of a daemon that adopts many VMs takes its time. */
#define TIMEOUT_MS 30000

static int compare_names(const void *left, const void *right)
{
    return strcmp(json_string(*(cJSON *const *)left, "Name", ""),
                  json_string(*(cJSON *const *)right, "Name", ""));
}

/* The daemon's order is that of creation, which a recreated instance would leave. */
static void sort_by_name(cJSON *instances)
{
    VEC(cJSON *) items = {0};
    while (instances->child)
        vec_add(&items, cJSON_DetachItemFromArray(instances, 0));
    if (items.count)
        qsort(items.items, items.count, sizeof(*items.items), compare_names);
    for (size_t i = 0; i < items.count; i++)
        cJSON_AddItemToArray(instances, items.items[i]);
    vec_done(&items);
}

int instances_get(struct client *client, const char *project, bool all, cJSON **ret_instances,
                  struct error *err)
{
    _cleanup_free_ char *escaped = client_escape(project);
    _cleanup_free_ char *path =
        xasprintf("/vmstead/projects/%s/instances%s", escaped, all ? "?all=1" : "");
    int r = client_call(client, "GET", path, NULL, TIMEOUT_MS, ret_instances, err);
    if (r == 0 && cJSON_IsArray(*ret_instances))
        sort_by_name(*ret_instances);
    return r;
}

const char *instance_label(const cJSON *instance)
{
    const char *name = json_string(instance, "Name", "");
    const char *rest = str_after_prefix(name, json_string(instance, "Project", ""));
    return rest && *rest == '-' ? rest + 1 : name;
}

bool instance_is_of(const cJSON *instance, char *const *services, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (streq(services[i], json_string(instance, "Service", "")))
            return true;
    return count == 0;
}

size_t instance_color_index(const cJSON *instances, const cJSON *instance)
{
    const char *service = json_string(instance, "Service", "");
    VEC(const char *) before = {0};
    const cJSON *other;
    cJSON_ArrayForEach(other, instances)
    {
        const char *name = json_string(other, "Service", "");
        bool known = strcmp(name, service) >= 0;
        for (size_t i = 0; i < before.count && !known; i++)
            known = streq(before.items[i], name);
        if (!known)
            vec_add(&before, name);
    }
    size_t index = before.count;
    vec_done(&before);
    return index;
}
