/* What is mounted and put into a service's VMs, and the volumes, configs and secrets of the top
 * level: the part of compose/model_build.h that reads the keys of schema_mounts.c. */
#include "base/str.h"
#include "compose/model_builder.h"
#include "compose/mount_text.h"
#include "compose/parse.h"

#include <stdlib.h>

/* --- mounts ---------------------------------------------------------------------------------- */

/* False where the volume is not there, which was reported. */
static bool build_mount(const struct builder *builder, const struct node *node,
                        struct model_mount *mount)
{
    const char *type = node_get_string(node, "type", "volume");
    const char *source = node_get_string(node, "source", "");
    const struct node *bind = node_get(node, "bind"), *volume = node_get(node, "volume");
    const struct node *tmpfs = node_get(node, "tmpfs");
    *mount = (struct model_mount){
        .type = streq(type, "bind")    ? MOUNT_BIND
                : streq(type, "tmpfs") ? MOUNT_TMPFS
                                       : MOUNT_VOLUME,
        .volume = MODEL_ANONYMOUS,
        .target = builder_member(node, "target"),
        .read_only = node_get_bool(node, "read_only", false),
        .position = node->position,
    };
    switch (mount->type) {
    case MOUNT_VOLUME:
        mount->nocopy = node_get_bool(volume, "nocopy", false);
        mount->subpath = builder_member(volume, "subpath");
        return source[0] == '\0' || builder_find(builder->volume_index, source, &mount->volume);
    case MOUNT_BIND: /* without `bind:` it is made, with it only where it says so: the reference */
        mount->source = builder_path(builder, source);
        mount->subpath = node_get_string(bind, "subpath", node_get_string(volume, "subpath", NULL));
        mount->create_host_path = !bind || node_get_bool(bind, "create_host_path", false);
        return true;
    case MOUNT_TMPFS:
        parse_bytes(node_get_string(tmpfs, "size", "0"), &mount->tmpfs_bytes);
        mount->tmpfs_mode = (uint32_t)node_get_int(tmpfs, "mode", 0);
        return true;
    case MOUNT_TYPE_COUNT:
        break;
    }
    return false;
}

static struct model_mount build_tmpfs(const struct builder *builder, const struct node *item)
{
    struct tmpfs_text tmpfs = {.target = ""};
    tmpfs_text_parse(builder->arena, item->text, &tmpfs);
    return (struct model_mount){
        .type = MOUNT_TMPFS,
        .volume = MODEL_ANONYMOUS,
        .target = path_clean(builder->arena, "/", tmpfs.target),
        .read_only = tmpfs.read_only,
        .tmpfs_bytes = tmpfs.bytes,
        .tmpfs_mode = tmpfs.mode,
        .position = item->position,
    };
}

static int compare_mounts(const void *left, const void *right)
{
    return strcmp(((const struct model_mount *)left)->target,
                  ((const struct model_mount *)right)->target);
}

/* --- configs and secrets --------------------------------------------------------------------- */

/* folder: where relative targets begin, and the file named like the source where none is given. */
static struct model_file *build_files(const struct builder *builder, const struct node *list,
                                      const struct node *index, const char *folder,
                                      size_t *ret_count)
{
    struct model_file *files = builder_array(builder, struct model_file, list);
    size_t count = 0;
    for (size_t i = 0; i < builder_count(list); i++) {
        const struct node *node = list->items[i];
        const char *source = node_get_string(node, "source", "");
        const char *target = node_get_string(node, "target", "");
        struct model_file *file = &files[count];
        int64_t mode = 0444;
        parse_octal_digits(node_get_string(node, "mode", "0444"), 07777, &mode);
        if (!builder_find(index, source, &file->source))
            continue; /* reported when the tree was completed */
        file->target = path_clean(builder->arena, folder, target[0] ? target : source);
        file->uid = builder_member(node, "uid");
        file->gid = builder_member(node, "gid");
        file->mode = (uint32_t)mode;
        file->position = node->position;
        count++;
    }
    *ret_count = count;
    return files;
}

void model_build_mounts(const struct builder *builder, const struct node *node,
                        struct model_service *service)
{
    const struct node *volumes = node_get(node, "volumes"), *tmpfs = node_get(node, "tmpfs");
    size_t room = builder_count(volumes) + builder_count(tmpfs) + 1;
    service->mounts = arena_array(builder->arena, room, sizeof(struct model_mount));
    for (size_t i = 0; i < builder_count(volumes); i++)
        if (build_mount(builder, volumes->items[i], &service->mounts[service->mount_count]))
            service->mount_count++;
    for (size_t i = 0; i < builder_count(tmpfs); i++)
        service->mounts[service->mount_count++] = build_tmpfs(builder, tmpfs->items[i]);
    qsort(service->mounts, service->mount_count, sizeof(struct model_mount), compare_mounts);
    service->configs = build_files(builder, node_get(node, "configs"), builder->config_index, "/",
                                   &service->config_count);
    service->secrets = build_files(builder, node_get(node, "secrets"), builder->secret_index,
                                   "/run/secrets", &service->secret_count);
}

/* --- top level ------------------------------------------------------------------------------- */

/* What the caller's variable holds, from here or over the wire. NULL: it is not set. */
static const char *source_value(const struct builder *builder, const char *section,
                                const struct node_pair *pair)
{
    const char *name = node_get_string(pair->value, "environment", NULL);
    const struct model_input *input = builder->input;
    if (!name)
        return NULL;
    if (!input->variables)
        return node_get_string(node_get(input->values, section), pair->key, NULL);
    const char *value = variables_get(input->variables, name);
    if (!value)
        diagnostics_add(builder->diagnostics, SEVERITY_WARNING,
                        node_find(pair->value, "environment")->value->position,
                        "set it before 'up'", "the variable '%s' of '%s.%s' is not set", name,
                        section, pair->key);
    return value;
}

static struct model_source *build_sources(const struct builder *builder, const struct node *tree,
                                          const char *section, size_t *ret_count)
{
    const struct node *map = node_get(tree, section);
    struct model_source *sources = builder_array(builder, struct model_source, map);
    for (size_t i = 0; i < builder_count(map); i++) {
        const struct node_pair *pair = &map->pairs[i];
        sources[i] = (struct model_source){
            .key = pair->key,
            .name = node_get_string(pair->value, "name", pair->key),
            .file = builder_path(builder, node_get_string(pair->value, "file", NULL)),
            .environment = builder_member(pair->value, "environment"),
            .content = builder_member(pair->value, "content"),
            .value = source_value(builder, section, pair),
            .position = pair->position,
        };
    }
    *ret_count = builder_count(map);
    return sources;
}

void model_build_storage(const struct builder *builder, const struct node *tree)
{
    struct model *model = builder->model;
    const struct node *volumes = node_get(tree, "volumes");
    model->volumes = builder_array(builder, struct model_volume, volumes);
    for (size_t i = 0; i < builder_count(volumes); i++) {
        const struct node_pair *pair = &volumes->pairs[i];
        struct model_volume *volume = &model->volumes[model->volume_count++];
        *volume = (struct model_volume){
            .key = pair->key,
            .name = node_get_string(pair->value, "name", pair->key),
            .external = node_get_bool(pair->value, "external", false),
            .shared = node_get_bool(node_get(pair->value, "x-vmstead"), "shared", false),
            .position = pair->position,
        };
        volume->labels =
            builder_variables(builder, node_get(pair->value, "labels"), &volume->label_count);
    }
    model->configs = build_sources(builder, tree, "configs", &model->config_count);
    model->secrets = build_sources(builder, tree, "secrets", &model->secret_count);
}
