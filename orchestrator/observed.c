/* See observed.h. */
#include "orchestrator/observed.h"

#include "base/str.h"

struct observed *observed_new(const char *project)
{
    struct observed *observed = new0(struct observed);
    observed->project = xstrdup(project);
    observed->salt = xstrdup("");
    return observed;
}

static void resource_done(struct observed_resource *resource)
{
    free(resource->kind);
    free(resource->name);
    free(resource->hash);
    cJSON_Delete(resource->spec);
}

static void instance_done(struct observed_instance *instance)
{
    free(instance->name);
    free(instance->id);
    free(instance->service);
    free(instance->image);
    free(instance->image_id);
    cJSON_Delete(instance->image_result);
}

static void service_done(struct observed_service *service)
{
    free(service->name);
    for (size_t i = 0; i < service->depends_on.count; i++)
        free(service->depends_on.items[i].service);
    vec_done(&service->depends_on);
}

void observed_free(struct observed *observed)
{
    if (!observed)
        return;
    for (size_t i = 0; i < observed->resources.count; i++)
        resource_done(&observed->resources.items[i]);
    for (size_t i = 0; i < observed->instances.count; i++)
        instance_done(&observed->instances.items[i]);
    for (size_t i = 0; i < observed->services.count; i++)
        service_done(&observed->services.items[i]);
    vec_done(&observed->resources);
    vec_done(&observed->instances);
    vec_done(&observed->services);
    strv_free(observed->foreign_volumes);
    strmap_done(&observed->resource_index);
    strmap_done(&observed->instance_index);
    strmap_done(&observed->service_index);
    strmap_done(&observed->first_of);
    strmap_done(&observed->last_of);
    free(observed->project);
    free(observed->salt);
    free(observed);
}

static void link_to_instance(struct observed *observed, size_t index)
{
    const char *instance = observed->resources.items[index].instance;
    if (!*instance)
        return;
    size_t last = strmap_get(&observed->last_of, instance);
    if (last == STRMAP_NONE)
        strmap_set(&observed->first_of, instance, index);
    else
        observed->resources.items[last].next = index;
    strmap_set(&observed->last_of, instance, index);
}

void observed_add_resource(struct observed *observed, const char *kind, const char *name,
                           const char *hash, cJSON *spec)
{
    size_t index = observed->resources.count;
    _cleanup_free_ char *key = xasprintf("%s/%s", kind, name);
    vec_add(&observed->resources, (struct observed_resource){
                                      .kind = xstrdup(kind),
                                      .name = xstrdup(name),
                                      .hash = xstrdup(hash),
                                      .spec = spec,
                                      .instance = json_string(spec, "instance", ""),
                                      .network = json_string(spec, "network", ""),
                                      .next = STRMAP_NONE,
                                  });
    strmap_set(&observed->resource_index, key, index);
    link_to_instance(observed, index);
}

void observed_add_instance(struct observed *observed, struct observed_instance instance)
{
    strmap_set(&observed->instance_index, instance.name, observed->instances.count);
    vec_add(&observed->instances, instance);
}

void observed_add_service(struct observed *observed, struct observed_service service)
{
    strmap_set(&observed->service_index, service.name, observed->services.count);
    vec_add(&observed->services, service);
}

const struct observed_resource *observed_find_resource(const struct observed *observed,
                                                       const char *kind, const char *name)
{
    _cleanup_free_ char *key = xasprintf("%s/%s", kind, name);
    size_t index = strmap_get(&observed->resource_index, key);
    return index == STRMAP_NONE ? NULL : &observed->resources.items[index];
}

const struct observed_instance *observed_find_instance(const struct observed *observed,
                                                       const char *name)
{
    size_t index = strmap_get(&observed->instance_index, name);
    return index == STRMAP_NONE ? NULL : &observed->instances.items[index];
}

const struct observed_service *observed_find_service(const struct observed *observed,
                                                     const char *name)
{
    size_t index = strmap_get(&observed->service_index, name);
    return index == STRMAP_NONE ? NULL : &observed->services.items[index];
}

const struct observed_resource *observed_first_of(const struct observed *observed,
                                                  const char *instance)
{
    size_t index = strmap_get(&observed->first_of, instance);
    return index == STRMAP_NONE ? NULL : &observed->resources.items[index];
}

const struct observed_resource *observed_next_of(const struct observed *observed,
                                                 const struct observed_resource *resource)
{
    return resource->next == STRMAP_NONE ? NULL : &observed->resources.items[resource->next];
}

bool observed_may_run(const struct observed_instance *instance)
{
    if (instance->missing)
        return false;
    return instance->restarting || (instance->state != VM_CREATED && instance->state != VM_EXITED);
}
