/* One file: text -> documents -> interpolated, canonical, extended, with what it includes -> merged
 * over the tree. See compose/load.h. */
#include "compose/load.h"

#include "base/fs.h"
#include "base/str.h"
#include "compose/merge.h"
#include "compose/reset.h"
#include "compose/schema.h"
#include "compose/yaml.h"

#include <errno.h>

const char *load_shown_path(const struct load *load, const char *path)
{
    const char *inside = str_after_prefix(path, load->options->working_directory);
    return inside && inside[0] == '/' ? inside + 1 : path;
}

/* --- documents -------------------------------------------------------------------------------- */

/* Makes a document canonical and merges it over the tree. */
static int load_document(const struct load_context *context, struct load_file *file,
                         struct node *document, struct node *tree, struct error *err)
{
    struct load *load = context->load;
    struct schema_run run = {.arena = load->arena,
                             .diagnostics = load->diagnostics,
                             .no_interpolate = load->options->no_interpolate};
    size_t extended = load->extended;
    document = schema_normalise(&run, document);
    load_apply_extends(context, file, document);
    int r = load_apply_include(context, document, err);
    if (r < 0)
        return r;
    reset_apply(load->diagnostics, tree, file->resets);
    bool is_merged = tree->count > 0 || load->extended > extended;
    merge_tree(load->arena, load->diagnostics, tree, document);
    if (run.is_open || is_merged)
        schema_finish(&run, tree);
    return 0;
}

/* Where another file asked for it, the problem has a place. */
static int report_unreadable(const struct load *load, const struct load_file *file, int r,
                             struct error *err)
{
    if (file->position.file) {
        error_done(err);
        diagnostics_add(load->diagnostics, SEVERITY_ERROR, file->position, NULL,
                        r == -EFBIG ? "'%s' is larger than 16 MiB" : "cannot read '%s': %s",
                        file->name, strerror(-r));
        return -EINVAL;
    }
    if (r == -EFBIG)
        return error_set(err, EFBIG, "'%s' is larger than 16 MiB", file->name);
    if (r == -ENOENT)
        return error_set(err, ENOENT, "open '%s': no such file or directory", file->path);
    return r;
}

int load_read_text(const struct load *load, struct load_file *file, struct error *err)
{
    int r = fs_read_file(streq(file->path, "-") ? "/dev/stdin" : file->path, YAML_SIZE_LIMIT,
                         &file->text, &file->length, err);
    return r < 0 ? report_unreadable(load, file, r, err) : 0;
}

int load_read_documents(const struct load_context *context, struct load_file *file,
                        struct node **ret_documents, struct node **ret_resets, struct error *err)
{
    struct load *load = context->load;
    struct node *resets = NULL;
    int r = file->text ? 0 : load_read_text(load, file, err);
    if (r < 0)
        return r;
    char *text = TAKE_PTR(file->text);
    file->number = diagnostics_take_file(load->diagnostics, file->name, text, file->length);
    struct node *documents =
        yaml_read_tagged(load->arena, load->diagnostics, file->number, text, file->length, &resets);
    if (!documents)
        return -EINVAL;
    for (size_t i = 0; i < documents->count; i++) {
        struct node *document = documents->items[i];
        if (document->kind == NODE_NULL)
            diagnostics_add(load->diagnostics, SEVERITY_ERROR, document->position,
                            "begin with 'services:', or leave out the '---' around it",
                            "this document is empty");
        else if (!load->options->no_interpolate)
            interpolate_tree(context->interpolation, document);
    }
    *ret_documents = documents;
    *ret_resets = resets;
    return 0;
}

int load_read_file(const struct load_context *context, struct load_file *file, struct node *tree,
                   struct error *err)
{
    struct node *documents = NULL, *resets = NULL;
    int r = load_read_documents(context, file, &documents, &resets, err);
    if (r == 0 && tree->position.file == 0)
        tree->position.file = file->number;
    for (size_t i = 0; r == 0 && i < documents->count; i++) {
        if (documents->items[i]->kind == NODE_NULL) /* reported */
            continue;
        file->resets = resets->items[i];
        r = load_document(context, file, documents->items[i], tree, err);
    }
    return r;
}

/* --- the name, ahead of all ------------------------------------------------------------------- */

static const char *name_of_line(const struct load *load, const char *line, size_t length)
{
    _cleanup_(diagnostics_freep) struct diagnostics *unseen = diagnostics_new();
    struct node *documents = yaml_read(load->arena, unseen, 0, line, length);
    if (!documents || documents->count != 1)
        return NULL;
    interpolate_tree(interpolation_new(load->arena, unseen, load->variables), documents->items[0]);
    const char *name = node_get_string(documents->items[0], "name", "");
    return name[0] ? name : NULL;
}

const char *load_peek_name(const struct load *load, const char *text)
{
    const char *name = NULL;
    for (const char *line = text; line && !name;) {
        if (str_after_prefix(line, "name:"))
            name = name_of_line(load, line, strcspn(line, "\n"));
        line = strstr(line, "\nname:");
        line = line ? line + 1 : NULL;
    }
    return name;
}
