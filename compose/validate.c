/* See compose/validate.h. Every check is at most n log n: a hostile file gets no more time. */
#include "compose/validate.h"

#include "base/alloc.h"
#include "base/str.h"
#include "compose/model_build.h"

#include <stdlib.h>

/* --- services -------------------------------------------------------------------------------- */

static void check_image(const struct node *node, const struct model_service *service,
                        struct diagnostics *diagnostics)
{
    if (node->kind != NODE_MAP || node_find(node, "image") || node_find(node, "build"))
        return; /* what is there but wrong was reported */
    if (node_find(node, "provider")) {
        diagnostics_add(diagnostics, SEVERITY_ENGINE, service->position, NULL,
                        "service '%s' is run by a provider, which is not supported yet",
                        service->name);
        return;
    }
    const struct node_pair *ours = node_find(node, "x-vmstead");
    if (!ours)
        diagnostics_add(diagnostics, SEVERITY_ERROR, service->position,
                        "name an 'image', a 'build', or packages in 'x-vmstead: {bootstrap: ...}'",
                        "service '%s' has no image", service->name);
    else if (ours->value->kind == NODE_MAP && !node_find(ours->value, "bootstrap"))
        diagnostics_add(diagnostics, SEVERITY_ERROR, ours->position, NULL,
                        "service '%s' has neither an image, a build nor a bootstrap",
                        service->name);
}

/* additional_contexts: {NAME: "service:OTHER"} is the image that another service builds. */
static void check_contexts(const struct model *model, const struct node *services,
                           const struct node_pair *service, struct diagnostics *diagnostics)
{
    const struct node *contexts =
        node_get(node_get(service->value, "build"), "additional_contexts");
    for (size_t j = 0; node_is(contexts, NODE_MAP) && j < contexts->count; j++) {
        const struct node *value = contexts->pairs[j].value;
        const char *name =
            node_is(value, NODE_STRING) ? str_after_prefix(value->text, "service:") : NULL;
        const struct node_pair *other = name ? node_find(services, name) : NULL;
        if (!name || (other && node_find(other->value, "build")))
            continue;
        const char *nearest = other ? NULL : node_nearest_key(services, name);
        diagnostics_add(
            diagnostics, SEVERITY_ERROR, value->position,
            nearest ? arena_printf(model_arena(model), "did you mean 'service:%s'?", nearest)
                    : NULL,
            other ? "the build of service '%s' needs the image of service '%s', which has "
                    "no 'build'"
                  : "the build of service '%s' needs the image of undefined service '%s'",
            service->key, name);
    }
}

static void check_bootstrap(const struct node *node, const struct model_service *service,
                            struct diagnostics *diagnostics)
{
    const struct node_pair *bootstrap = node_find(node_get(node, "x-vmstead"), "bootstrap");
    if (bootstrap && bootstrap->value->kind == NODE_MAP && !node_find(bootstrap->value, "suite"))
        diagnostics_add(diagnostics, SEVERITY_ERROR, bootstrap->position, "add 'suite: bookworm'",
                        "the bootstrap of service '%s' has no 'suite'", service->name);
}

/* --- dependency cycles ----------------------------------------------------------------------- */

enum visit { VISIT_NEW, VISIT_OPEN, VISIT_DONE };

struct walk {
    const struct model *model;
    struct diagnostics *diagnostics;
    enum visit *visits; /* per service */
    size_t *path;       /* open services, outermost first */
    size_t *next;       /* per service: the dependency to look at next */
    size_t depth;
    size_t cycles; /* reported so far: a hostile file has millions */
};

#define CYCLE_LIMIT 20

static void report_cycle(struct walk *walk, const struct model_dependency *dependency)
{
    if (walk->cycles++ >= CYCLE_LIMIT)
        return;
    _cleanup_strbuf_ struct strbuf names = {0};
    size_t first = 0;
    while (walk->path[first] != dependency->service)
        first++;
    for (size_t i = first; i < walk->depth; i++) {
        strbuf_add_str(&names, walk->model->services[walk->path[i]].name);
        strbuf_add_str(&names, " -> ");
    }
    strbuf_add_str(&names, walk->model->services[dependency->service].name);
    diagnostics_add(walk->diagnostics, SEVERITY_ERROR, dependency->position, NULL,
                    "dependency cycle: %s", strbuf_text(&names));
}

static void step(struct walk *walk)
{
    size_t at = walk->path[walk->depth - 1];
    const struct model_service *service = &walk->model->services[at];
    if (walk->next[at] == service->dependency_count) {
        walk->visits[at] = VISIT_DONE;
        walk->depth--;
        return;
    }
    const struct model_dependency *dependency = &service->dependencies[walk->next[at]++];
    switch (walk->visits[dependency->service]) {
    case VISIT_NEW:
        walk->visits[dependency->service] = VISIT_OPEN;
        walk->path[walk->depth++] = dependency->service;
        break;
    case VISIT_OPEN:
        report_cycle(walk, dependency);
        break;
    case VISIT_DONE:
        break;
    }
}

static void check_cycles(const struct model *model, struct diagnostics *diagnostics)
{
    size_t count = model->service_count;
    struct walk walk = {.model = model,
                        .diagnostics = diagnostics,
                        .visits = xcalloc(count + 1, sizeof(enum visit)),
                        .path = xcalloc(count + 1, sizeof(size_t)),
                        .next = xcalloc(count + 1, sizeof(size_t))};
    for (size_t i = 0; i < count; i++) {
        if (walk.visits[i] != VISIT_NEW)
            continue;
        walk.visits[i] = VISIT_OPEN;
        walk.path[walk.depth++] = i;
        while (walk.depth > 0)
            step(&walk);
    }
    free(walk.visits);
    free(walk.path);
    free(walk.next);
}

/* --- the whole ------------------------------------------------------------------------------- */

static unsigned char traits_of(const struct node *node)
{
    const struct node *networks = node_get(node, "networks");
    unsigned traits = node_find(node, "mac_address") ? TRAIT_ENDPOINTS : 0;
    if (node_find(node, "container_name"))
        traits |= TRAIT_NAME;
    if (node_find(node, "network_mode"))
        traits |= TRAIT_NETWORK_MODE;
    if (node_find(node_get(node, "build"), "additional_contexts"))
        traits |= TRAIT_CONTEXTS;
    for (size_t i = 0; node_is(networks, NODE_MAP) && i < networks->count; i++)
        if (node_is(networks->pairs[i].value, NODE_MAP) && networks->pairs[i].value->count > 0)
            traits |= TRAIT_ENDPOINTS;
    return (unsigned char)traits;
}

void validate_add(struct validation *validation, const struct model *model,
                  const struct node_pair *pair, const struct model_service *service)
{
    struct diagnostics *diagnostics = validation->diagnostics;
    vec_add(&validation->traits, traits_of(pair->value));
    check_image(pair->value, service, diagnostics);
    check_bootstrap(pair->value, service, diagnostics);
    validate_service(model, pair->value, service, diagnostics);
    validate_service_limits(model, pair->value, service, diagnostics);
    validate_service_storage(model, pair->value, service, diagnostics);
}

void validate_model(struct validation *validation, const struct model *model)
{
    const struct node *services = node_get(model->tree, "services");
    for (size_t i = 0; i < model->service_count; i++)
        if (validation->traits.items[i] & TRAIT_CONTEXTS)
            check_contexts(model, services, &services->pairs[i], validation->diagnostics);
    validate_services(validation, model);
    check_cycles(model, validation->diagnostics);
    validate_ports(validation, model);
    validate_networks(validation, model);
    validate_endpoints(validation, model);
    validate_storage(model, validation->diagnostics);
    vec_done(&validation->traits);
}
