/* See spec.h: what an image comes from. */
#include "orchestrator/spec.h"

#include "base/image_reference.h"
#include "base/str.h"

char *spec_image_name(const struct model *model, const struct model_service *service)
{
    if (service->bootstrap)
        return xasprintf("bootstrap:%s", service->name);
    if (service->image)
        return xstrdup(service->image);
    return xasprintf("%s-%s", model->name, service->name); /* as Compose tags what it builds */
}

static cJSON *build_copies(const struct model_bootstrap *bootstrap)
{
    cJSON *copies = cJSON_CreateArray();
    for (size_t i = 0; i < bootstrap->copy_count; i++) {
        cJSON *copy = cJSON_CreateObject();
        json_set_string(copy, "source", bootstrap->copies[i].source);
        json_set_string(copy, "target", bootstrap->copies[i].target);
        cJSON_AddItemToArray(copies, copy);
    }
    return copies;
}

static cJSON *build_bootstrap(const struct model_bootstrap *bootstrap)
{
    cJSON *files = cJSON_CreateObject();
    for (size_t i = 0; i < bootstrap->file_count; i++) {
        const struct model_bootstrap_file *file = &bootstrap->files[i];
        cJSON *entry = cJSON_CreateObject();
        json_set_string(entry, "content", file->content);
        json_set_string(entry, "source", file->source);
        json_set_int(entry, "mode", file->mode);
        json_set(files, file->path, entry);
    }
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "suite", bootstrap->suite);
    json_set(spec, "packages", json_from_strv(bootstrap->packages));
    json_set(spec, "files", files);
    if (bootstrap->copy_count > 0)
        json_set(spec, "copy", build_copies(bootstrap));
    if (strv_length(bootstrap->run) > 0)
        json_set(spec, "run", json_from_strv(bootstrap->run));
    return spec;
}

static cJSON *from_variables(const struct model_variable *variables, size_t count)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < count; i++)
        json_set_string(object, variables[i].name, variables[i].value);
    return object;
}

/* The image of another service by its name: that is how the runtime knows it. */
static cJSON *build_contexts(const struct model *model, const struct model_build *build)
{
    cJSON *contexts = from_variables(build->contexts, build->context_count);
    for (size_t i = 0; i < build->context_count; i++) {
        const char *name = str_after_prefix(build->contexts[i].value, "service:");
        const struct model_service *service = name ? model_find_service(model, name) : NULL;
        _cleanup_free_ char *image = service ? spec_image_name(model, service) : NULL;
        _cleanup_free_ char *value = image ? xasprintf("docker-image://%s", image) : NULL;
        if (value)
            json_set_string(contexts, build->contexts[i].name, value);
    }
    return contexts;
}

static cJSON *build_build(const struct model *model, const struct model_build *build)
{
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "context", build->context);
    json_set_string(spec, "dockerfile", build->dockerfile);
    json_set_string(spec, "dockerfile_inline", build->dockerfile_inline);
    json_set_string(spec, "target", build->target);
    json_set(spec, "args", from_variables(build->args, build->arg_count));
    json_set(spec, "contexts", build_contexts(model, build));
    json_set_bool(spec, "no_cache", build->no_cache);
    json_set_bool(spec, "pull", build->pull);
    json_set(spec, "tags", json_from_strv(build->tags));
    return spec;
}

static const char *pull_policy(enum model_pull pull)
{
    return pull == PULL_ALWAYS ? "always" : pull == PULL_NEVER ? "never" : "missing";
}

cJSON *spec_image_build(const struct model *model, const struct model_service *service)
{
    cJSON *spec = cJSON_CreateObject();
    if (service->bootstrap) {
        json_set(spec, "bootstrap", build_bootstrap(service->bootstrap));
    } else {
        _cleanup_free_ char *name = spec_image_name(model, service);
        _cleanup_free_ char *reference = image_reference_resolve(name, model->directory);
        json_set_string(spec, "image", reference);
    }
    if (service->build && !service->bootstrap) {
        json_set(spec, "build", build_build(model, service->build));
        json_set_string(spec, "when", service->pull == PULL_BUILD ? "always" : "missing");
        json_set_string(spec, "service", service->name);
    }
    json_set_string(spec, "pull", pull_policy(service->pull));
    return spec;
}
