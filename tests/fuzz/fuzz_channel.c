/* What a hostile guest may send to the daemon: the real channel on a socket of its own, a handshake
 * done properly, and then the input. Its first byte says how: even, as raw bytes (damaged frames,
 * hunting, new handshakes); odd, as a row of {type, flags, stream, u16 length, payload} that become
 * frames in order with right CRCs, so that the fuzzer gets past those to what the messages say. */
#include "fuzz.h"

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/channel.h"
#include "runtime/guest/frame.h"
#include "runtime/guest/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* 33 bytes that libarchive 3.6.2 forgets where its output is cut short (runtime/copy_out.c). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libarchive";
}

/* Streams are numbered as they are opened. */
#define STREAMS 5

struct guest {
    struct channel *channel;
    struct exec *exec;         /* 1 */
    struct probe *probe;       /* 2 */
    struct top *top;           /* 3 */
    struct copy_out *copy_out; /* 4 */
    struct copy_in *copy_in;   /* 5 */
    uint64_t sequence;
};

static void on_log(void *userdata, uint64_t sequence, const struct log_record *record,
                   uint64_t dropped)
{
    struct guest *guest = userdata;
    uint64_t sum = dropped;
    for (size_t i = 0; i < record->length; i++)
        sum += (uint8_t)record->text[i];
    channel_ack_log(guest->channel, sequence + (sum == 1));
}

static void on_output(void *userdata, enum exec_stream stream, const void *data, size_t length)
{
    struct guest *guest = userdata;
    (void)data;
    runtime_exec_consumed(guest->exec, stream == EXEC_STDOUT ? length : length / 2);
}

static void on_exit_(void *userdata, int exit_code, const struct error *err)
{
    struct guest *guest = userdata;
    if (exit_code < 0 && !err)
        abort();
    guest->exec = NULL;
}

static void on_probed(void *userdata, const struct probe_result *result, const struct error *err)
{
    struct guest *guest = userdata;
    if (!result == !err || (result && result->length > PROBE_OUTPUT_MAX))
        abort();
    guest->probe = NULL;
}

static void on_processes(void *userdata, const struct top_process *processes, size_t count,
                         const struct error *err)
{
    struct guest *guest = userdata;
    for (size_t i = 0; i < count; i++)
        if (err || !processes[i].user || !processes[i].tty || !processes[i].command)
            abort();
    guest->top = NULL;
}

static void on_stat(void *userdata, const struct copy_stat *stat)
{
    (void)userdata;
    if (!streq(stat->name, "file"))
        abort(); /* the name is ours, not the guest's */
}

static void on_data(void *userdata, const void *data, size_t length)
{
    struct guest *guest = userdata;
    (void)data;
    runtime_copy_out_consumed(guest->copy_out, length);
}

static void on_out_end(void *userdata, const struct error *err)
{
    (void)err;
    ((struct guest *)userdata)->copy_out = NULL;
}

static void on_in_end(void *userdata, const struct error *err)
{
    (void)err;
    ((struct guest *)userdata)->copy_in = NULL;
}

static void open_streams(struct guest *guest)
{
    static const struct exec_callbacks exec = {.on_output = on_output, .on_exit = on_exit_};
    static const struct copy_out_callbacks out = {
        .on_stat = on_stat, .on_data = on_data, .on_end = on_out_end};
    static const struct copy_in_callbacks in = {.on_end = on_in_end};
    struct channel *channel = guest->channel;
    const char *argv[] = {"true", NULL};
    if (channel_exec_start(channel, &(struct exec_options){.argv = argv}, &exec, guest,
                           &guest->exec, NULL) < 0 ||
        channel_probe_start(channel, &(struct probe_options){.tcp_port = 1, .timeout_ms = 1000},
                            on_probed, guest, &guest->probe, NULL) < 0 ||
        channel_top_start(channel, on_processes, guest, &guest->top, NULL) < 0 ||
        channel_copy_out_start(channel, &(struct copy_out_options){.path = "/some/file"}, &out,
                               guest, &guest->copy_out, NULL) < 0 ||
        channel_copy_in_start(channel, &(struct copy_in_options){.path = "/"}, &in, guest,
                              &guest->copy_in, NULL) < 0)
        abort(); /* the handshake was a good one */
}

static void on_failed(void *userdata, int exit_code, const char *message)
{
    (void)userdata;
    if (exit_code < 0 || !message)
        abort();
}

static void send_all(int fd, const void *data, size_t length)
{
    if (send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
}

static void send_frame(int fd, struct frame_header header, const uint8_t *payload)
{
    uint8_t bytes[FRAME_HEADER_SIZE];
    header.payload_crc = frame_crc(payload, header.length);
    frame_encode_header(&header, bytes);
    send_all(fd, bytes, sizeof(bytes));
    send_all(fd, payload, header.length);
}

/* HELLO back as WELCOME; what follows it in the socket (zeros) stays there. */
static void welcome(int fd)
{
    uint8_t bytes[FRAME_HEADER_SIZE + LINK_HELLO_SIZE];
    if (recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != (ssize_t)sizeof(bytes))
        return;
    uint8_t *hello = bytes + FRAME_HEADER_SIZE;
    wire_store_u32(hello + 4, WELCOME_FRESH | WELCOME_NEW_SESSION);
    wire_store_u64(hello + 24, 0);
    send_frame(fd, (struct frame_header){.type = MESSAGE_WELCOME, .length = LINK_HELLO_SIZE},
               hello);
}

static void send_frames(struct guest *guest, int fd, const uint8_t *data, size_t size)
{
    struct wire_reader reader = wire_read(data, size);
    while (reader.left) {
        struct frame_header header = {.type = wire_get_u8(&reader),
                                      .flags = wire_get_u8(&reader),
                                      .stream = wire_get_u8(&reader) % (STREAMS + 1),
                                      .length = wire_get_u16(&reader) & 0x7fff,
                                      .sequence = ++guest->sequence};
        if (header.length > reader.left)
            header.length = (uint32_t)reader.left;
        send_frame(fd, header, wire_get_bytes(&reader, header.length));
    }
}

static void run(uv_loop_t *loop)
{
    for (int i = 0; i < 20; i++)
        uv_run(loop, UV_RUN_NOWAIT);
}

static int listen_at(struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address->sun_path, sizeof(address->sun_path), "fuzz-%d.sock", (int)getpid());
    unlink(address->sun_path);
    if (bind(fd, (struct sockaddr *)address, sizeof(*address)) < 0 || listen(fd, 4) < 0)
        abort();
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct channel_callbacks callbacks = {.on_log = on_log,
                                                       .on_service_failed = on_failed};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct guest guest = {0};
    uv_loop_t loop;
    if (!size)
        return 0;
    int listener = listen_at(&address);
    uv_loop_init(&loop);
    channel_new(&loop, &(struct channel_options){.socket_path = address.sun_path}, &callbacks,
                &guest, &guest.channel, NULL);
    run(&loop);
    int fd = accept(listener, NULL, NULL);
    welcome(fd);
    run(&loop);
    open_streams(&guest);
    if (data[0] % 2)
        send_frames(&guest, fd, data + 1, size - 1);
    else
        send_all(fd, data + 1, size - 1);
    run(&loop);
    channel_free(guest.channel);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop) < 0 || guest.exec || guest.probe || guest.top || guest.copy_out ||
        guest.copy_in)
        abort(); /* everybody hears of the end */
    close(fd);
    close(listener);
    unlink(address.sun_path);
    return 0;
}
