/* What the agent's services make of a virtio-serial port: the same bytes through a bare port of the
 * same guest, and through the channel, one after the other in one run. port_rate.sh has started the
 * guest (QEMU with a second port, bench.bare, and the program `lines` in its root).
 *
 * usage: port_rate AGENT-SOCKET BARE-SOCKET BYTES QEMU-PID [ask]    prints MB/s, one figure a line
 *
 * ask: reads the names of figures from stdin (bare_in, bare_out, bare_lines) and measures each when
 * it is asked for, so that tests/bench/run can do so by turns with what it compares. */
#include "../unit/runtime/agent_harness.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "runtime/log_store.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_MS 120000
#define LINE 100
#define BARE "/dev/vport0p2"

/* CPU time that QEMU and we have taken so far: on a busy machine it says more than the clock. */
static const char *qemu_pid;

static double cpu_seconds(const char *pid)
{
    char path[64];
    unsigned long user = 0, system_ticks = 0;
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                   &system_ticks) != 2)
            user = system_ticks = 0;
        fclose(file);
    }
    return (double)(user + system_ticks) / (double)sysconf(_SC_CLK_TCK);
}

static double qemu_before, own_before;

static void start_clock(void)
{
    qemu_before = cpu_seconds(qemu_pid);
    own_before = cpu_seconds("self");
}

struct bench {
    struct harness harness;
    const char *bare_socket;
    size_t bytes;
};

static void fail(const char *what)
{
    fprintf(stderr, "port_rate: %s\n", what);
    exit(1);
}

static double since(uint64_t start_ns)
{
    return (double)(uv_hrtime() - start_ns) / 1e9;
}

static void print_rate(const char *name, size_t bytes, double seconds)
{
    double mb = (double)bytes / 1e6;
    printf("%s %.1f MB/s; CPU ms/MB: QEMU %.1f, host's end %.1f\n", name, mb / seconds,
           (cpu_seconds(qemu_pid) - qemu_before) * 1000 / mb,
           (cpu_seconds("self") - own_before) * 1000 / mb);
    fflush(stdout);
}

static void start_service(struct harness *harness, const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    cJSON *identity = cJSON_CreateObject();
    json_set_string(identity, "instance", "bench");
    json_set_string(identity, "hostname", "bench");
    json_set(identity, "argv", json_from_strv((char *const *)argv));
    json_set_int(identity, "time_ns", clock_realtime_ns());
    channel_send_identity(harness->channel, identity, NULL);
    cJSON_Delete(identity);
    if (!harness_wait(harness, &harness->started, TIMEOUT_MS))
        fail("the service did not start");
}

static void run_in_guest(struct bench *bench, const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct harness_exec exec = {0};
    harness_exec_start(&bench->harness, &exec, &(struct exec_options){.argv = argv});
    if (!harness_wait(&bench->harness, &exec.done, TIMEOUT_MS) || exec.exit_code)
        fail(strbuf_text(&exec.errors));
    harness_exec_done(&exec);
}

/* --- the bare port -------------------------------------------------------------------------- */

static int connect_bare(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("the bare port's socket cannot be connected to");
    return fd;
}

/* A thread, while the loop runs the exec that is the guest's end. */
struct bare {
    int fd;
    bool out;
    size_t bytes;
    uint64_t first_ns, last_ns;
};

static void carry_bare(void *argument)
{
    struct bare *bare = argument;
    static char data[1 << 18];
    for (size_t done = 0; done < bare->bytes;) {
        size_t left = bare->bytes - done, part = left < sizeof(data) ? left : sizeof(data);
        ssize_t count = bare->out ? read(bare->fd, data, part) : write(bare->fd, data, part);
        if (count <= 0)
            fail("the bare port broke");
        if (!bare->first_ns)
            bare->first_ns = uv_hrtime();
        done += (size_t)count;
    }
    bare->last_ns = uv_hrtime();
}

/* Until the guest's end says that it is through. */
static void measure_bare(struct bench *bench, const char *name, bool out, const char *script)
{
    struct bare bare = {.fd = connect_bare(bench->bare_socket), .out = out, .bytes = bench->bytes};
    uv_thread_t thread;
    start_clock();
    uv_thread_create(&thread, carry_bare, &bare);
    run_in_guest(bench, script);
    uint64_t end = uv_hrtime();
    uv_thread_join(&thread);
    close(bare.fd);
    print_rate(name, bench->bytes, (double)((out ? bare.last_ns : end) - bare.first_ns) / 1e9);
}

/* --- copies --------------------------------------------------------------------------------- */

struct transfer {
    struct copy_in *in;
    struct copy_out *out;
    struct strbuf archive;
    size_t done_bytes;
    bool finished, done;
};

static void on_end(void *userdata, const struct error *err)
{
    struct transfer *transfer = userdata;
    if (err)
        fail(error_text(err));
    transfer->done = true;
}

static void feed(struct transfer *transfer)
{
    size_t window = runtime_copy_in_window(transfer->in);
    size_t left = transfer->archive.length - transfer->done_bytes;
    size_t part = left < window ? left : window;
    runtime_copy_in_write(transfer->in, transfer->archive.data + transfer->done_bytes, part);
    transfer->done_bytes += part;
    if (transfer->done_bytes == transfer->archive.length && !transfer->finished) {
        transfer->finished = true;
        runtime_copy_in_finish(transfer->in);
    }
}

static void on_writable(void *userdata, size_t window)
{
    (void)window;
    feed(userdata);
}

static void on_stat(void *userdata, const struct copy_stat *stat)
{
    (void)userdata, (void)stat;
}

static void on_data(void *userdata, const void *data, size_t length)
{
    struct transfer *transfer = userdata;
    (void)data;
    transfer->done_bytes += length;
    runtime_copy_out_consumed(transfer->out, length);
}

static la_ssize_t on_archive(struct archive *archive, void *userdata, const void *data,
                             size_t length)
{
    (void)archive;
    strbuf_add(userdata, data, length);
    return (la_ssize_t)length;
}

static void make_archive(struct strbuf *out, size_t bytes)
{
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    char *data = xmalloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)(i * 2654435761u >> 13);
    archive_write_set_format_ustar(archive);
    archive_write_open(archive, out, NULL, on_archive, NULL);
    archive_entry_set_pathname(entry, "file");
    archive_entry_set_mode(entry, S_IFREG | 0644);
    archive_entry_set_size(entry, (la_int64_t)bytes);
    archive_write_header(archive, entry);
    archive_write_data(archive, data, bytes);
    archive_entry_free(entry);
    archive_write_close(archive);
    archive_write_free(archive);
    free(data);
}

static void measure_copy_in(struct bench *bench)
{
    static const struct copy_in_callbacks callbacks = {.on_writable = on_writable,
                                                       .on_end = on_end};
    struct transfer transfer = {0};
    make_archive(&transfer.archive, bench->bytes);
    uint64_t start = uv_hrtime();
    start_clock();
    if (channel_copy_in_start(bench->harness.channel, &(struct copy_in_options){.path = "/"},
                              &callbacks, &transfer, &transfer.in, NULL) < 0)
        fail("copy in");
    feed(&transfer);
    if (!harness_wait(&bench->harness, &transfer.done, TIMEOUT_MS))
        fail("the copy into the guest did not end");
    print_rate("copy_in", bench->bytes, since(start));
    strbuf_done(&transfer.archive);
}

static void measure_copy_out(struct bench *bench)
{
    static const struct copy_out_callbacks callbacks = {
        .on_stat = on_stat, .on_data = on_data, .on_end = on_end};
    struct transfer transfer = {0};
    uint64_t start = uv_hrtime();
    start_clock();
    if (channel_copy_out_start(bench->harness.channel, &(struct copy_out_options){.path = "/file"},
                               &callbacks, &transfer, &transfer.out, NULL) < 0)
        fail("copy out");
    if (!harness_wait(&bench->harness, &transfer.done, TIMEOUT_MS))
        fail("the copy out of the guest did not end");
    print_rate("copy_out", bench->bytes, since(start));
}

/* --- logs ----------------------------------------------------------------------------------- */

struct count {
    uint64_t lines, wanted, wrong;
    bool done;
};

static bool on_line(void *userdata, const struct log_record *record)
{
    struct count *count = userdata;
    bool good = record->length == LINE - 1 && strtoull(record->text, NULL, 10) == count->lines + 1;
    count->wrong += !good;
    count->done = ++count->lines == count->wanted;
    return true;
}

static void on_log_end(void *userdata, const struct error *err)
{
    (void)userdata, (void)err;
}

static struct log_store *store;

static void on_log(struct harness *harness, uint64_t sequence, const struct log_record *record)
{
    (void)harness;
    log_store_append(store, sequence, record, 0);
    if (sequence % 300 == 0)
        log_store_flush(store, NULL);
}

/* The service begins when /go is there; from then to the last line at a follower of its log. */
static void measure_logs(struct bench *bench)
{
    struct count count = {.wanted = bench->bytes / LINE};
    struct log_query query = {.tail = -1, .follow = true};
    struct log_limits limits = {.max_bytes = 1u << 30, .max_files = 2, .kept = true};
    struct log_reader *reader;
    store = log_store_new(&bench->harness.loop, "bench.log");
    log_store_set_limits(store, &limits);
    if (log_store_open(store, 1, NULL) < 0 ||
        log_reader_new(store, &query, 0, on_line, on_log_end, &count, &reader, NULL) < 0)
        fail("the log");
    bench->harness.on_log = on_log;
    run_in_guest(bench, "touch /go");
    uint64_t start = uv_hrtime();
    start_clock();
    while (!count.done && since(start) < TIMEOUT_MS / 1000) {
        harness_wait(&bench->harness, &count.done, 100);
        log_store_flush(store, NULL);
    }
    print_rate("logs", count.lines * LINE, since(start));
    printf("logs_wrong %llu\n", (unsigned long long)(count.wrong + (count.wanted - count.lines)));
    log_reader_free(reader);
    log_store_free(store);
    unlink("bench.log");
}

static void answer(struct bench *bench, const char *out, const char *in, const char *talk,
                   size_t lines)
{
    char name[64];
    size_t bytes = bench->bytes;
    while (fgets(name, sizeof(name), stdin)) {
        name[strcspn(name, "\n")] = '\0';
        bench->bytes = strstr(name, "l") ? lines * LINE : bytes;
        if (streq(name, "bare_out"))
            measure_bare(bench, name, true, out);
        else if (streq(name, "bare_in"))
            measure_bare(bench, name, false, in);
        else if (streq(name, "logs"))
            measure_logs(bench);
        else
            measure_bare(bench, name, true, talk);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    if (argc != 5 && argc != 6)
        fail("usage: port_rate AGENT-SOCKET BARE-SOCKET BYTES QEMU-PID");
    bench.bare_socket = argv[2];
    qemu_pid = argv[4];
    bench.bytes = strtoull(argv[3], NULL, 10);
    size_t lines = bench.bytes / LINE, blocks = bench.bytes >> 15;
    bench.bytes = blocks << 15;
    harness_init(&bench.harness, argv[1], 0);
    if (!harness_wait(&bench.harness, &bench.harness.ready, TIMEOUT_MS))
        fail("the guest does not answer");
    _cleanup_free_ char *service =
        xasprintf("until [ -e /go ]; do sleep 0.05; done; lines %zu; sleep 1000", lines);
    _cleanup_free_ char *out = xasprintf("dd if=/file of=" BARE " bs=32k count=%zu", blocks);
    _cleanup_free_ char *in =
        xasprintf("dd if=" BARE " of=/bare bs=32k iflag=fullblock count=%zu", blocks);
    _cleanup_free_ char *talk = xasprintf("lines %zu >" BARE, lines);
    _cleanup_free_ char *make_file = xasprintf("head -c %zu /dev/zero >/file", bench.bytes);
    start_service(&bench.harness, service);
    if (argc == 6) {
        run_in_guest(&bench, make_file); /* for bare_out */
        answer(&bench, out, in, talk, lines);
        harness_done(&bench.harness);
        return 0;
    }
    for (int round = 0; round < 3; round++) {
        measure_copy_in(&bench);
        measure_bare(&bench, "bare_in", false, in);
        measure_copy_out(&bench);
        measure_bare(&bench, "bare_out", true, out);
        run_in_guest(&bench, "rm /file /bare; sync");
    }
    bench.bytes = lines * LINE;
    measure_bare(&bench, "bare_lines", true, talk);
    measure_logs(&bench);
    harness_done(&bench.harness);
    return 0;
}
