/* compose_load: the stages of compose/compose.h, top down. */
#include "compose/compose.h"

#include "base/fs.h"
#include "base/str.h"
#include "compose/complete.h"
#include "compose/interpolate.h"
#include "compose/merge.h"
#include "compose/model_build.h"
#include "compose/project.h"
#include "compose/schema.h"
#include "compose/validate.h"
#include "compose/yaml.h"

#include <errno.h>

struct load {
    struct arena *arena;
    const struct compose_options *options;
    struct diagnostics *diagnostics;
    struct variables *variables;
    struct interpolation *interpolation;
    struct project_files files;
    struct node *disabled; /* names of services */
    const char *name;      /* given by option or environment; NULL: the files or the folder say */
};

/* One document: interpolated, canonical, merged over what came before. */
static void load_document(struct load *load, struct node *document, struct node *tree)
{
    if (document->kind == NODE_NULL)
        return;
    interpolate_tree(load->interpolation, document);
    merge_tree(load->arena, tree, schema_normalise(load->arena, load->diagnostics, document));
}

static int load_text(struct load *load, const char *name, const char *text, size_t length,
                     struct node *tree)
{
    const char *file = diagnostics_add_file(load->diagnostics, name, text, length);
    tree->position.file = tree->position.file ? tree->position.file : file;
    struct node *documents = yaml_read(load->arena, load->diagnostics, file, text, length);
    if (!documents)
        return -EINVAL;
    size_t before = tree->count;
    for (size_t i = 0; i < documents->count; i++)
        load_document(load, documents->items[i], tree);
    if (documents->count == 0 ||
        (documents->count == 1 && documents->items[0]->kind == NODE_NULL && before == tree->count))
        diagnostics_add(load->diagnostics, SEVERITY_ERROR, (struct position){.file = file},
                        "begin with 'services:'", "empty compose file");
    return 0;
}

/* A file that cannot be read ends the load; one that is wrong does not. */
static int load_file(struct load *load, size_t i, struct node *tree, struct error *err)
{
    const char *path = load->files.paths[i];
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    int r =
        fs_read_file(streq(path, "-") ? "/dev/stdin" : path, YAML_SIZE_LIMIT, &text, &length, err);
    if (r == -EFBIG)
        return error_set(err, EFBIG, "'%s' is larger than 4 MiB", load->files.names[i]);
    if (r == -ENOENT)
        return error_set(err, ENOENT, "open '%s': no such file or directory", path);
    if (r < 0)
        return r;
    return load_text(load, load->files.names[i], text, length, tree);
}

/* The rules of project names: given, `name:`, the folder's. */
static int name_project(struct load *load, const struct node *tree, struct error *err)
{
    if (load->name)
        return 0;
    const struct node *written = node_get(tree, "name");
    if (node_is(written, NODE_STRING) && written->text[0]) {
        load->name = project_fitting_name(load->arena, written->text);
        if (load->name[0] == '\0') {
            diagnostics_add(load->diagnostics, SEVERITY_ERROR, written->position,
                            "use lower-case letters, digits, '-' and '_'",
                            "invalid project name '%s'", written->text);
            load->name = "invalid";
        }
        return 0;
    }
    const char *slash = strrchr(load->files.directory, '/');
    load->name = project_fitting_name(load->arena, slash ? slash + 1 : load->files.directory);
    if (load->name[0] == '\0')
        return error_set(err, EINVAL,
                         "project name must not be empty: use -p NAME, "
                         "COMPOSE_PROJECT_NAME or `name:` in the file");
    return 0;
}

/* ${COMPOSE_PROJECT_NAME} in files is the name given from outside; that of `name:` comes too late.
 */
static void offer_project_name(struct load *load)
{
    if (load->name)
        variables_add(load->variables, "COMPOSE_PROJECT_NAME", load->name);
}

static int find_project(struct load *load, struct error *err)
{
    const struct compose_options *options = load->options;
    load->variables = variables_new(load->arena, NULL);
    variables_add_all(load->variables, options->environment);
    const char *first =
        options->project_directory ? options->project_directory : options->working_directory;
    project_read_dotenv(load->arena, options, first, load->diagnostics, load->variables);
    int r = project_find_files(load->arena, options, load->variables, load->diagnostics,
                               &load->files, err);
    if (r < 0)
        return r;
    if (!streq(first, load->files.directory))
        project_read_dotenv(load->arena, options, load->files.directory, load->diagnostics,
                            load->variables);
    r = project_given_name(options, load->variables, &load->name, err);
    if (r == 0)
        offer_project_name(load);
    return r;
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

/* All files -> one complete tree. */
static int read_tree(struct load *load, struct node **ret_tree, struct error *err)
{
    struct node *tree = node_new(load->arena, NODE_MAP, (struct position){0});
    load->interpolation = interpolation_new(load->arena, load->diagnostics, load->variables);
    for (size_t i = 0; load->files.paths[i]; i++) {
        int r = load_file(load, i, tree, err);
        if (r < 0)
            return r;
    }
    int r = name_project(load, tree, err);
    if (r < 0)
        return r;
    struct completion completion = {.arena = load->arena,
                                    .diagnostics = load->diagnostics,
                                    .variables = load->variables,
                                    .directory = load->files.directory,
                                    .project = load->name,
                                    .profiles = enabled_profiles(load),
                                    .services = load->options->services};
    complete_tree(&completion, tree, &load->disabled);
    *ret_tree = tree;
    return 0;
}

int compose_load(const struct compose_options *options, struct diagnostics *diagnostics,
                 struct model **ret_model, struct error *err)
{
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct load load = {.arena = arena, .options = options, .diagnostics = diagnostics};
    struct node *tree = NULL;
    int r = find_project(&load, err);
    if (r == 0)
        r = read_tree(&load, &tree, err);
    if (r < 0)
        return r;
    struct model *model = model_build(arena, diagnostics,
                                      &(struct model_input){.tree = tree,
                                                            .directory = load.files.directory,
                                                            .files = load.files.paths,
                                                            .disabled = load.disabled,
                                                            .variables = load.variables});
    validate_model(model, diagnostics);
    if (diagnostics_count(diagnostics, SEVERITY_ERROR) > 0)
        return -EINVAL;
    *ret_model = model;
    (void)TAKE_PTR(arena); /* the model's now */
    return 0;
}
