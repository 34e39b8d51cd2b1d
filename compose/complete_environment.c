/* The part of compose/complete.h about files of variables: env_file and label_file. */
#include "base/str.h"
#include "compose/complete.h"
#include "compose/dotenv.h"
#include "compose/model.h"
#include "compose/parse.h"

#include <errno.h>

#define FILE_VALUES_LIMIT 250000

/* One file costs little, but there may be many services that read it. */
static void take_values(const struct completion *completion, const struct node *path,
                        const struct dotenv_file *file, size_t count)
{
    if (!completion->file_values)
        return;
    *completion->file_values += count + file->size / 256;
    if (*completion->file_values > FILE_VALUES_LIMIT)
        diagnostics_add(completion->diagnostics, SEVERITY_ERROR, path->position, NULL,
                        "files of variables make more than %d values of the services",
                        FILE_VALUES_LIMIT);
}

static void read_env_file(const struct completion *completion, const char *key,
                          const struct node *entry, struct variables *variables)
{
    const struct node *path_node = node_get(entry, "path");
    if (!path_node)
        return;
    const char *path = path_node->text;
    if (path[0] != '/')
        path = path_clean(completion->arena, completion->directory, path);
    struct dotenv_file file = {.path = path,
                               .name = path_node->text,
                               .is_raw = streq(node_get_string(entry, "format", ""), "raw")};
    if (completion->file_values && *completion->file_values > FILE_VALUES_LIMIT)
        return; /* reported */
    size_t before = variables_own(variables)->count;
    int r = dotenv_read_file(completion->arena, completion->diagnostics, &file, variables);
    take_values(completion, path_node, &file, variables_own(variables)->count - before);
    if (r == -ENOENT && !node_get_bool(entry, "required", true))
        return;
    bool can_be_missing = r == -ENOENT && streq(key, "env_file");
    if (r < 0)
        diagnostics_add(completion->diagnostics, SEVERITY_ERROR, path_node->position,
                        can_be_missing ? "'required: false' beside 'path:' lets it be missing"
                                       : NULL,
                        "cannot read %s '%s': %s", key, path_node->text, dotenv_problem(r));
}

/* label_file's labels below those of labels; a file's lines see what the files before it say. */
static void complete_label_files(const struct completion *completion, struct node *service)
{
    const struct node *files = node_get(service, "label_file"), *labels;
    if (!node_is(files, NODE_LIST) || completion->no_env_resolution)
        return;
    struct variables *all = variables_new(completion->arena, NULL);
    struct node *result = variables_own(all);
    result->position = files->position;
    for (size_t i = 0; i < files->count; i++) {
        struct variables *variables = variables_new(completion->arena, all);
        const struct node *own = variables_own(variables);
        struct node entry = {.kind = NODE_MAP, .position = files->items[i]->position};
        node_put(completion->arena, &entry, "path", entry.position, files->items[i]);
        read_env_file(completion, "label_file", &entry, variables);
        for (size_t j = 0; j < own->count; j++)
            node_put_ranked(completion->arena, result, &own->pairs[j]);
    }
    labels = node_get(service, "labels");
    for (size_t i = 0; labels && i < labels->count; i++)
        node_put_ranked(completion->arena, result, &labels->pairs[i]);
    node_remove(service, "label_file");
    complete_put(completion, &schema_service, service, "labels", result);
}

/* What env_file's lines see below the project's variables. */
static struct variables *service_variables(const struct completion *completion,
                                           const struct node *environment)
{
    struct variables *variables = variables_new(completion->arena, completion->variables);
    for (size_t i = 0; environment && i < environment->count; i++)
        if (environment->pairs[i].value->kind == NODE_STRING)
            variables_add(variables, environment->pairs[i].key, environment->pairs[i].value->text);
    if (completion->variables && !variables_get(completion->variables, "VMSTEAD_REPLICA"))
        variables_add(variables, "VMSTEAD_REPLICA", MODEL_REPLICA);
    return variables;
}

/* Where the files are shown, so is what the reference says of each. */
static void show_required(const struct completion *completion, const struct node *files)
{
    for (size_t i = 0; node_is(files, NODE_LIST) && i < files->count; i++)
        if (node_is(files->items[i], NODE_MAP) && !node_find(files->items[i], "required"))
            complete_put(completion, &schema_env_file, files->items[i], "required",
                         node_new_bool(completion->arena, true, files->items[i]->position));
}

/* env_file's variables below those of environment, which they may refer to. */
void complete_environment(const struct completion *completion, struct node *service)
{
    if (completion->is_original) {
        show_required(completion, node_get(service, "env_file"));
        return;
    }
    struct node *environment = node_get(service, "environment");
    const struct node *files = node_get(service, "env_file");
    complete_label_files(completion, service);
    if (!node_is(files, NODE_LIST) || completion->no_env_resolution)
        return;
    struct variables *variables =
        variables_new(completion->arena, service_variables(completion, environment));
    struct node *result = variables_own(variables);
    result->position = files->position;
    for (size_t i = 0; i < files->count; i++)
        read_env_file(completion, "env_file", files->items[i], variables);
    for (size_t i = 0; environment && i < environment->count; i++)
        node_put_ranked(completion->arena, result, &environment->pairs[i]);
    node_remove(service, "env_file");
    if (result->count > 0)
        complete_put(completion, &schema_service, service, "environment", result);
}
