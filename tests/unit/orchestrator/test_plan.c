/* Golden plans: testdata/plan/CASE/case (plan_case.h) -> expected; REGENERATE=1 writes what is
 * expected. And what a text does not show well. */
#include "../unit.h"

#include "base/fs.h"
#include "base/str.h"
#include "plan_case.h"
#include "stack.h"

#include <errno.h>
#include <glob.h>

static void bring_up(struct store *store, const char *file)
{
    _cleanup_(specs_freep) struct specs *specs = stack_specs(file);
    _cleanup_json_ cJSON *images = stack_images(specs, "");
    struct up_options up = {.timeout_ms = -1};
    struct plan_up_options options = {&up, NULL, images, stack_new_id};
    _cleanup_(observed_freep) struct observed *observed =
        stack_observe(store, specs->project, VM_RUNNING);
    _cleanup_error_ struct error err = {0};
    _cleanup_(plan_freep) struct plan *plan = NULL;
    assert_ok(plan_up(specs, observed, &options, &plan, &err), &err);
    stack_apply(store, specs, plan);
}

static char *print_case(const char *name)
{
    _cleanup_free_ char *path = xasprintf("%s/plan/%s/case", TESTDATA, name);
    _cleanup_free_ char *script = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(fs_read_file(path, 4096, &script, NULL, &err), &err);
    return plan_case_run(script);
}

static void test_golden_plans(void **state)
{
    (void)state;
    glob_t found = {0};
    assert_int_equal(glob(TESTDATA "/plan/*/case", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        *strrchr(found.gl_pathv[i], '/') = '\0';
        const char *name = strrchr(found.gl_pathv[i], '/') + 1;
        _cleanup_free_ char *path = xasprintf("%s/expected", found.gl_pathv[i]);
        _cleanup_free_ char *text = print_case(name);
        _cleanup_free_ char *expected = NULL;
        if (getenv("REGENERATE"))
            assert_int_equal(fs_write_file_atomic(path, text, strlen(text), 0644, NULL), 0);
        _cleanup_error_ struct error err = {0};
        assert_ok(fs_read_file(path, 1 << 20, &expected, NULL, &err), &err);
        if (!streq(text, expected))
            fail_msg("%s: the plan is another (REGENERATE=1 takes it over):\n%s", name, text);
    }
    globfree(&found);
}

static struct plan *plan_again(struct store *store, const char *file, const char *image_suffix,
                               enum vm_state vm)
{
    _cleanup_(specs_freep) struct specs *specs = stack_specs(file);
    _cleanup_json_ cJSON *images = stack_images(specs, image_suffix);
    _cleanup_(observed_freep) struct observed *observed = stack_observe(store, specs->project, vm);
    struct up_options up = {.timeout_ms = -1};
    struct plan_up_options options = {&up, NULL, images, stack_new_id};
    _cleanup_error_ struct error err = {0};
    struct plan *plan = NULL;
    assert_ok(plan_up(specs, observed, &options, &plan, &err), &err);
    stack_check_order(plan);
    return plan;
}

static size_t count_steps(const struct plan *plan, const char *kind, enum operation_verb verb)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->steps.count; i++)
        count += streq(plan->steps.items[i].kind, kind) && plan->steps.items[i].verb == verb;
    return count;
}

static size_t count_changes(const struct plan *plan, enum plan_action action)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->changes.count; i++)
        count += plan->changes.items[i].action == action;
    return count;
}

static void test_another_image_id_recreates(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    bring_up(store, "shop/compose.yaml");
    _cleanup_(plan_freep) struct plan *same =
        plan_again(store, "shop/compose.yaml", "", VM_RUNNING);
    assert_int_equal(same->steps.count, 0);
    _cleanup_(plan_freep) struct plan *other =
        plan_again(store, "shop/compose.yaml", "-new", VM_RUNNING);
    assert_int_equal(count_steps(other, "vm", OPERATION_STOP), 3);
    assert_int_equal(count_steps(other, "vm", OPERATION_REMOVE), 3);
    assert_int_equal(count_steps(other, "vm", OPERATION_ENSURE), 3);
    assert_int_equal(count_steps(other, "vm", OPERATION_START), 3);
    /* addresses and published ports stay reserved meanwhile */
    assert_int_equal(count_steps(other, "endpoint", OPERATION_REMOVE), 0);
    assert_int_equal(count_steps(other, "ports", OPERATION_REMOVE), 0);
}

static void test_exited_is_started_again_as_it_is(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    bring_up(store, "shop/compose.yaml");
    _cleanup_(plan_freep) struct plan *plan = plan_again(store, "shop/compose.yaml", "", VM_EXITED);
    assert_int_equal(count_steps(plan, "vm", OPERATION_START), 3);
    assert_int_equal(count_steps(plan, "vm", OPERATION_REMOVE), 0);
    assert_int_equal(count_steps(plan, "vm", OPERATION_ENSURE), 0); /* the disk is not touched */
    assert_int_equal(count_steps(plan, "endpoint", OPERATION_ENSURE), 4);
}

static void test_interrupted_start_is_stopped_first(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    bring_up(store, "shop/compose.yaml");
    _cleanup_(plan_freep) struct plan *plan =
        plan_again(store, "shop/compose.yaml", "", VM_STARTING);
    assert_int_equal(count_steps(plan, "vm", OPERATION_STOP), 3);
    assert_int_equal(count_steps(plan, "vm", OPERATION_REMOVE), 0);
    assert_int_equal(count_steps(plan, "vm", OPERATION_START), 3);
}

static void test_restart_follows_a_recreated_dependency(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    bring_up(store, "shop_restart/compose.yaml");
    _cleanup_(specs_freep) struct specs *specs = stack_specs("shop_restart/compose.yaml");
    _cleanup_json_ cJSON *images = stack_images(specs, "");
    json_set_string(json_object(images, "image/redis:7"), "id", "sha256:another");
    struct up_options up = {.timeout_ms = -1};
    struct plan_up_options options = {&up, NULL, images, stack_new_id};
    _cleanup_(observed_freep) struct observed *observed = stack_observe(store, "shop", VM_RUNNING);
    _cleanup_(plan_freep) struct plan *plan = NULL;
    assert_int_equal(plan_up(specs, observed, &options, &plan, NULL), 0);
    stack_check_order(plan);
    assert_int_equal(count_steps(plan, "vm", OPERATION_REMOVE), 1);
    assert_int_equal(count_steps(plan, "vm", OPERATION_STOP), 2);
    assert_int_equal(count_steps(plan, "vm", OPERATION_START), 2);
    assert_int_equal(count_changes(plan, PLAN_KEEP), 1); /* web: depends on api without restart */
}

static void test_unknown_service(void **state)
{
    (void)state;
    _cleanup_(specs_freep) struct specs *specs = stack_specs("shop/compose.yaml");
    char web[] = "web", wbe[] = "wbe", *services[] = {web, wbe, NULL};
    struct up_options up = {.services = services, .timeout_ms = -1};
    struct plan_up_options options = {&up, NULL, NULL, stack_new_id};
    _cleanup_error_ struct error err = {0};
    struct plan *plan = NULL;
    assert_int_equal(plan_images(specs, &options, &plan, &err), -ENOENT);
    assert_string_equal(error_text(&err), "no such service: wbe");
}

static void test_orphan_on_changed_network_is_refused(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    bring_up(store, "shop/compose.yaml");
    _cleanup_(specs_freep) struct specs *specs = stack_specs("shop_service_gone/compose.yaml");
    for (size_t i = 0; i < specs->network_count; i++)
        specs->networks[i].hash[0] = 'x';
    _cleanup_json_ cJSON *images = stack_images(specs, "");
    struct up_options up = {.timeout_ms = -1};
    struct plan_up_options options = {&up, NULL, images, stack_new_id};
    _cleanup_(observed_freep) struct observed *observed = stack_observe(store, "shop", VM_RUNNING);
    _cleanup_error_ struct error err = {0};
    struct plan *plan = NULL;
    assert_int_equal(plan_up(specs, observed, &options, &plan, &err), -EBUSY);
    assert_non_null(strstr(error_text(&err), "'shop-web-1'"));
}

/* Everything that is down's: after it, the store knows nothing of the project. */
static void test_down_forgets_all(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    bring_up(store, "shop/compose.yaml");
    _cleanup_(observed_freep) struct observed *observed = stack_observe(store, "shop", VM_EXITED);
    struct down_options options = {.timeout_ms = 500, .kill = true};
    _cleanup_(plan_freep) struct plan *plan = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(plan_down(observed, &options, &plan, &err), &err);
    stack_check_order(plan);
    assert_int_equal(count_steps(plan, "vm", OPERATION_STOP), 0); /* none runs */
    stack_apply(store, NULL, plan);
    assert_int_equal(state_forget_project(store, "shop", &err), 1);
    _cleanup_(observed_freep) struct observed *after = stack_observe(store, "shop", VM_EXITED);
    assert_int_equal(after->resources.count + after->instances.count + after->services.count, 0);
    struct state_projects projects = {0};
    assert_ok(state_list_projects(store, &projects, &err), &err);
    assert_int_equal(projects.list.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_plans),
        cmocka_unit_test(test_another_image_id_recreates),
        cmocka_unit_test(test_exited_is_started_again_as_it_is),
        cmocka_unit_test(test_interrupted_start_is_stopped_first),
        cmocka_unit_test(test_restart_follows_a_recreated_dependency),
        cmocka_unit_test(test_unknown_service),
        cmocka_unit_test(test_orphan_on_changed_network_is_refused),
        cmocka_unit_test(test_down_forgets_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
