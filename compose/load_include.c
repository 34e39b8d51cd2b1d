/* `include`: other projects' files, each with its own folder and variables, whose services,
 * networks and so on become this document's. See compose/load.h. */
#include "base/str.h"
#include "compose/complete.h"
#include "compose/dotenv.h"
#include "compose/load.h"
#include "compose/parse.h"
#include "compose/schema.h"

#include <errno.h>

#define INCLUDE_DEPTH 64
#define INCLUDE_LIMIT 2000 /* files that each include two others would take for ever */

static void report(const struct load_context *context, const struct node *place, const char *hint,
                   const char *message)
{
    diagnostics_add(context->load->diagnostics, SEVERITY_ERROR, place->position, hint, "%s",
                    message);
}

/* False, and reported, where the file includes itself, over others maybe. */
static bool check_cycle(const struct load_context *context, const struct node *place,
                        const char *path)
{
    struct load *load = context->load;
    const char *names = load_shown_path(load, path);
    for (const struct load_context *at = context; at; at = at->includer) {
        const char *other = at->including ? at->including : load->files.paths[0];
        names = arena_printf(load->arena, "%s -> %s", load_shown_path(load, other), names);
        if (streq(other, path)) {
            report(context, place, NULL,
                   arena_printf(load->arena, "include cycle detected: %s", names));
            return false;
        }
    }
    if (context->depth < INCLUDE_DEPTH && load->included++ < INCLUDE_LIMIT)
        return true;
    if (context->depth < INCLUDE_DEPTH) {
        report(context, place, NULL, "more than 2000 includes");
        return false;
    }
    report(context, place, NULL, "files include each other deeper than 64 levels");
    return false;
}

/* place: NULL for .env, which may be missing. */
static bool read_env_file(const struct load_context *context, const struct node *place,
                          const char *path, struct variables *variables)
{
    struct load *load = context->load;
    struct dotenv_file file = {.path = path, .name = load_shown_path(load, path)};
    int r = dotenv_read_file(load->arena, load->diagnostics, &file, variables);
    if (!place && (r == -ENOENT || r == -EISDIR || r == -ENOTDIR))
        return true;
    if (r < 0) {
        diagnostics_add(load->diagnostics, SEVERITY_ERROR,
                        place ? place->position : (struct position){0}, NULL,
                        "cannot read env_file '%s': %s", file.name, dotenv_problem(r));
        return false;
    }
    return true;
}

/* The including file's variables, and below them those of the include's own .env. */
static bool read_variables(const struct load_context *context, const struct node *entry,
                           const char *directory, struct variables **ret_variables)
{
    struct arena *arena = context->load->arena;
    const struct node *files = node_get(entry, "env_file");
    struct variables *variables = variables_new(arena, context->variables);
    bool given = files && files->count > 0;
    if (!given &&
        !read_env_file(context, NULL, arena_printf(arena, "%s/.env", directory), variables))
        return false;
    for (size_t i = 0; given && i < files->count; i++)
        if (!streq(files->items[i]->text, "/dev/null") &&
            !read_env_file(context, files->items[i],
                           path_clean(arena, context->directory, files->items[i]->text), variables))
            return false;
    *ret_variables = variables;
    return true;
}

/* --- adding what was read --------------------------------------------------------------------- */

static bool is_equal(const struct node *a, const struct node *b)
{
    char first[NUMBER_SIZE], second[NUMBER_SIZE];
    if (a->kind != b->kind || a->count != b->count)
        return false;
    switch (a->kind) {
    case NODE_STRING:
    case NODE_TIME:
        return streq(a->text, b->text);
    case NODE_BOOL:
        return a->boolean == b->boolean;
    case NODE_INT:
        return a->integer == b->integer;
    case NODE_FLOAT:
        return streq(node_format_number(a, NUMBER_PLAIN, first),
                     node_format_number(b, NUMBER_PLAIN, second));
    case NODE_LIST:
        for (size_t i = 0; i < a->count; i++)
            if (!is_equal(a->items[i], b->items[i]))
                return false;
        return true;
    case NODE_MAP:
        for (size_t i = 0; i < a->count; i++) {
            const struct node_pair *other = node_find(b, a->pairs[i].key);
            if (!other || !is_equal(a->pairs[i].value, other->value))
                return false;
        }
        return true;
    case NODE_NULL:
    case NODE_BAD:
    case NODE_KIND_COUNT:
        break;
    }
    return true;
}

static void report_conflict(const struct load_context *context, const char *section,
                            const struct node_pair *ours, const struct node_pair *theirs)
{
    struct diagnostics *diagnostics = context->load->diagnostics;
    _cleanup_free_ char *place =
        diagnostics_other_place(diagnostics, ours->position, theirs->position);
    _cleanup_free_ char *hint =
        xasprintf("%s; what is included can be changed in a file that is given behind it with -f",
                  place ? place : "rename one of them");
    diagnostics_add(diagnostics, SEVERITY_ERROR, ours->position, hint,
                    "'%s.%s' conflicts with the imported one of the same name", section, ours->key);
}

static void import_section(const struct load_context *context, const char *section,
                           const struct node *from, struct node *document)
{
    struct arena *arena = context->load->arena;
    const struct node *imported = node_get(from, section);
    struct node *target = node_get(document, section);
    if (!node_is(imported, NODE_MAP))
        return;
    if (!node_is(target, NODE_MAP)) {
        target = node_new(arena, NODE_MAP, imported->position);
        const struct schema_key *key = schema_find(&schema_root, section);
        node_put_ranked(arena, document,
                        &(struct node_pair){.key = key->name,
                                            .position = imported->position,
                                            .rank = (unsigned)(key - schema_root.keys),
                                            .value = target});
    }
    for (size_t i = 0; i < imported->count; i++) {
        const struct node_pair *theirs = &imported->pairs[i];
        const struct node_pair *ours = node_find(target, theirs->key);
        if (!ours)
            node_put_ranked(arena, target, theirs);
        else if (!is_equal(ours->value, theirs->value))
            report_conflict(context, section, ours, theirs);
    }
}

/* --- one include ------------------------------------------------------------------------------ */

static int read_files(const struct load_context *inner, const struct node *paths,
                      const char *folder, struct node *tree, struct error *err)
{
    struct load *load = inner->load;
    for (size_t i = 0; i < paths->count; i++) {
        const char *path = path_clean(load->arena, folder, paths->items[i]->text);
        struct load_file file = {.path = path,
                                 .name = load_shown_path(load, path),
                                 .position = paths->items[i]->position};
        int r = load_merge_file(inner, &file, tree, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int include(const struct load_context *context, const struct node *entry,
                   struct node *document, struct error *err)
{
    static const char *const sections[] = {"services", "volumes", "networks",
                                           "secrets",  "configs", "models"};
    struct load *load = context->load;
    bool was_incomplete = load->is_incomplete;
    struct variables *variables = NULL;
    const struct node *paths = node_get(entry, "path");
    const char *given = node_get_string(entry, "project_directory", "");
    if (!node_is(paths, NODE_LIST) || paths->count == 0)
        return 0;
    for (size_t i = 0; i < paths->count; i++)
        if (paths->items[i]->kind != NODE_STRING) /* nothing is interpolated, or reported */
            return 0;
    const char *first = path_clean(load->arena, context->directory, paths->items[0]->text);
    const char *directory = given[0] ? path_clean(load->arena, context->directory, given)
                                     : path_folder(load->arena, first);
    load->is_incomplete = true; /* until all was read */
    if (!check_cycle(context, paths->items[0], first) ||
        !read_variables(context, entry, directory, &variables))
        return 0;
    struct load_context inner = {
        .load = load,
        .directory = directory,
        .variables = variables,
        .interpolation = interpolation_new(load->arena, load->diagnostics, variables),
        .includer = context,
        .including = first,
        .depth = context->depth + 1,
        .extended_files = node_new(load->arena, NODE_MAP, entry->position)};
    struct node *tree = node_new(load->arena, NODE_MAP, entry->position);
    int r = read_files(&inner, paths, context->directory, tree, err);
    if (r < 0)
        return r == -EINVAL && !(err && err->code) ? 0 : r;
    complete_host_values(&(struct host_values){.arena = load->arena,
                                               .variables = variables,
                                               .directory = load_paths_begin(context, directory),
                                               .listed_keys = true},
                         tree);
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        import_section(context, sections[i], tree, document);
    load->is_incomplete = was_incomplete;
    return 0;
}

int load_apply_include(const struct load_context *context, struct node *document, struct error *err)
{
    const struct node *list = node_get(document, "include");
    node_remove(document, "include");
    for (size_t i = 0; node_is(list, NODE_LIST) && i < list->count; i++) {
        int r = include(context, list->items[i], document, err);
        if (r < 0)
            return r;
    }
    return 0;
}
