/* See dns_listener.h: the UDP half, and what both halves share. libuv reads datagrams in batches
 * but sends them one by one, so the socket is ours and libuv only watches it. */
#include "network/dns_listener_internal.h"

#include "base/alloc.h"
#include "network/dns_batch.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define ROUNDS 4 /* batches before the loop gets to do something else */
#define RECEIVE_BUFFER (1 << 20)

struct dns_listeners *dns_listeners_new(uv_loop_t *loop,
                                        const struct dns_listener_callbacks *callbacks)
{
    struct dns_listeners *listeners = new0(struct dns_listeners);
    listeners->loop = loop;
    listeners->callbacks = *callbacks;
    listeners->batch = dns_batch_new();
    listeners->handles_open = 1; /* the caller's */
    return listeners;
}

void dns_listeners_unref(struct dns_listeners *listeners)
{
    if (--listeners->handles_open)
        return;
    dns_batch_free(listeners->batch);
    free(listeners);
}

void dns_listeners_free(struct dns_listeners *listeners)
{
    if (listeners)
        dns_listeners_unref(listeners);
}

/* --- datagrams ------------------------------------------------------------------------------ */

static size_t address_size(const union dns_socket_address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof(address->ipv6) : sizeof(address->ipv4);
}

static void answer_datagram(struct dns_listener *listener, size_t i)
{
    struct dns_batch *batch = listener->all->batch;
    const struct dns_datagram question = dns_batch_get(batch, i);
    const struct dns_peer peer = {.listener = listener, .address = *question.from};
    size_t length = 0;
    if (question.length && listener->all->callbacks.on_question(
                               listener->userdata, &peer, question.data, question.length,
                               dns_batch_reply_room(batch, i), &length) == DNS_REPLIED)
        dns_batch_add_reply(batch, i, length);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct dns_listener *listener = poll->data;
    (void)status, (void)events;
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = dns_batch_receive(listener->all->batch, listener->udp_fd);
        for (size_t i = 0; i < count; i++)
            answer_datagram(listener, i);
        dns_batch_send(listener->all->batch, listener->udp_fd);
        if (count < DNS_BATCH)
            break;
    }
}

void dns_listener_reply(const struct dns_peer *peer, const void *data, size_t length)
{
    if (peer->connection)
        dns_connection_reply(peer->connection, data, length);
    else
        (void)!sendto(peer->listener->udp_fd, data, length, MSG_DONTWAIT, &peer->address.any,
                      (socklen_t)address_size(&peer->address));
}

/* --- life ----------------------------------------------------------------------------------- */

static void on_listener_closed(uv_handle_t *handle)
{
    struct dns_listener *listener = handle->data;
    if (--listener->handles_open)
        return;
    closep(&listener->udp_fd);
    dns_listeners_unref(listener->all);
    free(listener);
}

void dns_listener_close(struct dns_listener *listener)
{
    dns_connections_close(listener);
    uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
    uv_close((uv_handle_t *)&listener->udp, on_listener_closed);
}

/* An IPv6 address of a bridge may still be tentative: it is bound before it is usable. */
static int open_udp(const union dns_socket_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    const int on = 1, size = RECEIVE_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (address->any.sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
    }
    if (bind(fd, &address->any, (socklen_t)address_size(address)) < 0) {
        int code = -errno;
        close(fd);
        return code;
    }
    return fd;
}

int dns_listener_open(struct dns_listeners *listeners, const union dns_socket_address *address,
                      void *userdata, struct dns_listener **ret_listener)
{
    int fd = open_udp(address);
    if (fd < 0)
        return fd;
    struct dns_listener *listener = new0(struct dns_listener);
    listener->all = listeners;
    listener->userdata = userdata;
    listener->udp_fd = fd;
    listener->udp.data = listener->tcp.data = listener;
    LIST_INIT(&listener->connections);
    listeners->handles_open++;
    listener->handles_open = 2;
    uv_tcp_init(listeners->loop, &listener->tcp);
    uv_poll_init_socket(listeners->loop, &listener->udp, fd);
    int r = dns_connections_listen(listener, address);
    if (r == 0)
        r = uv_poll_start(&listener->udp, UV_READABLE, on_readable);
    if (r < 0) {
        dns_listener_close(listener);
        return r;
    }
    *ret_listener = listener;
    return 0;
}
