/* `extends`: a service over a copy of another one, of the same file or of another. See
 * compose/load.h. Of another file only the services that are extended are looked at. */
#include "base/str.h"
#include "compose/complete.h"
#include "compose/load.h"
#include "compose/merge.h"
#include "compose/parse.h"
#include "compose/reset.h"
#include "compose/schema.h"

#include <errno.h>

#define EXTENDS_DEPTH 1000
#define EXTENDS_NODES ((size_t)240000)
#define EXTENDS_TEXT ((size_t)16 * 1024 * 1024)

/* A service that is being resolved, and who asked for it. */
struct extension {
    const struct extension *outer;
    const struct load_file *file;
    const char *name;
    unsigned depth;
};

struct extended_file {
    const struct load_context *context;
    struct load_file file;        /* path, name, resets */
    struct node *services;        /* canonical, as far as they were asked for */
    const struct node *documents; /* of another file: as written */
    const struct node *resets;    /* one tree per document */
};

static void resolve(struct extended_file *file, const char *name, struct node *service,
                    const struct extension *chain);

static void report(const struct extended_file *file, const struct node *place, const char *hint,
                   const char *message)
{
    diagnostics_add(file->context->load->diagnostics, SEVERITY_ERROR, place->position, hint, "%s",
                    message);
}

/* --- chains ----------------------------------------------------------------------------------- */

static bool is_same(const struct extension *a, const struct extension *b)
{
    return streq(a->name, b->name) && streq(a->file->path, b->file->path);
}

/* The links from where the cycle begins to this one: "a -> b (in base.yaml) -> a". */
static void add_links(struct strbuf *names, const struct extension *link,
                      const struct extension *last)
{
    if (link == last || !is_same(link, last))
        add_links(names, link->outer, last);
    strbuf_addf(names, "%s%s", names->length > 0 ? " -> " : "", link->name);
    if (!streq(link->file->path, last->file->path))
        strbuf_addf(names, " (in %s)", link->file->name);
}

/* False, and reported, where the services named so far lead back to this one. */
static bool check_chain(const struct extended_file *file, const struct node *place,
                        const struct extension *chain)
{
    for (const struct extension *at = chain->outer; at; at = at->outer)
        if (is_same(at, chain)) {
            _cleanup_strbuf_ struct strbuf names = {0};
            add_links(&names, chain, chain);
            report(file, place, NULL,
                   arena_printf(file->context->load->arena, "circular 'extends': %s",
                                strbuf_text(&names)));
            return false;
        }
    if (chain->depth < EXTENDS_DEPTH)
        return true;
    report(file, place, NULL, "services extend each other deeper than 1000 levels");
    return false;
}

/* --- other files ------------------------------------------------------------------------------ */

/* Another file: its path, documents as written, what they reset, and its services as far as they
 * were asked for; or empty: it cannot be read, as was reported. */
static const struct node *read_file(const struct load_context *context, struct load_file *file)
{
    struct arena *arena = context->load->arena;
    _cleanup_error_ struct error err = {0};
    struct node *entry = node_new(arena, NODE_LIST, file->position);
    if (load_parse_file(context->load, file, &err) < 0)
        return entry;
    load_fill_in(context, file);
    node_append(arena, entry, file->documents);
    node_append(arena, entry, file->document_resets);
    node_append(arena, entry, node_new(arena, NODE_MAP, file->position));
    return entry;
}

static const char *last_folder(const struct extended_file *file)
{
    return streq(file->file.path, "-") || !file->documents
               ? file->context->directory
               : path_folder(file->context->load->arena, file->file.path);
}

/* False where it cannot be read. */
static bool open_file(const struct extended_file *from, const struct node *place, const char *path,
                      struct extended_file *ret_file)
{
    const struct load_context *context = from->context;
    struct load *load = context->load;
    path = path_clean(load->arena, last_folder(from), path);
    struct node_pair *known = node_find(context->extended_files, path);
    struct load_file file = {
        .path = path, .name = load_shown_path(load, path), .position = place->position};
    const struct node *entry = known ? known->value : read_file(context, &file);
    if (!known)
        node_put(load->arena, context->extended_files, path, place->position, (struct node *)entry);
    if (entry->count == 0)
        return false;
    const struct node *resets = entry->items[1];
    file.resets = resets->count > 0 ? resets->items[resets->count - 1] : NULL;
    *ret_file = (struct extended_file){.context = context,
                                       .file = file,
                                       .documents = entry->items[0],
                                       .resets = resets,
                                       .services = entry->items[2]};
    return true;
}

/* A service of one document over that of those before; either may be NULL. */
static struct node *add_document(struct extended_file *file, const char *name, size_t number,
                                 struct node *service)
{
    struct load *load = file->context->load;
    const struct node *resets = node_get(file->resets->items[number], "services");
    const struct node *reset = node_is(resets, NODE_BOOL) ? resets : node_get(resets, name);
    struct schema_run run = {.arena = load->arena,
                             .diagnostics = load->diagnostics,
                             .no_interpolate = load->options->no_interpolate};
    struct node *over = schema_normalise_service(&run, file->documents->items[number], name);
    if (node_is(reset, NODE_BOOL))
        service = NULL;
    else
        reset_apply(load->diagnostics, service, reset);
    if (!node_is(service, NODE_MAP) || !node_is(over, NODE_MAP))
        return over && over->kind != NODE_NULL ? over : service ? service : over;
    merge_service(load->arena, load->diagnostics, service, over);
    return service;
}

/* NULL: there is no such service. */
static struct node *find_service(struct extended_file *file, const char *name)
{
    struct load *load = file->context->load;
    struct node_pair *pair = node_find(file->services, name);
    if (pair || !file->documents)
        return pair ? pair->value : NULL;
    struct node *service = NULL;
    for (size_t i = 0; i < file->documents->count; i++)
        service = add_document(file, name, i, service);
    if (!service)
        return NULL;
    complete_host_service(
        &(struct host_values){.arena = load->arena,
                              .variables = file->context->variables,
                              .directory = load_paths_begin(file->context, last_folder(file)),
                              .is_part = true},
        service);
    node_put(load->arena, file->services, arena_strdup(load->arena, name), service->position,
             service);
    return service;
}

/* --- one service ------------------------------------------------------------------------------ */

static void report_missing(const struct extended_file *file, const struct extended_file *other,
                           const struct node *service, const char *extending)
{
    struct arena *arena = file->context->load->arena;
    const struct node *names = other->services;
    for (size_t i = 0; other->documents && i < other->documents->count; i++)
        names = node_get(other->documents->items[i], "services");
    const char *nearest = node_nearest_key(names, service->text);
    report(file, service, nearest ? arena_printf(arena, "did you mean '%s'?", nearest) : NULL,
           arena_printf(arena, "cannot extend service '%s': service '%s' not found in '%s'",
                        extending, service->text, other->file.name));
}

/* A copy of the service that is extended, resolved itself; NULL where there is none. */
static struct node *find_base(struct extended_file *file, const struct node *extends,
                              const struct extension *chain)
{
    struct load *load = file->context->load;
    struct extended_file other = *file;
    const struct node *service = node_get(extends, "service"), *path = node_get(extends, "file");
    if (!node_is(service, NODE_STRING) ||
        (node_is(path, NODE_STRING) && !open_file(file, path, path->text, &other)))
        return NULL;
    struct node *found = find_service(&other, service->text);
    if (!found) {
        report_missing(file, &other, service, chain->name);
        return NULL;
    }
    struct extension next = {chain, &other.file, service->text, chain->depth + 1};
    if (!check_chain(file, service, &next))
        return NULL;
    resolve(&other, service->text, found, &next);
    struct node *copy = node_copy(load->arena, found, SIZE_MAX, EXTENDS_NODES, &load->extended);
    load->extended_text += copy ? node_text_size(copy) : 0;
    if (!copy)
        report(file, service, NULL, "services that extend others make more than 240000 values");
    else if (load->extended_text > EXTENDS_TEXT)
        report(file, service, NULL, "services that extend others make more than 16 MiB of text");
    return load->extended_text > EXTENDS_TEXT ? NULL : copy;
}

/* What could not be extended might have brought an image: its lack is no further problem. */
static void expect_nothing(const struct load *load, struct node *service)
{
    if (!node_find(service, "image"))
        node_put(load->arena, service, "image", service->position,
                 node_new(load->arena, NODE_BAD, service->position));
}

static void resolve(struct extended_file *file, const char *name, struct node *service,
                    const struct extension *chain)
{
    struct load *load = file->context->load;
    if (!node_find(service, "extends"))
        return;
    const struct node *extends = node_get(service, "extends");
    if (node_is(extends, NODE_NULL))
        return; /* for schema_finish() to report */
    struct node *base = extends ? find_base(file, extends, chain) : NULL;
    node_remove(service, "extends");
    if (!base)
        expect_nothing(load, service);
    if (!node_is(base, NODE_MAP))
        return;
    reset_apply(load->diagnostics, base, node_get(node_get(file->file.resets, "services"), name));
    merge_service(load->arena, load->diagnostics, base, service);
    *service = *base;
}

void load_apply_extends(const struct load_context *context, const struct load_file *file,
                        struct node *document)
{
    struct extended_file here = {
        .context = context, .file = *file, .services = node_get(document, "services")};
    for (size_t i = 0; here.services && i < here.services->count; i++) {
        const struct node_pair *pair = &here.services->pairs[i];
        struct extension chain = {NULL, file, pair->key, 0};
        resolve(&here, pair->key, pair->value, &chain);
    }
}
