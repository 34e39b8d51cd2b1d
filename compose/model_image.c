/* What a service's VMs boot: the part of compose/model_build.h that reads the keys of
 * schema_image.c. */
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_builder.h"
#include "compose/parse.h"

#include <assert.h>
#include <stdlib.h>

static int compare_files(const void *left, const void *right)
{
    return strcmp(((const struct model_bootstrap_file *)left)->path,
                  ((const struct model_bootstrap_file *)right)->path);
}

static void build_bootstrap(const struct builder *builder, const struct node *node,
                            struct model_service *service)
{
    if (!node)
        return;
    struct model_bootstrap *bootstrap = arena_new0(builder->arena, struct model_bootstrap);
    const struct node *files = node_get(node, "files");
    bootstrap->suite = node_get_string(node, "suite", "");
    bootstrap->packages = builder_strings(builder, node_get(node, "packages"));
    bootstrap->files = builder_array(builder, struct model_bootstrap_file, files);
    for (size_t i = 0; i < builder_count(files); i++) {
        const struct node *file = files->pairs[i].value;
        bootstrap->files[bootstrap->file_count++] = (struct model_bootstrap_file){
            .path = files->pairs[i].key,
            .content = builder_member(file, "content"),
            .source = builder_path(builder, node_get_string(file, "source", NULL)),
            .mode = (uint32_t)node_get_int(file, "mode", 0644),
        };
    }
    qsort(bootstrap->files, bootstrap->file_count, sizeof(*bootstrap->files), compare_files);
    const struct node *copies = node_get(node, "copy");
    bootstrap->copies = builder_array(builder, struct model_bootstrap_copy, copies);
    for (; bootstrap->copy_count < builder_count(copies); bootstrap->copy_count++) {
        const struct node *copy = copies->items[bootstrap->copy_count];
        bootstrap->copies[bootstrap->copy_count] = (struct model_bootstrap_copy){
            .source = builder_path(builder, node_get_string(copy, "source", NULL)),
            .target = builder_member(copy, "target"),
        };
    }
    bootstrap->run = builder_strings(builder, node_get(node, "run"));
    service->bootstrap = bootstrap;
}

static void build_build(const struct builder *builder, const struct node_pair *pair,
                        struct model_service *service)
{
    if (!pair || pair->value->kind != NODE_MAP)
        return;
    const struct node *node = pair->value;
    struct model_build *build = arena_new0(builder->arena, struct model_build);
    build->context = node_get_string(node, "context", "");
    build->dockerfile = builder_member(node, "dockerfile");
    build->dockerfile_inline = builder_member(node, "dockerfile_inline");
    build->target = builder_member(node, "target");
    build->args = builder_variables(builder, node_get(node, "args"), &build->arg_count);
    build->contexts =
        builder_variables(builder, node_get(node, "additional_contexts"), &build->context_count);
    build->tags = builder_strings(builder, node_get(node, "tags"));
    build->no_cache = node_get_bool(node, "no_cache", false);
    build->pull = node_get_bool(node, "pull", false);
    build->position = pair->position;
    service->build = build;
}

static enum model_pull pull_of(const char *text)
{
    static const char *const words[] = {
        [PULL_DEFAULT] = "",    [PULL_ALWAYS] = "always", [PULL_MISSING] = "missing",
        [PULL_NEVER] = "never", [PULL_BUILD] = "build",
    };
    static_assert(ARRAY_SIZE(words) == PULL_COUNT, "a word per policy");
    for (size_t i = 0; i < PULL_COUNT; i++)
        if (streq(words[i], text))
            return (enum model_pull)i;
    return PULL_DEFAULT;
}

void model_build_image(const struct builder *builder, const struct node *node,
                       struct model_service *service)
{
    const struct node *ours = node_get(node, "x-vmstead");
    build_bootstrap(builder, node_get(ours, "bootstrap"), service);
    build_build(builder, node_find(node, "build"), service);
    service->pull = pull_of(node_get_string(node, "pull_policy", ""));
    parse_bytes(node_get_string(ours, "disk", "0"), &service->disk_bytes);
}
