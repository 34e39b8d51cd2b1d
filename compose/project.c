/* See compose/project.h. */
#include "compose/project.h"

#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"
#include "compose/dotenv.h"
#include "compose/parse.h"

#include <ctype.h>
#include <errno.h>

static const char *const file_names[] = {"compose.yaml", "compose.yml", "docker-compose.yml",
                                         "docker-compose.yaml", NULL};
static const char *const override_names[] = {"compose.override.yml", "compose.override.yaml",
                                             "docker-compose.override.yml",
                                             "docker-compose.override.yaml", NULL};

/* --- paths ----------------------------------------------------------------------------------- */

/* Without the folder the caller stands in. */
static const char *shown_path(const char *working_directory, const char *path)
{
    const char *inside = str_after_prefix(path, working_directory);
    return inside && inside[0] == '/' ? inside + 1 : path;
}

/* --- which files ----------------------------------------------------------------------------- */

struct file_list {
    struct arena *arena;
    const char *working_directory;
    char **paths, **names;
    size_t count, capacity;
};

static void add_file(struct file_list *list, const char *name)
{
    if (list->count + 1 >= list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;
        char **paths = arena_array(list->arena, capacity, sizeof(char *));
        char **names = arena_array(list->arena, capacity, sizeof(char *));
        for (size_t i = 0; i < list->count; i++) {
            paths[i] = list->paths[i];
            names[i] = list->names[i];
        }
        list->paths = paths;
        list->names = names;
        list->capacity = capacity;
    }
    const char *path =
        streq(name, "-") ? name : path_clean(list->arena, list->working_directory, name);
    name = shown_path(list->working_directory, name);
    list->paths[list->count] = arena_strdup(list->arena, path);
    list->names[list->count++] = arena_strdup(list->arena, streq(name, "-") ? "(stdin)" : name);
}

/* Adds the first of the names that is there in the folder; warns of further ones. */
static bool add_first_of(struct file_list *list, const char *folder, const char *const *names,
                         struct diagnostics *diagnostics)
{
    const char *found = NULL, *other = NULL;
    for (; *names; names++) {
        const char *path =
            arena_printf(list->arena, "%s/%s", streq(folder, "/") ? "" : folder, *names);
        if (fs_exists(path) && !found)
            found = path;
        else if (fs_exists(path) && !other)
            other = path;
    }
    if (other)
        diagnostics_add(diagnostics, SEVERITY_WARNING, (struct position){0}, NULL,
                        "found several files with supported names, using '%s' and not '%s'",
                        shown_path(list->working_directory, found),
                        shown_path(list->working_directory, other));
    if (found)
        add_file(list, found);
    return found != NULL;
}

static bool look_upwards(struct file_list *list, const char *folder,
                         struct diagnostics *diagnostics)
{
    while (!add_first_of(list, folder, file_names, diagnostics)) {
        if (streq(folder, "/"))
            return false;
        folder = path_folder(list->arena, folder);
    }
    add_first_of(list, folder, override_names, diagnostics);
    return true;
}

/* COMPOSE_FILE: paths, separated by COMPOSE_PATH_SEPARATOR (":"). */
static void add_listed(struct file_list *list, const char *value, const char *separator)
{
    size_t width = strlen(separator);
    while (*value) {
        const char *end = strstr(value, separator);
        size_t length = end ? (size_t)(end - value) : strlen(value);
        if (length > 0)
            add_file(list, arena_strndup(list->arena, value, length));
        value += length + (end ? width : 0);
    }
}

const char *project_first_directory(struct arena *arena, const struct compose_options *options)
{
    const char *given = options->project_directory ? options->project_directory : ".";
    return path_clean(arena, options->working_directory, given);
}

int project_find_files(struct arena *arena, const struct compose_options *options,
                       const struct variables *variables, struct diagnostics *diagnostics,
                       struct project_files *ret_files, struct error *err)
{
    struct file_list list = {
        .arena = arena, .working_directory = path_clean(arena, "/", options->working_directory)};
    const char *listed = variables_get(variables, "COMPOSE_FILE");
    const char *separator = variables_get(variables, "COMPOSE_PATH_SEPARATOR");
    for (char *const *file = options->files; file && *file; file++)
        add_file(&list, *file);
    if (list.count == 0 && listed)
        add_listed(&list, listed, separator && *separator ? separator : ":");
    const char *directory = project_first_directory(arena, options);
    if (list.count == 0 && !look_upwards(&list, directory, diagnostics))
        return error_set(err, ENOENT, "no configuration file provided: not found");
    if (!options->project_directory && !streq(list.paths[0], "-"))
        directory = path_folder(arena, list.paths[0]);
    *ret_files = (struct project_files){list.paths, list.names, directory};
    return 0;
}

/* --- .env ------------------------------------------------------------------------------------ */

static int read_into(struct arena *arena, const struct compose_options *options, const char *path,
                     struct diagnostics *diagnostics, struct variables *variables)
{
    struct dotenv_file file = {.path = path, .name = shown_path(options->working_directory, path)};
    return dotenv_read_file(arena, diagnostics, &file, variables);
}

static void add_own(struct variables *variables, const struct variables *from)
{
    const struct node *map = variables_own(from);
    for (size_t i = 0; i < map->count; i++)
        variables_add(variables, map->pairs[i].key, map->pairs[i].value->text);
}

void project_read_dotenv(struct arena *arena, const struct compose_options *options,
                         const char *directory, struct diagnostics *diagnostics,
                         struct variables *variables)
{
    const char *path = arena_printf(arena, "%s/.env", directory);
    struct variables *own = variables_new(arena, variables);
    int r = read_into(arena, options, path, diagnostics, own);
    if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -EISDIR)
        diagnostics_add(diagnostics, SEVERITY_ERROR, (struct position){0}, NULL,
                        "cannot read '%s': %s", shown_path(options->working_directory, path),
                        dotenv_problem(r));
    add_own(variables, own);
}

/* COMPOSE_ENV_FILES: paths between commas. */
static char *const *listed_env_files(struct arena *arena, const char *value)
{
    char **files = arena_array(arena, strlen(value) + 2, sizeof(char *));
    char *rest = arena_strdup(arena, value), *name;
    for (size_t count = 0; (name = strsep(&rest, ","));)
        if (*name)
            files[count++] = name;
    return files;
}

/* COMPOSE_DISABLE_ENV_FILE, with the words of Go's strconv.ParseBool. */
static int is_dotenv_disabled(const struct variables *variables, struct error *err)
{
    static const char *const words[] = {"1", "t", "T", "true",  "TRUE",  "True",
                                        "0", "f", "F", "false", "FALSE", "False"};
    const char *value = variables_get(variables, "COMPOSE_DISABLE_ENV_FILE");
    for (size_t i = 0; value && i < ARRAY_SIZE(words); i++)
        if (streq(value, words[i]))
            return i < ARRAY_SIZE(words) / 2;
    return value ? error_set(err, EINVAL,
                             "COMPOSE_DISABLE_ENV_FILE must be true or false, not '%s'", value)
                 : 0;
}

int project_read_env_files(struct arena *arena, const struct compose_options *options,
                           struct diagnostics *diagnostics, struct variables *variables,
                           struct error *err)
{
    const char *listed = variables_get(variables, "COMPOSE_ENV_FILES");
    char *const *files = options->env_files;
    struct variables *own = variables_new(arena, variables);
    if ((!files || !files[0]) && listed && *listed)
        files = listed_env_files(arena, listed);
    if (!files || !files[0])
        return is_dotenv_disabled(variables, err);
    for (; *files; files++) {
        const char *path = path_clean(arena, options->working_directory, *files);
        int r = read_into(arena, options, path, diagnostics, own);
        if (r < 0)
            return error_set(
                err, -r, r == -EFBIG ? "cannot read '%s': %s" : "couldn't find env file: %s: %s",
                path, dotenv_problem(r));
    }
    add_own(variables, own);
    return 1;
}

/* --- names ----------------------------------------------------------------------------------- */

static bool is_project_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    return name[0] != '_' && name[0] != '-' && name[0] != '\0' &&
           name[strspn(name, allowed)] == '\0';
}

int project_given_name(const struct compose_options *options, const struct variables *variables,
                       const char **ret_name, struct error *err)
{
    const char *name = options->project_name;
    if (!name || name[0] == '\0')
        name = variables_get(variables, "COMPOSE_PROJECT_NAME");
    if (name && name[0] == '\0')
        name = NULL;
    if (name && !is_project_name(name))
        return error_set(err, EINVAL,
                         "invalid project name '%s': must consist only of lowercase alphanumeric "
                         "characters, hyphens, and underscores as well as start with a letter or "
                         "number",
                         name);
    *ret_name = name;
    return 0;
}

const char *project_fitting_name(struct arena *arena, const char *text)
{
    char *name = arena_alloc(arena, strlen(text) + 1);
    size_t length = 0;
    for (; *text; text++) {
        char c = (char)tolower((unsigned char)*text);
        bool edge = length == 0 && (c == '_' || c == '-');
        if ((islower((unsigned char)c) || isdigit((unsigned char)c) || c == '_' || c == '-') &&
            !edge)
            name[length++] = c;
    }
    return name;
}
