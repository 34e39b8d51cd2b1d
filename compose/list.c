/* What `config` lists instead of the whole (compose/compose.h). */
#include "compose/compose.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/vec.h"
#include "compose/extract.h"
#include "compose/node.h"
#include "compose/print.h"
#include "compose/schema_table.h"

#include <stdlib.h>

static const char *const sections[] = {
    [COMPOSE_SERVICES] = "services",
    [COMPOSE_VOLUMES] = "volumes",
    [COMPOSE_NETWORKS] = "networks",
};

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Sorted, one a line. The reference prints most in the order of chance. */
static void add_lines(char **lines, struct strbuf *out)
{
    size_t count = strv_length(lines);
    if (!lines) /* qsort may not be given NULL, of nothing either */
        return;
    qsort(lines, count, sizeof(*lines), compare_texts);
    for (size_t i = 0; i < count; i++)
        strbuf_addf(out, "%s\n", lines[i]);
}

/* As in the reference, one a service: the same image may come twice. */
static void list_images(const struct model *model, struct strbuf *out)
{
    const struct node *services = node_get(model->tree, "services");
    _cleanup_strv_ char **lines = NULL;
    for (size_t i = 0; services && i < services->count; i++) {
        const struct node_pair *pair = &services->pairs[i];
        const char *image = node_get_string(pair->value, "image", NULL);
        strv_add(&lines, image ? xstrdup(image) : xasprintf("%s-%s", model->name, pair->key));
    }
    add_lines(lines, out);
}

static int compare_pairs(const void *left, const void *right)
{
    const struct node_pair *const *a = left, *const *b = right;
    return strcmp((*a)->key, (*b)->key);
}

static void list_keys(const struct node *map, struct strbuf *out)
{
    _cleanup_strv_ char **lines = NULL;
    for (size_t i = 0; map && i < map->count; i++)
        strv_add(&lines, xstrdup(map->pairs[i].key));
    add_lines(lines, out);
}

/* What services call a model is nothing to pull: what it is made of is. */
static void list_models(const struct model *model, struct strbuf *out)
{
    const struct node *models = node_get(model->tree, "models");
    _cleanup_strv_ char **lines = NULL;
    for (size_t i = 0; models && i < models->count; i++) {
        const char *name = node_get_string(models->pairs[i].value, "model", "");
        if (name[0])
            strv_add(&lines, xstrdup(name));
    }
    add_lines(lines, out);
}

char *compose_list(const struct model *model, enum compose_list what)
{
    struct strbuf out = {0};
    switch (what) {
    case COMPOSE_SERVICES:
    case COMPOSE_VOLUMES:
    case COMPOSE_NETWORKS:
        list_keys(node_get(model->tree, sections[what]), &out);
        break;
    case COMPOSE_MODELS:
        list_models(model, &out);
        break;
    case COMPOSE_IMAGES:
        list_images(model, &out);
        break;
    case COMPOSE_PROFILES:
        add_lines(model->profiles, &out);
        break;
    case COMPOSE_ENVIRONMENT:
        add_lines(model->environment, &out);
        break;
    case COMPOSE_LIST_COUNT:
        break;
    }
    return strbuf_take(&out);
}

/* --- variables -------------------------------------------------------------------------------- */

static size_t wider(size_t width, const char *text)
{
    return strlen(text) + 3 > width ? strlen(text) + 3 : width;
}

static void add_variables_table(const struct node *variables, struct strbuf *out)
{
    const struct node_pair **pairs = print_sorted(variables, compare_pairs);
    size_t name_width = 20, default_width = 20;
    for (size_t i = 0; i < variables->count; i++) {
        name_width = wider(name_width, pairs[i]->key);
        default_width = wider(default_width, node_get_string(pairs[i]->value, "default", ""));
    }
    strbuf_addf(out, "%-*s%-20s%-*s%s\n", (int)name_width, "NAME", "REQUIRED", (int)default_width,
                "DEFAULT VALUE", "ALTERNATE VALUE");
    for (size_t i = 0; i < variables->count; i++) {
        const struct node *entry = pairs[i]->value;
        strbuf_addf(out, "%-*s%-20s%-*s%s\n", (int)name_width, pairs[i]->key,
                    node_get_bool(entry, "required", false) ? "true" : "false", (int)default_width,
                    node_get_string(entry, "default", ""), node_get_string(entry, "alternate", ""));
    }
    free(pairs);
}

/* With the members' names as the reference writes them in the format. */
static struct node *rename_members(struct arena *arena, const struct node *variables,
                                   enum compose_format format)
{
    static const char *const names[][3] = {{"name", "Name", "name"},
                                           {"default", "DefaultValue", "defaultvalue"},
                                           {"alternate", "PresenceValue", "presencevalue"},
                                           {"required", "Required", "required"}};
    struct position nowhere = {0};
    struct node *result = node_new(arena, NODE_MAP, nowhere);
    for (size_t i = 0; i < variables->count; i++) {
        struct node *entry = node_new(arena, NODE_MAP, nowhere);
        for (unsigned j = 0; j < ARRAY_SIZE(names); j++)
            node_put_ranked(
                arena, entry,
                &(struct node_pair){.key = names[j][format == COMPOSE_JSON ? 1 : 2],
                                    .rank = j,
                                    .value = node_get(variables->pairs[i].value, names[j][0])});
        node_put(arena, result, variables->pairs[i].key, nowhere, entry);
    }
    return result;
}

char *compose_list_variables(const struct model *model, enum compose_format format)
{
    struct strbuf out = {0};
    struct print_options options = {.sort = true, .indent = 4};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct node *variables = node_new(arena, NODE_MAP, (struct position){0});
    extract_variables(arena, model->tree, variables);
    switch (format) {
    case COMPOSE_TABLE:
        add_variables_table(variables, &out);
        break;
    case COMPOSE_YAML:
        print_yaml(rename_members(arena, variables, format), &options, &out);
        break;
    case COMPOSE_JSON:
        print_json(rename_members(arena, variables, format), &options, &out);
        strbuf_add_char(&out, '\n');
        break;
    }
    return strbuf_take(&out);
}

/* --- hashes ----------------------------------------------------------------------------------- */

/* What may change without a new VM, or changes the image, which a VM knows by its own hash. */
static void remove_unhashed(struct node *service)
{
    static const char *const keys[] = {"build", "depends_on", "profiles", "pull_policy", "scale"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        node_remove(service, keys[i]);
    if (node_get(service, "deploy"))
        node_remove(node_get(service, "deploy"), "replicas");
}

static void add_hash(const struct node_pair *service, struct strbuf *out)
{
    struct print_options options = {.sort = true, .is_compact = true};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    _cleanup_strbuf_ struct strbuf text = {0};
    char digest[HASH_HEX_SIZE];
    size_t count = 0;
    struct node *copy = node_copy(arena, service->value, SIZE_MAX, SIZE_MAX, &count);
    print_write_out_ports(arena, copy);
    print_prepare_json(arena, &schema_service, copy);
    remove_unhashed(copy);
    print_json(copy, &options, &text);
    strbuf_addf(out, "%s %s\n", service->key,
                hash_sha256_hex(strbuf_text(&text), text.length, digest));
}

char *compose_list_hashes(const struct model *model, char *const *names)
{
    struct strbuf out = {0};
    const struct node *services = node_get(model->tree, "services");
    const struct node_pair **pairs = services ? print_sorted(services, compare_pairs) : NULL;
    for (size_t i = 0; services && i < services->count; i++)
        if (!names || strv_contains(names, pairs[i]->key))
            add_hash(pairs[i], &out);
    free(pairs);
    return strbuf_take(&out);
}
