/* `extends`: a service over a copy of another one, of the same file or of another. See
 * compose/load.h. */
#include "base/str.h"
#include "compose/complete.h"
#include "compose/load.h"
#include "compose/merge.h"
#include "compose/parse.h"

#include <assert.h>
#include <errno.h>

#define EXTENDS_DEPTH 64
#define EXTENDS_NODES ((size_t)200000)

/* A service that is being resolved, and who asked for it. */
struct extension {
    const struct extension *outer;
    const struct node *services; /* where it stands */
    const char *name;
    unsigned depth;
};

struct extended_file {
    const struct load_context *context;
    struct load_file file; /* path, name, resets */
    struct node *services;
};

static void resolve(struct extended_file *file, struct node_pair *pair,
                    const struct extension *chain);

static void report(const struct extended_file *file, const struct node *place, const char *hint,
                   const char *message)
{
    diagnostics_add(file->context->load->diagnostics, SEVERITY_ERROR, place->position, hint, "%s",
                    message);
}

/* False, and reported, where the services named so far lead back to this one. */
static bool check_chain(const struct extended_file *file, const struct node *place,
                        const struct extension *chain)
{
    struct arena *arena = file->context->load->arena;
    const char *names = chain->name;
    for (const struct extension *at = chain->outer; at; at = at->outer) {
        names = arena_printf(arena, "%s -> %s", at->name, names);
        if (at->services == chain->services && streq(at->name, chain->name)) {
            report(file, place, NULL, arena_printf(arena, "circular 'extends': %s", names));
            return false;
        }
    }
    if (chain->depth < EXTENDS_DEPTH)
        return true;
    report(file, place, NULL, "services extend each other deeper than 64 levels");
    return false;
}

/* The services of another file; its relative paths begin in its own folder. */
static bool read_services(const struct extended_file *from, const struct node *place,
                          const char *path, struct extended_file *ret_file)
{
    const struct load_context *context = from->context;
    struct load *load = context->load;
    const char *base = streq(from->file.path, "-") || !from->file.is_extended
                           ? context->directory
                           : path_folder(load->arena, from->file.path);
    path = path_clean(load->arena, base, path);
    struct node *entry = node_get(load->file_trees, path);
    ret_file->context = context;
    ret_file->file = (struct load_file){.path = path,
                                        .name = load_shown_path(load, path),
                                        .is_extended = true,
                                        .position = place->position};
    if (!entry) {
        _cleanup_error_ struct error err = {0};
        struct node *tree = node_new(load->arena, NODE_MAP, place->position);
        entry = node_new(load->arena, NODE_LIST, place->position);
        node_put(load->arena, load->file_trees, path, place->position, entry);
        if (load_read_file(context, &ret_file->file, tree, &err) == 0) {
            complete_paths(load->arena, context->variables, path_folder(load->arena, path), tree);
            node_append(load->arena, entry, tree);
            node_append(load->arena, entry, ret_file->file.resets);
        }
    }
    if (entry->count == 0) /* reported */
        return false;
    ret_file->services = node_get(entry->items[0], "services");
    ret_file->file.resets = entry->items[1];
    return true;
}

/* A copy of the service that is extended, resolved itself; NULL where there is none. */
static struct node *find_base(struct extended_file *file, const struct node *extends,
                              const struct extension *chain)
{
    struct load *load = file->context->load;
    struct extended_file other = *file;
    const struct node *service = node_get(extends, "service"), *path = node_get(extends, "file");
    if (!service || (path && !read_services(file, path, path->text, &other)))
        return NULL;
    struct node_pair *pair = node_find(other.services, service->text);
    if (!pair) {
        const char *nearest = node_nearest_key(other.services, service->text);
        report(file, service,
               nearest ? arena_printf(load->arena, "did you mean '%s'?", nearest) : NULL,
               arena_printf(load->arena,
                            "cannot extend service '%s': service '%s' not found in '%s'",
                            chain->name, service->text, other.file.name));
        return NULL;
    }
    struct extension next = {chain, other.services, pair->key, chain->depth + 1};
    if (!check_chain(file, service, &next))
        return NULL;
    resolve(&other, pair, &next);
    pair = node_find(other.services, service->text);
    struct node *copy =
        node_copy(load->arena, pair->value, SIZE_MAX, EXTENDS_NODES, &load->extended);
    if (!copy)
        report(file, service, NULL, "services that extend others make more than 200000 values");
    return copy;
}

/* Resets below `services.NAME` hold for what it extends as well. */
static void apply_resets(const struct extended_file *file, const char *name, struct node *base)
{
    assert(base);
    struct arena *arena = file->context->load->arena;
    struct node *tree = node_new(arena, NODE_MAP, base->position);
    struct node *services = node_new(arena, NODE_MAP, base->position);
    node_put(arena, tree, "services", base->position, services);
    node_put(arena, services, name, base->position, base);
    load_apply_resets(tree, file->file.resets);
}

static void resolve(struct extended_file *file, struct node_pair *pair,
                    const struct extension *chain)
{
    struct node *service = pair->value;
    const struct node *extends = node_get(service, "extends");
    if (!node_is(service, NODE_MAP) || !node_find(service, "extends"))
        return;
    struct node *base = extends ? find_base(file, extends, chain) : NULL;
    node_remove(service, "extends");
    if (!node_is(base, NODE_MAP))
        return;
    apply_resets(file, pair->key, base);
    struct load *load = file->context->load;
    merge_service(load->arena, load->diagnostics, base, service);
    *service = *base;
}

void load_apply_extends(const struct load_context *context, const struct load_file *file,
                        struct node *document)
{
    struct extended_file here = {context, *file, node_get(document, "services")};
    for (size_t i = 0; here.services && i < here.services->count; i++) {
        struct node_pair *pair = &here.services->pairs[i];
        struct extension chain = {NULL, here.services, pair->key, 0};
        resolve(&here, pair, &chain);
    }
}
