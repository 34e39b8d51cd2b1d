/* What leaves compose/ as text: `config`'s output and the form for the wire (compose/compose.h). */
#include "compose/compose.h"

#include "base/str.h"
#include "compose/complete.h"
#include "compose/model_build.h"
#include "compose/print.h"
#include "compose/schema.h"
#include "compose/validate.h"
#include "compose/yaml.h"

#include <errno.h>

/* The canonical form is larger than its files: ports and environments are spelt out. */
#define WIRE_SIZE_LIMIT ((size_t)64 * 1024 * 1024)

/* `$` doubled, but for the one that stands for the VM's number. */
static void escape_replica(struct arena *arena, struct node *node)
{
    if (!node_is(node, NODE_STRING) || !strstr(node->text, MODEL_REPLICA))
        return;
    _cleanup_strbuf_ struct strbuf out = {0};
    for (const char *text = node->text; *text;) {
        const char *rest = str_after_prefix(text, MODEL_REPLICA);
        if (rest)
            strbuf_add_str(&out, MODEL_REPLICA);
        else if (*text == '$')
            strbuf_add_str(&out, "$$");
        else
            strbuf_add_char(&out, *text);
        text = rest ? rest : text + 1;
    }
    node->text = arena_strdup(arena, strbuf_text(&out));
    node->is_escaped = true;
}

static void escape_replicas(struct arena *arena, const struct node *services)
{
    for (size_t i = 0; services && i < services->count; i++) {
        const struct node *service = services->pairs[i].value;
        const struct node *environment = node_get(service, "environment");
        escape_replica(arena, node_get(service, "hostname"));
        for (size_t j = 0; environment && j < environment->count; j++)
            escape_replica(arena, environment->pairs[j].value);
    }
}

char *compose_print(const struct model *model, enum compose_format format)
{
    struct strbuf out = {0};
    struct print_options options = {.sort = true,
                                    .top_by_name = true,
                                    .by_name = model->is_original,
                                    .escape_dollars = !model->is_original};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    size_t count = 0;
    struct node *tree = node_copy(arena, model->tree, SIZE_MAX, SIZE_MAX, &count);
    const struct node *services = node_get(tree, "services");
    if (!model->is_original)
        escape_replicas(arena, services);
    for (size_t i = 0; services && i < services->count; i++)
        print_write_out_ports(arena, services->pairs[i].value);
    if (format == COMPOSE_YAML) {
        print_yaml(tree, &options, &out);
    } else {
        if (!model->is_original)
            print_prepare_json(arena, &schema_root, tree);
        print_json(tree, &options, &out);
        strbuf_add_char(&out, '\n');
    }
    return strbuf_take(&out);
}

void compose_set_image(struct model *model, const char *service, const char *image)
{
    struct node_pair *pair =
        node_find(node_get(node_get(model->tree, "services"), service), "image");
    if (pair)
        pair->value = node_new_string(model_arena(model), arena_strdup(model_arena(model), image),
                                      pair->value->position);
}

char *compose_print_images(const struct model *model, enum compose_format format)
{
    struct strbuf out = {0};
    struct print_options options = {.sort = true, .escape_dollars = true};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    const struct node *services = node_get(model->tree, "services");
    struct position nowhere = {0};
    struct node *tree = node_new(arena, NODE_MAP, nowhere);
    struct node *kept = node_new(arena, NODE_MAP, nowhere);
    for (size_t i = 0; services && i < services->count; i++) {
        struct node *service = node_new(arena, NODE_MAP, nowhere);
        struct node *image = node_get(services->pairs[i].value, "image");
        if (image)
            node_put(arena, service, "image", nowhere, image);
        node_put(arena, kept, services->pairs[i].key, nowhere, service);
    }
    node_put(arena, tree, "services", nowhere, kept);
    if (format == COMPOSE_JSON) {
        print_json(tree, &options, &out);
        strbuf_add_char(&out, '\n');
    } else {
        print_yaml(tree, &options, &out);
    }
    return strbuf_take(&out);
}

/* {KEY: VALUE} of those whose value comes from the caller's environment. */
static struct node *source_values(struct arena *arena, const struct model_source *sources,
                                  size_t count)
{
    struct position nowhere = {0};
    struct node *values = node_new(arena, NODE_MAP, nowhere);
    for (size_t i = 0; i < count; i++)
        if (sources[i].value)
            node_put(arena, values, sources[i].key, nowhere,
                     node_new_string(arena, sources[i].value, nowhere));
    return values;
}

/* {"directory": ..., "tree": the canonical tree, "values": {"configs": {...}, "secrets": {...}},
 * "disabled": [NAME, ...]} */
char *compose_serialize(const struct model *model)
{
    struct strbuf out = {0};
    struct print_options options = {0};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct position nowhere = {0};
    struct node *wrapper = node_new(arena, NODE_MAP, nowhere);
    struct node *values = node_new(arena, NODE_MAP, nowhere);
    struct node *disabled = node_new(arena, NODE_LIST, nowhere);
    for (char **name = model->disabled; name && *name; name++)
        node_append(arena, disabled, node_new_string(arena, *name, nowhere));
    node_put(arena, wrapper, "directory", nowhere,
             node_new_string(arena, model->directory, nowhere));
    node_put(arena, wrapper, "tree", nowhere, model->tree);
    node_put(arena, values, "configs", nowhere,
             source_values(arena, model->configs, model->config_count));
    node_put(arena, values, "secrets", nowhere,
             source_values(arena, model->secrets, model->secret_count));
    node_put(arena, wrapper, "values", nowhere, values);
    node_put(arena, wrapper, "disabled", nowhere, disabled);
    print_json(wrapper, &options, &out);
    return strbuf_take(&out);
}

/* Positions mean nothing where the files are not. */
static void forget_positions(struct node *node)
{
    node->position = (struct position){0};
    for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
        forget_positions(node->items[i]);
    for (size_t i = 0; node->kind == NODE_MAP && i < node->count; i++) {
        node->pairs[i].position = (struct position){0};
        forget_positions(node->pairs[i].value);
    }
}

static void after_service(void *data, const struct model *model, const struct node_pair *pair,
                          const struct model_service *service)
{
    validate_add(data, model, pair, service);
}

static int deserialize(struct arena *arena, struct node *wrapper, struct diagnostics *diagnostics,
                       struct model **ret_model, struct error *err)
{
    struct node *tree = node_get(wrapper, "tree"), *none = NULL;
    const struct node *disabled = node_get(wrapper, "disabled");
    const char *directory = node_get_string(wrapper, "directory", NULL);
    if (!tree || !directory)
        return error_set(err, EINVAL, "the project has no 'tree' or no 'directory'");
    for (size_t i = 0; node_is(disabled, NODE_LIST) && i < disabled->count; i++)
        if (disabled->items[i]->kind != NODE_STRING)
            return error_set(err, EINVAL, "the project's 'disabled' holds no names");
    forget_positions(tree);
    struct schema_run run = {.arena = arena, .diagnostics = diagnostics};
    tree = schema_normalise(&run, tree);
    schema_finish(&run, tree);
    const char *name = node_get_string(tree, "name", "");
    struct completion completion = {.arena = arena,
                                    .diagnostics = diagnostics,
                                    .directory = directory,
                                    .project = name,
                                    .is_wire = true};
    complete_tree(&completion, tree, &none);
    struct validation validation = {.diagnostics = diagnostics};
    struct model *model = model_build(
        arena, diagnostics,
        &(struct model_input){.tree = tree,
                              .directory = directory,
                              .disabled = node_is(disabled, NODE_LIST) ? disabled : NULL,
                              .values = node_get(wrapper, "values"),
                              .after_service = after_service,
                              .data = &validation});
    validate_model(&validation, model);
    if (diagnostics_count(diagnostics, SEVERITY_ERROR) > 0 || name[0] == '\0')
        return error_set(err, EINVAL, "the project is not valid");
    *ret_model = model;
    return 0;
}

int compose_deserialize(const char *text, size_t length, struct diagnostics *diagnostics,
                        struct model **ret_model, struct error *err)
{
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    if (length > WIRE_SIZE_LIMIT)
        return error_set(err, EFBIG, "the project is larger than %zu MiB",
                         WIRE_SIZE_LIMIT / (1024 * 1024));
    unsigned file = diagnostics_add_file(diagnostics, "(project)", "", 0);
    struct node *documents = yaml_read(arena, diagnostics, file, text, length);
    if (!documents || documents->count != 1)
        return error_set(err, EINVAL, "the project is no JSON object");
    int r = deserialize(arena, documents->items[0], diagnostics, ret_model, err);
    if (r == 0)
        (void)TAKE_PTR(arena); /* the model's now */
    return r;
}
