/* See run_model.h. The shapes are those of the canonical form (compose/compose.h): environment is a
 * map, volumes a list of objects; compose_deserialize() reads short syntax as well. */
#include "orchestrator/run_model.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>

static void set_text(cJSON *service, const char *key, const char *text)
{
    if (text)
        json_set_string(service, key, text);
}

static void set_command(cJSON *service, const struct run_overlay *overlay)
{
    bool own_entrypoint = strv_length(overlay->entrypoint) > 0;
    if (own_entrypoint)
        json_set(service, "entrypoint", json_from_strv(overlay->entrypoint));
    if (own_entrypoint || strv_length(overlay->argv) > 0)
        json_set(service, "command", json_from_strv(overlay->argv));
}

static int set_environment(cJSON *service, char *const *environment, struct error *err)
{
    cJSON *map = json_object(service, "environment");
    if (!map)
        json_set(service, "environment", map = cJSON_CreateObject());
    for (size_t i = 0; environment && environment[i]; i++) {
        const char *equals = strchr(environment[i], '=');
        if (!equals || equals == environment[i])
            return error_set(err, EINVAL, "environment '%s' is not NAME=VALUE", environment[i]);
        _cleanup_free_ char *name = xstrndup(environment[i], (size_t)(equals - environment[i]));
        json_set_string(map, name, equals + 1);
    }
    return 0;
}

static void set_ports(cJSON *service, const struct run_overlay *overlay)
{
    if (!overlay->service_ports)
        json_set(service, "ports", cJSON_CreateArray());
    cJSON *ports = json_array(service, "ports");
    if (!ports)
        json_set(service, "ports", ports = cJSON_CreateArray());
    for (size_t i = 0; overlay->ports && overlay->ports[i]; i++)
        cJSON_AddItemToArray(ports, cJSON_CreateString(overlay->ports[i]));
}

/* --- mounts ---------------------------------------------------------------------------------- */

/* "[SOURCE:]TARGET[:MODE]": where its target begins and ends. */
static char *mount_target(const char *mount)
{
    const char *colon = strchr(mount, ':');
    const char *target = colon && colon[1] == '/' ? colon + 1 : mount;
    return xstrndup(target, strcspn(target, ":"));
}

static void drop_mount_at(cJSON *volumes, const char *target)
{
    for (int i = cJSON_GetArraySize(volumes) - 1; i >= 0; i--) {
        const cJSON *volume = cJSON_GetArrayItem(volumes, i);
        if (streq(json_string(volume, "target", ""), target))
            cJSON_DeleteItemFromArray(volumes, i);
    }
}

/* A name that the file does not declare is that of a volume of its own. */
static void declare_volume(cJSON *tree, const char *mount)
{
    const char *colon = strchr(mount, ':');
    if (!colon || mount[0] == '/')
        return;
    _cleanup_free_ char *name = xstrndup(mount, (size_t)(colon - mount));
    cJSON *volumes = json_object(tree, "volumes");
    if (!volumes)
        json_set(tree, "volumes", volumes = cJSON_CreateObject());
    if (!cJSON_HasObjectItem(volumes, name))
        json_set_string(cJSON_AddObjectToObject(volumes, name), "name", name);
}

static void set_mounts(cJSON *tree, cJSON *service, char *const *mounts)
{
    cJSON *volumes = json_array(service, "volumes");
    if (!volumes)
        json_set(service, "volumes", volumes = cJSON_CreateArray());
    for (size_t i = 0; mounts && mounts[i]; i++) {
        _cleanup_free_ char *target = mount_target(mounts[i]);
        drop_mount_at(volumes, target);
        declare_volume(tree, mounts[i]);
        cJSON_AddItemToArray(volumes, cJSON_CreateString(mounts[i]));
    }
}

int run_model_apply(cJSON *model, const char *service_name, const struct run_overlay *overlay,
                    struct error *err)
{
    cJSON *tree = json_object(model, "tree");
    cJSON *service = json_object(json_object(tree, "services"), service_name);
    if (!service)
        return error_set(err, ENOENT, "no such service: %s", service_name);
    set_command(service, overlay);
    set_text(service, "user", overlay->user);
    set_text(service, "working_dir", overlay->working_dir);
    set_ports(service, overlay);
    set_mounts(tree, service, overlay->mounts);
    json_set_bool(service, "tty", overlay->tty);
    json_set_bool(service, "stdin_open", overlay->stdin_open);
    return set_environment(service, overlay->environment, err);
}
