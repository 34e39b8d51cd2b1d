/* The part of compose/validate.h about health, builds and mounts of a service: what one key says
 * against another, after the files were merged. */
#include "base/alloc.h"
#include "base/str.h"
#include "compose/model_build.h"
#include "compose/validate.h"

#include <stdlib.h>

/* --- one service ----------------------------------------------------------------------------- */

static void check_probe(const struct node *node, const struct model_service *service,
                        struct diagnostics *diagnostics)
{
    const struct node_pair *probe = node_find(node_get(node, "x-vmstead"), "healthcheck");
    if (!probe || probe->value->kind != NODE_MAP)
        return;
    bool http = node_find(probe->value, "http"), tcp = node_find(probe->value, "tcp");
    if (http == tcp)
        diagnostics_add(diagnostics, SEVERITY_ERROR, probe->position,
                        "write 'http: URL' or 'tcp: PORT'",
                        http ? "the probe of service '%s' has both 'http' and 'tcp'"
                             : "the probe of service '%s' has neither 'http' nor 'tcp'",
                        service->name);
}

/* An image for the platforms named must be one for the service's. */
static void check_platforms(const struct node *node, const struct model_service *service,
                            struct diagnostics *diagnostics)
{
    const struct node *platforms = node_get(node_get(node, "build"), "platforms");
    const struct node *platform = node_get(node, "platform");
    if (!node_is(platforms, NODE_LIST) || platforms->count == 0 || !node_is(platform, NODE_STRING))
        return;
    for (size_t i = 0; i < platforms->count; i++)
        if (streq(platforms->items[i]->text, platform->text))
            return;
    diagnostics_add(diagnostics, SEVERITY_ERROR, platform->position, "add it to 'build.platforms'",
                    "service '%s' wants the platform '%s', for which it is not built",
                    service->name, platform->text);
}

static void check_build(const struct node *node, const struct model_service *service,
                        struct diagnostics *diagnostics)
{
    const struct node *build = node_get(node, "build");
    const struct node_pair *text = node_find(build, "dockerfile_inline");
    const struct node_pair *file = node_find(build, "dockerfile");
    if (text && file) {
        _cleanup_free_ char *hint =
            diagnostics_keep_one(diagnostics, text->position, file->position);
        diagnostics_add(diagnostics, SEVERITY_ERROR, text->position, hint,
                        "the build of service '%s' has both 'dockerfile' and 'dockerfile_inline'",
                        service->name);
    }
    check_platforms(node, service, diagnostics);
    if (build && service->bootstrap)
        diagnostics_add(diagnostics, SEVERITY_ERROR, node_find(node, "build")->position,
                        "keep one of them", "service '%s' has both a 'build' and a bootstrap",
                        service->name);
}

/* --- targets --------------------------------------------------------------------------------- */

/* A place in the VM and who wants it. */
struct target_claim {
    const char *target, *kind;
    struct position position;
    size_t order;
};

static int compare_targets(const void *left, const void *right)
{
    const struct target_claim *a = left, *b = right;
    int result = strcmp(a->target, b->target);
    return result ? result : a->order < b->order ? -1 : a->order > b->order;
}

static size_t claim_files(const struct model_file *files, size_t count, const char *kind,
                          struct target_claim *claims, size_t claim_count)
{
    for (size_t i = 0; i < count; i++, claim_count++)
        claims[claim_count] =
            (struct target_claim){files[i].target, kind, files[i].position, claim_count};
    return claim_count;
}

/* What the reference itself refuses: a target of `tmpfs`, as it is written, that is another one's.
 * Returns them; NULL: none. */
static const struct node *check_tmpfs(const struct node *node, const struct model_service *service,
                                      struct arena *arena, struct diagnostics *diagnostics)
{
    const struct node *lists[] = {node_get(node, "tmpfs"), node_get(node, "volumes")};
    if (!lists[0])
        return NULL;
    struct node *seen = node_new(arena, NODE_MAP, service->position);
    struct node *reported = node_new(arena, NODE_MAP, service->position);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; node_is(lists[i], NODE_LIST) && j < lists[i]->count; j++) {
            const struct node *item = lists[i]->items[j];
            const char *text = i == 0 ? item->text : node_get_string(item, "target", "");
            const char *target =
                arena_strndup(arena, text, i == 0 ? strcspn(text, ":") : strlen(text));
            const struct node_pair *earlier = node_find(seen, target);
            if (!earlier) {
                node_put(arena, seen, target, item->position, lists[i]->items[j]);
                continue;
            }
            _cleanup_free_ char *hint =
                diagnostics_other_place(diagnostics, item->position, earlier->position);
            diagnostics_add(diagnostics, SEVERITY_ERROR, item->position, hint,
                            "service '%s' mounts two things at '%s'", service->name, target);
            node_put(arena, reported, target, item->position, lists[i]->items[j]);
        }
    return reported;
}

static void check_targets(const struct model_service *service, const struct node *reported,
                          struct diagnostics *diagnostics)
{
    static const char *const kinds[] = {"volume", "bind mount", "tmpfs"};
    size_t total = service->mount_count + service->config_count + service->secret_count, count = 0;
    struct target_claim *claims = xcalloc(total + 1, sizeof(*claims));
    for (; count < service->mount_count; count++) {
        const struct model_mount *mount = &service->mounts[count];
        claims[count] =
            (struct target_claim){mount->target, kinds[mount->type], mount->position, count};
    }
    count = claim_files(service->configs, service->config_count, "config", claims, count);
    count = claim_files(service->secrets, service->secret_count, "secret", claims, count);
    qsort(claims, count, sizeof(*claims), compare_targets);
    for (size_t i = 1; i < count; i++)
        if (streq(claims[i].target, claims[i - 1].target) &&
            !node_find(reported, claims[i].target)) {
            _cleanup_free_ char *hint =
                diagnostics_other_place(diagnostics, claims[i].position, claims[i - 1].position);
            diagnostics_add(diagnostics, SEVERITY_ENGINE, claims[i].position, hint,
                            "service '%s' has a %s and a %s at '%s'", service->name,
                            claims[i - 1].kind, claims[i].kind, claims[i].target);
        }
    free(claims);
}

void validate_service_storage(const struct model *model, const struct node *node,
                              const struct model_service *service, struct diagnostics *diagnostics)
{
    check_probe(node, service, diagnostics);
    check_build(node, service, diagnostics);
    check_targets(service, check_tmpfs(node, service, model_arena(model), diagnostics),
                  diagnostics);
}
