/* Streams of http.h: an answer of unknown length. The writer fills a queue; libmicrohttpd's reader
 * empties it and suspends the connection while there is nothing. A suspended connection notices
 * nothing, so a duplicate of its socket is watched for the client's leaving. */
#include "base/alloc.h"
#include "orchestrator/http_internal.h"

enum {
    BLOCK_SIZE = 8 << 10
}; /* what libmicrohttpd asks for at a time, allocated for each stream */

struct http_stream {
    struct http_server *server;
    struct MHD_Connection *connection; /* NULL: it is over */
    struct http_queue queue;
    struct http_peer *peer;
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

static void stream_set_gone(void *userdata)
{
    struct http_stream *stream = userdata;
    stream->gone = true;
    http_queue_clear(&stream->queue);
    stream_wake(stream);
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
    request->stream = stream;
    if (request->gone) {
        stream->gone = request->answered = true;
        return stream;
    }
    stream->peer = http_peer_watch(http_server_loop(request->server), http_request_socket(request),
                                   stream_set_gone, stream);
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

void http_stream_break(struct http_stream *stream)
{
    stream_set_gone(stream);
}

/* --- the end ---------------------------------------------------------------------------------- */

void http_stream_detach(struct http_stream *stream)
{
    stream->connection = NULL;
    stream->suspended = false;
    stream->gone = true;
    http_queue_clear(&stream->queue);
    http_peer_unwatch(TAKE_PTR(stream->peer));
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
