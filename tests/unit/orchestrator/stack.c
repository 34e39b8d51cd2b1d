/* See stack.h. */
#include "stack.h"

#include "../unit.h"

#include "base/str.h"
#include "compose/compose.h"
#include "orchestrator/journal.h"

static unsigned next_id;

struct model *stack_load(const char *file)
{
    _cleanup_free_ char *path = xasprintf("%s/plan/%s", TESTDATA, file);
    return stack_load_file(path);
}

struct model *stack_load_file(const char *path)
{
    _cleanup_free_ char *absolute = realpath(path, NULL);
    char *files[] = {absolute, NULL}, *environment[] = {NULL};
    struct compose_options options = {
        .files = files, .working_directory = TESTDATA, .environment = environment};
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_error_ struct error err = {0};
    struct model *model = NULL;
    int r = compose_load(&options, diagnostics, &model, &err);
    _cleanup_strbuf_ struct strbuf text = {0};
    diagnostics_print(diagnostics, NULL, &text);
    if (r < 0)
        fail_msg("%s: %s\n%s", path, error_text(&err), strbuf_text(&text));
    return model;
}

struct specs *stack_specs(const char *file)
{
    struct model *model = stack_load(file);
    _cleanup_error_ struct error err = {0};
    struct specs *specs = NULL;
    assert_ok(specs_build(model, &specs, &err), &err);
    return specs;
}

void stack_reset_ids(void)
{
    next_id = 0;
}

char *stack_new_id(char *hex)
{
    _cleanup_free_ char *text = xasprintf("%064u", ++next_id);
    return memcpy(hex, text, HASH_HEX_SIZE);
}

cJSON *stack_images(const struct specs *specs, const char *suffix)
{
    cJSON *images = cJSON_CreateObject();
    for (size_t i = 0; i < specs->service_count; i++) {
        _cleanup_free_ char *key = xasprintf("image/%s", specs->services[i].image);
        _cleanup_free_ char *id = xasprintf("sha256:%s%s", specs->services[i].image, suffix);
        cJSON *result = cJSON_CreateObject();
        json_set_string(result, "id", id);
        json_set(images, key, result);
    }
    return images;
}

void stack_apply(struct store *store, const struct specs *specs, const struct plan *plan)
{
    _cleanup_error_ struct error err = {0};
    if (specs)
        assert_ok(state_record_project(store, specs, &(struct state_project){0}, &err), &err);
    for (size_t i = 0; i < plan->steps.count; i++) {
        int64_t entry;
        const struct plan_step *step = &plan->steps.items[i];
        assert_ok(journal_open(store, &err), &err);
        assert_ok(journal_begin(store, plan->project, step, &entry, &err), &err);
        assert_ok(journal_finish(store, plan->project, entry, step, true, &err), &err);
        assert_ok(journal_close(store, &err), &err);
    }
}

struct observed *stack_observe(struct store *store, const char *project, enum vm_state state)
{
    _cleanup_error_ struct error err = {0};
    struct observed *observed = NULL;
    assert_ok(state_observe(store, project, &observed, &err), &err);
    for (size_t i = 0; i < observed->instances.count; i++) {
        observed->instances.items[i].missing = false;
        observed->instances.items[i].state = state;
    }
    return observed;
}

static const char *step_name(const void *userdata, size_t step)
{
    return ((const struct plan *)userdata)->steps.items[step].name;
}

void stack_check_order(const struct plan *plan)
{
    _cleanup_(graph_freep) struct graph *graph = graph_new(plan->steps.count);
    for (size_t i = 0; i < plan->steps.count; i++)
        for (size_t j = 0; j < plan->steps.items[i].after.count; j++)
            graph_add(graph, i, plan->steps.items[i].after.items[j].step);
    _cleanup_free_ size_t *order = xcalloc(plan->steps.count + 1, sizeof(*order));
    _cleanup_error_ struct error err = {0};
    assert_ok(graph_order(graph, step_name, plan, order, &err), &err);
}

struct store *stack_store(void)
{
    _cleanup_error_ struct error err = {0};
    struct store *store = NULL;
    assert_ok(store_open(":memory:", &store, &err), &err);
    assert_ok(store_migrate(store, state_schema(), &err), &err);
    return store;
}
