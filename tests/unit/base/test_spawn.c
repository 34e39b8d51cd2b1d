#include "base/spawn.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/process.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

struct outcome {
    struct spawn_result result;
    char *output, *errors;
    int calls, lines;
    char last_line[64];
};

static void on_done(void *userdata, const struct spawn_result *result)
{
    struct outcome *outcome = userdata;
    outcome->calls++;
    outcome->result = *result;
    outcome->output = xmemdup(result->output, result->output_length + 1);
    outcome->errors = xstrdup(result->errors);
}

static void on_line(void *userdata, const char *line)
{
    struct outcome *outcome = userdata;
    outcome->lines++;
    snprintf(outcome->last_line, sizeof(outcome->last_line), "%s", line);
}

static void outcome_done(struct outcome *outcome)
{
    free(outcome->output);
    free(outcome->errors);
}

/* Runs `sh -c script` to its end on a loop of its own. */
static void run(const char *script, struct spawn_options options, struct outcome *outcome)
{
    _cleanup_error_ struct error err = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    const char *const argv[] = {"sh", "-c", script, NULL};
    options.argv = argv;
    options.on_done = on_done;
    options.on_error_line = on_line;
    options.userdata = outcome;
    struct spawn *spawn;
    assert_ok(spawn_start(&loop, &options, &spawn, &err), &err);
    assert_int_equal(outcome->calls, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(outcome->calls, 1);
}

static void output_errors_and_exit_code_are_apart(void **state)
{
    (void)state;
    _cleanup_(outcome_done) struct outcome outcome = {0};
    static const char *const environment[] = {"SPAWN_TEST=v w", NULL};
    run("cat; printf \"$SPAWN_TEST\"; printf 'one\\rtwo\\nlast words\\n' >&2; exit 3",
        (struct spawn_options){.input = "in ", .environment = environment}, &outcome);
    assert_string_equal(outcome.output, "in v w");
    assert_int_equal(outcome.result.exit_status, 3);
    assert_int_equal(outcome.lines, 3);
    assert_string_equal(outcome.last_line, "last words");
    _cleanup_error_ struct error err = {0};
    outcome.result.errors = outcome.errors;
    assert_true(spawn_check("sh", &outcome.result, &err) < 0);
    assert_string_equal(err.message, "'sh' failed with exit code 3: last words");
}

static void output_is_bounded(void **state)
{
    (void)state;
    _cleanup_(outcome_done) struct outcome outcome = {0};
    run("head -c 300000 /dev/zero; head -c 300000 /dev/zero | tr '\\0' x >&2",
        (struct spawn_options){.output_limit = 1000}, &outcome);
    assert_int_equal(outcome.result.output_length, 1000);
    assert_int_equal(strlen(outcome.errors), 4096);
    assert_int_equal(outcome.result.exit_status, 0);
}

static void lines_of_output_come_as_they_are_written(void **state)
{
    (void)state;
    _cleanup_(outcome_done) struct outcome outcome = {0};
    run("yes | head -n 5000; printf 'no newline'; printf unfinished >&2",
        (struct spawn_options){.on_output_line = on_line}, &outcome);
    assert_int_equal(outcome.lines, 5002);
    assert_int_equal(outcome.result.output_length, 4096);
    assert_non_null(strstr(outcome.output, "y\nno newline"));
}

static void the_deadline_ends_the_whole_group(void **state)
{
    (void)state;
    _cleanup_(outcome_done) struct outcome outcome = {0};
    run("sleep 20 & sleep 20; true", (struct spawn_options){.timeout_ms = 100}, &outcome);
    assert_true(outcome.result.timed_out);
    assert_int_equal(outcome.result.term_signal, SIGTERM);
    assert_int_equal(spawn_check("sh", &outcome.result, NULL), -ETIMEDOUT);
}

static void pipes_kept_by_others_do_not_hold_us(void **state)
{
    (void)state;
    _cleanup_(outcome_done) struct outcome outcome = {0};
    run("setsid sleep 3 & echo done", (struct spawn_options){0}, &outcome);
    assert_string_equal(outcome.output, "done\n");
    assert_int_equal(outcome.result.exit_status, 0);
}

static void a_missing_program_is_named(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    const char *const argv[] = {"no-such-program-here", NULL};
    struct spawn *spawn;
    assert_int_equal(
        spawn_start(uv_default_loop(), &(struct spawn_options){.argv = argv}, &spawn, &err),
        -ENOENT);
    assert_string_equal(err.message, "the program 'no-such-program-here' is not installed");
}

/* A daemon that is killed leaves no program running that nobody waits for. */
static void programs_end_with_us(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        const char *const argv[] = {"sh", "-c", "echo $$ >&2; exec sleep 30", NULL};
        uv_loop_t loop;
        uv_loop_init(&loop);
        struct spawn *spawn;
        struct outcome outcome = {0};
        struct spawn_options options = {
            .argv = argv, .on_done = on_done, .on_error_line = on_line, .userdata = &outcome};
        if (spawn_start(&loop, &options, &spawn, NULL) < 0)
            _exit(1);
        while (!outcome.lines)
            uv_run(&loop, UV_RUN_ONCE);
        dprintf(ends[1], "%s", outcome.last_line);
        pause();
    }
    char text[32] = "";
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    struct process_id program;
    assert_int_equal(process_identify(atoi(text), &program), 0);
    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    for (int i = 0; i < 500 && process_is_alive(&program); i++)
        usleep(10000);
    assert_false(process_is_alive(&program));
    close(ends[0]);
    close(ends[1]);
}

static void on_detached_end(void *userdata, int exit_status, int term_signal)
{
    *(int *)userdata = term_signal ? -term_signal : exit_status;
}

static void on_deadline(uv_timer_t *timer)
{
    uv_timer_stop(timer);
}

static void detached_programs_get_descriptors_and_lose_rights(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    _cleanup_error_ struct error err = {0};
    int pipe_fds[2], ended = -1;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    uv_loop_t loop;
    uv_loop_init(&loop);
    const char *const argv[] = {
        "sh", "-c", "{ id -u; id -G; grep CapEff /proc/self/status; } >&3; kill -9 $$", NULL};
    struct spawn_detached_options options = {.argv = argv,
                                             .fds = &pipe_fds[1],
                                             .fd_count = 1,
                                             .log_fd = -1,
                                             .uid = 65534,
                                             .gid = 65534,
                                             .on_exit = on_detached_end,
                                             .userdata = &ended};
    pid_t pid;
    assert_ok(spawn_detached(&loop, &options, &pid, &err), &err);
    close(pipe_fds[1]);
    char text[256] = "";
    size_t length = 0;
    for (ssize_t count; (count = read(pipe_fds[0], text + length, sizeof(text) - 1 - length)) > 0;)
        length += (size_t)count;
    close(pipe_fds[0]);
    assert_string_equal(text, "65534\n65534\nCapEff:\t0000000000000000\n");
    uv_timer_t deadline; /* the program's own handle does not keep the loop alive */
    uv_timer_init(&loop, &deadline);
    uv_timer_start(&deadline, on_deadline, 5000, 0);
    while (ended == -1 && uv_is_active((uv_handle_t *)&deadline))
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&deadline, NULL);
    assert_int_equal(ended, -SIGKILL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_errors_and_exit_code_are_apart),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(lines_of_output_come_as_they_are_written),
        cmocka_unit_test(the_deadline_ends_the_whole_group),
        cmocka_unit_test(pipes_kept_by_others_do_not_hold_us),
        cmocka_unit_test(a_missing_program_is_named),
        cmocka_unit_test(programs_end_with_us),
        cmocka_unit_test(detached_programs_get_descriptors_and_lose_rights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
