/* The part of compose/validate.h about volumes, configs and secrets of the top level. */
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_build.h"
#include "compose/validate.h"

#include <limits.h>

/* The name is a folder's. */
static void check_volume_name(const struct model_volume *volume, struct diagnostics *diagnostics)
{
    if (strlen(volume->name) > NAME_MAX)
        diagnostics_add(diagnostics, SEVERITY_ENGINE, volume->position,
                        "choose a shorter one, or one of the project",
                        "the name of volume '%s' has %zu characters, more than %d", volume->key,
                        strlen(volume->name), NAME_MAX);
}

static void check_external_volume(const struct node_pair *pair, struct diagnostics *diagnostics)
{
    static const char *const keys[] = {"driver", "driver_opts", "labels", "x-vmstead"};
    if (!node_get_bool(pair->value, "external", false))
        return;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct node_pair *key = node_find(pair->value, keys[i]);
        if (key)
            diagnostics_add(diagnostics, SEVERITY_ERROR, key->position, "remove it, or 'external'",
                            "volume '%s' is external: it cannot have '%s'", pair->key, keys[i]);
    }
}

/* What a config (with content) or a secret is made of. */
struct source_kind {
    const char *section, *name, *words;
    bool content;
};

static const struct source_kind source_kinds[] = {
    {"configs", "config", "'file', 'environment' or 'content'", true},
    {"secrets", "secret", "'file' or 'environment'", false}};

static size_t count_ways(const struct node *node)
{
    return !!node_find(node, "file") + !!node_find(node, "environment") +
           !!node_find(node, "content");
}

/* As the reference: a config that says whether it is external need not say more, a secret must. */
static void check_source(const struct node_pair *pair, const struct source_kind *kind,
                         struct diagnostics *diagnostics)
{
    const struct node *node = pair->value;
    size_t ways = count_ways(node);
    const struct node_pair *external = node_find(node, "external");
    bool is_external = external && (kind->content || external->value->kind != NODE_BOOL ||
                                    external->value->boolean);
    bool is_empty = !kind->content && ways == 1 && node_get(node, "environment") &&
                    node_get_string(node, "environment", "")[0] == '\0';
    if (node->kind == NODE_MAP && (ways > 1 || ((ways == 0 || is_empty) && !is_external)))
        diagnostics_add(diagnostics, SEVERITY_ERROR, pair->position, NULL, "%s '%s' needs %s %s",
                        kind->name, pair->key, ways > 1 ? "only one of" : "one of", kind->words);
}

/* Those that a service uses: nobody but the project keeps them. */
static void check_used_source(const struct node_pair *pair, const struct source_kind *kind,
                              struct diagnostics *diagnostics)
{
    const struct node_pair *external = node_find(pair->value, "external");
    if (external && node_get_bool(pair->value, "external", false))
        diagnostics_add(diagnostics, SEVERITY_ENGINE, external->position,
                        "use 'file' or 'environment'",
                        "%s '%s' is external, but nothing keeps %ss outside of a project",
                        kind->name, pair->key, kind->name);
    else if (pair->value->kind == NODE_MAP && count_ways(pair->value) == 0)
        diagnostics_add(diagnostics, SEVERITY_ENGINE, pair->position, NULL,
                        "%s '%s' needs one of %s", kind->name, pair->key, kind->words);
}

void validate_top(const struct node *tree, struct diagnostics *diagnostics)
{
    const struct node *volumes = node_get(tree, "volumes");
    for (size_t i = 0; volumes && i < volumes->count; i++)
        check_external_volume(&volumes->pairs[i], diagnostics);
    for (size_t i = 0; i < ARRAY_SIZE(source_kinds); i++) {
        const struct node *sources = node_get(tree, source_kinds[i].section);
        for (size_t j = 0; sources && j < sources->count; j++)
            check_source(&sources->pairs[j], &source_kinds[i], diagnostics);
    }
}

void validate_storage(const struct model *model, struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < model->volume_count; i++)
        check_volume_name(&model->volumes[i], diagnostics);
    for (size_t i = 0; i < ARRAY_SIZE(source_kinds); i++) {
        const struct node *sources = node_get(model->tree, source_kinds[i].section);
        for (size_t j = 0; sources && j < sources->count; j++)
            check_used_source(&sources->pairs[j], &source_kinds[i], diagnostics);
    }
}
