/* The part of compose/validate.h about numbers of a service that do not go together: memory, CPUs,
 * ulimits, replicas. The rules are those of the reference where they are errors, else those of
 * Docker's engine (moby: verifyPlatformContainerResources). */
#include "base/machine.h"
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_build.h"
#include "compose/parse.h"
#include "compose/validate.h"

/* --- the same twice -------------------------------------------------------------------------- */

/* A key of the service, and where deploy has it. */
struct twin {
    const char *key, *section, *deploy_key;
};

static const struct twin twins[] = {
    {"mem_limit", "limits", "memory"},
    {"cpus", "limits", "cpus"},
    {"pids_limit", "limits", "pids"},
    {"mem_reservation", "reservations", "memory"},
};

static bool is_same(const struct node *a, const struct node *b)
{
    if (a->kind == NODE_STRING && b->kind == NODE_STRING)
        return streq(a->text, b->text);
    if (a->kind == NODE_FLOAT && b->kind == NODE_FLOAT)
        return a->number == b->number;
    return a->kind != NODE_INT || b->kind != NODE_INT || a->integer == b->integer;
}

/* What deploy leaves out beside others counts as another value, as in the reference. */
static void check_twin(const struct node *node, const struct twin *twin, const char *service,
                       struct diagnostics *diagnostics)
{
    const struct node_pair *own = node_find(node, twin->key);
    if (!own || own->value->kind == NODE_BAD)
        return;
    const struct node *resources = node_get(node_get(node, "deploy"), "resources");
    const struct node_pair *section = node_find(resources, twin->section);
    if (!section || section->value->kind != NODE_MAP)
        return;
    const struct node_pair *other = node_find(section->value, twin->deploy_key);
    if (!other)
        diagnostics_add(diagnostics, SEVERITY_ERROR, own->position,
                        "write it there, beside the others",
                        "service '%s' has '%s', but 'deploy.resources.%s' without '%s'", service,
                        twin->key, twin->section, twin->deploy_key);
    if (!other || other->value->kind == NODE_BAD || is_same(own->value, other->value))
        return;
    _cleanup_free_ char *hint = diagnostics_keep_one(diagnostics, own->position, other->position);
    diagnostics_add(diagnostics, SEVERITY_ERROR, own->position, hint,
                    "service '%s': '%s' and 'deploy.resources.%s.%s' differ", service, twin->key,
                    twin->section, twin->deploy_key);
}

static void check_scale(const struct node *node, const char *service,
                        struct diagnostics *diagnostics)
{
    const struct node_pair *scale = node_find(node, "scale");
    const struct node *deploy = node_get(node, "deploy");
    const struct node_pair *replicas = node_find(deploy, "replicas");
    if (scale && replicas && node_is(scale->value, NODE_INT) &&
        node_is(replicas->value, NODE_INT) && scale->value->integer != replicas->value->integer) {
        _cleanup_free_ char *hint =
            diagnostics_keep_one(diagnostics, scale->position, replicas->position);
        diagnostics_add(diagnostics, SEVERITY_ERROR, scale->position, hint,
                        "service '%s' has two numbers of VMs: 'scale' and 'deploy.replicas' differ",
                        service);
    }
    if (replicas && streq(node_get_string(deploy, "mode", ""), "global"))
        diagnostics_add(diagnostics, SEVERITY_WARNING, replicas->position,
                        "remove 'mode: global', which means one for each host",
                        "service '%s' has 'deploy.replicas' and 'mode: global': the former counts",
                        service);
}

/* --- memory and CPUs ------------------------------------------------------------------------- */

/* The bytes of a key; 0: none, or no bound. */
static uint64_t bytes_of(const struct node *node, const char *key)
{
    uint64_t bytes = 0;
    const char *text = node_get_string(node, key, NULL);
    return text && parse_bytes(text, &bytes) == 0 ? bytes : 0;
}

/* "20 MiB", "1000 KiB" */
static const char *format_bytes(struct arena *arena, uint64_t bytes)
{
    bool whole = bytes % (1 << 20) == 0;
    return arena_printf(arena, "%llu %s", (unsigned long long)(whole ? bytes >> 20 : bytes >> 10),
                        whole ? "MiB" : "KiB");
}

static void check_least_memory(const struct node *node, const struct model_service *service,
                               struct arena *arena, struct diagnostics *diagnostics)
{
    const struct node *limits = node_get(node_get(node_get(node, "deploy"), "resources"), "limits");
    const struct node *value = node_get(node, "mem_limit");
    uint64_t least = (uint64_t)MACHINE_MEMORY_LEAST_MIB << 20;
    value = value ? value : node_get(limits, "memory");
    if (value && service->memory_bytes > 0 && service->memory_bytes + (1 << 20) <= least)
        diagnostics_add(diagnostics, SEVERITY_ENGINE, value->position, "raise it",
                        "service '%s' is given %s of memory; a VM does not boot with less than "
                        "%d MiB",
                        service->name, format_bytes(arena, service->memory_bytes),
                        MACHINE_MEMORY_LEAST_MIB);
}

static void check_memory(const struct node *node, const struct model_service *service,
                         struct arena *arena, struct diagnostics *diagnostics)
{
    const struct node_pair *reservation = node_find(node, "mem_reservation");
    const struct node_pair *swap = node_find(node, "memswap_limit");
    uint64_t limit = bytes_of(node, "mem_limit"), swap_limit = bytes_of(node, "memswap_limit");
    check_least_memory(node, service, arena, diagnostics);
    if (limit > 0 && bytes_of(node, "mem_reservation") > limit)
        diagnostics_add(diagnostics, SEVERITY_ENGINE, reservation->position, NULL,
                        "service '%s': 'mem_reservation' is more than 'mem_limit'", service->name);
    if (limit > 0 && swap_limit > 0 && swap_limit < limit)
        diagnostics_add(diagnostics, SEVERITY_ENGINE, swap->position,
                        "it is the sum of memory and swap",
                        "service '%s': 'memswap_limit' is less than 'mem_limit'", service->name);
}

static void check_cpus(const struct node *node, const char *service,
                       struct diagnostics *diagnostics)
{
    static const char *const keys[] = {"cpu_period", "cpu_quota"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct node_pair *pair = node_find(node, keys[i]);
        if (pair && node_find(node, "cpus"))
            diagnostics_add(diagnostics, SEVERITY_ENGINE, pair->position, "keep 'cpus'",
                            "service '%s' has both 'cpus' and '%s', which exclude each other",
                            service, keys[i]);
    }
}

static void check_disk(const struct node *node, const struct model_service *service,
                       struct arena *arena, struct diagnostics *diagnostics)
{
    const struct node *disk = node_get(node_get(node, "x-vmstead"), "disk");
    if (disk && service->disk_bytes > 0 && service->disk_bytes < MACHINE_DISK_LEAST_BYTES)
        diagnostics_add(diagnostics, SEVERITY_ENGINE, disk->position, "raise it",
                        "service '%s' has a disk of %s; it needs %llu MiB at least", service->name,
                        format_bytes(arena, service->disk_bytes), MACHINE_DISK_LEAST_BYTES >> 20);
}

/* --- ulimits --------------------------------------------------------------------------------- */

static const char *const ulimit_names[] = {"core",    "cpu",      "data",   "fsize",      "locks",
                                           "memlock", "msgqueue", "nice",   "nofile",     "nproc",
                                           "rss",     "rtprio",   "rttime", "sigpending", "stack"};

/* -1 is no limit at all. */
static bool is_less(int64_t a, int64_t b)
{
    return a != -1 && (b == -1 || a < b);
}

static void check_ulimits(const struct node *node, const char *service, struct arena *arena,
                          struct diagnostics *diagnostics)
{
    const struct node *ulimits = node_get(node, "ulimits");
    for (size_t i = 0; node_is(ulimits, NODE_MAP) && i < ulimits->count; i++) {
        const struct node_pair *pair = &ulimits->pairs[i];
        const struct node *soft = node_get(pair->value, "soft"),
                          *hard = node_get(pair->value, "hard");
        bool is_known = false;
        for (size_t j = 0; j < ARRAY_SIZE(ulimit_names); j++)
            is_known = is_known || streq(pair->key, ulimit_names[j]);
        const char *nearest = is_known || diagnostics_is_full(diagnostics)
                                  ? NULL
                                  : str_nearest(pair->key, ulimit_names, ARRAY_SIZE(ulimit_names));
        if (!is_known)
            diagnostics_add(diagnostics, SEVERITY_ENGINE, pair->position,
                            nearest ? arena_printf(arena, "did you mean '%s'?", nearest) : NULL,
                            "service '%s' has an unknown ulimit '%s'", service, pair->key);
        if (node_is(soft, NODE_INT) && node_is(hard, NODE_INT) &&
            is_less(hard->integer, soft->integer))
            diagnostics_add(diagnostics, SEVERITY_ENGINE, soft->position, NULL,
                            "service '%s': the soft ulimit '%s' is more than the hard one", service,
                            pair->key);
    }
}

void validate_service_limits(const struct model *model, const struct node *node,
                             const struct model_service *service, struct diagnostics *diagnostics)
{
    struct arena *arena = model_arena(model);
    for (size_t i = 0; i < ARRAY_SIZE(twins); i++)
        check_twin(node, &twins[i], service->name, diagnostics);
    check_scale(node, service->name, diagnostics);
    check_memory(node, service, arena, diagnostics);
    check_cpus(node, service->name, diagnostics);
    check_disk(node, service, arena, diagnostics);
    check_ulimits(node, service->name, arena, diagnostics);
}
