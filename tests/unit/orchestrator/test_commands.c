/* Whole commands against a fake host, on the day stack. What fails and what crashes:
 * test_command_faults.c. */
#include "../unit.h"

#include "base/log.h"
#include "base/str.h"
#include "base/vault.h"
#include "day.h"
#include "stack.h"

#include <errno.h>
#include <signal.h>

/* --- up, down --------------------------------------------------------------------------------- */

static void test_conditions_order_the_starts(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    day_assert_complete(&host);
    day_assert_state(&host, "day-migrate-1", "exited");
    host_assert_before(&host, "start vm day-db-1", "wait condition day-db-1");
    host_assert_before(&host, "wait condition day-db-1", "start vm day-migrate-1");
    host_assert_before(&host, "wait condition day-migrate-1", "start vm day-api-1");
    host_assert_before(&host, "start vm day-api-2", "start vm day-web-1");
    /* independent ones do not wait for each other */
    host_assert_before(&host, "start vm day-mail-1", "wait condition day-db-1");
}

static void test_down_keeps_volumes_unless_told(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    assert_int_equal(host_down(&host, "day", NULL), 0);
    assert_int_equal(fake_world_count(&host.world), VOLUMES);
    _cleanup_json_ cJSON *projects = orchestrator_projects(host.orchestrator);
    assert_int_equal(cJSON_GetArraySize(projects), 0);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0); /* named ones go on, api gets new ones */
    assert_int_equal(fake_world_count(&host.world), THINGS + 2);
    assert_int_equal(day_down(&host), 0);
    host_assert_nothing_left(&host);
}

static void test_down_takes_images_that_nobody_uses(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    assert_int_equal(host_up(&host, "shop/compose.yaml", NULL, NULL), 0);
    struct down_options options = {.timeout_ms = -1, .remove_images = REMOVE_IMAGES_ALL};
    assert_int_equal(host_down(&host, "day", &options), 0); /* shop's use is a warning */
    assert_true(day_was_done(&host, "remove image nginx:1.25"));
    options.remove_images = REMOVE_IMAGES_LOCAL;
    fake_world_clear_log(&host.world);
    assert_int_equal(host_down(&host, "shop", &options), 0);
    assert_true(day_was_done(&host, "remove image sha256:1")); /* the bootstrap's, by its id */
    assert_false(day_was_done(&host, "remove image nginx:1.25"));
}

static void test_unchanged_is_untouched(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    _cleanup_free_ char *before = host_id_of(&host, "day-api-2");
    fake_world_clear_log(&host.world);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    _cleanup_free_ char *after = host_id_of(&host, "day-api-2");
    assert_string_equal(before, after);
    assert_false(day_was_done(&host, "start vm day-api-2"));
    assert_true(day_was_done(&host, "start vm day-migrate-1")); /* a one-shot runs each time */
    day_assert_complete(&host);
}

static void test_secret_is_nowhere_but_in_the_vault(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    _cleanup_free_ char *things = json_print(host.world.things);
    assert_null(strstr(things, "debug: false"));
    void *value = NULL;
    size_t length = 0;
    _cleanup_error_ struct error err = {0};
    assert_ok(vault_get("", "day", "configs/settings", &value, &length, &err), &err);
    assert_string_equal(value, "debug: false\n");
    vault_free(value, length);
    assert_int_equal(day_down(&host), 0);
    assert_int_equal(vault_get("", "day", "configs/settings", &value, &length, NULL), -ENOENT);
}

/* --- recreation ------------------------------------------------------------------------------- */

static void test_recreation_keeps_volumes_and_address(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    _cleanup_free_ char *id = host_id_of(&host, "day-api-1");
    _cleanup_free_ char *volume = day_volume_at(&host, "day-api-1", "/var/cache/api");
    fake_world_clear_log(&host.world);
    char api[] = "api", *services[] = {api, NULL};
    struct up_options force = {.services = services, .recreate = RECREATE_FORCE, .timeout_ms = -1};
    assert_int_equal(host_up(&host, DAY, &force, NULL), 0);
    _cleanup_free_ char *new_id = host_id_of(&host, "day-api-1");
    _cleanup_free_ char *kept = day_volume_at(&host, "day-api-1", "/var/cache/api");
    assert_string_not_equal(id, new_id);
    assert_string_equal(volume, kept);
    assert_false(day_was_done(&host, "remove endpoint day-api-1/day_default"));
    assert_false(day_was_done(&host, "stop vm day-db-1")); /* a dependency is not meant */
    day_assert_complete(&host);

    force.renew_anonymous = true;
    assert_int_equal(host_up(&host, DAY, &force, NULL), 0);
    _cleanup_free_ char *renewed = day_volume_at(&host, "day-api-1", "/var/cache/api");
    assert_string_not_equal(volume, renewed);
    day_assert_complete(&host); /* the old one is gone */
}

static void test_image_volumes_and_checks_are_taken_over(void **state)
{
    (void)state;
    static const char text[] =
        "{\"Volumes\":{\"/data\":{}},\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"]}}";
    _cleanup_json_ cJSON *config = NULL;
    assert_int_equal(json_parse(text, strlen(text), &config, NULL), 0);
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    host.world.image_config = config;
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    _cleanup_free_ char *volume = day_volume_at(&host, "day-web-1", "/data");
    assert_int_equal(strlen(volume), 64);
    fake_world_clear_log(&host.world);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    assert_false(day_was_done(&host, "stop vm day-web-1")); /* the same volume again */
    const cJSON *web = json_object(json_object(host.world.things, "vm/day-web-1"), "spec");
    const cJSON *check = json_object(web, "healthcheck");
    assert_int_equal(json_int(check, "interval_ms", 0), 30000);
    assert_string_equal(cJSON_GetArrayItem(json_array(check, "test"), 1)->valuestring, "x");
    assert_int_equal(day_down(&host), 0);
    host_assert_nothing_left(&host);
}

static void test_never_recreate_starts_as_recorded(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, "shop/compose.yaml", NULL, NULL), 0);
    assert_int_equal(host_act(&host, "shop", ACT_STOP, NULL), 0);
    _cleanup_free_ char *before = host_id_of(&host, "shop-api-1");
    struct up_options never = {.recreate = RECREATE_NEVER, .timeout_ms = -1};
    assert_int_equal(host_up(&host, "shop_network_changed/compose.yaml", &never, NULL), 0);
    _cleanup_free_ char *after = host_id_of(&host, "shop-api-1");
    assert_string_equal(before, after);
    day_assert_state(&host, "shop-api-1", "running");
}

static void test_changed_volume_is_asked_for(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    _cleanup_error_ struct error err = {0};
    static const char change[] = "UPDATE resources SET hash = 'other' WHERE name = 'day_data'";
    assert_ok(store_execute(host.store, &err, change, ""), &err);
    fake_world_clear_log(&host.world);
    struct end ask = {0}, keep = {0};
    assert_int_equal(host_up(&host, DAY, NULL, &ask), EEXIST);
    assert_int_equal(ask.questions, 1);
    assert_int_equal(host.world.log.count, 0); /* nothing was done, no image looked for */
    struct up_options options = {.changed_volumes = CHANGED_VOLUMES_KEEP, .timeout_ms = -1};
    assert_int_equal(host_up(&host, DAY, &options, &keep), 0);
    assert_int_equal(keep.warnings, 1);
    assert_ok(store_execute(host.store, &err, change, ""), &err);
    options.changed_volumes = CHANGED_VOLUMES_RECREATE;
    assert_int_equal(host_up(&host, DAY, &options, NULL), 0);
    host_assert_before(&host, "remove vm day-db-1", "remove volume day_data");
    host_assert_before(&host, "remove volume day_data", "ensure volume day_data");
    day_assert_complete(&host);
    end_done(&ask);
    end_done(&keep);
}

/* --- how many --------------------------------------------------------------------------------- */

static void test_scale(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    _cleanup_free_ char *first = host_id_of(&host, "day-api-1");
    assert_int_equal(day_scale(&host, "api", 4), 0);
    day_assert_state(&host, "day-api-4", "running");
    struct act_options one = {.timeout_ms = -1, .force = true};
    char second[] = "day-api-2", *instances[] = {second, NULL};
    one.selection.instances = instances;
    assert_int_equal(host_act(&host, "day", ACT_REMOVE, &one), 0);
    assert_int_equal(day_scale(&host, "api", 4), 0);
    day_assert_state(&host, "day-api-2", "gone");
    day_assert_state(&host, "day-api-5", "running"); /* after the highest */
    assert_int_equal(day_scale(&host, "api", 1), 0);
    day_assert_state(&host, "day-api-1", "running");
    day_assert_state(&host, "day-api-3", "gone");
    _cleanup_free_ char *still = host_id_of(&host, "day-api-1");
    assert_string_equal(first, still);
    assert_int_equal(day_scale(&host, "api", 9), EINVAL); /* 8000-8004 are five ports */
}

static void test_disk_becomes_a_folder_when_shared(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    _cleanup_free_ char *id = host_id_of(&host, "day-db-1");
    fake_world_clear_log(&host.world);
    assert_int_equal(day_scale(&host, "db", 2), 0);
    host_assert_before(&host, "stop vm day-db-1", "ensure volume day_data");
    host_assert_before(&host, "ensure volume day_data", "start vm day-db-1");
    _cleanup_free_ char *same = host_id_of(&host, "day-db-1");
    assert_string_equal(id, same);
    day_assert_state(&host, "day-db-2", "running");
}

/* --- verbs ------------------------------------------------------------------------------------ */

static struct act_options on_service(char **services, const char *service)
{
    services[0] = (char *)service;
    services[1] = NULL;
    return (struct act_options){.selection = {.services = services}, .timeout_ms = -1};
}

static void test_stop_start_restart(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    char *services[2];
    struct act_options db = on_service(services, "db");
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    _cleanup_free_ char *id = host_id_of(&host, "day-db-1");
    fake_world_clear_log(&host.world);
    assert_int_equal(host_act(&host, "day", ACT_RESTART, &db), 0);
    host_assert_before(&host, "stop vm day-api-2", "stop vm day-db-1"); /* restart: true */
    host_assert_before(&host, "wait condition day-db-1", "start vm day-api-1");
    assert_false(day_was_done(&host, "stop vm day-web-1"));
    assert_int_equal(host_act(&host, "day", ACT_STOP, NULL), 0);
    day_assert_state(&host, "day-db-1", "exited");
    day_assert_state(&host, "day-web-1", "exited");
    assert_int_equal(host_act(&host, "day", ACT_START, NULL), 0);
    day_assert_complete(&host);
    _cleanup_free_ char *same = host_id_of(&host, "day-db-1");
    assert_string_equal(id, same);
    struct act_options nobody = on_service(services, "nobody");
    assert_int_equal(host_act(&host, "day", ACT_STOP, &nobody), ENOENT);
}

static void test_kill_and_pause(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    char *services[2];
    struct act_options web = on_service(services, "web");
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    assert_int_equal(host_act(&host, "day", ACT_PAUSE, &web), 0);
    day_assert_state(&host, "day-web-1", "paused");
    assert_int_equal(host_act(&host, "day", ACT_UNPAUSE, &web), 0);
    day_assert_state(&host, "day-web-1", "running");
    web.signal_number = SIGHUP;
    assert_int_equal(host_act(&host, "day", ACT_KILL, &web), 0);
    assert_true(day_was_done(&host, "signal 1 day-web-1"));
    web.signal_number = 0;
    assert_int_equal(host_act(&host, "day", ACT_KILL, &web), 0);
    day_assert_state(&host, "day-web-1", "exited"); /* the command waited for its end */
    _cleanup_json_ cJSON *instances = orchestrator_instances(host.orchestrator, "day", true);
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        bool is_web = streq(json_string(instance, "Name", ""), "day-web-1");
        assert_string_equal(json_string(instance, "Desired", ""), is_web ? "stopped" : "running");
    }
}

static void test_remove_takes_who_does_not_run(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    char *services[2];
    struct act_options api = on_service(services, "api");
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    assert_int_equal(host_act(&host, "day", ACT_REMOVE, NULL), 0);
    day_assert_state(&host, "day-migrate-1", "gone");
    day_assert_state(&host, "day-api-1", "running");
    api.stop = api.volumes = true;
    assert_int_equal(host_act(&host, "day", ACT_REMOVE, &api), 0);
    day_assert_state(&host, "day-api-1", "gone");
    assert_int_equal(fake_world_count(&host.world), 2 + 1 + 3 + 3); /* data and uploads stay */
}

static void test_create_and_start(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    struct up_options create = {.no_start = true, .timeout_ms = -1};
    assert_int_equal(host_up(&host, DAY, &create, NULL), 0);
    assert_int_equal(fake_world_count(&host.world), THINGS);
    day_assert_state(&host, "day-db-1", "created");
    assert_int_equal(host_act(&host, "day", ACT_START, NULL), 0);
    day_assert_complete(&host);
}

static void test_orphans_go_when_told(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, "shop/compose.yaml", NULL, NULL), 0);
    struct up_options options = {.remove_orphans = true, .timeout_ms = -1};
    struct end end = {0};
    assert_int_equal(host_up(&host, "shop_service_gone/compose.yaml", &options, &end), 0);
    assert_int_equal(end.warnings, 0);
    day_assert_state(&host, "shop-web-1", "gone");
    day_assert_state(&host, "shop-api-1", "running");
    end_done(&end);
}

/* --- one-offs --------------------------------------------------------------------------------- */

static int run(struct host *host, const struct run_options *options, struct end *end)
{
    _cleanup_error_ struct error err = {0};
    end->host = host;
    assert_ok(orchestrator_run(host->orchestrator, stack_load(DAY), options, &end_callbacks, end,
                               &end->job, &err),
              &err);
    end_wait(end);
    return end->err.code;
}

static void test_run(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    struct run_options options = {.service = "migrate"};
    struct end end = {0}, again = {0};
    assert_int_equal(run(&host, &options, &end), 0);
    assert_non_null(str_after_prefix(end.instance, "day-migrate-run-"));
    assert_int_equal(strlen(end.instance), strlen("day-migrate-run-") + 12);
    _cleanup_free_ char *id = host_id_of(&host, end.instance);
    assert_string_equal(id, end.id);
    day_assert_state(&host, "day-db-1", "running"); /* what it depends on, and no more */
    day_assert_state(&host, "day-migrate-1", "gone");
    options.name = end.instance;
    assert_int_equal(run(&host, &options, &again), EEXIST);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0); /* it is no orphan */
    day_assert_state(&host, end.instance, "running");
    assert_int_equal(day_down(&host), 0);
    host_assert_nothing_left(&host);
    end_done(&end);
    end_done(&again);
}

static void test_standalone_is_a_project_of_its_own(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    struct run_options options = {.service = "mail", .standalone = true, .no_deps = true};
    struct end end = {0};
    assert_int_equal(run(&host, &options, &end), 0);
    assert_string_equal(end.instance, "day");
    _cleanup_json_ cJSON *projects = orchestrator_projects(host.orchestrator);
    assert_int_equal(cJSON_GetArraySize(projects), 0);
    struct act_options force = {.timeout_ms = -1, .force = true};
    assert_int_equal(host_act(&host, "day", ACT_REMOVE, &force), 0);
    host_assert_nothing_left(&host);
    end_done(&end);
}

/* --- looking ahead, taking turns -------------------------------------------------------------- */

static void test_dry_run_tells_and_does_nothing(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    struct up_options options = {.dry_run = true, .timeout_ms = -1};
    struct end end = {0}, after = {0};
    assert_int_equal(host_up(&host, DAY, &options, &end), 0);
    assert_non_null(strstr(strbuf_text(&end.plan), "create vm day-api-2\n"));
    assert_int_equal(host.world.starts, 0);
    host_assert_nothing_left(&host);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    size_t starts = host.world.starts;
    options.recreate = RECREATE_FORCE;
    assert_int_equal(host_up(&host, DAY, &options, &after), 0);
    assert_non_null(strstr(strbuf_text(&after.plan), "recreate vm day-web-1\n"));
    assert_int_equal(host.world.starts, starts);
    end_done(&end);
    end_done(&after);
}

static void test_twenty_at_once_leave_one_set(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    struct up_options all = {.timeout_ms = -1};
    struct end ends[20] = {0};
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        ends[i].host = &host;
        assert_int_equal(orchestrator_up(host.orchestrator, stack_load(DAY), &all, &end_callbacks,
                                         &ends[i], &ends[i].job, NULL),
                         0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        end_wait(&ends[i]);
        assert_int_equal(ends[i].messages, i > 0); /* "waiting for another command..." */
        assert_int_equal(end_code(&ends[i]), 0);
    }
    day_assert_complete(&host);
}

/* An up waits for mail to be healthy; mail ends, and must be started again for it. */
static void test_revival_runs_beside_a_job(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    struct up_options all = {.timeout_ms = -1};
    struct end up = {.host = &host}, revival = {.host = &host}, later = {.host = &host};
    host.world.held = "day-mail-1";
    assert_int_equal(orchestrator_up(host.orchestrator, stack_load(DAY), &all, &end_callbacks, &up,
                                     &up.job, NULL),
                     0);
    for (int i = 0; i < 500; i++)
        uv_run(&host.loop, UV_RUN_NOWAIT);
    assert_false(up.came);
    day_assert_state(&host, "day-mail-1", "running");
    fake_world_exit_vm(&host.world, "day-mail-1");
    _cleanup_error_ struct error err = {0};
    assert_ok(orchestrator_revive(host.orchestrator, "day-mail-1", &end_callbacks, &revival,
                                  &revival.job, &err),
              &err);
    assert_int_equal(end_code(&revival), 0);
    day_assert_state(&host, "day-mail-1", "running");
    assert_false(up.came);
    /* api is the job's own business: it is about to start it */
    struct end refused = {.host = &host};
    assert_ok(orchestrator_revive(host.orchestrator, "day-api-1", &end_callbacks, &refused,
                                  &refused.job, &err),
              &err);
    assert_int_equal(end_code(&refused), EBUSY);
    host.world.held = NULL;
    assert_int_equal(end_code(&up), 0);
    day_assert_complete(&host);
    int r =
        orchestrator_revive(host.orchestrator, "nobody", &end_callbacks, &later, &later.job, &err);
    assert_int_equal(r, -ENOENT);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR); /* each crash is worth a warning, here there are many */
    vault_refuse_kernel(true);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions_order_the_starts),
        cmocka_unit_test(test_down_keeps_volumes_unless_told),
        cmocka_unit_test(test_down_takes_images_that_nobody_uses),
        cmocka_unit_test(test_unchanged_is_untouched),
        cmocka_unit_test(test_secret_is_nowhere_but_in_the_vault),
        cmocka_unit_test(test_recreation_keeps_volumes_and_address),
        cmocka_unit_test(test_image_volumes_and_checks_are_taken_over),
        cmocka_unit_test(test_never_recreate_starts_as_recorded),
        cmocka_unit_test(test_changed_volume_is_asked_for),
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_disk_becomes_a_folder_when_shared),
        cmocka_unit_test(test_stop_start_restart),
        cmocka_unit_test(test_kill_and_pause),
        cmocka_unit_test(test_remove_takes_who_does_not_run),
        cmocka_unit_test(test_create_and_start),
        cmocka_unit_test(test_orphans_go_when_told),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_standalone_is_a_project_of_its_own),
        cmocka_unit_test(test_dry_run_tells_and_does_nothing),
        cmocka_unit_test(test_twenty_at_once_leave_one_set),
        cmocka_unit_test(test_revival_runs_beside_a_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
