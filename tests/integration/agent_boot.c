/* The agent in a real VM: boots the guest kit under QEMU's TCG with a root made of this machine's
 * own programs, gives it an identity, and uses everything the channel has. agent_boot SOCKET runs
 * against a QEMU that the script agent_boot has started.
 *
 * Prints one line per check; the exit code is the number of those that failed. */
#include "../unit/runtime/agent_harness.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define MAC "02:00:00:00:00:17"

static int failures;

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        bool good_ = (condition);                                                                  \
        failures += !good_;                                                                        \
        printf("%s: ", good_ ? "ok" : "FAILED");                                                   \
        printf(__VA_ARGS__);                                                                       \
        putchar('\n');                                                                             \
        fflush(stdout);                                                                            \
    } while (0)

static cJSON *make_identity(void)
{
    cJSON *identity = cJSON_CreateObject();
    const char *argv[] = {
        "sh", "-c",
        "echo to stdout; echo to stderr >&2; echo \"I am $(hostname), $GREETING\";"
        "trap 'echo stopping; exit 7' TERM; i=0; while :; do i=$((i+1));"
        "echo tick $i; sleep 1 & wait $!; done",
        NULL};
    json_set_string(identity, "instance", "shop-web-1");
    json_set_string(identity, "hostname", "web");
    json_set(identity, "argv", json_from_strv((char *const *)argv));
    cJSON *environment = cJSON_CreateObject();
    json_set_string(environment, "GREETING", "hello");
    json_set(identity, "environment", environment);
    json_set_string(identity, "working_dir", "/srv/made/by/agent");
    cJSON *interface = cJSON_CreateObject();
    json_set_string(interface, "name", "eth0");
    json_set_string(interface, "mac", MAC);
    json_set_string(interface, "address", "10.89.0.5");
    json_set_int(interface, "prefix", 24);
    json_set_string(interface, "gateway", "10.89.0.1");
    json_set_int(interface, "mtu", 1400);
    cJSON *interfaces = cJSON_CreateArray();
    cJSON_AddItemToArray(interfaces, interface);
    json_set(identity, "interfaces", interfaces);
    const char *dns[] = {"10.89.0.1", NULL};
    json_set(identity, "dns", json_from_strv((char *const *)dns));
    json_set_int(identity, "time_ns", clock_realtime_ns());
    json_set_string(identity, "stop_signal", "SIGTERM");
    return identity;
}

static void check_exec(struct harness *harness, const char *script, const char *input,
                       int exit_code, const char *output)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct harness_exec exec;
    bool ended = harness_exec(harness, &exec, argv, input);
    bool good = ended && exec.exit_code == exit_code &&
                (!output || streq(strbuf_text(&exec.output), output));
    CHECK(good, "exec: %s", script);
    if (!good)
        printf("    exit code %d, stdout \"%s\", stderr \"%s\"\n", exec.exit_code,
               strbuf_text(&exec.output), strbuf_text(&exec.errors));
    harness_exec_done(&exec);
}

static void check_program(struct harness *harness, const char *program, int exit_code)
{
    const char *argv[] = {program, NULL};
    struct harness_exec exec;
    bool ended = harness_exec(harness, &exec, argv, NULL);
    CHECK(ended && exec.exit_code == exit_code, "exec %s ends with %d (%s)", program,
          exec.exit_code, strbuf_text(&exec.errors));
    harness_exec_done(&exec);
}

static void check_terminal(struct harness *harness)
{
    const char *argv[] = {"sh", "-c", "stty size; tty; echo \"$TERM\"", NULL};
    struct harness_exec exec = {0};
    harness_exec_start(
        harness, &exec,
        &(struct exec_options){.argv = argv, .tty = true, .rows = 33, .columns = 99});
    bool ended = harness_wait(harness, &exec.done, 20000);
    CHECK(ended && streq(strbuf_text(&exec.output), "33 99\r\n/dev/pts/0\r\nxterm\r\n"),
          "a terminal has its size and its name");
    harness_exec_done(&exec);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void measure_exec(struct harness *harness)
{
    const char *argv[] = {"true", NULL};
    double ms[51];
    for (int i = 0; i < 51; i++) {
        struct harness_exec exec;
        uint64_t before = uv_hrtime();
        harness_exec(harness, &exec, argv, NULL);
        ms[i] = (double)(uv_hrtime() - before) / 1e6;
        harness_exec_done(&exec);
    }
    double first = ms[0];
    qsort(ms + 1, 50, sizeof(*ms), compare);
    CHECK(ms[25] < 45, "exec true: the first %.1f ms, the median of 50 %.1f ms", first, ms[25]);
}

static void check_bulk(struct harness *harness)
{
    size_t length = 8u << 20;
    char *data = xmalloc(length + 1);
    for (size_t i = 0; i < length; i++)
        data[i] = (char)('a' + (i * 2654435761u >> 13) % 26);
    data[length] = '\0';
    const char *argv[] = {"cat", NULL};
    struct harness_exec exec = {.input = data, .input_length = length};
    uint64_t before = uv_hrtime();
    harness_exec_start(harness, &exec, &(struct exec_options){.argv = argv});
    bool ended = harness_wait(harness, &exec.done, 60000);
    double seconds = (double)(uv_hrtime() - before) / 1e9;
    CHECK(ended && exec.output.length == length && memcmp(exec.output.data, data, length) == 0,
          "8 MiB through cat and back: %.1f MB/s", (double)length / seconds / 1e6);
    harness_exec_done(&exec);
    free(data);
}

static void check_many(struct harness *harness)
{
    enum { COUNT = 20 };
    static struct harness_exec execs[COUNT];
    char words[COUNT][16];
    bool good = true;
    for (int i = 0; i < COUNT; i++) {
        snprintf(words[i], sizeof(words[i]), "word%d", i);
        const char *argv[] = {"cat", NULL};
        execs[i] = (struct harness_exec){.input = words[i]};
        harness_exec_start(harness, &execs[i], &(struct exec_options){.argv = argv});
    }
    for (int i = 0; i < COUNT; i++) {
        good = harness_wait(harness, &execs[i].done, 30000) && good &&
               streq(strbuf_text(&execs[i].output), words[i]);
        harness_exec_done(&execs[i]);
    }
    CHECK(good, "%d execs at once", (int)COUNT);
}

static void check_guest(struct harness *harness)
{
    check_exec(harness, "cat /etc/hostname; hostname; cat /proc/sys/kernel/hostname", NULL, 0,
               "web\nweb\nweb\n");
    check_exec(harness, "cat /etc/resolv.conf; grep -c web /etc/hosts", NULL, 0,
               "nameserver 10.89.0.1\n1\n");
    check_exec(harness, "cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu", NULL, 0,
               MAC "\n1400\n");
    check_exec(harness, "ip -4 -br addr show eth0; ip route show default", NULL, 0, NULL);
    check_exec(harness, "ip -4 -o addr show eth0 | grep -q 10.89.0.5/24", NULL, 0, "");
    check_exec(harness, "ip route | grep -q 'default via 10.89.0.1 dev eth0'", NULL, 0, "");
    check_exec(harness, "ip link show lo | grep -q LOOPBACK,UP", NULL, 0, "");
    check_exec(harness, "pwd; echo $GREETING; echo $HOME; echo $HOSTNAME", NULL, 0,
               "/srv/made/by/agent\nhello\n/root\nweb\n");
    check_exec(harness, "echo x > /written && cat /written && ls -l /dev/stdout /dev/ptmx", NULL, 0,
               NULL);
    check_exec(harness,
               "for m in /proc /sys /dev /dev/pts /dev/shm; do"
               " grep -q \" $m \" /proc/mounts || echo no $m; done",
               NULL, 0, "");
    check_exec(harness, "echo out > /dev/stdout; echo err > /dev/stderr", NULL, 0, "out\n");
    check_exec(harness,
               "for i in 1 2 3 4 5; do (sleep 0.1 &) ; done; sleep 0.5;"
               " grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l",
               NULL, 0, "0\n");
    int64_t drift;
    struct harness_exec exec;
    const char *argv[] = {"date", "+%s", NULL};
    harness_exec(harness, &exec, argv, NULL);
    drift = strtoll(strbuf_text(&exec.output), NULL, 10) - clock_realtime_ms() / 1000;
    CHECK(drift >= -2 && drift <= 2, "the guest's clock is %lld s off", (long long)drift);
    harness_exec_done(&exec);
}

static void check_execs(struct harness *harness)
{
    check_exec(harness, "exit 42", NULL, 42, "");
    check_exec(harness, "kill -9 $$", NULL, 137, "");
    check_exec(harness, "wc -c", "twelve bytes", 0, "12\n");
    check_exec(harness, "id -u; id -g", NULL, 0, "0\n0\n");
    check_program(harness, "no-such-program", 127);
    check_program(harness, "/etc/passwd", 126);
    check_terminal(harness);
    check_many(harness);
    check_bulk(harness);
    measure_exec(harness);
}

/* A daemon that dies and one that comes: same guest, log without a gap, the old exec ended. */
static uint64_t check_restart(struct harness *harness, const char *socket_path)
{
    const char *argv[] = {"sleep", "12345", NULL};
    struct harness_exec exec = {0};
    harness_exec_start(harness, &exec, &(struct exec_options){.argv = argv});
    harness_idle(harness, 300);
    uint64_t last = harness->last_sequence;
    harness_done(harness);
    harness_exec_done(&exec);
    uv_sleep(2500);
    harness_init(harness, socket_path, last);
    harness->keep_logs = true;
    bool back = harness_wait(harness, &harness->started, 10000);
    harness_idle(harness, 300);
    CHECK(back && !harness->fresh, "a new daemon finds the service running");
    CHECK(harness->log_dropped == 0 && harness->last_sequence >= last + 2,
          "the log goes on at record %llu without a gap", (unsigned long long)last);
    check_exec(harness, "grep -l '1234[5]' /proc/[0-9]*/cmdline | wc -l", NULL, 0, "0\n");
    return last;
}

int main(int argc, char **argv)
{
    struct harness harness;
    if (argc != 2)
        return 2;
    uint64_t before = uv_hrtime();
    harness_init(&harness, argv[1], 77); /* a number of an earlier boot must not matter */
    harness.keep_logs = true;
    CHECK(harness_wait(&harness, &harness.ready, 60000) && harness.fresh, "HELLO after %.2f s",
          (double)(uv_hrtime() - before) / 1e9);
    if (failures)
        return 1;
    cJSON *identity = make_identity();
    before = uv_hrtime();
    channel_send_identity(harness.channel, identity, NULL);
    cJSON_Delete(identity);
    while (!harness.started && !harness.failed && uv_hrtime() - before < 20000000000u)
        harness_idle(&harness, 1);
    CHECK(harness.started && !harness.failed, "the service runs %.3f s after its identity (%s)",
          (double)(uv_hrtime() - before) / 1e9, harness.failure ? harness.failure : "no error");
    harness_idle(&harness, 1500);
    CHECK(strstr(strbuf_text(&harness.logs), "1 to stdout\n") &&
              strstr(strbuf_text(&harness.logs), "2 to stderr\n") &&
              strstr(strbuf_text(&harness.logs), "1 I am web, hello\n"),
          "log records of both streams");
    if (failures == 0) {
        check_guest(&harness);
        check_execs(&harness);
        check_restart(&harness, argv[1]);
    }
    channel_send_shutdown(harness.channel, SIGTERM, 5000);
    CHECK(harness_wait(&harness, &harness.exited, 10000) && harness.exit_code == 7,
          "SIGTERM: the service ends with its own exit code");
    CHECK(strstr(strbuf_text(&harness.logs), "1 stopping\n") != NULL,
          "its last words are in the log");
    CHECK(harness_wait(&harness, &harness.closed, 20000), "the guest powers off");
    harness_done(&harness);
    return failures;
}
