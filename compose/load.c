/* compose_load: the stages of compose/compose.h, top down. */
#include "compose/load.h"

#include "base/alloc.h"
#include "base/str.h"
#include "compose/complete.h"
#include "compose/model_build.h"
#include "compose/notes.h"
#include "compose/schema.h"
#include "compose/validate.h"

#include <errno.h>

/* Those that are no YAML are reported together. */
static int read_files(struct load *load, struct error *err)
{
    int result = 0;
    load->read = arena_array(load->arena, strv_length(load->files.paths) + 1, sizeof(*load->read));
    for (size_t i = 0; load->files.paths[i]; i++) {
        struct load_file *file = &load->read[load->read_count++];
        *file = (struct load_file){.path = load->files.paths[i], .name = load->files.names[i]};
        int r = load_parse_file(load, file, err);
        if (r < 0 && (!err || err->code))
            return r;
        result = r < 0 ? r : result;
    }
    return result;
}

static int find_project(struct load *load, struct error *err)
{
    const struct compose_options *options = load->options;
    load->variables = variables_new(load->arena, NULL);
    variables_add(load->variables, "PWD", options->working_directory); /* as the reference */
    variables_add_all(load->variables, options->environment);
    const char *first = project_first_directory(load->arena, options);
    int given =
        project_read_env_files(load->arena, options, load->diagnostics, load->variables, err);
    if (given < 0)
        return given;
    bool named = options->files && options->files[0] && !options->project_directory;
    if (!given && !named)
        project_read_dotenv(load->arena, options, first, load->diagnostics, load->variables);
    int r = project_find_files(load->arena, options, load->variables, load->diagnostics,
                               &load->files, err);
    if (r < 0)
        return r;
    if (!given && (named || !streq(first, load->files.directory)))
        project_read_dotenv(load->arena, options, load->files.directory, load->diagnostics,
                            load->variables);
    r = read_files(load, err);
    return r < 0 ? r : load_find_name(load, err);
}

/* --profile, or COMPOSE_PROFILES: names between commas. */
static char *const *enabled_profiles(const struct load *load)
{
    const char *value = variables_get(load->variables, "COMPOSE_PROFILES");
    if ((load->options->profiles && load->options->profiles[0]) || !value)
        return load->options->profiles;
    char **profiles = arena_array(load->arena, strlen(value) + 2, sizeof(char *));
    char *rest = arena_strdup(load->arena, value), *name;
    for (size_t count = 0; (name = strsep(&rest, ","));) {
        name += strspn(name, " ");
        name[strcspn(name, " ")] = '\0';
        if (*name)
            profiles[count++] = name;
    }
    return profiles;
}

static void note_profiles(const struct load *load, const struct node *tree)
{
    const struct node *services = node_get(tree, "services");
    for (size_t i = 0; services && i < services->count; i++) {
        const struct node *profiles = node_get(services->pairs[i].value, "profiles");
        for (size_t j = 0; node_is(profiles, NODE_LIST) && j < profiles->count; j++)
            node_put(load->arena, load->profiles, profiles->items[j]->text,
                     profiles->items[j]->position, profiles->items[j]);
    }
}

static char **keys_of(struct arena *arena, const struct node *map)
{
    char **keys = arena_array(arena, map->count + 1, sizeof(char *));
    for (size_t i = 0; i < map->count; i++)
        keys[i] = arena_strdup(arena, map->pairs[i].key);
    return keys;
}

/* The places of a value and of all below it; NULL only counts them. */
static size_t collect_places(const struct node *node, struct position *places)
{
    size_t count = 1;
    if (places)
        places[0] = node->position;
    for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
        count += collect_places(node->items[i], places ? places + count : NULL);
    for (size_t i = 0; node->kind == NODE_MAP && i < node->count; i++) {
        if (places)
            places[count] = node->pairs[i].position;
        count++;
        count += collect_places(node->pairs[i].value, places ? places + count : NULL);
    }
    return count;
}

/* What the engine would refuse counts where it is still there. */
static void release_diagnostics(const struct load *load, const struct node *tree)
{
    size_t count = diagnostics_has_held(load->diagnostics) ? collect_places(tree, NULL) : 0;
    _cleanup_free_ struct position *places = xcalloc(count + 1, sizeof(*places));
    if (count > 0)
        collect_places(tree, places);
    diagnostics_release(load->diagnostics, places, count);
}

/* All files -> one complete tree. */
static int read_tree(struct load *load, struct node **ret_tree, struct error *err)
{
    struct node *tree = node_new(load->arena, NODE_MAP, (struct position){0});
    struct load_context context = {
        .load = load,
        .directory = load->files.directory,
        .variables = load->variables,
        .interpolation = interpolation_new(load->arena, load->diagnostics, load->variables),
        .extended_files = node_new(load->arena, NODE_MAP, (struct position){0})};
    diagnostics_hold(load->diagnostics);
    for (size_t i = 0; i < load->read_count; i++) {
        int r = load_merge_file(&context, &load->read[i], tree, err);
        if (r < 0)
            return r;
    }
    if (tree->count == 0 && diagnostics_count(load->diagnostics, SEVERITY_ERROR) == 0)
        diagnostics_add(load->diagnostics, SEVERITY_ERROR,
                        (struct position){.file = tree->position.file}, "begin with 'services:'",
                        "empty compose file");
    note_profiles(load, tree);
    struct completion completion = {.arena = load->arena,
                                    .diagnostics = load->diagnostics,
                                    .variables = load->variables,
                                    .directory = load->files.directory,
                                    .project = load->name,
                                    .file_values = &load->file_values,
                                    .profiles = enabled_profiles(load),
                                    .services = load->options->services,
                                    .is_original = load->options->no_interpolate,
                                    .is_incomplete = load->is_incomplete,
                                    .keep_all = load->options->keep_all,
                                    .only_services = load->options->only_services,
                                    .no_normalize = load->options->no_normalize,
                                    .no_path_resolution = load->options->no_path_resolution,
                                    .no_consistency = load->options->no_consistency ||
                                                      load->options->no_interpolate,
                                    .no_env_resolution = load->options->no_env_resolution};
    validate_top(tree, load->diagnostics);
    complete_tree(&completion, tree, &load->disabled);
    release_diagnostics(load, tree);
    if (load->options->no_interpolate)
        complete_original_pairs(load->arena, tree);
    else
        complete_drop_empty_rest(tree);
    *ret_tree = tree;
    return 0;
}

struct finishing {
    struct notes *notes;
    struct validation *validation; /* NULL: nothing is checked */
};

static void before_service(void *data, const struct node_pair *pair)
{
    const struct finishing *finishing = data;
    complete_drop_empty(&schema_service, pair->value);
    notes_add_service(finishing->notes, pair);
}

static void after_service(void *data, const struct model *model, const struct node_pair *pair,
                          const struct model_service *service)
{
    const struct finishing *finishing = data;
    complete_forget(&schema_service, pair->value);
    if (finishing->validation)
        validate_add(finishing->validation, model, pair, service);
}

static struct model *build_model(const struct load *load, struct node *tree, struct notes *notes)
{
    bool validates = !load->options->no_consistency && !load->options->no_interpolate;
    struct validation validation = {.diagnostics = load->diagnostics};
    struct finishing finishing = {notes, validates ? &validation : NULL};
    struct model_input input = {.tree = tree,
                                .directory = load->files.directory,
                                .files = load->files.paths,
                                .disabled = load->disabled,
                                .variables = load->variables,
                                .is_bare = load->options->no_interpolate,
                                .before_service = before_service,
                                .after_service = after_service,
                                .data = &finishing};
    struct model *model = model_build(load->arena, load->diagnostics, &input);
    if (validates)
        validate_model(&validation, model);
    return model;
}

/* What was not interpolated is noted, and else left as it is. */
static void note_bare_services(struct notes *notes, const struct node *tree)
{
    const struct node *services = node_get(tree, "services");
    for (size_t i = 0; node_is(services, NODE_MAP) && i < services->count; i++)
        notes_add_service(notes, &services->pairs[i]);
}

int compose_load(const struct compose_options *options, struct diagnostics *diagnostics,
                 struct model **ret_model, struct error *err)
{
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct load load = {.arena = arena, .options = options, .diagnostics = diagnostics};
    load.profiles = node_new(arena, NODE_MAP, (struct position){0});
    struct node *tree = NULL;
    int r = find_project(&load, err);
    if (r == 0)
        r = read_tree(&load, &tree, err);
    if (r < 0)
        return r;
    struct notes *notes = notes_new(arena, diagnostics);
    struct model *model = build_model(&load, tree, notes);
    model->profiles = keys_of(arena, load.profiles);
    model->environment = variables_list(load.variables);
    if (options->no_interpolate)
        note_bare_services(notes, tree);
    notes_add_rest(notes, tree);
    notes_say(notes);
    if (!options->no_interpolate)
        complete_forget_rest(tree);
    if (diagnostics_count(diagnostics, SEVERITY_ERROR) > 0)
        return -EINVAL;
    *ret_model = model;
    (void)TAKE_PTR(arena); /* the model's now */
    return 0;
}
