/* Whole commands against a fake host, on the day stack: each step fails in turn, each journal write
 * crashes; every time up completes and `down -v` leaves nothing. */
#include "../unit.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vault.h"
#include "day.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* --- failures --------------------------------------------------------------------------------- */

static void test_failed_dependency_stops_its_dependents(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    host.world.unhealthy = "day-db-1";
    struct end end = {0};
    assert_int_equal(host_up(&host, DAY, NULL, &end), ENOTCONN);
    assert_non_null(strstr(error_text(&end.err), "'day-db-1' is unhealthy"));
    assert_non_null(
        strstr(error_text(&end.err), "'day-web-1' was not started: it depends on 'day-db-1'"));
    day_assert_state(&host, "day-mail-1", "running"); /* does not depend on it */
    day_assert_state(&host, "day-api-1", "created");
    end_done(&end);
    host.world.unhealthy = NULL;
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    day_assert_complete(&host);
}

static void test_optional_dependency_is_a_warning(void **state)
{
    (void)state;
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    host.world.unhealthy = "day-mail-1";
    struct end end = {0};
    assert_int_equal(host_up(&host, DAY, NULL, &end), 0);
    assert_int_equal(end.warnings, 1);
    day_assert_complete(&host);
    end_done(&end);
}

static size_t count_starts(void)
{
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, NULL, NULL);
    assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
    return host.world.starts;
}

/* The mail's own condition is optional: its failure is none. */
static void test_every_step_fails_in_turn(void **state)
{
    (void)state;
    size_t steps = count_starts();
    assert_int_equal(steps, 4 + THINGS + 6 + 3);
    for (size_t fail_at = 1; fail_at <= steps; fail_at++) {
        _cleanup_(host_done) struct host host;
        host_init(&host, fail_at & 1 ? FAKE_LATER : FAKE_AT_ONCE, NULL, NULL);
        host.world.fail_at = fail_at;
        host.world.fail_by_code = fail_at & 2;
        int code = host_up(&host, DAY, NULL, NULL);
        assert_true(code == EIO || code == 0);
        if (code == 0)
            day_assert_complete(&host);
        assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
        day_assert_complete(&host);
        assert_int_equal(day_down(&host), 0);
        host_assert_nothing_left(&host);
    }
}

static void test_every_step_of_a_scaling_fails_in_turn(void **state)
{
    (void)state;
    for (size_t fail_at = 1; fail_at <= 14; fail_at++) {
        _cleanup_(host_done) struct host host;
        host_init(&host, FAKE_LATER, NULL, NULL);
        assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
        host.world.starts = 0;
        host.world.fail_at = fail_at;
        day_scale(&host, "db", 2);
        host.world.fail_at = 0;
        assert_int_equal(day_scale(&host, "db", 2), 0);
        day_assert_state(&host, "day-db-1", "running");
        day_assert_state(&host, "day-db-2", "running");
        assert_int_equal(day_down(&host), 0);
        host_assert_nothing_left(&host);
    }
}

static void test_every_step_of_down_fails_in_turn(void **state)
{
    (void)state;
    for (size_t fail_at = 1; fail_at <= 5 + THINGS; fail_at++) {
        _cleanup_(host_done) struct host host;
        host_init(&host, FAKE_LATER, NULL, NULL);
        assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
        host.world.starts = 0;
        host.world.fail_at = fail_at;
        assert_int_equal(day_down(&host), EIO);
        host.world.fail_at = 0;
        if (fail_at % 2)
            assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
        assert_int_equal(day_down(&host), 0);
        host_assert_nothing_left(&host);
    }
}

/* --- crashes ---------------------------------------------------------------------------------- */

struct disk { /* what survives the daemon */
    char folder[64];
    char *store, *world;
};

static void disk_init(struct disk *disk)
{
    bool in_memory = access("/dev/shm", W_OK) == 0;
    snprintf(disk->folder, sizeof(disk->folder), "%s/unit_commands.XXXXXX",
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

enum crash {
    CRASH_UP,
    CRASH_RECREATE,
    CRASH_SCALE,
    CRASH_DOWN,
    CRASH_RESTART,
    CRASH_STOP,
    CRASH_KILL,
    CRASH_REMOVE
};

static int crash_command(struct host *host, enum crash crash)
{
    static const struct up_options force = {.recreate = RECREATE_FORCE, .timeout_ms = -1};
    switch (crash) {
    case CRASH_UP:
        return host_up(host, DAY, NULL, NULL);
    case CRASH_RECREATE:
        return host_up(host, DAY, &force, NULL);
    case CRASH_SCALE:
        return day_scale(host, "db", 2);
    case CRASH_DOWN:
        return day_down(host);
    case CRASH_RESTART:
        return host_act(host, "day", ACT_RESTART, NULL);
    case CRASH_STOP:
        return host_act(host, "day", ACT_STOP, NULL);
    case CRASH_KILL:
        return host_act(host, "day", ACT_KILL, NULL);
    case CRASH_REMOVE:
        return host_act(host, "day", ACT_STOP, NULL) == 0 ? host_act(host, "day", ACT_REMOVE, NULL)
                                                          : EINVAL;
    }
    return EINVAL;
}

/* In a process of its own, which ends at the fault; true when it died of it. */
static bool run_with_fault(const struct disk *disk, enum crash crash, size_t fault)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _cleanup_free_ char *text = xasprintf("journal:%zu", fault);
        setenv("VMSTEAD_FAULT", text, 1);
        struct host host;
        host_init(&host, FAKE_LATER, disk->store, disk->world);
        _exit(crash_command(&host, crash));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    bool died = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    assert_true(died || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return died;
}

static void recover(const struct disk *disk, bool complete)
{
    _cleanup_(host_done) struct host host;
    host_init(&host, FAKE_LATER, disk->store, disk->world);
    if (complete) {
        assert_int_equal(host_up(&host, DAY, NULL, NULL), 0);
        day_assert_state(&host, "day-db-1", "running");
        day_assert_state(&host, "day-api-2", "running");
        day_assert_state(&host, "day-web-1", "running");
    }
    assert_int_equal(day_down(&host), 0);
    host_assert_nothing_left(&host);
}

static size_t crash_everywhere(enum crash crash)
{
    size_t fault = 0;
    for (bool died = true; died;) {
        _cleanup_(disk_done) struct disk disk = {0};
        disk_init(&disk);
        if (crash != CRASH_UP)
            assert_false(run_with_fault(&disk, CRASH_UP, 100000));
        died = run_with_fault(&disk, crash, ++fault);
        recover(&disk, fault % 2);
    }
    return fault - 1;
}

static void test_crash_at_every_journal_write(void **state)
{
    (void)state;
    /* the first intents, then each outcome with the intents of what it lets go on; of the three
     * conditions two do */
    assert_int_equal(crash_everywhere(CRASH_UP), 1 + THINGS + 6 + 2);
    assert_int_equal(crash_everywhere(CRASH_DOWN), 1 + THINGS + 5);
    assert_true(crash_everywhere(CRASH_SCALE) > 6);
    assert_true(crash_everywhere(CRASH_RESTART) > 20);
    assert_true(crash_everywhere(CRASH_RECREATE) > THINGS);
    assert_true(crash_everywhere(CRASH_STOP) > 4);
    assert_true(crash_everywhere(CRASH_KILL) > 0);
    assert_true(crash_everywhere(CRASH_REMOVE) > THINGS / 2);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR); /* each crash is worth a warning, here there are many */
    vault_refuse_kernel(true);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_dependency_stops_its_dependents),
        cmocka_unit_test(test_optional_dependency_is_a_warning),
        cmocka_unit_test(test_every_step_fails_in_turn),
        cmocka_unit_test(test_every_step_of_a_scaling_fails_in_turn),
        cmocka_unit_test(test_every_step_of_down_fails_in_turn),
        cmocka_unit_test(test_crash_at_every_journal_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
