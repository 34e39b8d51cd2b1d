/* Has the other end of a socket left? A suspended connection notices nothing, so a duplicate of its
 * descriptor is watched: libmicrohttpd closes its own when it likes. */
#include "base/alloc.h"
#include "orchestrator/http_internal.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* Freed by its own closing. */
struct http_peer {
    uv_poll_t poll;
    int fd;
    void (*on_gone)(void *userdata);
    void *userdata;
};

bool http_socket_hung_up(int fd)
{
    struct pollfd state = {.fd = fd};
    return poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* A client that only half-closes still reads: from then on wait for the full hang-up, which
 * epoll reports whatever was asked for (UV_DISCONNECT would report the half-close for ever). */
static void on_event(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct http_peer *peer = (struct http_peer *)poll;
    if (status < 0 || http_socket_hung_up(peer->fd)) {
        uv_poll_stop(poll);
        peer->on_gone(peer->userdata);
    } else {
        uv_poll_start(poll, UV_PRIORITIZED, on_event);
    }
}

struct http_peer *http_peer_watch(uv_loop_t *loop, int fd, void (*on_gone)(void *userdata),
                                  void *userdata)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return NULL;
    struct http_peer *peer = new0(struct http_peer);
    peer->fd = copy;
    peer->on_gone = on_gone;
    peer->userdata = userdata;
    uv_poll_init(loop, &peer->poll, copy);
    uv_poll_start(&peer->poll, UV_DISCONNECT, on_event);
    return peer;
}

static void on_closed(uv_handle_t *handle)
{
    struct http_peer *peer = (struct http_peer *)handle;
    close(peer->fd);
    free(peer);
}

void http_peer_unwatch(struct http_peer *peer)
{
    if (peer)
        uv_close((uv_handle_t *)&peer->poll, on_closed);
}
