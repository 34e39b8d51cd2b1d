/* The host's end of the agent's link: socket, handshake, dispatch; see channel.h. Streams:
 * stream.h. */
#include "runtime/channel.h"

#include "base/alloc.h"
#include "base/log.h"
#include "runtime/channel_identity.h"
#include "runtime/guest/link.h"
#include "runtime/guest/wire.h"
#include "runtime/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* While nobody listens: first often (QEMU is starting), then seldom. */
#define CONNECT_RETRY_MIN_MS 10
#define CONNECT_RETRY_MAX_MS 500
/* A guest that boots takes HELLO out of QEMU's buffer when it opens its port; repeating it covers a
 * HELLO that was lost on the way. */
#define HELLO_REPEAT_MS 5000
/* Records are acknowledged in bunches: each acknowledgement wakes the guest. */
#define LOG_ACK_BYTES (128u << 10)
#define LOG_ACK_DELAY_MS 200
/* A guest that is silent that long after a stream was opened is greeted again: it answers, if it
 * lives. */
#define LIFE_SILENCE_MS 5000
/* Streams wait that long for a handshake (a daemon may just have adopted the VM): under emulation a
 * busy guest takes a while. */
#define LIFE_PATIENCE_MS 20000
/* Bytes taken in one go before others have their turn on the loop. */
#define READ_SIZE (64u << 10)

enum channel_phase {
    CHANNEL_CONNECTING, /* nobody listens (yet); retried by the timer */
    CHANNEL_GREETING,   /* connected, HELLO sent, no WELCOME yet; repeated by the timer */
    CHANNEL_READY,
    CHANNEL_CLOSED,
    CHANNEL_PHASE_COUNT
};

static const char *const phase_names[] = {"connecting", "greeting", "ready", "closed"};
_Static_assert(sizeof(phase_names) / sizeof(*phase_names) == CHANNEL_PHASE_COUNT, "one name each");

struct channel {
    struct channel_callbacks callbacks;
    void *userdata;
    uv_loop_t *loop;
    char *socket_path;
    enum channel_phase phase;
    int fd;
    uv_poll_t *poll;  /* exists while fd does; frees itself when closed */
    uv_timer_t timer; /* of the phase */
    uv_timer_t log_timer;
    uv_timer_t life_timer; /* streams wait for a sign of life */
    unsigned open_handles;
    uint64_t retry_ms;
    bool was_connected, was_ready, freed;
    bool starting_fresh; /* this handshake's WELCOME said so */
    struct link link;
    struct stream_set streams;
    uint64_t log_received; /* sequence of the last record given to on_log */
    uint64_t log_stored;   /* what the owner has acknowledged */
    uint64_t log_stored_sent;
    size_t log_bytes; /* given to on_log since the last acknowledgement sent */
};

static void channel_advance(struct channel *channel);
static void channel_wait(struct channel *channel, uint64_t ms);

static void channel_set_phase(struct channel *channel, enum channel_phase phase)
{
    log_debug("channel '%s': %s -> %s", channel->socket_path, phase_names[channel->phase],
              phase_names[phase]);
    channel->phase = phase;
}

/* --- the socket ----------------------------------------------------------------------------- */

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void channel_disconnect(struct channel *channel)
{
    if (channel->poll) {
        uv_poll_stop(channel->poll);
        uv_close((uv_handle_t *)channel->poll, free_handle);
        channel->poll = NULL;
    }
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
    link_hang_up(&channel->link);
}

/* True where the socket still stands. */
static bool channel_write(struct channel *channel)
{
    const void *data;
    size_t length;
    while ((length = link_output(&channel->link, &data))) {
        ssize_t written = send(channel->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0)
            return errno == EAGAIN || errno == EINTR;
        link_written(&channel->link, (size_t)written);
    }
    return true;
}

/* One read's worth. False: the socket is at its end. */
static bool channel_read(struct channel *channel)
{
    size_t size;
    void *room = link_room(&channel->link, &size);
    ssize_t length = recv(channel->fd, room, size < READ_SIZE ? size : READ_SIZE, MSG_DONTWAIT);
    if (length <= 0)
        return length < 0 && (errno == EAGAIN || errno == EINTR);
    if (channel->phase == CHANNEL_READY)
        uv_timer_stop(&channel->life_timer);
    link_received(&channel->link, (size_t)length);
    return true;
}

static void channel_on_poll(uv_poll_t *poll, int status, int events)
{
    struct channel *channel = poll->data;
    bool alive = status == 0;
    if (alive && (events & UV_READABLE))
        alive = channel_read(channel);
    if (!alive)
        channel_disconnect(channel);
    channel_advance(channel);
}

/* Writes what there is and asks to be called for the rest. */
static void channel_pump(struct channel *channel)
{
    if (channel->fd < 0 || channel->freed)
        return;
    if (!channel_write(channel)) {
        channel_disconnect(channel);
        channel_wait(channel, 0);
        return;
    }
    const void *data;
    bool more = link_output(&channel->link, &data) > 0;
    uv_poll_start(channel->poll, more ? UV_READABLE | UV_WRITABLE : UV_READABLE, channel_on_poll);
}

static void channel_on_queued(void *userdata)
{
    channel_pump(userdata);
}

static int channel_open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int code = errno;
    close(fd);
    return -code;
}

/* --- states --------------------------------------------------------------------------------- */

static void channel_close(struct channel *channel, const char *reason)
{
    _cleanup_error_ struct error err = {0};
    if (channel->phase == CHANNEL_CLOSED)
        return;
    error_set(&err, ECONNRESET, "the connection to the agent at '%s' ended: %s",
              channel->socket_path, reason);
    channel_set_phase(channel, CHANNEL_CLOSED);
    channel_disconnect(channel);
    link_stop(&channel->link);
    uv_timer_stop(&channel->timer);
    uv_timer_stop(&channel->log_timer);
    uv_timer_stop(&channel->life_timer);
    stream_fail_all(&channel->streams, &err);
    if (!channel->freed && channel->callbacks.on_closed)
        channel->callbacks.on_closed(channel->userdata, &err);
}

static void channel_on_timer(uv_timer_t *timer)
{
    struct channel *channel = timer->data;
    if (channel->phase == CHANNEL_GREETING && channel->fd >= 0)
        link_open(&channel->link, false);
    channel_advance(channel);
}

static void channel_wait(struct channel *channel, uint64_t ms)
{
    uv_timer_start(&channel->timer, channel_on_timer, ms, 0);
}

static void channel_connect(struct channel *channel)
{
    int fd = channel_open_socket(channel->socket_path);
    bool refused = fd == -ECONNREFUSED || fd == -ENOENT;
    if (fd < 0 && refused && channel->was_connected)
        return channel_close(channel, "the virtual machine is gone");
    if (fd < 0) {
        channel_wait(channel, channel->retry_ms);
        if (channel->retry_ms < CONNECT_RETRY_MAX_MS)
            channel->retry_ms *= 2;
        return;
    }
    channel->was_connected = true;
    channel->retry_ms = CONNECT_RETRY_MIN_MS;
    channel->fd = fd;
    channel->poll = new0(uv_poll_t);
    channel->poll->data = channel;
    uv_poll_init(channel->loop, channel->poll, fd);
    link_open(&channel->link, true);
    channel_set_phase(channel, CHANNEL_GREETING);
    channel_wait(channel, HELLO_REPEAT_MS);
}

static void channel_advance(struct channel *channel)
{
    if (channel->freed)
        return;
    switch (channel->phase) {
    case CHANNEL_CONNECTING:
        channel_connect(channel);
        break;
    case CHANNEL_GREETING:
    case CHANNEL_READY:
        if (channel->fd < 0) {
            channel_set_phase(channel, CHANNEL_CONNECTING);
            channel_wait(channel, CONNECT_RETRY_MIN_MS);
        } else if (channel->phase == CHANNEL_READY && !channel->link.up) {
            channel_set_phase(channel, CHANNEL_GREETING); /* a damaged frame: greeted again */
            channel_wait(channel, HELLO_REPEAT_MS);
        } else if (channel->phase == CHANNEL_GREETING &&
                   !uv_is_active((uv_handle_t *)&channel->timer)) {
            channel_wait(channel, HELLO_REPEAT_MS);
        }
        break;
    case CHANNEL_CLOSED:
    case CHANNEL_PHASE_COUNT:
        return;
    }
    channel_pump(channel);
}

/* --- log records ---------------------------------------------------------------------------- */

static void channel_send_log_ack(struct channel *channel)
{
    uint8_t bytes[8];
    uv_timer_stop(&channel->log_timer);
    if (channel->log_stored == channel->log_stored_sent || channel->link.stopped)
        return;
    wire_store_u64(bytes, channel->log_stored);
    link_send(&channel->link, MESSAGE_LOG_ACK, 0, bytes, sizeof(bytes));
    channel->log_stored_sent = channel->log_stored;
    channel->log_bytes = 0;
    channel_pump(channel);
}

static void channel_on_log_timer(uv_timer_t *timer)
{
    channel_send_log_ack(timer->data);
}

void channel_ack_log(struct channel *channel, uint64_t sequence)
{
    if (sequence <= channel->log_stored || sequence > channel->log_received)
        return;
    channel->log_stored = sequence;
    if (channel->log_bytes >= LOG_ACK_BYTES)
        channel_send_log_ack(channel);
    else if (!uv_is_active((uv_handle_t *)&channel->log_timer))
        uv_timer_start(&channel->log_timer, channel_on_log_timer, LOG_ACK_DELAY_MS, 0);
}

/* Hands over one line of a record that begins with the line `first`; those on their way twice when
 * we came are known already. */
static void channel_take_line(struct channel *channel, uint64_t sequence,
                              const struct log_record *line)
{
    if (sequence <= channel->log_received)
        return;
    uint64_t dropped = sequence - channel->log_received - 1;
    channel->log_received = sequence;
    if (channel->callbacks.on_log)
        channel->callbacks.on_log(channel->userdata, sequence, line, dropped);
}

/* A record's lines, numbered on from its sequence. Only the last may go on in another record. */
static void channel_split_record(struct channel *channel, uint64_t sequence,
                                 const struct log_record *record)
{
    const char *text = record->text, *end = text + record->length, *newline;
    struct log_record line = *record;
    line.partial = false;
    while (record->length && (newline = memchr(text, '\n', (size_t)(end - text)))) {
        line.text = text;
        line.length = (size_t)(newline - text);
        channel_take_line(channel, sequence++, &line);
        text = newline + 1;
    }
    line.text = text;
    line.length = (size_t)(end - text);
    line.partial = record->partial;
    channel_take_line(channel, sequence, &line);
}

/* False: the message is no row of records. */
static bool channel_take_record(struct channel *channel, struct wire_reader *reader)
{
    uint64_t sequence = wire_get_u64(reader);
    struct log_record record = {.time_ns = (int64_t)wire_get_u64(reader),
                                .length = wire_get_u32(reader)};
    uint8_t stream = wire_get_u8(reader);
    record.stream = stream == 2 ? EXEC_STDERR : EXEC_STDOUT;
    record.partial = wire_get_u8(reader) != 0;
    record.text = (const char *)wire_get_bytes(reader, record.length);
    if (reader->bad || record.length > LOG_TEXT_MAX || (stream != 1 && stream != 2) ||
        sequence > INT64_MAX)
        return false;
    channel->log_bytes += LOG_RECORD_HEADER_SIZE + record.length;
    channel_split_record(channel, sequence, &record);
    return true;
}

static void channel_take_log(struct channel *channel, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length);
    bool good = true;
    while (good && reader.left && !channel->link.stopped)
        good = channel_take_record(channel, &reader);
    if (channel->callbacks.on_logs_end && !channel->link.stopped)
        channel->callbacks.on_logs_end(channel->userdata, channel->log_received);
    if (!good)
        channel_close(channel, "the guest sent a broken log record");
}

/* --- messages ------------------------------------------------------------------------------- */

/* The owner has been told (and has stored it): the guest may power off. */
static void channel_send_report_ack(struct channel *channel)
{
    if (channel->link.stopped)
        return;
    channel_send_log_ack(channel);
    link_send(&channel->link, MESSAGE_REPORT_ACK, 0, NULL, 0);
}

static void channel_take_failure(struct channel *channel, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length);
    int exit_code = (int)(wire_get_u32(&reader) & 0xff);
    _cleanup_free_ char *text = wire_get_text(&reader);
    if (channel->callbacks.on_service_failed)
        channel->callbacks.on_service_failed(channel->userdata, exit_code,
                                             text ? text : "the agent gave no reason");
    channel_send_report_ack(channel);
}

static void channel_take_exit(struct channel *channel, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length);
    int exit_code = (int)(wire_get_u32(&reader) & 0xff);
    uint32_t flags = reader.left ? wire_get_u32(&reader) : 0;
    if (channel->callbacks.on_service_exited)
        channel->callbacks.on_service_exited(channel->userdata, exit_code, flags & EXITED_OOM);
    channel_send_report_ack(channel);
}

static void channel_on_message(void *userdata, const struct message *message)
{
    struct channel *channel = userdata;
    struct stream *stream = stream_find(&channel->streams, message->stream);
    if (message->type == MESSAGE_LOG)
        channel_take_log(channel, message);
    else if (message->type == MESSAGE_STARTED && channel->callbacks.on_service_started)
        channel->callbacks.on_service_started(channel->userdata);
    else if (message->type == MESSAGE_FAILED)
        channel_take_failure(channel, message);
    else if (message->type == MESSAGE_EXITED)
        channel_take_exit(channel, message);
    else if (stream)
        stream->type->take(stream, message);
}

static void channel_on_up(void *userdata, const struct link_hello *hello, bool new_session)
{
    struct channel *channel = userdata;
    (void)new_session;
    channel_set_phase(channel, CHANNEL_READY);
    uv_timer_stop(&channel->timer);
    uv_timer_stop(&channel->life_timer);
    bool fresh = hello->flags & WELCOME_FRESH;
    if (channel->was_ready)
        return; /* the same session goes on */
    channel->was_ready = true;
    if (fresh) /* what is stored is of an earlier boot: this one counts from 1 */
        channel->log_received = channel->log_stored = channel->log_stored_sent = 0;
    if (channel->callbacks.on_ready)
        channel->callbacks.on_ready(channel->userdata, fresh);
}

static void channel_on_broken(void *userdata, const char *reason)
{
    channel_close(userdata, reason);
}

static const struct link_callbacks link_callbacks = {
    .on_message = channel_on_message,
    .on_up = channel_on_up,
    .on_broken = channel_on_broken,
};

/* --- from our side -------------------------------------------------------------------------- */

static void channel_send(struct channel *channel, enum message_type type,
                         const struct strbuf *payload)
{
    link_send(&channel->link, type, 0, payload->data, payload->length);
    channel_pump(channel);
}

void channel_send_identity(struct channel *channel, const cJSON *identity,
                           const struct vm_files *files)
{
    _cleanup_strbuf_ struct strbuf payload = {0};
    channel_identity_encode(identity, files, &payload);
    channel_send(channel, MESSAGE_IDENTITY, &payload);
}

void channel_send_shutdown(struct channel *channel, int signal_number, uint64_t timeout_ms)
{
    _cleanup_strbuf_ struct strbuf payload = {0};
    wire_put_u32(&payload, (uint32_t)signal_number);
    wire_put_u64(&payload, timeout_ms);
    channel_send(channel, MESSAGE_SHUTDOWN, &payload);
}

void channel_send_service_signal(struct channel *channel, int signal_number)
{
    _cleanup_strbuf_ struct strbuf payload = {0};
    wire_put_u32(&payload, (uint32_t)signal_number);
    channel_send(channel, MESSAGE_SERVICE_SIGNAL, &payload);
}

static void channel_on_life_timer(uv_timer_t *timer);

static void channel_greet_again(struct channel *channel)
{
    link_open(&channel->link, true);
    channel_set_phase(channel, CHANNEL_GREETING);
    channel_wait(channel, HELLO_REPEAT_MS);
    uv_timer_start(&channel->life_timer, channel_on_life_timer, LIFE_PATIENCE_MS, 0);
    channel_pump(channel);
}

static void channel_on_life_timer(uv_timer_t *timer)
{
    struct channel *channel = timer->data;
    _cleanup_error_ struct error err = {0};
    if (!channel->streams.first)
        return;
    if (channel->phase == CHANNEL_READY)
        return channel_greet_again(channel);
    error_set(&err, ETIMEDOUT, "the guest's agent does not answer");
    stream_fail_all(&channel->streams, &err);
}

static void channel_await_life(struct channel *channel)
{
    bool ready = channel->phase == CHANNEL_READY;
    if (!uv_is_active((uv_handle_t *)&channel->life_timer))
        uv_timer_start(&channel->life_timer, channel_on_life_timer,
                       ready ? LIFE_SILENCE_MS : LIFE_PATIENCE_MS, 0);
}

int channel_open_stream(struct channel *channel, struct stream *stream,
                        const struct stream_type *type, enum message_type message,
                        const struct strbuf *request, struct error *err)
{
    if (channel->phase == CHANNEL_CLOSED)
        return error_set(err, ENOTCONN, "there is no connection to the guest's agent");
    channel_await_life(channel);
    stream_open(stream, &channel->streams, type);
    stream_send(stream, message, request->data, request->length);
    return 0;
}

uv_loop_t *channel_loop(const struct channel *channel)
{
    return channel->loop;
}

/* --- life ----------------------------------------------------------------------------------- */

int channel_new(uv_loop_t *loop, const struct channel_options *options,
                const struct channel_callbacks *callbacks, void *userdata,
                struct channel **ret_channel, struct error *err)
{
    if (strlen(options->socket_path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return error_set(err, ENAMETOOLONG,
                         "the agent's socket '%s' has a path over 107 bytes; choose a shorter root",
                         options->socket_path);
    struct channel *channel = new0(struct channel);
    channel->callbacks = *callbacks;
    channel->userdata = userdata;
    channel->loop = loop;
    channel->socket_path = xstrdup(options->socket_path);
    channel->fd = -1;
    channel->retry_ms = CONNECT_RETRY_MIN_MS;
    channel->log_received = channel->log_stored = channel->log_stored_sent =
        options->last_log_sequence;
    channel->streams = (struct stream_set){
        .link = &channel->link, .on_queued = channel_on_queued, .userdata = channel};
    link_init(&channel->link, LINK_HOST, &link_callbacks, channel);
    channel->link.log_stored = options->last_log_sequence;
    uv_timer_init(loop, &channel->timer);
    uv_timer_init(loop, &channel->log_timer);
    uv_timer_init(loop, &channel->life_timer);
    channel->timer.data = channel->log_timer.data = channel->life_timer.data = channel;
    channel->open_handles = 3;
    channel_wait(channel, 0);
    *ret_channel = channel;
    return 0;
}

static void channel_on_handle_closed(uv_handle_t *handle)
{
    struct channel *channel = handle->data;
    if (--channel->open_handles)
        return;
    link_done(&channel->link);
    free(channel->socket_path);
    free(channel);
}

/* May be called from within any of our callbacks: memory goes in the loop's next round. */
void channel_free(struct channel *channel)
{
    if (!channel || channel->freed)
        return;
    channel->freed = true;
    channel_close(channel, "the daemon has let go of the virtual machine");
    uv_close((uv_handle_t *)&channel->timer, channel_on_handle_closed);
    uv_close((uv_handle_t *)&channel->log_timer, channel_on_handle_closed);
    uv_close((uv_handle_t *)&channel->life_timer, channel_on_handle_closed);
}
