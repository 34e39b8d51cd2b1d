/* Streams of http.h: an answer of unknown length. The writer fills a queue; libmicrohttpd's reader
 * empties it and suspends the connection while there is nothing. A suspended connection notices
 * nothing, so a duplicate of its socket is watched for the client's leaving. */
#include "base/alloc.h"
#include "orchestrator/http_internal.h"

#include <fcntl.h>

enum {
    BLOCK_SIZE = 8 << 10
}; /* what libmicrohttpd asks for at a time, allocated for each stream */

/* Watches for the other end's leaving: a duplicate, because libmicrohttpd closes its own when it
 * likes. Freed by its own closing. */
struct peer_watch {
    uv_poll_t poll;
    int fd;
};

struct http_stream {
    struct http_server *server;
    struct MHD_Connection *connection; /* NULL: it is over */
    struct http_queue queue;
    struct peer_watch *watch;
    bool suspended, ended, gone;
    bool draining; /* inside on_drain */
    struct http_stream_callbacks callbacks;
    void *userdata;
};

/* --- the client's leaving -------------------------------------------------------------------- */

static void stream_wake(struct http_stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->connection);
    http_server_kick(stream->server);
}

static void stream_set_gone(struct http_stream *stream)
{
    stream->gone = true;
    http_queue_clear(&stream->queue);
    stream_wake(stream);
}

/* A client that only half-closes still reads: from then on wait for the full hang-up, which
 * epoll reports whatever was asked for (UV_DISCONNECT would report the half-close for ever). */
static void on_peer_event(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct http_stream *stream = poll->data;
    int fd = -1;
    uv_fileno((uv_handle_t *)poll, &fd);
    if (status < 0 || http_socket_hung_up(fd)) {
        uv_poll_stop(poll);
        stream_set_gone(stream);
    } else {
        uv_poll_start(poll, UV_PRIORITIZED, on_peer_event);
    }
}

static struct peer_watch *peer_watch_new(uv_loop_t *loop, int fd, struct http_stream *stream)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return NULL;
    struct peer_watch *watch = new0(struct peer_watch);
    watch->fd = copy;
    watch->poll.data = stream;
    uv_poll_init(loop, &watch->poll, copy);
    uv_poll_start(&watch->poll, UV_DISCONNECT, on_peer_event);
    return watch;
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct peer_watch *watch = (struct peer_watch *)handle;
    close(watch->fd);
    free(watch);
}

static void stream_stop_watch(struct http_stream *stream)
{
    if (stream->watch)
        uv_close((uv_handle_t *)&stream->watch->poll, on_watch_closed);
    stream->watch = NULL;
}

/* --- libmicrohttpd's side -------------------------------------------------------------------- */

static void stream_drain(struct http_stream *stream)
{
    if (stream->ended || !stream->callbacks.on_drain || stream->draining ||
        http_stream_queued(stream) > HTTP_QUEUE_LOW)
        return;
    stream->draining = true;
    stream->callbacks.on_drain(stream->userdata);
    stream->draining = false;
}

static ssize_t read_queue(void *userdata, uint64_t position, char *buffer, size_t room)
{
    (void)position;
    struct http_stream *stream = userdata;
    if (stream->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t length;
    const char *data = http_queue_peek(&stream->queue, &length);
    if (length > 0) {
        size_t taken = length < room ? length : room;
        memcpy(buffer, data, taken);
        http_queue_drop(&stream->queue, taken);
        stream_drain(stream);
        return (ssize_t)taken;
    }
    if (stream->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    stream->suspended = true;
    MHD_suspend_connection(stream->connection);
    return 0;
}

/* --- the writer's side ------------------------------------------------------------------------ */

struct http_stream *http_respond_stream(struct http_request *request, const char *content_type,
                                        const struct http_stream_callbacks *callbacks,
                                        void *userdata)
{
    struct http_stream *stream = new0(struct http_stream);
    stream->server = request->server;
    stream->connection = request->connection;
    stream->callbacks = *callbacks;
    stream->userdata = userdata;
    stream->watch =
        peer_watch_new(http_server_loop(request->server), http_request_socket(request), stream);
    request->stream = stream;
    MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_queue, stream, NULL);
    /* The time limit that was lifted would stay lifted for the connection's next request. */
    MHD_add_response_header(response, "Connection", "close");
    http_request_queue(request, MHD_HTTP_OK, content_type, response);
    return stream;
}

void http_stream_write(struct http_stream *stream, const void *data, size_t length)
{
    if (stream->gone || stream->ended || length == 0)
        return;
    strbuf_add(&stream->queue.bytes, data, length);
    stream_wake(stream);
}

size_t http_stream_queued(const struct http_stream *stream)
{
    size_t length;
    http_queue_peek(&stream->queue, &length);
    return length;
}

void http_stream_end(struct http_stream *stream)
{
    stream->ended = true;
    if (!stream->gone)
        stream_wake(stream);
}

/* --- the end ---------------------------------------------------------------------------------- */

void http_stream_detach(struct http_stream *stream)
{
    stream->connection = NULL;
    stream->suspended = false;
    stream->gone = true;
    http_queue_clear(&stream->queue);
    stream_stop_watch(stream);
}

void http_stream_abort(struct http_stream *stream)
{
    stream_set_gone(stream);
}

void http_stream_free(struct http_stream *stream)
{
    stream->callbacks.on_close(stream->userdata);
    http_queue_clear(&stream->queue);
    free(stream);
}
