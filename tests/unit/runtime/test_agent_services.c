/* What the agent does for the daemon besides execs: probes, the list of processes. The agent's code
 * in a process of its own, as in test_agent.c. */
#include "agent_harness.h"
#include "agent_service.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define QUIET_SERVICE "while :; do sleep 1000; done"

/* --- probes --------------------------------------------------------------------------------- */

struct seen {
    bool done, lost;
    enum probe_outcome outcome;
    int exit_code;
    struct strbuf output;
    uint64_t took_ms;
};

static void on_probe_done(void *userdata, const struct probe_result *result,
                          const struct error *err)
{
    struct seen *seen = userdata;
    assert_false(seen->done);
    seen->done = true;
    seen->lost = err != NULL;
    if (!result)
        return;
    seen->outcome = result->outcome;
    seen->exit_code = result->exit_code;
    strbuf_add(&seen->output, result->output, result->length);
}

static struct seen probe(struct fixture *fixture, const struct probe_options *options)
{
    struct seen seen = {0};
    struct probe *handle;
    uint64_t before = clock_monotonic_ms();
    assert_int_equal(
        channel_probe_start(fixture->harness.channel, options, on_probe_done, &seen, &handle, NULL),
        0);
    assert_true(harness_wait(&fixture->harness, &seen.done, 20000));
    assert_false(seen.lost);
    seen.took_ms = clock_monotonic_ms() - before;
    return seen;
}

static void check_probe(struct fixture *fixture, struct probe_options options,
                        enum probe_outcome outcome, int exit_code, const char *output)
{
    options.timeout_ms = options.timeout_ms ? options.timeout_ms : 10000;
    struct seen seen = probe(fixture, &options);
    if (output)
        assert_string_equal(strbuf_text(&seen.output), output);
    assert_int_equal(seen.outcome, outcome);
    assert_int_equal(seen.exit_code, exit_code);
    strbuf_done(&seen.output);
}

/* A length of sleep that no other test on this machine has. */
static char *sleep_of(unsigned seconds)
{
    return xasprintf("sleep %u.%d", seconds, (int)getpid());
}

/* Processes whose command line has that sleep. */
static int count_sleeps(struct fixture *fixture, unsigned seconds)
{
    _cleanup_free_ char *pattern = xasprintf("sleep %u[.]%d", seconds, (int)getpid());
    const char *argv[] = {"pgrep", "-fc", pattern, NULL};
    struct harness_exec exec;
    assert_true(harness_exec(&fixture->harness, &exec, argv, NULL));
    int count = atoi(strbuf_text(&exec.output));
    harness_exec_done(&exec);
    return count;
}

static void commands_are_probes(void **state)
{
    struct fixture *fixture = fixture_start(QUIET_SERVICE, false, false);
    const char *argv[] = {"echo", "two words", NULL}, *missing[] = {"no-such-program", NULL};
    (void)state;
    check_probe(fixture, (struct probe_options){.argv = argv}, PROBE_GOOD, 0, "two words\n");
    check_probe(fixture, (struct probe_options){.shell = "echo $((1+1)); echo no >&2; exit 3"},
                PROBE_BAD, 3, "2\nno\n");
    check_probe(fixture, (struct probe_options){.shell = "kill -9 $$"}, PROBE_BAD, 137, "");
    check_probe(fixture, (struct probe_options){.argv = missing}, PROBE_BAD, 127,
                "exec: \"no-such-program\": executable file not found in $PATH");
    /* What a probe leaves behind holds its output open: nobody waits for that. */
    check_probe(fixture, (struct probe_options){.shell = "sleep 4713 & echo fine"}, PROBE_GOOD, 0,
                "fine\n");
    fixture_finish(fixture);
}

static void a_probe_that_takes_too_long_is_killed_with_all_it_started(void **state)
{
    struct fixture *fixture = fixture_start(QUIET_SERVICE, false, false);
    (void)state;
    _cleanup_free_ char *nap = sleep_of(4714);
    _cleanup_free_ char *script = xasprintf("echo begun; %s | cat", nap);
    struct probe_options options = {.shell = script, .timeout_ms = 300};
    struct seen seen = probe(fixture, &options);
    assert_int_equal(seen.outcome, PROBE_TIMED_OUT);
    assert_int_equal(seen.exit_code, -1);
    assert_string_equal(strbuf_text(&seen.output), "begun\n");
    assert_in_range(seen.took_ms, 300, 3000);
    strbuf_done(&seen.output);
    harness_idle(&fixture->harness, 100);
    assert_int_equal(count_sleeps(fixture, 4714), 0);
    fixture_finish(fixture);
}

static void a_probe_says_four_kibibytes_at_most(void **state)
{
    struct fixture *fixture = fixture_start(QUIET_SERVICE, false, false);
    (void)state;
    struct probe_options options = {.shell = "head -c 1000000 /dev/zero | tr '\\0' x; exit 1",
                                    .timeout_ms = 10000};
    struct seen seen = probe(fixture, &options);
    assert_int_equal(seen.exit_code, 1);
    assert_int_equal(seen.output.length, PROBE_OUTPUT_MAX);
    strbuf_done(&seen.output);
    fixture_finish(fixture);
}

/* Answers every connection with this text, in a process of its own; NULL: with nothing at all. */
static pid_t serve(const char *answer, uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    pid_t pid = fork();
    if (pid > 0) {
        close(listener);
        return pid;
    }
    for (;;) {
        char request[1024];
        int client = accept(listener, NULL, NULL);
        ssize_t length = read(client, request, sizeof(request) - 1);
        if (!answer)
            continue;
        request[length > 0 ? length : 0] = '\0';
        bool asked = strncmp(request, "GET /health?a=b HTTP/1.1\r\nHost: ", 32) == 0;
        const char *text = asked ? answer : "HTTP/1.1 400 Bad Request\r\n\r\n";
        if (write(client, text, strlen(text)) < 0)
            _exit(1);
        close(client);
    }
}

static void stop(pid_t server)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

static void check_http(struct fixture *fixture, const char *answer, enum probe_outcome outcome,
                       const char *output)
{
    uint16_t port;
    pid_t server = serve(answer, &port);
    _cleanup_free_ char *url = xasprintf("http://localhost:%u/health?a=b#part", port);
    check_probe(fixture, (struct probe_options){.http_url = url, .timeout_ms = 500}, outcome,
                outcome == PROBE_GOOD  ? 0
                : outcome == PROBE_BAD ? 1
                                       : -1,
                output);
    stop(server);
}

static void http_is_judged_by_its_status(void **state)
{
    struct fixture *fixture = fixture_start(QUIET_SERVICE, false, false);
    (void)state;
    check_http(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", PROBE_GOOD,
               "HTTP/1.1 200 OK");
    check_http(fixture, "HTTP/1.0 302 Found\n\n", PROBE_GOOD, "HTTP/1.0 302 Found");
    check_http(fixture, "HTTP/1.1 503 Not Yet\r\n\r\nwait", PROBE_BAD, "HTTP/1.1 503 Not Yet");
    check_http(fixture, "HTTP/1.1 404 Not Found\r\n\r\n", PROBE_BAD, "HTTP/1.1 404 Not Found");
    check_http(fixture, "220 mail ESMTP\r\n", PROBE_BAD, NULL);
    check_http(fixture, "", PROBE_BAD, NULL);
    check_http(fixture, NULL, PROBE_TIMED_OUT, NULL);
    check_probe(fixture, (struct probe_options){.http_url = "https://localhost/"}, PROBE_BAD, 1,
                "\"https://localhost/\" is no http:// URL");
    check_probe(fixture, (struct probe_options){.http_url = "http://127.0.0.1:99999/"}, PROBE_BAD,
                1, "the URL \"http://127.0.0.1:99999/\" names no host and port");
    fixture_finish(fixture);
}

static void tcp_is_a_connection(void **state)
{
    struct fixture *fixture = fixture_start(QUIET_SERVICE, false, false);
    uint16_t port;
    pid_t server = serve(NULL, &port);
    (void)state;
    _cleanup_free_ char *good = xasprintf("127.0.0.1:%u takes connections", port);
    _cleanup_free_ char *bad = xasprintf("connection to 127.0.0.1:%u: Connection refused", port);
    check_probe(fixture, (struct probe_options){.tcp_port = port}, PROBE_GOOD, 0, good);
    stop(server);
    check_probe(fixture, (struct probe_options){.tcp_port = port}, PROBE_BAD, 1, bad);
    fixture_finish(fixture);
}

static void a_probe_ends_with_its_channel(void **state)
{
    struct fixture *fixture = fixture_start(QUIET_SERVICE, false, false);
    struct seen seen = {0};
    struct probe *handle;
    _cleanup_free_ char *nap = sleep_of(4715);
    struct probe_options options = {.shell = nap, .timeout_ms = 60000};
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(channel_probe_start(fixture->harness.channel, &options, on_probe_done,
                                             &seen, &handle, NULL),
                         0);
    harness_idle(&fixture->harness, 200);
    assert_int_equal(count_sleeps(fixture, 4715), 4); /* and the two shells */
    runtime_probe_abandon(handle);
    harness_idle(&fixture->harness, 200);
    assert_int_equal(count_sleeps(fixture, 4715), 2);
    assert_false(seen.done);
    fixture_finish(fixture);
    assert_true(seen.lost);
}

/* --- processes ------------------------------------------------------------------------------ */

struct list {
    bool done;
    bool found;
};

static void on_list(void *userdata, const struct top_process *processes, size_t count,
                    const struct error *err)
{
    struct list *list = userdata;
    assert_null(err);
    list->done = true;
    for (size_t i = 0; i < count; i++) {
        const struct top_process *process = &processes[i];
        assert_true(i == 0 || process[0].pid > process[-1].pid);
        if (!streq(process->command, "sh -c sleep 4716; true a b"))
            continue;
        list->found = true;
        assert_string_equal(process->user, getuid() ? process->user : "root");
        assert_string_equal(process->tty, "?");
        int64_t age = clock_realtime_ms() - process->started_at_ms;
        assert_true(age > -1000 && age < 20000);
        assert_true(process->ppid > 0);
    }
}

static void processes_are_listed(void **state)
{
    struct fixture *fixture = fixture_start("sleep 4716; true a b", false, false);
    struct list list = {0};
    struct top *top;
    (void)state;
    assert_int_equal(channel_top_start(fixture->harness.channel, on_list, &list, &top, NULL), 0);
    assert_true(harness_wait(&fixture->harness, &list.done, 10000));
    assert_true(list.found);
    fixture_finish(fixture);
}

/* --- the network inside ---------------------------------------------------------------------- */

struct look {
    bool done, lost;
    bool listens, pinged, refused_nonsense, has_loopback;
    uint32_t port;
};

static void on_look(void *userdata, const struct guest_fact *facts, size_t count,
                    const struct error *err)
{
    struct look *look = userdata;
    look->done = true;
    look->lost = err != NULL;
    for (size_t i = 0; i < count; i++) {
        const struct guest_fact *fact = &facts[i];
        if (fact->kind == GUEST_LISTENER && fact->port == look->port && !fact->udp)
            look->listens = streq(fact->text, "127.0.0.1");
        if (fact->kind == GUEST_PING && streq(fact->name, "127.0.0.1"))
            look->pinged = !fact->failure || getuid() != 0;
        if (fact->kind == GUEST_PING && streq(fact->name, "nonsense"))
            look->refused_nonsense = fact->failure && streq(fact->failure, "it is no address");
        if (fact->kind == GUEST_INTERFACE && streq(fact->name, "lo"))
            look->has_loopback = true;
    }
}

static void the_network_is_looked_at(void **state)
{
    static const char *const pings[] = {"127.0.0.1", "nonsense", NULL};
    static const char *const names[] = {"a..b", NULL};
    struct fixture *fixture = fixture_start(QUIET_SERVICE, false, false);
    struct inspection *handle;
    struct look look = {0};
    uint16_t port;
    pid_t server = serve(NULL, &port);
    (void)state;
    look.port = port;
    assert_int_equal(
        channel_inspect_start(fixture->harness.channel,
                              &(struct inspect_options){.pings = pings, .names = names}, on_look,
                              &look, &handle, NULL),
        0);
    assert_true(harness_wait(&fixture->harness, &look.done, 10000));
    stop(server);
    assert_false(look.lost);
    assert_true(look.listens);
    assert_true(look.pinged);
    assert_true(look.refused_nonsense);
    assert_false(look.has_loopback);
    fixture_finish(fixture);
}

/* --- detached execs ------------------------------------------------------------------------- */

static int run_detached(struct fixture *fixture, const char *const *argv)
{
    struct harness_exec exec = {0};
    harness_exec_start(&fixture->harness, &exec,
                       &(struct exec_options){.argv = argv, .detach = true});
    assert_true(harness_wait(&fixture->harness, &exec.done, 3000));
    assert_int_equal(exec.output.length, 0);
    harness_exec_done(&exec);
    return exec.exit_code;
}

static void a_detached_exec_outlives_its_daemon(void **state)
{
    struct fixture *fixture = fixture_start(QUIET_SERVICE, false, false);
    _cleanup_free_ char *nap = sleep_of(4717), *script = xasprintf("echo lost; %s; true", nap);
    const char *argv[] = {"sh", "-c", script, NULL};
    const char *missing[] = {"no-such-program", NULL};
    (void)state;
    assert_int_equal(run_detached(fixture, argv), 0);
    assert_int_equal(run_detached(fixture, missing), 127);
    harness_done(&fixture->harness);
    harness_init(&fixture->harness, fixture->peer.path, 0);
    assert_true(harness_wait(&fixture->harness, &fixture->harness.started, 10000));
    assert_int_equal(count_sleeps(fixture, 4717), 2);
    fixture_finish(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_probes),
        cmocka_unit_test(a_probe_that_takes_too_long_is_killed_with_all_it_started),
        cmocka_unit_test(a_probe_says_four_kibibytes_at_most),
        cmocka_unit_test(http_is_judged_by_its_status),
        cmocka_unit_test(tcp_is_a_connection),
        cmocka_unit_test(a_probe_ends_with_its_channel),
        cmocka_unit_test(processes_are_listed),
        cmocka_unit_test(the_network_is_looked_at),
        cmocka_unit_test(a_detached_exec_outlives_its_daemon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
