#include "base/process.h"

#include "../unit.h"

#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static pid_t start_sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("sleep", "sleep", "30.0417", NULL);
        _exit(127);
    }
    return pid;
}

static bool note_sleeper(pid_t pid, char **argv, void *userdata)
{
    if (!argv[1] || !streq(argv[1], "30.0417"))
        return false;
    *(pid_t *)userdata = pid;
    return true;
}

static void a_process_is_known_by_its_start(void **state)
{
    (void)state;
    pid_t child = start_sleeper();
    struct process_id id;
    assert_int_equal(process_identify(child, &id), 0);
    assert_true(process_is_alive(&id));
    struct process_id other = {.pid = id.pid, .start_time = id.start_time + 1};
    assert_false(process_is_alive(&other));
    assert_false(process_is_stopped(&id));
    kill(child, SIGSTOP);
    for (int i = 0; i < 200 && !process_is_stopped(&id); i++)
        usleep(10000);
    assert_true(process_is_stopped(&id) && process_is_alive(&id));
    kill(child, SIGCONT);
    assert_int_equal(process_signal(&other, SIGKILL), -ESRCH);

    pid_t found = 0;
    for (int i = 0; i < 200 && !found; i++) { /* until exec has happened */
        process_scan("sleep", note_sleeper, &found);
        usleep(10000);
    }
    assert_int_equal(found, child);

    _cleanup_close_ int fd = process_open(&id);
    assert_true(fd >= 0);
    assert_int_equal(process_signal(&id, SIGKILL), 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 5000), 1);
    assert_false(process_is_alive(&id)); /* a zombie is gone */
    waitpid(child, NULL, 0);
    assert_int_equal(process_identify(child, &id), -ESRCH);
}

static void no_process_is_no_process(void **state)
{
    (void)state;
    struct process_id id;
    assert_int_equal(process_identify(0, &id), -ESRCH);
    assert_int_equal(process_identify(-1, &id), -ESRCH);
    assert_int_equal(process_open(&(struct process_id){0}), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_known_by_its_start),
        cmocka_unit_test(no_process_is_no_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
