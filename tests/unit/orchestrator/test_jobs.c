/* Whole jobs against a fake host: up, again, changed, down; failing, cancelled and crashed at every
 * step, after which the next up completes and down leaves nothing. */
#include "../unit.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "job_host.h"
#include "stack.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#define SHOP "shop/compose.yaml"

static int up_simply(struct host *host, const char *file)
{
    return host_up(host, file, NULL, NULL);
}

static int down(struct host *host)
{
    return host_down(host, "shop", NULL);
}

static void assert_complete(struct host *host)
{
    assert_int_equal(fake_world_count(&host->world), 2 + 4 + 1 + 3);
    assert_string_equal(fake_world_vm_state(&host->world, "shop-web-1"), "running");
    assert_string_equal(fake_world_vm_state(&host->world, "shop-api-1"), "running");
    assert_string_equal(fake_world_vm_state(&host->world, "shop-cache-1"), "running");
    _cleanup_json_ cJSON *instances = orchestrator_instances(host->orchestrator, "shop", false);
    assert_int_equal(cJSON_GetArraySize(instances), 3);
}

static void test_up_and_down(void **state)
{
    (void)state;
    for (enum fake_answer answer = FAKE_AT_ONCE; answer <= FAKE_LATER; answer++) {
        _cleanup_(host_done) struct host host;
        host_init(&host, answer, NULL, NULL);
        assert_int_equal(up_simply(&host, SHOP), 0);
        assert_complete(&host);
        assert_false(orchestrator_is_idle(host.orchestrator));
        host_assert_before(&host, "start vm shop-cache-1", "start vm shop-api-1");
        host_assert_before(&host, "start vm shop-api-1", "start vm shop-web-1");
        host_assert_before(&host, "ensure image nginx:1.25", "ensure network shop_frontend");
        fake_world_clear_log(&host.world);
        assert_int_equal(down(&host), 0);
        host_assert_before(&host, "stop vm shop-web-1", "stop vm shop-api-1");
        host_assert_before(&host, "stop vm shop-api-1", "stop vm shop-cache-1");
        host_assert_before(&host, "remove endpoint shop-web-1/shop_frontend",
                           "remove network shop_frontend");
        host_assert_nothing_left(&host);
        assert_int_equal(down(&host), 0); /* again: no error */
    }
}

static void test_up_again_touches_nothing(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(up_simply(&host, SHOP), 0);
    fake_world_clear_log(&host.world);
    struct end end = {0};
    assert_int_equal(host_up(&host, SHOP, NULL, &end), 0);
    assert_int_equal(end.changes, 0);
    assert_int_equal(host.world.log.count, 3); /* the images were looked at */
    assert_complete(&host);
}

static void test_slow_machine_is_told_once(void **state)
{
    (void)state;
    struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    host.world.acceleration_note = "VMs are emulated";
    struct end first = {0}, again = {0};
    assert_int_equal(host_up(&host, SHOP, NULL, &first), 0);
    assert_int_equal(first.messages, 1);
    assert_int_equal(host_up(&host, SHOP, NULL, &again), 0);
    assert_int_equal(again.messages, 0);
    assert_int_equal(down(&host), 0);
    host_done(&host);
}

static void test_exited_instance_keeps_its_id(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(up_simply(&host, SHOP), 0);
    _cleanup_free_ char *before = host_id_of(&host, "shop-api-1");
    fake_world_exit_vm(&host.world, "shop-api-1");
    fake_world_clear_log(&host.world);
    assert_int_equal(up_simply(&host, SHOP), 0);
    assert_complete(&host);
    _cleanup_free_ char *after = host_id_of(&host, "shop-api-1");
    assert_string_equal(before, after);
    assert_int_equal(fake_world_find_log(&host.world, "start vm shop-web-1"), SIZE_MAX);
    assert_int_equal(fake_world_find_log(&host.world, "ensure vm shop-api-1"), SIZE_MAX);
}

static void test_changed_service_alone_is_recreated(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(up_simply(&host, SHOP), 0);
    _cleanup_free_ char *api = host_id_of(&host, "shop-api-1"),
                        *web = host_id_of(&host, "shop-web-1");
    fake_world_clear_log(&host.world);
    assert_int_equal(up_simply(&host, "shop_service_changed/compose.yaml"), 0);
    assert_complete(&host);
    _cleanup_free_ char *new_api = host_id_of(&host, "shop-api-1"),
                        *new_web = host_id_of(&host, "shop-web-1");
    assert_string_not_equal(api, new_api);
    assert_string_equal(web, new_web);
    host_assert_before(&host, "remove vm shop-api-1", "ensure vm shop-api-1");
    assert_int_equal(fake_world_find_log(&host.world, "remove endpoint shop-api-1/shop_backend"),
                     SIZE_MAX);
}

static void test_changed_network_is_recreated_with_all_on_it(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(up_simply(&host, SHOP), 0);
    fake_world_clear_log(&host.world);
    assert_int_equal(up_simply(&host, "shop_network_changed/compose.yaml"), 0);
    assert_complete(&host);
    host_assert_before(&host, "stop vm shop-api-1", "stop vm shop-cache-1");
    host_assert_before(&host, "remove endpoint shop-cache-1/shop_backend",
                       "remove network shop_backend");
    host_assert_before(&host, "remove network shop_backend", "ensure network shop_backend");
    assert_int_equal(fake_world_find_log(&host.world, "stop vm shop-web-1"), SIZE_MAX);
    assert_int_equal(down(&host), 0);
    host_assert_nothing_left(&host);
}

static void test_another_image_recreates(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(up_simply(&host, SHOP), 0);
    fake_world_clear_log(&host.world);
    host.world.image_id = "sha256:2";
    assert_int_equal(up_simply(&host, SHOP), 0);
    assert_complete(&host);
    host_assert_before(&host, "remove vm shop-web-1", "ensure vm shop-web-1");
}

static int stop(struct host *host, bool kill)
{
    struct act_options options = {.timeout_ms = 1000, .kill = kill};
    return host_act(host, "shop", ACT_STOP, &options);
}

static void test_stop_keeps_all_but_the_vms_running(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(stop(&host, true), 0); /* there is nothing to stop */
    assert_int_equal(up_simply(&host, SHOP), 0);
    size_t things = fake_world_count(&host.world);
    fake_world_clear_log(&host.world);
    assert_int_equal(stop(&host, false), 0);
    host_assert_before(&host, "stop vm shop-web-1", "stop vm shop-api-1");
    host_assert_before(&host, "stop vm shop-api-1", "stop vm shop-cache-1");
    assert_int_equal(fake_world_count(&host.world), things);
    assert_string_equal(fake_world_vm_state(&host.world, "shop-web-1"), "exited");
    assert_true(orchestrator_is_idle(host.orchestrator));
    assert_int_equal(up_simply(&host, SHOP), 0);
    assert_complete(&host);
}

static void test_orphan_is_left_alone_with_a_warning(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(up_simply(&host, SHOP), 0);
    struct end end = {0};
    assert_int_equal(host_up(&host, "shop_service_gone/compose.yaml", NULL, &end), 0);
    assert_int_equal(end.warnings, 1);
    assert_complete(&host);
    fake_world_clear_log(&host.world);
    assert_int_equal(down(&host), 0);
    host_assert_before(&host, "stop vm shop-web-1",
                       "stop vm shop-api-1"); /* it still depends on it */
    host_assert_nothing_left(&host);
}

static void test_refused_before_anything_is_made(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    host.world.refuse = "shop-web-1";
    assert_int_equal(up_simply(&host, SHOP), EADDRINUSE);
    assert_int_equal(host.world.starts, 0); /* no image is fetched for it either */
    host_assert_nothing_left(&host);
}

static void test_missing_image_makes_nothing(void **state)
{
    (void)state;
    for (size_t image = 1; image <= 3; image++) {
        _cleanup_(host_done) struct host host;
        host_init(&host, FAKE_LATER, NULL, NULL);
        host.world.fail_at = image;
        assert_int_equal(up_simply(&host, SHOP), EIO);
        host_assert_nothing_left(&host);
    }
}

static size_t count_starts(void)
{
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(up_simply(&host, SHOP), 0);
    return host.world.starts;
}

static void test_every_step_fails_in_turn(void **state)
{
    (void)state;
    size_t steps = count_starts();
    assert_int_equal(steps, 3 + 2 + 4 + 1 + 3 + 3);
    for (size_t fail_at = 1; fail_at <= steps; fail_at++)
        for (int variant = 0; variant < 4; variant++) {
            _cleanup_(host_done) struct host host;
            host_init(&host, variant & 1 ? FAKE_LATER : FAKE_AT_ONCE, NULL, NULL);
            host.world.fail_at = fail_at;
            host.world.fail_by_code = variant & 2;
            assert_int_equal(up_simply(&host, SHOP), EIO);
            if (fail_at % 2) {
                assert_int_equal(up_simply(&host, SHOP), 0);
                assert_complete(&host);
            }
            assert_int_equal(down(&host), 0);
            host_assert_nothing_left(&host);
        }
}

static void test_every_step_of_down_fails_in_turn(void **state)
{
    (void)state;
    for (size_t fail_at = 1; fail_at <= 3 + 3 + 1 + 4 + 2; fail_at++) {
        _cleanup_(host_done) struct host host;
        host_init(&host, FAKE_LATER, NULL, NULL);
        assert_int_equal(up_simply(&host, SHOP), 0);
        host.world.starts = 0;
        host.world.fail_at = fail_at;
        assert_int_equal(down(&host), EIO);
        host.world.fail_at = 0;
        if (fail_at % 2) {
            assert_int_equal(up_simply(&host, SHOP), 0);
            assert_complete(&host);
        }
        assert_int_equal(down(&host), 0);
        host_assert_nothing_left(&host);
    }
}

static void test_cancel_at_every_event(void **state)
{
    (void)state;
    for (size_t after = 1;; after++) {
        _cleanup_(host_done) struct host host;
        host_init(&host, FAKE_LATER, NULL, NULL);
        struct end end = {.cancel_after = after};
        int code = host_up(&host, SHOP, NULL, &end);
        end_done(&end);
        if (end.events < after) {
            assert_int_equal(code, 0);
            assert_true(after > 20);
            break;
        }
        assert_true(code == ECANCELED || code == 0); /* 0: with the last event all was done */
        if (after % 2) {
            assert_int_equal(up_simply(&host, SHOP), 0);
            assert_complete(&host);
        }
        assert_int_equal(down(&host), 0);
        host_assert_nothing_left(&host);
    }
}

static void test_jobs_of_a_project_take_turns(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    struct up_options all = {.timeout_ms = -1};
    struct down_options stop = {.timeout_ms = -1};
    struct end first = {.host = &host}, second = {.host = &host}, third = {.host = &host},
               other = {.host = &host};
    assert_int_equal(orchestrator_up(host.orchestrator, stack_load(SHOP), &all, &end_callbacks,
                                     &first, &first.job, NULL),
                     0);
    assert_int_equal(orchestrator_down(host.orchestrator, "shop", &stop, &end_callbacks, &second,
                                       &second.job, NULL),
                     0);
    assert_int_equal(orchestrator_up(host.orchestrator, stack_load(SHOP), &all, &end_callbacks,
                                     &third, &third.job, NULL),
                     0);
    job_cancel(third.job); /* it never began */
    assert_int_equal(orchestrator_up(host.orchestrator, stack_load("shared_network/compose.yaml"),
                                     &all, &end_callbacks, &other, &other.job, NULL),
                     0);
    end_wait(&third);
    assert_int_equal(third.err.code, ECANCELED);
    assert_false(first.came);
    end_wait(&other);
    assert_false(second.came); /* the other project did not wait for this one */
    end_wait(&second);
    assert_true(first.came);
    assert_int_equal(first.err.code + second.err.code + other.err.code, 0);
    assert_false(fake_world_has(&host.world, "network/shop_frontend"));
    assert_true(fake_world_has(&host.world, "network/office"));
    error_done(&third.err);
}

static void test_detached_job_goes_on(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    struct up_options all = {.timeout_ms = -1};
    struct job *job = NULL;
    assert_int_equal(orchestrator_up(host.orchestrator, stack_load(SHOP), &all, &end_callbacks,
                                     NULL, &job, NULL),
                     0);
    job_detach(job);
    for (int i = 0; i < 100; i++)
        uv_run(&host.loop, UV_RUN_NOWAIT);
    assert_complete(&host);
}

static void test_orchestrator_goes_while_a_job_runs(void **state)
{
    (void)state;
    for (int turns = 0; turns < 12; turns++) {
        _cleanup_(host_done) struct host host;
        host_init(&host, FAKE_LATER, NULL, NULL);
        struct up_options all = {.timeout_ms = -1};
        struct end end = {0};
        assert_int_equal(orchestrator_up(host.orchestrator, stack_load(SHOP), &all, &end_callbacks,
                                         &end, &end.job, NULL),
                         0);
        for (int i = 0; i < turns; i++)
            uv_run(&host.loop, UV_RUN_NOWAIT);
        host.world.ignore_cancel = turns % 2;
        assert_false(end.came);
    }
}

static void test_instances_are_found(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_AT_ONCE, NULL, NULL);
    assert_int_equal(up_simply(&host, SHOP), 0);
    _cleanup_free_ char *id = host_id_of(&host, "shop-web-1");
    _cleanup_free_ char *by_name = NULL, *by_id = NULL, *by_prefix = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(orchestrator_find_instance(host.orchestrator, "shop-web-1", &by_name, &err), &err);
    assert_ok(orchestrator_find_instance(host.orchestrator, id, &by_id, &err), &err);
    id[12] = '\0';
    assert_ok(orchestrator_find_instance(host.orchestrator, id, &by_prefix, &err), &err);
    assert_string_equal(by_id, "shop-web-1");
    assert_string_equal(by_prefix, "shop-web-1");
    id[11] = '\0';
    char *none = NULL;
    assert_int_equal(orchestrator_find_instance(host.orchestrator, id, &none, &err), -ENOENT);
    _cleanup_json_ cJSON *projects = orchestrator_projects(host.orchestrator);
    const cJSON *project = cJSON_GetArrayItem(projects, 0);
    assert_string_equal(json_string(project, "Status", ""), "running(3)");
}

static void test_vm_events_reach_dns(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_AT_ONCE, NULL, NULL);
    assert_int_equal(up_simply(&host, SHOP), 0);
    struct vm_status status = {.instance = "shop-web-1", .state = VM_RUNNING};
    orchestrator_vm_event(host.orchestrator, &status);
    assert_true(strv_contains(host.world.named, "shop-web-1"));
    status.state = VM_EXITED;
    orchestrator_vm_event(host.orchestrator, &status);
    assert_false(strv_contains(host.world.named, "shop-web-1"));
}

/* --- crashes ---------------------------------------------------------------------------------- */

struct disk { /* what survives the daemon */
    char folder[64];
    char *store, *world;
};

static void disk_init(struct disk *disk)
{
    /* kill -9 is survived by any file: one in memory spares thousands of fsyncs */
    bool in_memory = access("/dev/shm", W_OK) == 0;
    snprintf(disk->folder, sizeof(disk->folder), "%s/unit_jobs.XXXXXX",
             in_memory ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(disk->folder));
    disk->store = xasprintf("%s/store.db", disk->folder);
    disk->world = xasprintf("%s/world.json", disk->folder);
}

static void disk_done(struct disk *disk)
{
    fs_remove_tree(disk->folder, NULL);
    free(disk->store);
    free(disk->world);
}

/* Runs a command in a process of its own, which ends at the fault; true when it died of it. */
static bool run_with_fault(const struct disk *disk, const char *file, size_t fault)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _cleanup_free_ char *text = xasprintf("journal:%zu", fault);
        setenv("VMSTEAD_FAULT", text, 1);
        struct host host;
        host_init(&host, FAKE_LATER, disk->store, disk->world);
        _exit(file ? up_simply(&host, file) : down(&host));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    bool died = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    assert_true(died || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return died;
}

static void run_without_fault(const struct disk *disk, bool complete_first)
{
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, disk->store, disk->world);
    if (complete_first) {
        assert_int_equal(up_simply(&host, SHOP), 0);
        assert_complete(&host);
    }
    assert_int_equal(down(&host), 0);
    host_assert_nothing_left(&host);
}

/* before: brought up undisturbed first; NULL: nothing is there. file NULL: down. */
static size_t crash_everywhere(const char *before, const char *file)
{
    size_t fault = 0;
    for (bool died = true; died;) {
        fault++;
        for (int complete = 0; complete < 2; complete++) {
            _cleanup_(disk_done) struct disk disk = {0};
            disk_init(&disk);
            if (before)
                assert_false(run_with_fault(&disk, before, 100000));
            died = run_with_fault(&disk, file, fault);
            run_without_fault(&disk, complete);
        }
    }
    return fault - 1;
}

static void test_crash_at_every_journal_write_of_up(void **state)
{
    (void)state;
    /* the first intents, then each outcome with the intents of what it lets go on */
    assert_int_equal(crash_everywhere(NULL, SHOP), 1 + 2 + 4 + 1 + 3 + 3);
}

static void test_crash_at_every_journal_write_of_a_change(void **state)
{
    (void)state;
    assert_true(crash_everywhere(SHOP, "shop_network_changed/compose.yaml") > 12);
}

static void test_crash_at_every_journal_write_of_down(void **state)
{
    (void)state;
    assert_int_equal(crash_everywhere(SHOP, NULL), 1 + 3 + 3 + 1 + 4 + 2);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR); /* each crash is worth a warning, here there are many */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up_and_down),
        cmocka_unit_test(test_up_again_touches_nothing),
        cmocka_unit_test(test_slow_machine_is_told_once),
        cmocka_unit_test(test_exited_instance_keeps_its_id),
        cmocka_unit_test(test_changed_service_alone_is_recreated),
        cmocka_unit_test(test_changed_network_is_recreated_with_all_on_it),
        cmocka_unit_test(test_another_image_recreates),
        cmocka_unit_test(test_stop_keeps_all_but_the_vms_running),
        cmocka_unit_test(test_orphan_is_left_alone_with_a_warning),
        cmocka_unit_test(test_refused_before_anything_is_made),
        cmocka_unit_test(test_missing_image_makes_nothing),
        cmocka_unit_test(test_every_step_fails_in_turn),
        cmocka_unit_test(test_every_step_of_down_fails_in_turn),
        cmocka_unit_test(test_cancel_at_every_event),
        cmocka_unit_test(test_jobs_of_a_project_take_turns),
        cmocka_unit_test(test_detached_job_goes_on),
        cmocka_unit_test(test_orchestrator_goes_while_a_job_runs),
        cmocka_unit_test(test_instances_are_found),
        cmocka_unit_test(test_vm_events_reach_dns),
        cmocka_unit_test(test_crash_at_every_journal_write_of_up),
        cmocka_unit_test(test_crash_at_every_journal_write_of_a_change),
        cmocka_unit_test(test_crash_at_every_journal_write_of_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
