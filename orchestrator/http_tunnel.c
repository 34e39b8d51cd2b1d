/* Tunnels of http.h: a connection after its 101. libmicrohttpd hands over the socket; from here
 * on we read and write it ourselves, on a duplicate in uv_poll, until it is given back. */
#include "base/alloc.h"
#include "orchestrator/http_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

enum {
    READ_SIZE = 64 << 10,
    LINGER_MS = 2000, /* for a client that goes on sending after our end */
};

enum tunnel_phase {
    TUNNEL_OPENING,   /* the 101 has not left */
    TUNNEL_OPEN,      /* both directions */
    TUNNEL_FLUSHING,  /* http_tunnel_end(): the queue is sent, input discarded */
    TUNNEL_LINGERING, /* half-closed by us; closing with unread input would reset the client */
    TUNNEL_CLOSED,
};

/* The part that libuv closes later than the tunnel is freed. */
struct tunnel_handles {
    uv_poll_t poll;
    uv_timer_t linger;
    int fd;
};

struct http_tunnel {
    enum tunnel_phase phase;
    struct MHD_UpgradeResponseHandle *upgrade;
    struct http_server *server;
    struct tunnel_handles *handles;
    struct http_queue out, in; /* in: what on_data has not taken */
    bool half_closed;          /* by the client: end-of-file was read */
    bool disconnect_seen;      /* half-closed or more; see tunnel_poll() */
    int events;                /* what the poll handle waits for */
    bool end_reported;
    bool delivering; /* inside on_data */
    bool end_wanted; /* http_tunnel_end() while opening */
    struct http_tunnel_callbacks callbacks;
    void *userdata;
};

static void tunnel_advance(struct http_tunnel *tunnel);

/* --- closing ---------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    struct tunnel_handles *handles = handle->data;
    close(handles->fd);
    free(handles);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct tunnel_handles *handles = (struct tunnel_handles *)handle;
    handles->linger.data = handles;
    uv_close((uv_handle_t *)&handles->linger, on_timer_closed);
}

/* libmicrohttpd then says "completed", and the request takes us down. */
static void tunnel_close(struct http_tunnel *tunnel)
{
    if (tunnel->phase == TUNNEL_CLOSED)
        return;
    tunnel->phase = TUNNEL_CLOSED;
    http_queue_clear(&tunnel->out);
    http_queue_clear(&tunnel->in);
    if (tunnel->handles) {
        uv_timer_stop(&tunnel->handles->linger);
        uv_close((uv_handle_t *)&tunnel->handles->poll, on_poll_closed);
        tunnel->handles = NULL;
    }
    if (tunnel->upgrade) {
        MHD_upgrade_action(tunnel->upgrade, MHD_UPGRADE_ACTION_CLOSE);
        http_server_kick(tunnel->server);
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool tunnel_send(struct http_tunnel *tunnel)
{
    size_t length;
    const char *data = http_queue_peek(&tunnel->out, &length);
    bool sent = false;
    while (length > 0) {
        ssize_t count = send(tunnel->handles->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0) {
            if (errno != EAGAIN && errno != EINTR)
                tunnel_close(tunnel);
            break;
        }
        sent = true;
        http_queue_drop(&tunnel->out, (size_t)count);
        data = http_queue_peek(&tunnel->out, &length);
    }
    return sent;
}

static void tunnel_drain(struct http_tunnel *tunnel)
{
    if (tunnel_send(tunnel) && tunnel->phase == TUNNEL_OPEN && tunnel->callbacks.on_drain)
        tunnel->callbacks.on_drain(tunnel->userdata);
}

/* --- receiving -------------------------------------------------------------------------------- */

static void tunnel_report_end(struct http_tunnel *tunnel)
{
    size_t left;
    http_queue_peek(&tunnel->in, &left);
    if (!tunnel->half_closed || tunnel->end_reported || left > 0 || tunnel->phase != TUNNEL_OPEN)
        return;
    tunnel->end_reported = true;
    tunnel->callbacks.on_end_of_data(tunnel->userdata);
}

/* Hands out what waits until the reader has enough. */
static void tunnel_deliver(struct http_tunnel *tunnel)
{
    if (tunnel->delivering)
        return;
    tunnel->delivering = true;
    size_t length;
    const char *data = http_queue_peek(&tunnel->in, &length);
    while (length > 0 && tunnel->phase == TUNNEL_OPEN) {
        size_t taken = tunnel->callbacks.on_data(tunnel->userdata, data, length);
        if (taken == 0 || tunnel->phase != TUNNEL_OPEN)
            break;
        http_queue_drop(&tunnel->in, taken);
        data = http_queue_peek(&tunnel->in, &length);
    }
    tunnel->delivering = false;
    tunnel_report_end(tunnel);
}

static void tunnel_receive(struct http_tunnel *tunnel)
{
    char *room = strbuf_reserve(&tunnel->in.bytes, READ_SIZE);
    ssize_t count = recv(tunnel->handles->fd, room, READ_SIZE, MSG_DONTWAIT);
    if (count < 0) {
        if (errno != EAGAIN && errno != EINTR)
            tunnel_close(tunnel);
        return;
    }
    if (count == 0)
        tunnel->half_closed = true;
    if (tunnel->phase != TUNNEL_OPEN)
        return;
    tunnel->in.bytes.length += (size_t)count;
    tunnel_deliver(tunnel);
}

/* --- the loop --------------------------------------------------------------------------------- */

static bool tunnel_wants_input(const struct http_tunnel *tunnel)
{
    size_t waiting;
    http_queue_peek(&tunnel->in, &waiting);
    return !tunnel->half_closed && (tunnel->phase != TUNNEL_OPEN || waiting == 0);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct http_tunnel *tunnel = poll->data;
    if (status < 0 ||
        ((events & (UV_DISCONNECT | UV_PRIORITIZED)) && http_socket_hung_up(tunnel->handles->fd))) {
        tunnel_close(tunnel);
        return;
    }
    if (events & UV_DISCONNECT)
        tunnel->disconnect_seen = true;
    if (events & UV_WRITABLE)
        tunnel_drain(tunnel);
    if ((events & UV_READABLE) && tunnel->phase != TUNNEL_CLOSED)
        tunnel_receive(tunnel);
    tunnel_advance(tunnel);
}

/* Which events to wait for. After the client's half-close UV_DISCONNECT would fire for ever; the
 * full hang-up comes whatever is asked for, so ask for something that never happens. */
static void tunnel_poll(struct http_tunnel *tunnel)
{
    size_t unsent;
    http_queue_peek(&tunnel->out, &unsent);
    int events = tunnel->disconnect_seen ? UV_PRIORITIZED : UV_DISCONNECT;
    if (tunnel_wants_input(tunnel))
        events |= UV_READABLE;
    if (unsent > 0)
        events |= UV_WRITABLE;
    if (events != tunnel->events)
        uv_poll_start(&tunnel->handles->poll, events, on_socket);
    tunnel->events = events;
}

static void on_linger_timeout(uv_timer_t *timer)
{
    tunnel_close(timer->data);
}

static void tunnel_linger(struct http_tunnel *tunnel)
{
    tunnel->phase = TUNNEL_LINGERING;
    shutdown(tunnel->handles->fd, SHUT_WR);
    uv_timer_start(&tunnel->handles->linger, on_linger_timeout, LINGER_MS, 0);
}

static void tunnel_advance(struct http_tunnel *tunnel)
{
    size_t unsent;
    http_queue_peek(&tunnel->out, &unsent);
    switch (tunnel->phase) {
    case TUNNEL_OPENING:
    case TUNNEL_CLOSED:
        return;
    case TUNNEL_OPEN:
        break;
    case TUNNEL_FLUSHING:
        if (unsent == 0)
            tunnel_linger(tunnel);
        break;
    case TUNNEL_LINGERING:
        break;
    }
    if (tunnel->phase == TUNNEL_LINGERING && tunnel->half_closed)
        tunnel_close(tunnel);
    else
        tunnel_poll(tunnel);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void on_upgraded(void *userdata, struct MHD_Connection *connection, void *connection_data,
                        const char *extra, size_t extra_length, MHD_socket socket,
                        struct MHD_UpgradeResponseHandle *upgrade)
{
    (void)connection;
    (void)connection_data;
    struct http_tunnel *tunnel = userdata;
    tunnel->upgrade = upgrade;
    int fd = fcntl(socket, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        tunnel_close(tunnel);
        return;
    }
    struct tunnel_handles *handles = tunnel->handles = new0(struct tunnel_handles);
    handles->fd = fd;
    uv_loop_t *loop = http_server_loop(tunnel->server);
    uv_poll_init(loop, &handles->poll, fd);
    uv_timer_init(loop, &handles->linger);
    handles->poll.data = handles->linger.data = tunnel;
    tunnel->phase = TUNNEL_OPEN;
    strbuf_add(&tunnel->in.bytes, extra, extra_length);
    tunnel_drain(tunnel);
    tunnel_deliver(tunnel);
    if (tunnel->end_wanted)
        http_tunnel_end(tunnel);
    tunnel_advance(tunnel);
}

struct http_tunnel *http_respond_tunnel(struct http_request *request, const char *content_type,
                                        const struct http_tunnel_callbacks *callbacks,
                                        void *userdata)
{
    struct http_tunnel *tunnel = new0(struct http_tunnel);
    tunnel->server = request->server;
    tunnel->callbacks = *callbacks;
    tunnel->userdata = userdata;
    request->tunnel = tunnel;
    if (request->gone) {
        tunnel->phase = TUNNEL_CLOSED;
        request->answered = true;
        return tunnel;
    }
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgraded, tunnel);
    MHD_add_response_header(response, "Upgrade", "tcp");
    http_request_queue(request, MHD_HTTP_SWITCHING_PROTOCOLS, content_type, response);
    return tunnel;
}

/* --- the handler's side ----------------------------------------------------------------------- */

/* Sends at once where nothing waits before it: the common case is one system call and no turn of
 * the loop. The caller sees by http_tunnel_queued() what has left; on_drain is only for later. */
void http_tunnel_write(struct http_tunnel *tunnel, const void *data, size_t length)
{
    if (tunnel->phase != TUNNEL_OPENING && tunnel->phase != TUNNEL_OPEN)
        return;
    bool first = http_tunnel_queued(tunnel) == 0;
    strbuf_add(&tunnel->out.bytes, data, length);
    if (first && tunnel->phase == TUNNEL_OPEN)
        tunnel_send(tunnel);
    tunnel_advance(tunnel);
}

size_t http_tunnel_queued(const struct http_tunnel *tunnel)
{
    size_t length;
    http_queue_peek(&tunnel->out, &length);
    return length;
}

void http_tunnel_resume(struct http_tunnel *tunnel)
{
    if (tunnel->phase != TUNNEL_OPEN)
        return;
    tunnel_deliver(tunnel);
    tunnel_advance(tunnel);
}

void http_tunnel_end(struct http_tunnel *tunnel)
{
    if (tunnel->phase == TUNNEL_OPENING)
        tunnel->end_wanted = true;
    if (tunnel->phase != TUNNEL_OPEN)
        return;
    tunnel->phase = TUNNEL_FLUSHING;
    tunnel_advance(tunnel);
}

/* --- the end ---------------------------------------------------------------------------------- */

void http_tunnel_detach(struct http_tunnel *tunnel)
{
    tunnel->upgrade = NULL;
    tunnel_close(tunnel);
}

void http_tunnel_abort(struct http_tunnel *tunnel)
{
    tunnel_close(tunnel);
}

void http_tunnel_free(struct http_tunnel *tunnel)
{
    tunnel->callbacks.on_close(tunnel->userdata);
    http_queue_clear(&tunnel->in);
    http_queue_clear(&tunnel->out);
    free(tunnel);
}
