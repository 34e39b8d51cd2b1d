/* The project's name: given, what the last `name:` of the files says, or the folder's. It is known
 * before variables are filled in, for ${COMPOSE_PROJECT_NAME} is one. See compose/load.h. */
#include "compose/load.h"

#include "base/str.h"

#include <errno.h>

/* What the files say, as written; NULL: nothing. */
static const struct node *written_name(const struct load *load)
{
    const struct node *name = NULL;
    for (size_t i = 0; i < load->read_count; i++) {
        const struct node *documents = load->read[i].documents;
        for (size_t j = 0; j < documents->count; j++) {
            const struct node *written = node_get(documents->items[j], "name");
            if (node_is(written, NODE_STRING) && written->text[0])
                name = written;
        }
    }
    return name;
}

/* With its variables filled in; problems with them are reported when the file is. */
static const char *fill_in(const struct load *load, const struct node *written)
{
    _cleanup_(diagnostics_freep) struct diagnostics *unseen = diagnostics_new();
    struct node *map = node_new(load->arena, NODE_MAP, (struct position){0});
    struct node *copy = node_new(load->arena, NODE_STRING, (struct position){0});
    copy->text = written->text;
    map->has_dollar = copy->has_dollar = written->has_dollar;
    node_put(load->arena, map, "name", copy->position, copy);
    if (!load->options->no_interpolate)
        interpolate_tree(interpolation_new(load->arena, unseen, load->variables), map);
    return node_get_string(map, "name", NULL);
}

static int of_files(struct load *load, const struct node *written, struct error *err)
{
    const char *name = fill_in(load, written);
    if (!name)
        return 0;
    if (name[0] == '\0')
        return error_set(err, EINVAL, "project name must not be empty: '%s' is, in '%s', line %u",
                         written->text, diagnostics_file_name(load->diagnostics, written->position),
                         written->position.line);
    load->name = project_fitting_name(load->arena, name);
    if (load->name[0] == '\0') {
        diagnostics_add(load->diagnostics, SEVERITY_ERROR, written->position,
                        "use lower-case letters, digits, '-' and '_'", "invalid project name '%s'",
                        name);
        load->name = "invalid";
    }
    return 0;
}

int load_find_name(struct load *load, struct error *err)
{
    int r = project_given_name(load->options, load->variables, &load->name, err);
    const struct node *written = r == 0 && !load->name ? written_name(load) : NULL;
    if (written)
        r = of_files(load, written, err);
    if (r < 0)
        return r;
    if (!load->name) {
        const char *slash = strrchr(load->files.directory, '/');
        load->name = project_fitting_name(load->arena, slash ? slash + 1 : load->files.directory);
    }
    if (load->name[0] == '\0')
        return error_set(err, EINVAL,
                         "project name must not be empty: use -p NAME, "
                         "COMPOSE_PROJECT_NAME or `name:` in the file");
    variables_put(load->variables, "COMPOSE_PROJECT_NAME", load->name, (struct position){0});
    return 0;
}
