/* One file: text -> documents -> interpolated, canonical, extended, with what it includes -> merged
 * over the tree. See compose/load.h. */
#include "compose/load.h"

#include "base/fs.h"
#include "base/str.h"
#include "compose/merge.h"
#include "compose/parse.h"
#include "compose/reset.h"
#include "compose/schema.h"
#include "compose/yaml.h"

#include <errno.h>

const char *load_shown_path(const struct load *load, const char *path)
{
    const char *inside = str_after_prefix(path, load->options->working_directory);
    return inside && inside[0] == '/' ? inside + 1 : path;
}

const char *load_paths_begin(const struct load_context *context, const char *directory)
{
    const struct load *load = context->load;
    return load->options->no_path_resolution
               ? path_relative(load->arena, context->directory, directory)
               : directory;
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

int load_parse_file(struct load *load, struct load_file *file, struct error *err)
{
    char *text = NULL;
    size_t length = 0;
    int r = fs_read_file(streq(file->path, "-") ? "/dev/stdin" : file->path, YAML_SIZE_LIMIT, &text,
                         &length, err);
    if (r < 0)
        return report_unreadable(load, file, r, err);
    file->number = diagnostics_take_file(load->diagnostics, file->name, text, length);
    file->documents = yaml_read_file(load->arena, load->diagnostics, file->number, text, length,
                                     &load->budget, &file->document_resets);
    return file->documents ? 0 : -EINVAL;
}

void load_fill_in(const struct load_context *context, const struct load_file *file)
{
    const struct load *load = context->load;
    for (size_t i = 0; i < file->documents->count; i++) {
        struct node *document = file->documents->items[i];
        if (document->kind == NODE_NULL)
            diagnostics_add(load->diagnostics, SEVERITY_ERROR, document->position,
                            "begin with 'services:', or leave out the '---' around it",
                            "this document is empty");
        else if (!load->options->no_interpolate)
            interpolate_tree(context->interpolation, document);
    }
}

int load_merge_file(const struct load_context *context, struct load_file *file, struct node *tree,
                    struct error *err)
{
    int r = file->documents ? 0 : load_parse_file(context->load, file, err);
    if (r < 0)
        return r;
    load_fill_in(context, file);
    if (tree->position.file == 0)
        tree->position.file = file->number;
    for (size_t i = 0; r == 0 && i < file->documents->count; i++) {
        if (file->documents->items[i]->kind == NODE_NULL) /* reported */
            continue;
        file->resets = file->document_resets->items[i];
        r = load_document(context, file, file->documents->items[i], tree, err);
    }
    return r;
}
