/* The agent and the channel against each other: the agent's code in a process of its own, bytes
 * lost between them as QEMU loses them (agent_peer.h). */
#include "agent_harness.h"
#include "agent_peer.h"

#include "base/alloc.h"
#include "runtime/guest/agent.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define QUIET_SERVICE "trap 'exit 3' TERM; while :; do sleep 1000 & wait $!; done"

struct fixture {
    struct agent_peer peer;
    struct harness harness;
};

static void send_identity(struct harness *harness, const char *instance, const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    _cleanup_json_ cJSON *identity = cJSON_CreateObject();
    _cleanup_free_ char *user = xasprintf("%u:%u", getuid(), getgid());
    json_set_string(identity, "instance", instance);
    json_set_string(identity, "hostname", "box");
    json_set_string(identity, "user", user);
    json_set(identity, "argv", json_from_strv((char *const *)argv));
    cJSON *environment = cJSON_CreateObject();
    json_set_string(environment, "COLOUR", "blue");
    json_set(identity, "environment", environment);
    channel_send_identity(harness->channel, identity, NULL);
}

static struct fixture *start(const char *script)
{
    struct fixture *fixture = new0(struct fixture);
    agent_peer_start(&fixture->peer);
    harness_init(&fixture->harness, fixture->peer.path, 0);
    assert_true(harness_wait(&fixture->harness, &fixture->harness.ready, 10000));
    assert_true(fixture->harness.fresh);
    fixture->harness.keep_logs = true;
    send_identity(&fixture->harness, "shop-web-1", script);
    assert_true(harness_wait(&fixture->harness, &fixture->harness.started, 10000));
    return fixture;
}

static void finish(struct fixture *fixture)
{
    harness_done(&fixture->harness);
    agent_peer_stop(&fixture->peer);
    free(fixture);
}

static void check(struct harness *harness, const char *script, const char *input, int exit_code,
                  const char *output, const char *errors)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct harness_exec exec;
    assert_true(harness_exec(harness, &exec, argv, input));
    assert_string_equal(strbuf_text(&exec.output), output);
    assert_string_equal(strbuf_text(&exec.errors), errors);
    assert_int_equal(exec.exit_code, exit_code);
    assert_false(exec.lost);
    harness_exec_done(&exec);
}

static int run_program(struct harness *harness, const char *program, const char *directory)
{
    const char *argv[] = {program, NULL};
    struct harness_exec exec = {0};
    harness_exec_start(harness, &exec,
                       &(struct exec_options){.argv = argv, .working_directory = directory});
    assert_true(harness_wait(harness, &exec.done, 10000));
    if (exec.exit_code)
        assert_true(strbuf_text(&exec.errors)[0] != '\0');
    harness_exec_done(&exec);
    return exec.exit_code;
}

static void execs_as_shells_have_them(void **state)
{
    struct fixture *fixture = start(QUIET_SERVICE);
    struct harness *harness = &fixture->harness;
    (void)state;
    check(harness, "echo out; echo err >&2", NULL, 0, "out\n", "err\n");
    check(harness, "exit 42", NULL, 42, "", "");
    check(harness, "kill -9 $$", NULL, 137, "", "");
    check(harness, "cat; echo end", "through stdin", 0, "through stdinend\n", "");
    check(harness, "cat", NULL, 0, "", "");
    check(harness, "echo $COLOUR $HOSTNAME", NULL, 0, "blue box\n", "");
    check(harness, "sleep 100 & echo not waited for", NULL, 0, "not waited for\n", "");
    assert_int_equal(run_program(harness, "true", NULL), 0);
    assert_int_equal(run_program(harness, "no-such-program", NULL), 127);
    assert_int_equal(run_program(harness, "/no/such/program", NULL), 127);
    assert_int_equal(run_program(harness, "/etc/passwd", NULL), 126);
    assert_int_equal(run_program(harness, "true", "/no/such/directory"), 126);
    (void)state;
    finish(fixture);
}

static void exec_takes_environment_directory_and_user(void **state)
{
    struct fixture *fixture = start(QUIET_SERVICE);
    const char *argv[] = {"sh", "-c", "echo $COLOUR $SIZE; pwd", NULL};
    const char *environment[] = {"COLOUR=red", "SIZE=a=b", NULL};
    struct harness_exec exec = {0};
    (void)state;
    harness_exec_start(&fixture->harness, &exec,
                       &(struct exec_options){
                           .argv = argv, .environment = environment, .working_directory = "/usr"});
    assert_true(harness_wait(&fixture->harness, &exec.done, 10000));
    assert_string_equal(strbuf_text(&exec.output), "red a=b\n/usr\n");
    harness_exec_done(&exec);
    exec = (struct harness_exec){0};
    harness_exec_start(&fixture->harness, &exec,
                       &(struct exec_options){.argv = argv, .user = "nobody-of-that-name"});
    assert_true(harness_wait(&fixture->harness, &exec.done, 10000));
    assert_int_equal(exec.exit_code, 126);
    assert_non_null(strstr(strbuf_text(&exec.errors), "nobody-of-that-name"));
    harness_exec_done(&exec);
    finish(fixture);
}

static void terminals_have_a_size_and_signals(void **state)
{
    struct fixture *fixture = start(QUIET_SERVICE);
    const char *argv[] = {"sh", "-c", "stty size; read line; echo \"<$line>\"; stty size; cat",
                          NULL};
    struct harness_exec exec = {.attach_stdin = true};
    (void)state;
    harness_exec_start(
        &fixture->harness, &exec,
        &(struct exec_options){
            .argv = argv, .tty = true, .rows = 24, .columns = 80, .attach_stdin = true});
    harness_idle(&fixture->harness, 300);
    runtime_exec_resize(exec.exec, 50, 132);
    runtime_exec_write(exec.exec, "hello\n", 6);
    harness_idle(&fixture->harness, 300);
    runtime_exec_write(exec.exec, "\003", 1); /* Ctrl-C ends cat */
    assert_true(harness_wait(&fixture->harness, &exec.done, 10000));
    assert_string_equal(strbuf_text(&exec.output), "24 80\r\nhello\r\n<hello>\r\n50 132\r\n^C");
    assert_int_equal(exec.exit_code, 130);
    harness_exec_done(&exec);
    finish(fixture);
}

static void signals_and_abandoning_end_a_process(void **state)
{
    struct fixture *fixture = start(QUIET_SERVICE);
    const char *argv[] = {"sleep", "4711", NULL};
    struct harness_exec exec = {0}, left = {0};
    (void)state;
    harness_exec_start(&fixture->harness, &exec, &(struct exec_options){.argv = argv});
    harness_exec_start(&fixture->harness, &left, &(struct exec_options){.argv = argv});
    harness_idle(&fixture->harness, 100);
    runtime_exec_signal(exec.exec, SIGINT);
    assert_true(harness_wait(&fixture->harness, &exec.done, 10000));
    assert_int_equal(exec.exit_code, 128 + SIGINT);
    runtime_exec_abandon(left.exec);
    harness_idle(&fixture->harness, 100);
    assert_false(left.done);
    check(&fixture->harness, "ps -eo args | grep -c 'sleep 471[1]'", NULL, 1, "0\n", "");
    finish(fixture);
}

/* One reader that takes nothing holds up its own exec only. */
static void a_stuck_reader_blocks_nobody(void **state)
{
    struct fixture *fixture = start(QUIET_SERVICE);
    const char *argv[] = {"cat", "/dev/zero", NULL};
    struct harness_exec exec = {.stuck = true};
    (void)state;
    harness_exec_start(&fixture->harness, &exec, &(struct exec_options){.argv = argv});
    harness_idle(&fixture->harness, 300);
    assert_int_equal(exec.output.length, 256 << 10);
    check(&fixture->harness, "echo alive", NULL, 0, "alive\n", "");
    runtime_exec_consumed(exec.exec, exec.output.length);
    harness_idle(&fixture->harness, 300);
    assert_int_equal(exec.output.length, 512 << 10);
    runtime_exec_abandon(exec.exec);
    harness_exec_done(&exec);
    finish(fixture);
}

static void many_execs_at_once(void **state)
{
    enum { COUNT = 60 };
    struct fixture *fixture = start(QUIET_SERVICE);
    static struct harness_exec execs[COUNT];
    const char *argv[] = {"cat", NULL};
    char words[COUNT][16];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(words[i], sizeof(words[i]), "word %d", i);
        execs[i] = (struct harness_exec){.input = words[i]};
        harness_exec_start(&fixture->harness, &execs[i], &(struct exec_options){.argv = argv});
    }
    for (int i = 0; i < COUNT; i++) {
        assert_true(harness_wait(&fixture->harness, &execs[i].done, 20000));
        assert_string_equal(strbuf_text(&execs[i].output), words[i]);
        harness_exec_done(&execs[i]);
    }
    finish(fixture);
}

/* --- the service ---------------------------------------------------------------------------- */

static void the_service_is_logged_and_reported(void **state)
{
    struct fixture *fixture = start(
        "echo one; echo two >&2; head -c 20000 /dev/zero | tr '\\0' x; echo; printf end; exit 9");
    struct harness *harness = &fixture->harness;
    (void)state;
    assert_true(harness_wait(harness, &harness->exited, 10000));
    assert_int_equal(harness->exit_code, 9);
    const char *logs = strbuf_text(&harness->logs);
    assert_non_null(strstr(logs, "1 one\n"));
    assert_non_null(strstr(logs, "2 two\n"));
    assert_non_null(strstr(logs, "1 end\n"));
    const char *partial = strstr(logs, "1+xxx");
    assert_non_null(partial);
    assert_int_equal(strspn(partial + 2, "x"), 16384);
    assert_int_equal(agent_peer_wait(&fixture->peer, 10000), 0);
    finish(fixture);
}

static void what_cannot_start_is_reported(void **state)
{
    struct agent_peer peer = {0};
    struct harness harness;
    (void)state;
    agent_peer_start(&peer);
    harness_init(&harness, peer.path, 0);
    assert_true(harness_wait(&harness, &harness.ready, 10000));
    send_identity(&harness, "broken", "true");
    assert_true(harness_wait(&harness, &harness.failed, 10000));
    assert_int_equal(harness.exit_code, 125);
    assert_string_equal(harness.failure, "interface \"eth0\": the virtual machine has no such NIC");
    assert_int_equal(agent_peer_wait(&peer, 10000), 0);
    harness_done(&harness);
    agent_peer_stop(&peer);
}

static void shutdown_signals_then_kills(void **state)
{
    struct fixture *fixture = start(QUIET_SERVICE);
    (void)state;
    harness_idle(&fixture->harness, 200);
    channel_send_shutdown(fixture->harness.channel, SIGTERM, 5000);
    assert_true(harness_wait(&fixture->harness, &fixture->harness.exited, 4000));
    assert_int_equal(fixture->harness.exit_code, 3);
    finish(fixture);
    fixture = start("trap '' TERM; while :; do sleep 1; done");
    harness_idle(&fixture->harness, 200);
    channel_send_shutdown(fixture->harness.channel, SIGTERM, 300);
    assert_true(harness_wait(&fixture->harness, &fixture->harness.exited, 4000));
    assert_int_equal(fixture->harness.exit_code, 137);
    finish(fixture);
}

/* The daemon is away when the service ends: code and logs wait for the next one. */
static void an_exit_waits_for_a_daemon(void **state)
{
    struct fixture *fixture = start("echo before; sleep 0.5; echo after; exit 5");
    struct harness *harness = &fixture->harness;
    (void)state;
    harness_idle(harness, 200);
    uint64_t last = harness->last_sequence;
    assert_int_equal(last, 1);
    harness_done(harness);
    assert_int_equal(agent_peer_wait(&fixture->peer, 1500), -1);
    harness_init(harness, fixture->peer.path, last);
    harness->keep_logs = true;
    assert_true(harness_wait(harness, &harness->exited, 10000));
    assert_int_equal(harness->exit_code, 5);
    assert_string_equal(strbuf_text(&harness->logs), "1 after\n");
    assert_int_equal(agent_peer_wait(&fixture->peer, 10000), 0);
    finish(fixture);
}

/* More logs than may be on the way at once, and nobody to take them: as long as it takes. */
static void an_exit_waits_for_a_daemon_that_stays_away(void **state)
{
    struct fixture *fixture =
        start("sleep 0.5; head -c 500000 /dev/zero | tr '\\0' x | fold -w 99; echo; exit 5");
    struct harness *harness = &fixture->harness;
    (void)state;
    harness_done(harness);
    assert_int_equal(agent_peer_wait(&fixture->peer, AGENT_ENDING_LIMIT_MS + 2000), -1);
    harness_init(harness, fixture->peer.path, 0);
    assert_true(harness_wait(harness, &harness->exited, 10000));
    assert_int_equal(harness->exit_code, 5);
    assert_int_equal(harness->log_count, 5051);
    assert_int_equal(harness->log_dropped, 0);
    assert_int_equal(agent_peer_wait(&fixture->peer, 10000), 0);
    finish(fixture);
}

/* A ring that overflows while nobody is there drops its oldest, and says how many. */
static void the_ring_drops_and_counts(void **state)
{
    struct fixture *fixture = start("sleep 0.4; i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo"
                                    " line $i of a service that talks a lot when nobody is there;"
                                    " done; sleep 100");
    struct harness *harness = &fixture->harness;
    (void)state;
    harness_done(harness);
    harness_init(harness, fixture->peer.path, 0); /* loses what the first took: nothing yet */
    harness_done(harness);
    uv_sleep(6500); /* the agent is not told that nobody is there: SERVICE_STALL_MS finds it out */
    harness_init(harness, fixture->peer.path, 0);
    harness->keep_logs = true;
    for (int i = 0; i < 100 && harness->last_sequence < 60000; i++)
        harness_idle(harness, 100);
    assert_int_equal(harness->last_sequence, 60000);
    assert_true(harness->log_dropped > 0);
    assert_int_equal(harness->log_dropped + harness->log_count, 60000);
    assert_true(harness->logs.length > 1 << 20); /* a megabyte at least was kept */
    finish(fixture);
}

/* A host that is there and slow: nothing is dropped, the service waits. */
static void a_slow_host_loses_nothing(void **state)
{
    struct fixture *fixture =
        start("i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo line $i of a"
              " service that talks more than the host can take; done; exit 0");
    struct harness *harness = &fixture->harness;
    (void)state;
    harness->withhold_log_acks = true;
    for (int i = 0; i < 20; i++)
        harness_idle(harness, 100);
    assert_true(harness->last_sequence < 60000);
    harness->withhold_log_acks = false;
    channel_ack_log(harness->channel, harness->last_sequence);
    assert_true(harness_wait(harness, &harness->exited, 20000));
    assert_int_equal(harness->log_dropped, 0);
    assert_int_equal(harness->log_count, 60000);
    finish(fixture);
}

/* --- lost connections ----------------------------------------------------------------------- */

struct counting {
    uint64_t wrong;
};

/* "line N", N the record's number. */
static void count_line(struct harness *harness, uint64_t sequence, const struct log_record *record)
{
    struct counting *counting = harness->userdata;
    char expected[32];
    int length = snprintf(expected, sizeof(expected), "line %llu", (unsigned long long)sequence);
    bool good = sequence == harness->last_sequence + 1 && record->length == (size_t)length &&
                memcmp(record->text, expected, record->length) == 0;
    counting->wrong += !good;
}

/* 400 connections cut at random bytes, with an exec's traffic both ways and a log that must not
 * have a gap: one session, nothing lost, nothing twice. */
static void four_hundred_cuts_lose_nothing(void **state)
{
    struct fixture *fixture = start("i=0; while :; do i=$((i+1)); echo line $i; sleep 0.003; done");
    struct harness *harness = &fixture->harness;
    struct counting counting = {0};
    size_t length = 4u << 20;
    char *data = xmalloc(length);
    const char *argv[] = {"cat", NULL};
    (void)state;
    for (size_t i = 0; i < length; i++)
        data[i] = (char)(i * 2654435761u >> 17);
    harness->on_log = count_line;
    harness->userdata = &counting;
    harness->keep_logs = false;
    fixture->peer.shared->cut_after = 100000;
    uint32_t rounds = 0;
    while (fixture->peer.shared->cuts < 420 && rounds++ < 60) {
        struct harness_exec exec = {.input = data, .input_length = length};
        harness_exec_start(harness, &exec, &(struct exec_options){.argv = argv});
        assert_true(harness_wait(harness, &exec.done, 50000));
        assert_int_equal(exec.exit_code, 0);
        assert_int_equal(exec.output.length, length);
        assert_memory_equal(exec.output.data, data, length);
        harness_exec_done(&exec);
    }
    assert_true(fixture->peer.shared->cuts >= 400);
    assert_int_equal(counting.wrong, 0);
    assert_int_equal(harness->log_dropped, 0);
    assert_true(harness->log_count > 100);
    assert_false(harness->closed);
    free(data);
    finish(fixture);
}

/* Daemons that die and come, 60 of them: the log goes on where the one before had stored it. */
static void daemons_come_and_go(void **state)
{
    struct fixture *fixture = start("i=0; while :; do i=$((i+1)); echo line $i; sleep 0.002; done");
    struct harness *harness = &fixture->harness;
    struct counting counting = {0};
    uint64_t dropped = 0;
    (void)state;
    for (int daemon = 0; daemon < 60; daemon++) {
        const char *argv[] = {"sleep", "4712", NULL};
        struct harness_exec exec = {0};
        uint64_t last = harness->last_sequence;
        if (daemon % 20 == 1)
            harness_exec_start(harness, &exec, &(struct exec_options){.argv = argv});
        if (daemon % 20 == 1)
            harness_idle(harness, 30);
        last = harness->last_sequence;
        dropped += harness->log_dropped;
        harness_done(harness);
        harness_exec_done(&exec);
        harness_init(harness, fixture->peer.path, last);
        harness->on_log = count_line;
        harness->userdata = &counting;
        assert_true(harness_wait(harness, &harness->started, 10000));
        assert_false(harness->fresh);
        harness_idle(harness, (uint64_t)(daemon * 7 % 50));
    }
    assert_int_equal(counting.wrong, 0);
    assert_int_equal(dropped, 0);
    assert_true(harness->last_sequence > 200);
    check(harness, "ps -eo args | grep -c 'sleep 471[2]'", NULL, 1, "0\n", "");
    finish(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(execs_as_shells_have_them),
        cmocka_unit_test(exec_takes_environment_directory_and_user),
        cmocka_unit_test(terminals_have_a_size_and_signals),
        cmocka_unit_test(signals_and_abandoning_end_a_process),
        cmocka_unit_test(a_stuck_reader_blocks_nobody),
        cmocka_unit_test(many_execs_at_once),
        cmocka_unit_test(the_service_is_logged_and_reported),
        cmocka_unit_test(what_cannot_start_is_reported),
        cmocka_unit_test(shutdown_signals_then_kills),
        cmocka_unit_test(an_exit_waits_for_a_daemon),
        cmocka_unit_test(an_exit_waits_for_a_daemon_that_stays_away),
        cmocka_unit_test(the_ring_drops_and_counts),
        cmocka_unit_test(a_slow_host_loses_nothing),
        cmocka_unit_test(four_hundred_cuts_lose_nothing),
        cmocka_unit_test(daemons_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
