/* See spec.h: what an instance finds in its file system beside its image: volumes, folders of the
 * host, tmpfs, and files with configs and secrets. */
#include "orchestrator/spec.h"

#include "base/str.h"

enum { TMPFS_MODE = 01777 };

bool spec_is_anonymous(const char *volume)
{
    return strlen(volume) == HASH_HEX_SIZE - 1 &&
           strspn(volume, "0123456789abcdef") == HASH_HEX_SIZE - 1;
}

static void set_string_or_null(cJSON *object, const char *key, const char *value)
{
    json_set(object, key, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

/* --- volumes ---------------------------------------------------------------------------------- */

/* The anonymous volume that the instance before had at this place. */
static const char *find_inherited(const cJSON *previous, const char *target)
{
    const cJSON *mount;
    cJSON_ArrayForEach(mount, json_array(previous, "mounts"))
    {
        const char *volume = json_string(mount, "volume", "");
        if (streq(json_string(mount, "target", ""), target) && spec_is_anonymous(volume))
            return volume;
    }
    return NULL;
}

static cJSON *render_volume(const struct spec_rendering *how, const char *name, const char *target)
{
    char new_name[HASH_HEX_SIZE];
    if (!name)
        name = find_inherited(how->previous, target);
    cJSON *mount = cJSON_CreateObject();
    json_set_string(mount, "type", "volume");
    json_set_string(mount, "volume", name ? name : how->new_id(new_name));
    json_set_string(mount, "target", target);
    return mount;
}

static cJSON *render_mount(const struct specs *specs, const struct spec_rendering *how,
                           const struct model_mount *of)
{
    cJSON *mount = NULL;
    switch (of->type) {
    case MOUNT_VOLUME:
        mount = render_volume(
            how, of->volume == MODEL_ANONYMOUS ? NULL : specs->volumes[of->volume].name,
            of->target);
        json_set_bool(mount, "read_only", of->read_only);
        set_string_or_null(mount, "subpath", of->subpath);
        json_set_bool(mount, "nocopy", of->nocopy);
        break;
    case MOUNT_BIND:
        mount = cJSON_CreateObject();
        json_set_string(mount, "type", "bind");
        json_set_string(mount, "source", of->source);
        json_set_string(mount, "target", of->target);
        json_set_bool(mount, "read_only", of->read_only);
        set_string_or_null(mount, "subpath", of->subpath);
        json_set_bool(mount, "create_host_path", of->create_host_path);
        break;
    case MOUNT_TMPFS:
        mount = cJSON_CreateObject();
        json_set_string(mount, "type", "tmpfs");
        json_set_string(mount, "target", of->target);
        json_set_int(mount, "size", (int64_t)of->tmpfs_bytes);
        json_set_int(mount, "mode", of->tmpfs_mode ? of->tmpfs_mode : TMPFS_MODE);
        break;
    case MOUNT_TYPE_COUNT:
        break;
    }
    return mount;
}

static bool is_covered(const struct model_service *service, const char *target)
{
    for (size_t i = 0; i < service->mount_count; i++)
        if (streq(service->mounts[i].target, target))
            return true;
    return false;
}

/* What the image declares as volumes and the file says nothing about. */
static void add_image_volumes(const struct specs *specs, const struct spec_rendering *how,
                              cJSON ***list, size_t *count)
{
    const struct model_service *service = specs->services[how->service].model;
    const cJSON *volumes = json_object(json_object(how->image, "config"), "Volumes");
    const cJSON *volume;
    cJSON_ArrayForEach(volume, volumes)
    {
        if (*volume->string != '/' || is_covered(service, volume->string))
            continue;
        cJSON *mount = render_volume(how, NULL, volume->string);
        json_set_bool(mount, "read_only", false);
        json_set(mount, "subpath", cJSON_CreateNull());
        json_set_bool(mount, "nocopy", false);
        *list = xreallocarray(*list, *count + 1, sizeof(cJSON *));
        (*list)[(*count)++] = mount;
    }
}

static int compare_targets(const void *a, const void *b)
{
    return strcmp(json_string(*(cJSON *const *)a, "target", ""),
                  json_string(*(cJSON *const *)b, "target", ""));
}

static cJSON *render_mounts(const struct specs *specs, const struct spec_rendering *how)
{
    const struct model_service *service = specs->services[how->service].model;
    size_t count = service->mount_count;
    cJSON **list = xcalloc(count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++)
        list[i] = render_mount(specs, how, &service->mounts[i]);
    add_image_volumes(specs, how, &list, &count);
    qsort(list, count, sizeof(*list), compare_targets); /* parents first */
    cJSON *mounts = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(mounts, list[i]);
    free(list);
    return mounts;
}

char **spec_volumes_of(const cJSON *vm_spec)
{
    char **volumes = NULL;
    const cJSON *mount;
    cJSON_ArrayForEach(mount, json_array(vm_spec, "mounts"))
    {
        const char *name = json_string(mount, "volume", NULL);
        if (name && !strv_contains(volumes, name))
            strv_add(&volumes, xstrdup(name));
    }
    return volumes;
}

cJSON *spec_anonymous_volume(const char *project)
{
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "project", project);
    json_set_string(spec, "key", "");
    json_set_bool(spec, "external", false);
    json_set_bool(spec, "anonymous", true);
    json_set(spec, "labels", cJSON_CreateObject());
    return spec;
}

/* --- configs and secrets ---------------------------------------------------------------------- */

char *spec_vault_key(const char *kind, const struct model_source *source)
{
    return xasprintf("%s/%s", kind, source->key);
}

const char *spec_source_value(const struct model_source *source)
{
    return source->file ? NULL : source->content ? source->content : source->value;
}

/* An owner is a number, or a name in the guest. */
static cJSON *render_owner(const char *owner)
{
    uint32_t number = 0;
    if (owner && str_to_u32(owner, &number) < 0)
        return cJSON_CreateString(owner);
    return cJSON_CreateNumber(number);
}

/* That a value has changed can be told, what it is cannot. */
static void set_digest(cJSON *spec, const char *salt, const char *value)
{
    char hex[HASH_HEX_SIZE];
    _cleanup_free_ char *salted = xasprintf("%s:%s", salt, value);
    json_set_string(spec, "digest", hash_sha256_hex(salted, strlen(salted), hex));
    explicit_bzero(salted, strlen(salted));
}

static void render_files(const struct specs *specs, const char *kind,
                         const struct model_file *files, size_t count,
                         const struct model_source *sources, cJSON *list)
{
    for (size_t i = 0; i < count; i++) {
        const struct model_source *source = &sources[files[i].source];
        cJSON *spec = cJSON_CreateObject();
        json_set_string(spec, "target", files[i].target);
        json_set(spec, "uid", render_owner(files[i].uid));
        json_set(spec, "gid", render_owner(files[i].gid));
        json_set_int(spec, "mode", files[i].mode);
        json_set_string(spec, "file", source->file);
        if (!source->file) {
            _cleanup_free_ char *key = spec_vault_key(kind, source);
            const char *value = spec_source_value(source);
            json_set_string(spec, "vault", key);
            set_digest(spec, specs->salt, value ? value : "");
        }
        cJSON_AddItemToArray(list, spec);
    }
}

void spec_render_mounts(const struct specs *specs, const struct spec_rendering *how,
                        struct spec_instance *instance)
{
    const struct model_service *service = specs->services[how->service].model;
    const struct model *model = specs->model;
    cJSON *files = cJSON_CreateArray();
    render_files(specs, "configs", service->configs, service->config_count, model->configs, files);
    render_files(specs, "secrets", service->secrets, service->secret_count, model->secrets, files);
    json_set(instance->vm, "mounts", render_mounts(specs, how));
    json_set(instance->vm, "files", files);
    instance->volumes = spec_volumes_of(instance->vm);
}
