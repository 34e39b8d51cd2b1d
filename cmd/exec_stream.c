/* stdin -> frames -> socket -> frames -> stdout, stderr; see exec_stream.h. */
#include "cmd/exec_stream.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/str.h"
#include "cmd/output.h"
#include "cmd/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 32768
#define HIGH_WATER 262144 /* bytes that wait for one side before the other is left alone */
/* What poll(2) promises room for on a pipe: a write of that size does not block (pipe(7),
 * PIPE_BUF). */
#define PIPE_CHUNK 4096

enum { POLL_SOCKET, POLL_STDIN, POLL_STDOUT, POLL_STDERR, POLL_SIGNALS, POLL_COUNT };

struct exec_stream {
    const struct exec_stream_options *options;
    struct strbuf incoming;  /* a frame that is not complete */
    struct strbuf to_socket; /* frames on their way */
    struct strbuf to_output[2];
    bool output_is_file[2];
    bool stdin_open, socket_closed, ended;
    size_t keys_matched; /* of detach_keys */
    int status;
    struct error failure;
};

static void send_control(struct exec_stream *stream, cJSON *control)
{
    _cleanup_free_ char *text = json_print(control);
    stream_add_frame(&stream->to_socket, STREAM_CONTROL, text, strlen(text));
    cJSON_Delete(control);
}

static void send_size(struct exec_stream *stream)
{
    struct output_size size = output_get_size(STDOUT_FILENO);
    cJSON *control = cJSON_CreateObject();
    cJSON *resize = cJSON_AddArrayToObject(control, "resize");
    cJSON_AddItemToArray(resize, cJSON_CreateNumber(size.rows));
    cJSON_AddItemToArray(resize, cJSON_CreateNumber(size.columns));
    send_control(stream, control);
}

static void send_signal(struct exec_stream *stream, int signal_number)
{
    cJSON *control = cJSON_CreateObject();
    json_set_string(control, "signal", sigabbrev_np(signal_number));
    send_control(stream, control);
}

static void take_end(struct exec_stream *stream, const char *payload, size_t length)
{
    _cleanup_json_ cJSON *end = NULL;
    stream->ended = true;
    if (json_parse(payload, length, &end, &stream->failure) < 0)
        return;
    const char *message = json_string(end, "error", NULL);
    int64_t code = json_int(end, "code", EIO);
    if (message)
        error_set(&stream->failure, code > 0 && code < 4096 ? (int)code : EIO, "%s", message);
    stream->status = (int)json_int(end, "ExitCode", 1);
}

static void on_frame(void *userdata, unsigned type, const char *payload, size_t length)
{
    struct exec_stream *stream = userdata;
    if (type == STREAM_END) {
        take_end(stream, payload, length);
        return;
    }
    if (type != STREAM_STDOUT && type != STREAM_STDERR)
        return;
    strbuf_add(&stream->to_output[type - STREAM_STDOUT], payload, length);
}

static bool is_attach(const struct exec_stream *stream)
{
    return stream->options->on_signal != NULL;
}

static int feed(struct exec_stream *stream, const char *data, size_t length, struct error *err)
{
    if (is_attach(stream) && stream->options->tty) {
        strbuf_add(&stream->to_output[0], data, length);
        return 0;
    }
    return stream_feed_frames(&stream->incoming, data, length, on_frame, stream, err);
}

static int read_socket(struct exec_stream *stream, struct error *err)
{
    char data[READ_SIZE];
    ssize_t count = recv(stream->options->socket_fd, data, sizeof(data), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (count <= 0) {
        stream->socket_closed = true;
        return 0;
    }
    return feed(stream, data, (size_t)count, err);
}

static void write_socket(struct exec_stream *stream)
{
    ssize_t count = send(stream->options->socket_fd, stream->to_socket.data,
                         stream->to_socket.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0)
        strbuf_drop_front(&stream->to_socket, (size_t)count);
    else if (count < 0 && errno != EAGAIN && errno != EINTR)
        strbuf_clear(&stream->to_socket); /* the end, if there is one, comes by reading */
    if (is_attach(stream) && !stream->stdin_open && !stream->to_socket.length)
        shutdown(stream->options->socket_fd, SHUT_WR);
}

/* An attach sends what it reads; the end of the input is the end of our side. */
static void send_bare(struct exec_stream *stream, const char *data, size_t length)
{
    strbuf_add(&stream->to_socket, data, length);
    if (!length && !stream->to_socket.length)
        shutdown(stream->options->socket_fd, SHUT_WR);
}

/* Keys come one or several at a time; what looked like the start of the sequence has been sent. */
static bool matches_detach_keys(struct exec_stream *stream, const char *data, size_t length)
{
    const char *keys = stream->options->detach_keys;
    for (size_t i = 0; keys && *keys && i < length; i++) {
        if (data[i] != keys[stream->keys_matched])
            stream->keys_matched = 0;
        if (data[i] == keys[stream->keys_matched])
            stream->keys_matched++;
        if (!keys[stream->keys_matched]) {
            stream->ended = true;
            stream->status = EXEC_STREAM_DETACHED;
            return true;
        }
    }
    return false;
}

static void read_stdin(struct exec_stream *stream)
{
    char data[READ_SIZE];
    ssize_t count = read(STDIN_FILENO, data, sizeof(data));
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) { /* an empty frame is end-of-file */
        stream->stdin_open = false;
        count = 0;
    }
    if (!is_attach(stream))
        stream_add_frame(&stream->to_socket, STREAM_STDIN, data, (size_t)count);
    else if (!matches_detach_keys(stream, data, (size_t)count))
        send_bare(stream, data, (size_t)count);
}

/* `vmstead exec web yes | head -1`: who writes into a closed pipe ends, as if by SIGPIPE; leaving
 * is SIGHUP for the process in the guest. */
static void lose_output(struct exec_stream *stream, int code)
{
    strbuf_clear(&stream->to_output[0]);
    strbuf_clear(&stream->to_output[1]);
    stream->ended = true;
    stream->status = OUTPUT_CLOSED_STATUS;
    output_fail(code, &stream->failure);
}

static void write_output(struct exec_stream *stream, size_t output)
{
    struct strbuf *text = &stream->to_output[output];
    size_t length = text->length;
    if (!stream->output_is_file[output] && length > PIPE_CHUNK)
        length = PIPE_CHUNK;
    ssize_t count = write(output == 0 ? STDOUT_FILENO : STDERR_FILENO, text->data, length);
    if (count >= 0) {
        strbuf_drop_front(text, (size_t)count);
    } else if (errno != EAGAIN && errno != EINTR) {
        lose_output(stream, errno);
    }
}

static void read_signals(struct exec_stream *stream)
{
    struct signalfd_siginfo info;
    if (read(stream->options->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (is_attach(stream)) {
        stream->options->on_signal(stream->options->userdata, (int)info.ssi_signo);
    } else if (info.ssi_signo == SIGWINCH) {
        if (stream->options->tty)
            send_size(stream);
    } else {
        send_signal(stream, (int)info.ssi_signo);
    }
}

static bool output_waits(const struct exec_stream *stream)
{
    return stream->to_output[0].length || stream->to_output[1].length;
}

static void fill_polls(const struct exec_stream *stream, struct pollfd *polls)
{
    size_t waiting = stream->to_output[0].length + stream->to_output[1].length;
    short socket_events = 0;
    if (!stream->socket_closed && !stream->ended && waiting < HIGH_WATER)
        socket_events |= POLLIN;
    if (!stream->socket_closed && stream->to_socket.length)
        socket_events |= POLLOUT;
    bool wants_stdin = stream->stdin_open && stream->to_socket.length < HIGH_WATER;
    polls[POLL_SOCKET] =
        (struct pollfd){socket_events ? stream->options->socket_fd : -1, socket_events, 0};
    polls[POLL_STDIN] = (struct pollfd){wants_stdin ? STDIN_FILENO : -1, POLLIN, 0};
    polls[POLL_STDOUT] =
        (struct pollfd){stream->to_output[0].length ? STDOUT_FILENO : -1, POLLOUT, 0};
    polls[POLL_STDERR] =
        (struct pollfd){stream->to_output[1].length ? STDERR_FILENO : -1, POLLOUT, 0};
    polls[POLL_SIGNALS] = (struct pollfd){stream->options->signal_fd, POLLIN, 0};
}

static int turn(struct exec_stream *stream, struct error *err)
{
    struct pollfd polls[POLL_COUNT];
    fill_polls(stream, polls);
    if (poll(polls, POLL_COUNT, -1) < 0)
        return errno == EINTR ? 0 : error_set(err, errno, "cannot wait: %s", strerror(errno));
    if (polls[POLL_SIGNALS].revents)
        read_signals(stream);
    if (polls[POLL_STDIN].revents)
        read_stdin(stream);
    if (polls[POLL_SOCKET].revents & POLLOUT)
        write_socket(stream);
    if (polls[POLL_STDOUT].revents)
        write_output(stream, 0);
    if (polls[POLL_STDERR].revents)
        write_output(stream, 1);
    if (polls[POLL_SOCKET].revents & ~POLLOUT)
        return read_socket(stream, err);
    return 0;
}

static bool is_file(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

static int run(struct exec_stream *stream, struct error *err)
{
    const struct exec_stream_options *options = stream->options;
    int r = feed(stream, options->early, options->early_length, err);
    while (r == 0 && (!(stream->ended || stream->socket_closed) || output_waits(stream)))
        r = turn(stream, err);
    if (r < 0)
        return r;
    if (stream->failure.code)
        return error_move(err, &stream->failure);
    if (!stream->ended && !is_attach(stream))
        return error_set(err, ECONNRESET,
                         "the daemon went away; the command in the virtual machine "
                         "was sent SIGHUP");
    return 0;
}

int exec_stream_run(const struct exec_stream_options *options, int *ret_status, struct error *err)
{
    struct exec_stream stream = {.options = options, .stdin_open = options->attach_stdin};
    stream.output_is_file[0] = is_file(STDOUT_FILENO);
    stream.output_is_file[1] = is_file(STDERR_FILENO);
    int r = run(&stream, err);
    *ret_status = stream.status;
    strbuf_done(&stream.incoming);
    strbuf_done(&stream.to_socket);
    strbuf_done(&stream.to_output[0]);
    strbuf_done(&stream.to_output[1]);
    error_done(&stream.failure);
    return r;
}
