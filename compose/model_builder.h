/* What the files that build the model (model*.c) share. compose/ only. */
#pragma once

#include "compose/model_build.h"

struct builder {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct model *model;
    const struct model_input *input;
    const struct node *services, *networks;
    /* name -> int node, the place in the model's array */
    struct node *service_index, *network_index, *volume_index, *config_index, *secret_index;
};

/* The model's texts are the tree's, which lives as long. NULL where there is none. */
const char *builder_member(const struct node *map, const char *key);
char **builder_strings(const struct builder *builder, const struct node *list);
/* A mapping's strings, sorted by name; what has no value is left out. */
struct model_variable *builder_variables(const struct builder *builder, const struct node *map,
                                         size_t *ret_count);
/* In the project's directory where it is relative; cleaned. NULL stays NULL. */
const char *builder_path(const struct builder *builder, const char *path);
size_t builder_count(const struct node *node);
/* An array of the arena, one item per child of node, zeroed. */
#define builder_array(builder, type, node)                                                         \
    ((type *)arena_array((builder)->arena, builder_count(node), sizeof(type)))
bool builder_find(const struct node *index, const char *name, size_t *ret_place);

/* Parts of a service, and the rest of the top level. */
void model_build_life(const struct builder *builder, const struct node *node,
                      struct model_service *service);
void model_build_mounts(const struct builder *builder, const struct node *node,
                        struct model_service *service);
void model_build_image(const struct builder *builder, const struct node *node,
                       struct model_service *service);
void model_build_attachments(const struct builder *builder, const struct node *node,
                             struct model_service *service);
void model_build_networks(const struct builder *builder);
void model_build_storage(const struct builder *builder, const struct node *tree);
