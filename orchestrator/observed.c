/* See observed.h. */
#include "orchestrator/observed.h"

#include "base/str.h"

struct observed *observed_new(const char *project)
{
    struct observed *observed = new0(struct observed);
    observed->project = xstrdup(project);
    return observed;
}

void observed_free(struct observed *observed)
{
    if (!observed)
        return;
    for (size_t i = 0; i < observed->resources.count; i++) {
        struct observed_resource *resource = &observed->resources.items[i];
        free(resource->kind);
        free(resource->name);
        free(resource->hash);
        cJSON_Delete(resource->spec);
    }
    for (size_t i = 0; i < observed->instances.count; i++) {
        struct observed_instance *instance = &observed->instances.items[i];
        free(instance->name);
        free(instance->id);
        free(instance->service);
        free(instance->image_id);
    }
    for (size_t i = 0; i < observed->services.count; i++) {
        free(observed->services.items[i].name);
        strv_free(observed->services.items[i].depends_on);
    }
    vec_done(&observed->resources);
    vec_done(&observed->instances);
    vec_done(&observed->services);
    free(observed->project);
    free(observed);
}

void observed_add_resource(struct observed *observed, const char *kind, const char *name,
                           const char *hash, cJSON *spec)
{
    vec_add(&observed->resources, (struct observed_resource){
                                      .kind = xstrdup(kind),
                                      .name = xstrdup(name),
                                      .hash = xstrdup(hash),
                                      .spec = spec,
                                      .instance = json_string(spec, "instance", ""),
                                      .network = json_string(spec, "network", ""),
                                  });
}

const struct observed_resource *observed_find_resource(const struct observed *observed,
                                                       const char *kind, const char *name)
{
    for (size_t i = 0; i < observed->resources.count; i++) {
        const struct observed_resource *resource = &observed->resources.items[i];
        if (streq(resource->kind, kind) && streq(resource->name, name))
            return resource;
    }
    return NULL;
}

const struct observed_instance *observed_find_instance(const struct observed *observed,
                                                       const char *name)
{
    for (size_t i = 0; i < observed->instances.count; i++)
        if (streq(observed->instances.items[i].name, name))
            return &observed->instances.items[i];
    return NULL;
}

const struct observed_service *observed_find_service(const struct observed *observed,
                                                     const char *name)
{
    for (size_t i = 0; i < observed->services.count; i++)
        if (streq(observed->services.items[i].name, name))
            return &observed->services.items[i];
    return NULL;
}
