/* What `config` lists instead of the whole (compose/compose.h). */
#include "compose/compose.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/str.h"
#include "compose/node.h"
#include "compose/print.h"

#include <assert.h>
#include <stdlib.h>

static const char *const sections[] = {
    [COMPOSE_SERVICES] = "services",
    [COMPOSE_VOLUMES] = "volumes",
    [COMPOSE_NETWORKS] = "networks",
    [COMPOSE_MODELS] = "models",
};

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Sorted, one a line, each once. */
static void add_lines(char **lines, size_t count, struct strbuf *out)
{
    if (!lines) /* qsort may not be given NULL, of nothing either */
        return;
    qsort(lines, count, sizeof(*lines), compare_texts);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !streq(lines[i], lines[i - 1]))
            strbuf_addf(out, "%s\n", lines[i]);
}

static void list_images(const struct model *model, struct strbuf *out)
{
    const struct node *services = node_get(model->tree, "services");
    _cleanup_strv_ char **lines = NULL;
    for (size_t i = 0; services && i < services->count; i++) {
        const struct node_pair *pair = &services->pairs[i];
        const char *image = node_get_string(pair->value, "image", NULL);
        strv_add(&lines, image ? xstrdup(image) : xasprintf("%s-%s", model->name, pair->key));
    }
    add_lines(lines, strv_length(lines), out);
}

static void list_keys(const struct node *map, struct strbuf *out)
{
    _cleanup_strv_ char **lines = NULL;
    for (size_t i = 0; map && i < map->count; i++)
        strv_add(&lines, xstrdup(map->pairs[i].key));
    add_lines(lines, strv_length(lines), out);
}

static void list_variables(const struct model *model, struct strbuf *out)
{
    const struct node *map = model->variables;
    strbuf_addf(out, "%-20s%-20s%-20s%s\n", "NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE");
    for (size_t i = 0; map && i < map->count; i++)
        strbuf_addf(out, "%-20s%-20s%-20s%s\n", map->pairs[i].key,
                    node_get_bool(map->pairs[i].value, "required", false) ? "true" : "false",
                    node_get_string(map->pairs[i].value, "default", ""),
                    node_get_string(map->pairs[i].value, "alternate", ""));
}

static void list_hashes(const struct model *model, const char *service, struct strbuf *out)
{
    const struct node *services = node_get(model->tree, "services");
    for (size_t i = 0; services && i < services->count; i++) {
        if (service && !streq(service, services->pairs[i].key))
            continue;
        _cleanup_strbuf_ struct strbuf text = {0};
        struct print_options options = {.sort = true};
        char digest[HASH_HEX_SIZE];
        print_json(services->pairs[i].value, &options, &text);
        strbuf_addf(out, "%s %s\n", services->pairs[i].key,
                    hash_sha256_hex(strbuf_text(&text), text.length, digest));
    }
}

char *compose_list(const struct model *model, enum compose_list what, const char *service)
{
    struct strbuf out = {0};
    switch (what) {
    case COMPOSE_SERVICES:
    case COMPOSE_VOLUMES:
    case COMPOSE_NETWORKS:
    case COMPOSE_MODELS:
        list_keys(node_get(model->tree, sections[what]), &out);
        break;
    case COMPOSE_IMAGES:
        list_images(model, &out);
        break;
    case COMPOSE_PROFILES:
        add_lines(model->profiles, strv_length(model->profiles), &out);
        break;
    case COMPOSE_VARIABLES:
        list_variables(model, &out);
        break;
    case COMPOSE_HASHES:
        list_hashes(model, service, &out);
        break;
    case COMPOSE_ENVIRONMENT:
        for (char **line = model->environment; line && *line; line++)
            strbuf_addf(&out, "%s\n", *line);
        break;
    case COMPOSE_LIST_COUNT:
        break;
    }
    return strbuf_take(&out);
}
