/* The part of compose/complete.h about files and volumes: builds, mounts, configs, secrets. */
#include "base/str.h"
#include "compose/complete.h"

static const struct schema_object *rows_of(const char *service_key)
{
    return schema_find(schema_find(&schema_root, "services")->object, service_key)->object;
}

/* --- builds ---------------------------------------------------------------------------------- */

/* ARGs without a value take the caller's, or are not given. */
static void complete_args(const struct completion *completion, struct node *build)
{
    struct node *args = node_get(build, "args");
    if (!args)
        return;
    struct node *result = node_new(completion->arena, NODE_MAP, args->position);
    for (size_t i = 0; i < args->count; i++) {
        struct node_pair pair = args->pairs[i];
        const char *value = pair.value->kind == NODE_NULL && completion->variables
                                ? variables_get(completion->variables, pair.key)
                                : NULL;
        if (value)
            pair.value = node_new_string(completion->arena, value, pair.value->position);
        if (pair.value->kind == NODE_STRING)
            node_put_ranked(completion->arena, result, &pair);
    }
    if (result->count > 0)
        complete_put(completion, rows_of("build"), build, "args", result);
    else
        node_remove(build, "args");
}

void complete_build(const struct completion *completion, struct node *service)
{
    struct node *build = node_get(service, "build");
    if (!build)
        return;
    const struct schema_object *rows = rows_of("build");
    struct arena *arena = completion->arena;
    if (!node_find(build, "dockerfile") && !node_find(build, "dockerfile_inline"))
        complete_put(completion, rows, build, "dockerfile",
                     node_new_string(arena, "Dockerfile", build->position));
    complete_args(completion, build);
}

/* --- top level ------------------------------------------------------------------------------- */

struct section {
    const char *name, *kind; /* "volumes", "volume" */
};

/* Whether an entry of a service's list names something of the top level. */
static const char *named_source(const struct section *section, const struct node *entry)
{
    if (streq(section->name, "volumes") && !streq(node_get_string(entry, "type", ""), "volume"))
        return NULL;
    const char *source = node_get_string(entry, "source", "");
    return source[0] ? source : NULL;
}

static void report_undefined(const struct completion *completion, const struct section *section,
                             const struct node_pair *service, const struct node *written,
                             const char *name, struct position position)
{
    const char *hint = strchr(name, '/')
                           ? "a folder of the host begins with '/', './' or '~/'"
                           : arena_printf(completion->arena,
                                          "define it below '%s:' of the top level", section->name);
    complete_report_undefined(completion,
                              &(struct reference){.service = service->key,
                                                  .kind = section->kind,
                                                  .name = name,
                                                  .hint = hint,
                                                  .position = position},
                              written);
}

/* Notes what a list of a service uses, and leaves out what is not there. */
static void check_list(const struct completion *completion, const struct section *section,
                       const struct node_pair *service, const struct node *written,
                       struct node *used, struct node *owner)
{
    struct node_pair *pair = node_find(owner, section->name);
    if (!pair || pair->value->kind != NODE_LIST)
        return;
    struct node *list = pair->value;
    uint32_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const char *name = named_source(section, list->items[i]);
        if (name && !node_find(written, name) && !completion->no_consistency) {
            report_undefined(completion, section, service, written, name, list->items[i]->position);
            continue;
        }
        if (name)
            node_put(completion->arena, used, name, list->items[i]->position, list->items[i]);
        list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

static void check_references(const struct completion *completion, const struct section *section,
                             const struct node_pair *service, const struct node *written,
                             struct node *used)
{
    check_list(completion, section, service, written, used, service->value);
    if (streq(section->name, "secrets"))
        check_list(completion, section, service, written, used, node_get(service->value, "build"));
}

static void complete_entry(const struct completion *completion, const struct schema_object *rows,
                           const struct node_pair *pair)
{
    struct node *entry = pair->value;
    if (entry->kind != NODE_MAP)
        return;
    if (!node_find(entry, "name") && !completion->no_normalize) {
        const char *name =
            node_get_bool(entry, "external", false)
                ? pair->key
                : arena_printf(completion->arena, "%s_%s", completion->project, pair->key);
        complete_put(completion, rows, entry, "name",
                     node_new_string(completion->arena, name, entry->position));
    }
}

static void complete_section(const struct completion *completion, const struct section *section,
                             struct node *tree, const struct node *services)
{
    const struct schema_object *rows = schema_find(&schema_root, section->name)->object;
    const struct node *written = node_get(tree, section->name);
    struct node *used = node_new(completion->arena, NODE_MAP, tree->position);
    struct node *result = node_new(completion->arena, NODE_MAP, tree->position);
    for (size_t i = 0; i < services->count; i++)
        check_references(completion, section, &services->pairs[i], written, used);
    for (size_t i = 0; written && i < written->count; i++)
        if (completion->keep_all || node_find(used, written->pairs[i].key)) {
            node_put_ranked(completion->arena, result, &written->pairs[i]);
            complete_entry(completion, rows, &written->pairs[i]);
        }
    if (result->count > 0)
        complete_put(completion, &schema_root, tree, section->name, result);
    else
        node_remove(tree, section->name);
}

/* Models are named by keys. */
static void complete_models(const struct completion *completion, struct node *tree,
                            const struct node *services)
{
    const struct node *written = node_get(tree, "models");
    struct node *result = node_new(completion->arena, NODE_MAP, tree->position);
    for (size_t i = 0; i < services->count; i++) {
        const struct node *models = node_get(services->pairs[i].value, "models");
        for (size_t j = 0; node_is(models, NODE_MAP) && j < models->count; j++) {
            const struct node_pair *pair = &models->pairs[j],
                                   *model = node_find(written, pair->key);
            struct reference reference = {.service = services->pairs[i].key,
                                          .kind = "model",
                                          .name = pair->key,
                                          .position = pair->position};
            if (model)
                node_put_ranked(completion->arena, result, model);
            else if (!completion->no_consistency)
                complete_report_undefined(completion, &reference, written);
        }
    }
    if (result->count > 0)
        complete_put(completion, &schema_root, tree, "models", result);
    else
        node_remove(tree, "models");
}

void complete_storage(const struct completion *completion, struct node *tree,
                      const struct node *services)
{
    static const struct section sections[] = {
        {"volumes", "volume"}, {"configs", "config"}, {"secrets", "secret"}};
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        complete_section(completion, &sections[i], tree, services);
    complete_models(completion, tree, services);
}
