/* See http.h. Data flow: socket -> libmicrohttpd's epoll descriptor -> uv_poll -> MHD_run() ->
 * on_access() -> the API's handler -> a queued response. */
#include "orchestrator/http.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/paths.h"
#include "orchestrator/http_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;   /* libmicrohttpd's epoll descriptor */
    uv_timer_t timer; /* its next timeout, while it has one */
    struct http_request *requests;
    struct http_request *finished; /* completed inside MHD_run(), to be taken down after it */
    bool connection_ended;
    bool kicked;
};

/* --- lists of requests ----------------------------------------------------------------------- */

static void list_push(struct http_request **head, struct http_request *request)
{
    request->previous = NULL;
    request->next = *head;
    if (*head)
        (*head)->previous = request;
    *head = request;
}

static void list_remove(struct http_request **head, struct http_request *request)
{
    if (request->previous)
        request->previous->next = request->next;
    else
        *head = request->next;
    if (request->next)
        request->next->previous = request->previous;
}

/* --- a request's life ------------------------------------------------------------------------ */

static struct http_request *request_new(struct http_server *server,
                                        struct MHD_Connection *connection, const char *method,
                                        const char *path)
{
    struct http_request *request = new0(struct http_request);
    request->server = server;
    request->connection = connection;
    request->method = xstrdup(method);
    request->path = xstrdup(path);
    request->result = MHD_NO;
    list_push(&server->requests, request);
    return request;
}

static void request_free(struct http_request *request)
{
    if (request->stream)
        http_stream_free(request->stream);
    if (request->tunnel)
        http_tunnel_free(request->tunnel);
    if (request->on_leave && !request->answered)
        request->on_leave(request->on_leave_userdata);
    if (request->body_callbacks)
        request->body_callbacks->on_close(request->body_userdata);
    if (request->on_sent)
        request->on_sent(request->on_sent_userdata);
    if (request->pending)
        MHD_destroy_response(request->pending);
    strbuf_done(&request->body);
    strv_free(request->headers);
    free(request->method);
    free(request->path);
    free(request);
}

/* Its supplementary groups when it connected. */
static bool peer_has_group(int fd, gid_t wanted)
{
    gid_t few[64];
    socklen_t size = sizeof(few);
    _cleanup_free_ gid_t *many = NULL;
    gid_t *groups = few;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, few, &size) < 0) {
        if (errno != ERANGE)
            return false;
        groups = many = xmalloc(size);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, many, &size) < 0)
            return false;
    }
    for (size_t i = 0; i < size / sizeof(*groups); i++)
        if (groups[i] == wanted)
            return true;
    return false;
}

static bool peer_is_allowed(const struct http_request *request)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(http_request_socket(request), SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    const struct http_server_options *options = &request->server->options;
    return peer.uid == 0 || peer.uid == options->allowed_uid ||
           (options->allowed_gid != 0 &&
            (peer.gid == options->allowed_gid ||
             peer_has_group(http_request_socket(request), options->allowed_gid)));
}

static bool announces_too_much(const struct http_request *request)
{
    const char *text = http_request_header(request, "Content-Length");
    uint64_t length = 0;
    return text && (str_to_u64(text, &length) < 0 || length > HTTP_BODY_LIMIT);
}

static void refuse_large(struct http_request *request)
{
    http_respond_error(request, MHD_HTTP_CONTENT_TOO_LARGE, EFBIG,
                       "the request's body is larger than %d MiB", HTTP_BODY_LIMIT >> 20);
}

/* The headers are here, the body is not: refuse now what needs no reading, and ask whether somebody
 * takes the body as it comes. */
static enum MHD_Result request_begin(struct http_request *request)
{
    if (!peer_is_allowed(request)) {
        http_respond_error(request, MHD_HTTP_FORBIDDEN, EPERM,
                           "permission denied: only root, the user of the daemon and members of "
                           "the group '" PATHS_GROUP "' may use it");
        return request->result;
    }
    if (request->server->options.on_headers)
        request->server->options.on_headers(request->server->options.userdata, request);
    if (!request->answered && !request->body_callbacks && announces_too_much(request))
        refuse_large(request);
    return request->answered ? request->result : MHD_YES;
}

/* An endless chunked body is cut off; one that ends gets its 413. */
static enum MHD_Result request_collect(struct http_request *request, const char *data,
                                       size_t length)
{
    if (request->body.length + length > HTTP_BODY_LIMIT)
        request->too_large = true;
    if (!request->too_large) {
        strbuf_add(&request->body, data, length);
        return MHD_YES;
    }
    request->discarded += length;
    return request->discarded > HTTP_BODY_LIMIT ? MHD_NO : MHD_YES;
}

static void request_dispatch(struct http_request *request)
{
    struct http_server *server = request->server;
    if (request->too_large)
        refuse_large(request);
    else if (request->body_callbacks)
        request->body_callbacks->on_end(request->body_userdata);
    else
        server->options.on_request(server->options.userdata, request);
    if (!request->answered && !request->deferred)
        http_respond_error(request, MHD_HTTP_INTERNAL_SERVER_ERROR, EINVAL,
                           "nobody answered '%s %s'", request->method, request->path);
}

static enum MHD_Result on_access(void *userdata, struct MHD_Connection *connection,
                                 const char *path, const char *method, const char *version,
                                 const char *data, size_t *length, void **connection_data)
{
    (void)version;
    struct http_request *request = *connection_data;
    if (!request) {
        *connection_data = request = request_new(userdata, connection, method, path);
        return request_begin(request);
    }
    if (request->gone)
        return MHD_NO;
    if (*length > 0 && request->body_callbacks)
        return http_request_feed(request, data, length);
    if (*length > 0) {
        size_t taken = *length;
        *length = 0;
        return request_collect(request, data, taken);
    }
    if (request->pending)
        http_request_queue_pending(request);
    else if (!request->answered)
        request_dispatch(request);
    return request->result;
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **connection_data,
                         enum MHD_RequestTerminationCode how)
{
    (void)connection;
    (void)how;
    struct http_server *server = userdata;
    struct http_request *request = *connection_data;
    *connection_data = NULL;
    if (!request)
        return;
    if (request->stream)
        http_stream_detach(request->stream);
    if (request->tunnel)
        http_tunnel_detach(request->tunnel);
    http_request_detach(request);
    list_remove(&server->requests, request);
    list_push(&server->finished, request);
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    (void)connection;
    (void)context;
    struct http_server *server = userdata;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED)
        server->connection_ended = true;
}

static void server_reap(struct http_server *server)
{
    bool any = server->finished || server->connection_ended;
    server->connection_ended = false;
    struct http_request *request = server->finished, *next;
    server->finished = NULL;
    for (; request; request = next) {
        next = request->next;
        request_free(request);
    }
    if (any && server->options.on_request_end)
        server->options.on_request_end(server->options.userdata);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void server_run(struct http_server *server)
{
    server->kicked = false;
    MHD_run(server->daemon);
    server_reap(server);
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (server->kicked)
        uv_timer_start(&server->timer, on_timer, 0, 0);
    else if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES)
        uv_timer_start(&server->timer, on_timer, timeout_ms, 0);
    else
        uv_timer_stop(&server->timer);
}

void http_server_kick(struct http_server *server)
{
    server->kicked = true;
    uv_timer_start(&server->timer, on_timer, 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    server_run(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    server_run(poll->data);
}

static struct MHD_Daemon *start_daemon(struct http_server *server)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE, 0, NULL, NULL, on_access,
        server, MHD_OPTION_LISTEN_SOCKET, server->options.listen_fd, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTION_LIMIT, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)HTTP_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(16 << 10),
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)(2 << 10), MHD_OPTION_END);
}

int http_server_new(const struct http_server_options *options, struct http_server **ret_server,
                    struct error *err)
{
    struct http_server *server = new0(struct http_server);
    server->options = *options;
    server->daemon = start_daemon(server);
    if (!server->daemon) {
        free(server);
        return error_set(err, EIO, "cannot start the HTTP server (libmicrohttpd %s)",
                         MHD_get_version());
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_poll_init(options->loop, &server->poll, info->epoll_fd);
    uv_timer_init(options->loop, &server->timer);
    server->poll.data = server->timer.data = server;
    uv_poll_start(&server->poll, UV_READABLE, on_readable);
    *ret_server = server;
    return 0;
}

static void on_timer_closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void on_poll_closed(uv_handle_t *poll)
{
    struct http_server *server = poll->data;
    uv_close((uv_handle_t *)&server->timer, on_timer_closed);
}

/* Suspended and upgraded connections go back first: MHD_stop_daemon() aborts on them. */
void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    for (struct http_request *request = server->requests; request; request = request->next) {
        http_request_abort(request);
        if (request->stream)
            http_stream_abort(request->stream);
        if (request->tunnel)
            http_tunnel_abort(request->tunnel);
    }
    uv_poll_stop(&server->poll);
    uv_timer_stop(&server->timer);
    /* The listening socket is the caller's: MHD_stop_daemon() would close it. */
    MHD_quiesce_daemon(server->daemon);
    MHD_stop_daemon(server->daemon);
    server_reap(server);
    uv_close((uv_handle_t *)&server->poll, on_poll_closed);
}

unsigned http_server_connections(const struct http_server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
        ->num_connections;
}

const struct http_header *http_server_headers(const struct http_server *server)
{
    return server->options.headers;
}

uv_loop_t *http_server_loop(const struct http_server *server)
{
    return server->options.loop;
}

/* --- shared by streams and tunnels ------------------------------------------------------------ */

const char *http_queue_peek(const struct http_queue *queue, size_t *ret_length)
{
    *ret_length = queue->bytes.length - queue->offset;
    return strbuf_text(&queue->bytes) + queue->offset;
}

/* Moves the rest to the front when that is less than what has gone: each byte moves at most once on
 * average. An empty queue gives its memory back. */
void http_queue_drop(struct http_queue *queue, size_t length)
{
    queue->offset += length;
    if (queue->offset == queue->bytes.length) {
        http_queue_clear(queue);
    } else if (queue->offset > queue->bytes.length / 2) {
        strbuf_drop_front(&queue->bytes, queue->offset);
        queue->offset = 0;
    }
}

void http_queue_clear(struct http_queue *queue)
{
    strbuf_done(&queue->bytes);
    queue->offset = 0;
}
