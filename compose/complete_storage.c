/* The part of compose/complete.h about files and volumes: builds, mounts, configs, secrets. */
#include "base/str.h"
#include "compose/complete.h"

/* --- builds ---------------------------------------------------------------------------------- */

/* ARGs without a value take the caller's, or are not given. */
static void complete_args(const struct completion *completion, struct node *build)
{
    struct node *args = node_get(build, "args");
    if (!node_is(args, NODE_MAP) || completion->is_original)
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
        complete_put(completion, &schema_build, build, "args", result);
    else
        node_remove(build, "args");
}

void complete_build(const struct completion *completion, struct node *service)
{
    struct node *build = node_get(service, "build");
    struct arena *arena = completion->arena;
    if (!node_is(build, NODE_MAP))
        return;
    if (!node_find(build, "context")) /* where paths are not resolved */
        complete_put(completion, &schema_build, build, "context",
                     node_new_string(arena, ".", build->position));
    if (completion->no_normalize)
        return;
    if (!node_get_string(build, "dockerfile", "")[0] &&
        !node_get_string(build, "dockerfile_inline", "")[0])
        complete_put(completion, &schema_build, build, "dockerfile",
                     node_new_string(arena, "Dockerfile", build->position));
    complete_args(completion, build);
}

/* --- top level ------------------------------------------------------------------------------- */

static const struct section {
    const char *name, *kind;
} sections[USED_COUNT] = {[USED_VOLUMES] = {"volumes", "volume"},
                          [USED_CONFIGS] = {"configs", "config"},
                          [USED_SECRETS] = {"secrets", "secret"},
                          [USED_MODELS] = {"models", "model"}};

/* Whether an entry of a service's list names something of the top level. */
static const char *named_source(size_t section, const struct node *entry)
{
    if (section == USED_VOLUMES && !streq(node_get_string(entry, "type", ""), "volume"))
        return NULL;
    const char *source = node_get_string(entry, "source", "");
    return source[0] ? source : NULL;
}

static void report_undefined(const struct completion *completion, const struct section *section,
                             const struct node_pair *service, const struct node *written,
                             const char *name, struct position position)
{
    const char *hint =
        strchr(name, '/') ? "a folder of the host begins with '/', './' or '~/'" : NULL;
    complete_report_undefined(completion,
                              &(struct reference){.service = service->key,
                                                  .kind = section->kind,
                                                  .name = name,
                                                  .hint = hint,
                                                  .position = position},
                              written);
}

/* Notes what a list of a service uses, and leaves out what is not there. */
static void check_list(const struct completion *completion, struct used_storage *storage,
                       size_t section, const struct node_pair *service, const struct node *owner)
{
    struct node *list = node_get(owner, sections[section].name);
    const struct node *written = storage->written[section];
    if (!node_is(list, NODE_LIST))
        return;
    uint32_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const char *name = named_source(section, list->items[i]);
        if (name && !node_find(written, name) && !completion->no_consistency) {
            report_undefined(completion, &sections[section], service, written, name,
                             list->items[i]->position);
            continue;
        }
        if (name)
            node_put(completion->arena, storage->used[section], name, list->items[i]->position,
                     list->items[i]);
        list->items[kept++] = list->items[i];
    }
    list->count = kept;
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

static void complete_section(const struct completion *completion, size_t section,
                             const struct used_storage *storage, struct node *tree)
{
    const char *name = sections[section].name;
    const struct schema_object *rows = schema_find(&schema_root, name)->object;
    const struct node *written = storage->written[section];
    struct node *result = node_new(completion->arena, NODE_MAP, tree->position);
    for (size_t i = 0; written && i < written->count; i++)
        if (completion->keep_all || node_find(storage->used[section], written->pairs[i].key)) {
            node_put_ranked(completion->arena, result, &written->pairs[i]);
            complete_entry(completion, rows, &written->pairs[i]);
        }
    if (result->count > 0)
        complete_put(completion, &schema_root, tree, name, result);
    else
        node_remove(tree, name);
}

/* Models are named by keys, and shown in the order in which services name them. */
static void check_models(const struct completion *completion, struct used_storage *storage,
                         const struct node_pair *service)
{
    const struct node *models = node_get(service->value, "models");
    for (size_t i = 0; node_is(models, NODE_MAP) && i < models->count; i++) {
        const struct node_pair *pair = &models->pairs[i],
                               *model = node_find(storage->written[USED_MODELS], pair->key);
        struct reference reference = {.service = service->key,
                                      .kind = "model",
                                      .name = pair->key,
                                      .position = pair->position};
        if (model)
            node_put_ranked(completion->arena, storage->used[USED_MODELS], model);
        else if (!completion->no_consistency)
            complete_report_undefined(completion, &reference, storage->written[USED_MODELS]);
    }
}

struct used_storage complete_storage_begin(const struct completion *completion,
                                           const struct node *tree)
{
    struct used_storage storage;
    for (size_t i = 0; i < USED_COUNT; i++) {
        storage.written[i] = node_get(tree, sections[i].name);
        storage.used[i] = node_new(completion->arena, NODE_MAP, tree->position);
    }
    return storage;
}

void complete_storage_service(const struct completion *completion, struct used_storage *storage,
                              const struct node_pair *service)
{
    for (size_t i = 0; i < USED_MODELS; i++)
        check_list(completion, storage, i, service, service->value);
    check_list(completion, storage, USED_SECRETS, service, node_get(service->value, "build"));
    check_models(completion, storage, service);
}

void complete_storage_end(const struct completion *completion, const struct used_storage *storage,
                          struct node *tree)
{
    for (size_t i = 0; i < USED_MODELS; i++)
        complete_section(completion, i, storage, tree);
    if (completion->is_original)
        return;
    if (storage->used[USED_MODELS]->count > 0)
        complete_put(completion, &schema_root, tree, "models", storage->used[USED_MODELS]);
    else
        node_remove(tree, "models");
}
