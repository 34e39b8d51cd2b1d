/* The TCP half of dns_listener.h. */
#include "network/dns_listener_internal.h"

#include "base/alloc.h"
#include "base/str.h"
#include "network/dns_message.h"

#include <errno.h>

#define MAX_CONNECTIONS 64 /* per address; more are closed */
#define MAX_CONNECTIONS_IN_ALL 512
#define CONNECTION_IDLE_MS 10000 /* RFC 7766 section 6.2.3: a server may close idle ones */

struct dns_connection {
    LIST_ENTRY(dns_connection) link;
    struct dns_listener *listener;
    struct dns_listeners *all;
    uv_tcp_t tcp;
    uv_timer_t idle;
    uv_write_t write;
    struct strbuf received, reply;
    bool waits; /* for dns_listener_reply() */
    int handles_open;
    bool closing;
};

static void on_connection_closed(uv_handle_t *handle)
{
    struct dns_connection *connection = handle->data;
    if (--connection->handles_open)
        return;
    strbuf_done(&connection->received);
    strbuf_done(&connection->reply);
    dns_listeners_unref(connection->all);
    free(connection);
}

static void connection_close(struct dns_connection *connection)
{
    if (connection->closing)
        return;
    connection->closing = true;
    if (connection->waits)
        connection->all->callbacks.on_gone(connection->listener->userdata, connection);
    LIST_REMOVE(connection, link);
    connection->listener->connection_count--;
    connection->all->connection_count--;
    uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
    uv_close((uv_handle_t *)&connection->idle, on_connection_closed);
}

static void connection_advance(struct dns_connection *connection);

static void on_reply_written(uv_write_t *request, int status)
{
    struct dns_connection *connection = request->handle->data;
    strbuf_clear(&connection->reply);
    if (status < 0)
        connection_close(connection);
    else
        connection_advance(connection);
}

void dns_connection_reply(struct dns_connection *connection, const void *data, size_t length)
{
    const uint8_t size[2] = {(uint8_t)(length >> 8), (uint8_t)length};
    connection->waits = false;
    strbuf_add(&connection->reply, size, 2);
    strbuf_add(&connection->reply, data, length);
    uv_buf_t buffer = uv_buf_init(connection->reply.data, (unsigned)connection->reply.length);
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buffer, 1,
                 on_reply_written) < 0)
        connection_close(connection);
}

static void on_stream_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct dns_connection *connection = handle->data;
    *buffer = uv_buf_init(strbuf_reserve(&connection->received, 4096), 4096);
}

static void on_stream_bytes(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)buffer;
    struct dns_connection *connection = stream->data;
    if (count < 0) {
        connection_close(connection);
        return;
    }
    connection->received.length += (size_t)count;
    uv_timer_again(&connection->idle);
    connection_advance(connection);
}

/* false: it does not speak DNS. */
static bool answer_message(struct dns_connection *connection, const void *data, size_t length)
{
    struct dns_peer peer = {.listener = connection->listener, .connection = connection};
    int size = sizeof(peer.address);
    uint8_t reply[DNS_REPLY_MAX];
    size_t reply_length = 0;
    uv_tcp_getpeername(&connection->tcp, &peer.address.any, &size);
    switch (connection->all->callbacks.on_question(connection->listener->userdata, &peer, data,
                                                   length, reply, &reply_length)) {
    case DNS_REPLIED:
        dns_connection_reply(connection, reply, reply_length);
        return true;
    case DNS_WAITS:
        connection->waits = true;
        return true;
    case DNS_IGNORED:
        break;
    }
    return false;
}

/* Takes the next whole message, if there is one and nothing is in hand. */
static void connection_advance(struct dns_connection *connection)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    struct strbuf *received = &connection->received;
    if (connection->closing || connection->waits || connection->reply.length)
        return;
    const uint8_t *bytes = (const uint8_t *)received->data;
    size_t length = received->length < 2 ? 0 : (size_t)(bytes[0] << 8 | bytes[1]);
    if (received->length < 2 || received->length < length + 2) {
        uv_read_start(stream, on_stream_room, on_stream_bytes);
        return;
    }
    uv_read_stop(stream);
    bool speaks_dns = answer_message(connection, bytes + 2, length);
    strbuf_drop_front(received, length + 2);
    if (!speaks_dns)
        connection_close(connection);
}

static void on_connection_idle(uv_timer_t *timer)
{
    connection_close(timer->data);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct dns_listener *listener = server->data;
    if (status < 0)
        return;
    struct dns_connection *connection = new0(struct dns_connection);
    connection->listener = listener;
    connection->all = listener->all;
    connection->tcp.data = connection->idle.data = connection;
    connection->handles_open = 2;
    uv_tcp_init(listener->all->loop, &connection->tcp);
    uv_timer_init(listener->all->loop, &connection->idle);
    LIST_INSERT_HEAD(&listener->connections, connection, link);
    listener->connection_count++;
    listener->all->connection_count++;
    listener->all->handles_open++;
    if (uv_accept(server, (uv_stream_t *)&connection->tcp) < 0 ||
        listener->connection_count > MAX_CONNECTIONS ||
        listener->all->connection_count > MAX_CONNECTIONS_IN_ALL) {
        connection_close(connection);
        return;
    }
    uv_timer_start(&connection->idle, on_connection_idle, CONNECTION_IDLE_MS, CONNECTION_IDLE_MS);
    connection_advance(connection);
}

static int open_tcp(int family)
{
    const int on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
    return fd < 0 ? -errno : fd;
}

int dns_connections_listen(struct dns_listener *listener, const union dns_socket_address *address)
{
    int fd = open_tcp(address->any.sa_family);
    if (fd < 0)
        return fd;
    int r = uv_tcp_open(&listener->tcp, fd);
    if (r < 0) {
        close(fd);
        return r;
    }
    r = uv_tcp_bind(&listener->tcp, &address->any,
                    address->any.sa_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
    return r < 0 ? r : uv_listen((uv_stream_t *)&listener->tcp, 64, on_connection);
}

void dns_connections_close(struct dns_listener *listener)
{
    while (!LIST_EMPTY(&listener->connections))
        connection_close(LIST_FIRST(&listener->connections));
}
