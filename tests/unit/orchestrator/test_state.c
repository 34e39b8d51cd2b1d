/* The tables and the journal: what each step leaves behind, also where it was interrupted. */
#include "../unit.h"

#include "base/str.h"
#include "orchestrator/journal.h"
#include "stack.h"

#include <errno.h>

static const char vm_spec[] = "{\"instance\":\"p-s-1\",\"service\":\"s\",\"id\":\"abc\","
                              "\"image\":\"busybox:1\"}";

static struct plan *one_step(const char *kind, const char *name, enum operation_verb verb,
                             const char *spec_text)
{
    struct plan *plan = plan_new("p");
    cJSON *spec = NULL;
    assert_int_equal(json_parse(spec_text, strlen(spec_text), &spec, NULL), 0);
    plan_add(plan, kind, name, verb, spec, json_string(spec, "service", NULL));
    strncpy(plan->steps.items[0].hash, verb == OPERATION_ENSURE ? "h1" : "", HASH_HEX_SIZE - 1);
    if (streq(kind, "vm") && verb == OPERATION_ENSURE) {
        struct plan_instance *instance = plan->steps.items[0].instance = new0(struct plan_instance);
        instance->image_id = xstrdup("sha256:1");
        instance->image_result = xstrdup("{}");
        instance->command = xstrdup("sleep 1");
    }
    return plan;
}

enum outcome { SUCCESS, FAILURE, CRASH };

static void run(struct store *store, const struct plan *plan, enum outcome outcome)
{
    _cleanup_error_ struct error err = {0};
    const struct plan_step *step = &plan->steps.items[0];
    int64_t entry;
    assert_ok(journal_open(store, &err), &err);
    assert_ok(journal_begin(store, "p", step, &entry, &err), &err);
    assert_ok(journal_close(store, &err), &err);
    if (outcome == CRASH)
        assert_int_equal(journal_settle(store, NULL, &err), 1);
    else {
        assert_ok(journal_open(store, &err), &err);
        assert_ok(journal_finish(store, "p", entry, step, outcome == SUCCESS, &err), &err);
        assert_ok(journal_close(store, &err), &err);
    }
    assert_int_equal(journal_settle(store, NULL, &err), 0); /* nothing is open any more */
}

static void do_step(struct store *store, const char *kind, const char *name,
                    enum operation_verb verb, const char *spec, enum outcome outcome)
{
    _cleanup_(plan_freep) struct plan *plan = one_step(kind, name, verb, spec);
    run(store, plan, outcome);
}

/* The hash the store has of it; NULL: not known. */
static char *hash_of(struct store *store, const char *kind, const char *name)
{
    _cleanup_(observed_freep) struct observed *observed = stack_observe(store, "p", VM_RUNNING);
    const struct observed_resource *resource = observed_find_resource(observed, kind, name);
    return resource ? xstrdup(resource->hash) : NULL;
}

static void assert_hash(struct store *store, const char *kind, const char *name,
                        const char *expected)
{
    _cleanup_free_ char *hash = hash_of(store, kind, name);
    if (!expected)
        assert_null(hash);
    else
        assert_string_equal(hash ? hash : "(unknown)", expected);
}

static void test_success_is_remembered(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    do_step(store, "network", "n", OPERATION_ENSURE, "{\"key\":\"n\"}", SUCCESS);
    assert_hash(store, "network", "n", "h1");
    do_step(store, "network", "n", OPERATION_REMOVE, "{}", SUCCESS);
    assert_hash(store, "network", "n", NULL);
}

static void test_interrupted_ensure_is_known_but_not_trusted(void **state)
{
    (void)state;
    for (enum outcome outcome = FAILURE; outcome <= CRASH; outcome++) {
        _cleanup_(store_closep) struct store *store = stack_store();
        do_step(store, "network", "n", OPERATION_ENSURE, "{\"key\":\"n\"}", outcome);
        assert_hash(store, "network", "n", "");
        do_step(store, "network", "n", OPERATION_ENSURE, "{\"key\":\"n\"}", SUCCESS);
        assert_hash(store, "network", "n", "h1");
        /* another look at what was complete takes nothing away */
        do_step(store, "network", "n", OPERATION_ENSURE, "{\"key\":\"n\"}", outcome);
        assert_hash(store, "network", "n", "h1");
    }
}

static void test_interrupted_removal_is_half_there(void **state)
{
    (void)state;
    for (enum outcome outcome = FAILURE; outcome <= CRASH; outcome++) {
        _cleanup_(store_closep) struct store *store = stack_store();
        do_step(store, "endpoint", "p-s-1/n", OPERATION_ENSURE, "{}", SUCCESS);
        do_step(store, "endpoint", "p-s-1/n", OPERATION_REMOVE, "{}", outcome);
        assert_hash(store, "endpoint", "p-s-1/n", "");
    }
}

static void test_instance_lives_from_intent_to_removal(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    do_step(store, "vm", "p-s-1", OPERATION_ENSURE, vm_spec, CRASH);
    struct state_instances instances = {0};
    _cleanup_error_ struct error err = {0};
    assert_ok(state_list_instances(store, NULL, &instances, &err), &err);
    assert_int_equal(instances.list.count, 1);
    assert_string_equal(instances.list.items[0].id, "abc");
    assert_string_equal(instances.list.items[0].image, "busybox:1");
    assert_string_equal(instances.list.items[0].command, "sleep 1");
    state_instances_done(&instances);
    do_step(store, "vm", "p-s-1", OPERATION_START, vm_spec, CRASH);
    do_step(store, "vm", "p-s-1", OPERATION_STOP, vm_spec, CRASH);
    do_step(store, "vm", "p-s-1", OPERATION_REMOVE, vm_spec, CRASH);
    assert_ok(state_list_instances(store, "p", &instances, &err), &err);
    assert_int_equal(instances.list.count, 1);
    state_instances_done(&instances);
    do_step(store, "vm", "p-s-1", OPERATION_REMOVE, vm_spec, SUCCESS);
    assert_ok(state_list_instances(store, "p", &instances, &err), &err);
    assert_int_equal(instances.list.count, 0);
    state_instances_done(&instances);
}

static void test_settle_leaves_other_projects_alone(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    _cleanup_(plan_freep) struct plan *plan = one_step("network", "n", OPERATION_ENSURE, "{}");
    _cleanup_error_ struct error err = {0};
    int64_t entry;
    assert_ok(journal_open(store, &err), &err);
    assert_ok(journal_begin(store, "p", &plan->steps.items[0], &entry, &err), &err);
    assert_ok(journal_close(store, &err), &err);
    assert_int_equal(journal_settle(store, "other", &err), 0);
    assert_hash(store, "network", "n", NULL);
    assert_int_equal(journal_settle(store, "p", &err), 1);
    assert_hash(store, "network", "n", "");
}

static void test_states(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    _cleanup_error_ struct error err = {0};
    do_step(store, "vm", "p-s-1", OPERATION_ENSURE, vm_spec, SUCCESS);
    assert_int_equal(state_set_instance_state(store, "p-s-1", "running", &err), 1);
    assert_int_equal(state_set_instance_state(store, "p-s-1", "running", &err), 0);
    assert_int_equal(state_set_instance_state(store, "nobody", "running", &err), 0);
}

/* A database of the first version, with an instance that runs and one that has ended. */
static struct store *first_version(void)
{
    struct store_schema first = *state_schema();
    first.version = 1;
    _cleanup_error_ struct error err = {0};
    struct store *store = NULL;
    assert_ok(store_open(":memory:", &store, &err), &err);
    assert_ok(store_migrate(store, &first, &err), &err);
    static const char insert[] =
        "INSERT INTO instances (name, id, project, service, number, image, image_id, command,"
        " created_ms, state) VALUES (?, 'abc', 'p', 's', 1, 'busybox:1', 'sha256:1', 'sh', 5, ?)";
    assert_ok(store_execute(store, &err, insert, "ss", "p-s-1", "running"), &err);
    assert_ok(store_execute(store, &err, insert, "ss", "p-t-1", "exited"), &err);
    assert_ok(store_execute(store, &err,
                            "INSERT INTO events (time_ms, project, service, instance, id, action,"
                            " exit_code) VALUES (7, 'p', 't', 'p-t-1', 'abc', 'die', 1)",
                            ""),
              &err);
    return store;
}

static void test_first_version_is_taken_over(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = first_version();
    _cleanup_error_ struct error err = {0};
    assert_ok(store_migrate(store, state_schema(), &err), &err);
    struct state_instances instances = {0};
    assert_ok(state_list_instances(store, "p", &instances, &err), &err);
    assert_int_equal(instances.list.count, 2);
    assert_string_equal(instances.list.items[0].name, "p-s-1");
    assert_int_equal(instances.list.items[0].created_ms, 5);
    assert_true(instances.list.items[0].is_wanted);
    assert_false(instances.list.items[1].is_wanted);
    assert_string_equal(instances.list.items[1].health, "");
    assert_false(instances.list.items[1].oneoff);
    state_instances_done(&instances);
    _cleanup_statement_ sqlite3_stmt *event =
        store_query(store, &err, "SELECT time_ns FROM events WHERE action = 'die'", "");
    assert_int_equal(store_step(store, event, &err), 1);
    assert_int_equal(sqlite3_column_int64(event, 0), 7000000);
}

static bool is_wanted(struct store *store)
{
    _cleanup_error_ struct error err = {0};
    struct state_instances instances = {0};
    assert_ok(state_list_instances(store, "p", &instances, &err), &err);
    bool wanted = instances.list.items[0].is_wanted;
    state_instances_done(&instances);
    return wanted;
}

static void test_what_is_wanted_is_known_with_the_intent(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    do_step(store, "vm", "p-s-1", OPERATION_ENSURE, vm_spec, SUCCESS);
    assert_false(is_wanted(store));
    do_step(store, "vm", "p-s-1", OPERATION_START, vm_spec, CRASH);
    assert_true(is_wanted(store));
    do_step(store, "vm", "p-s-1", OPERATION_STOP, vm_spec, FAILURE);
    assert_false(is_wanted(store));
    do_step(store, "vm", "p-s-1", OPERATION_START, vm_spec, SUCCESS);
    do_step(store, "vm", "p-s-1", OPERATION_REMOVE, vm_spec, FAILURE);
    assert_true(is_wanted(store));
}

static void test_project_is_forgotten_when_empty(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = stack_store();
    _cleanup_(specs_freep) struct specs *specs = stack_specs("shop/compose.yaml");
    _cleanup_error_ struct error err = {0};
    assert_ok(state_record_project(store, specs, &(struct state_project){0}, &err), &err);
    _cleanup_(observed_freep) struct observed *observed = stack_observe(store, "shop", VM_RUNNING);
    assert_int_equal(observed->services.count, 3);
    const struct observed_service *web = observed_find_service(observed, "web");
    assert_int_equal(web->depends_on.count, 1);
    assert_string_equal(web->depends_on.items[0].service, "api");
    assert_true(web->depends_on.items[0].required);
    assert_int_equal(state_forget_project(store, "shop", &err), 1);
    assert_int_equal(state_forget_project(store, "shop", &err), 0);
    struct state_projects projects = {0};
    assert_ok(state_list_projects(store, &projects, &err), &err);
    assert_int_equal(projects.list.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success_is_remembered),
        cmocka_unit_test(test_interrupted_ensure_is_known_but_not_trusted),
        cmocka_unit_test(test_interrupted_removal_is_half_there),
        cmocka_unit_test(test_instance_lives_from_intent_to_removal),
        cmocka_unit_test(test_settle_leaves_other_projects_alone),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_first_version_is_taken_over),
        cmocka_unit_test(test_what_is_wanted_is_known_with_the_intent),
        cmocka_unit_test(test_project_is_forgotten_when_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
