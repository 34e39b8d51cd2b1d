/* See dns.h. A listener is one gateway's two sockets. A query is one question in hand, from UDP or
 * from a TCP connection; it is answered at once from names, or waits for the upstream. A TCP
 * connection has one query at a time and is not read meanwhile. */
#include "network/dns.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "network/dns_message.h"
#include "network/dns_names.h"
#include "network/dns_upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/queue.h>

#define DNS_PORT 53
#define MESSAGE_SIZE 65535
#define MAX_QUERIES 4096         /* in flight to upstreams; more are REFUSED */
#define MAX_CONNECTIONS 128      /* per gateway; more are closed */
#define CONNECTION_IDLE_MS 10000 /* RFC 7766 section 6.2.3: a server may close idle ones */

struct connection {
    LIST_ENTRY(connection) link;
    struct listener *listener;
    uv_tcp_t tcp;
    uv_timer_t idle;
    uv_write_t write;
    struct strbuf received, reply;
    struct query *query; /* in hand, or NULL */
    int handles_open;
    bool closing;
};

struct query {
    LIST_ENTRY(query) link;
    struct listener *listener;
    struct connection *connection; /* NULL: UDP */
    struct sockaddr_in from;       /* UDP */
    struct strbuf message;
    struct dns_exchange *exchange;
};

struct listener {
    LIST_ENTRY(listener) link;
    struct dns *dns;
    char *network;
    uv_udp_t udp;
    uv_tcp_t tcp;
    int handles_open;
    LIST_HEAD(, connection) connections;
    LIST_HEAD(, query) queries;
    size_t connection_count;
};

struct dns {
    uv_loop_t *loop;
    struct dns_names *names;
    struct dns_upstream *upstream;
    LIST_HEAD(, listener) listeners;
    size_t query_count;
    char buffer[MESSAGE_SIZE]; /* for the datagram being read */
};

/* --- queries -------------------------------------------------------------------------------- */

static void connection_write(struct connection *connection, const void *reply, size_t length);
static void connection_close(struct connection *connection);

static void query_free(struct query *query)
{
    if (query->connection)
        query->connection->query = NULL;
    query->listener->dns->query_count--;
    LIST_REMOVE(query, link);
    strbuf_done(&query->message);
    free(query);
}

static void send_datagram(struct listener *listener, const struct sockaddr_in *to, void *reply,
                          size_t length)
{
    uv_buf_t buffer = uv_buf_init(reply, (unsigned)length);
    /* A full socket buffer drops the answer: the asker comes again, as with any lost datagram. */
    uv_udp_try_send(&listener->udp, &buffer, 1, (const struct sockaddr *)to);
}

static void on_upstream_answer(void *userdata, const void *answer, size_t length)
{
    struct query *query = userdata;
    _cleanup_strbuf_ struct strbuf reply = {0};
    if (answer)
        strbuf_add(&reply, answer, length);
    else
        dns_reply_error(query->message.data, query->message.length, DNS_SERVFAIL, &reply);
    struct connection *connection = query->connection;
    if (!connection)
        send_datagram(query->listener, &query->from, reply.data, reply.length);
    query_free(query);
    if (connection)
        connection_write(connection, reply.data, reply.length);
}

static struct query *query_forward(struct listener *listener, struct connection *connection,
                                   const struct sockaddr_in *from, const void *data, size_t length)
{
    struct query *query = new0(struct query);
    query->listener = listener;
    query->connection = connection;
    query->from = *from;
    strbuf_add(&query->message, data, length);
    LIST_INSERT_HEAD(&listener->queries, query, link);
    listener->dns->query_count++;
    query->exchange = dns_upstream_ask(listener->dns->upstream, data, length, connection != NULL,
                                       on_upstream_answer, query);
    return query;
}

/* Answers into reply, or returns false: it is to be forwarded. */
static bool answer_ourselves(struct listener *listener, const struct sockaddr_in *from,
                             const struct dns_request *request, size_t limit, struct strbuf *reply)
{
    struct dns *dns = listener->dns;
    struct dns_asker asker = {.address = from->sin_addr, .network = listener->network};
    struct dns_answer answer;
    switch (dns_names_lookup(dns->names, &asker, request->name, &answer)) {
    case DNS_OURS:
        dns_reply_build(request, DNS_NOERROR, &answer, limit, reply);
        return true;
    case DNS_ABSENT:
    case DNS_REFUSE: /* with no way out, nothing else exists */
        dns_reply_build(request, DNS_NXDOMAIN, NULL, limit, reply);
        return true;
    case DNS_FORWARD:
        if (dns->query_count < MAX_QUERIES)
            return false;
        dns_reply_build(request, DNS_REFUSED, NULL, limit, reply);
        return true;
    }
    return true;
}

/* true: reply holds the answer (or nothing, for what deserves none); false: forward it. */
static bool handle_message(struct listener *listener, const struct sockaddr_in *from,
                           const void *data, size_t length, bool tcp, struct strbuf *reply)
{
    struct dns_request request = {0};
    if (dns_request_parse(data, length, &request, reply) != DNS_PARSED)
        return true;
    size_t limit = tcp ? MESSAGE_SIZE : request.udp_limit;
    bool answered = answer_ourselves(listener, from, &request, limit, reply);
    dns_request_done(&request);
    return answered;
}

/* --- UDP ------------------------------------------------------------------------------------ */

static void on_datagram_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct listener *listener = handle->data;
    *buffer = uv_buf_init(listener->dns->buffer, sizeof(listener->dns->buffer));
}

static void on_datagram(uv_udp_t *udp, ssize_t count, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    struct listener *listener = udp->data;
    if (count <= 0 || !from || from->sa_family != AF_INET || flags & UV_UDP_PARTIAL)
        return;
    const struct sockaddr_in *asker = (const struct sockaddr_in *)from;
    _cleanup_strbuf_ struct strbuf reply = {0};
    if (!handle_message(listener, asker, buffer->base, (size_t)count, false, &reply))
        query_forward(listener, NULL, asker, buffer->base, (size_t)count);
    else if (reply.length)
        send_datagram(listener, asker, reply.data, reply.length);
}

/* --- TCP ------------------------------------------------------------------------------------ */

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    if (--connection->handles_open)
        return;
    strbuf_done(&connection->received);
    strbuf_done(&connection->reply);
    free(connection);
}

static void connection_close(struct connection *connection)
{
    if (connection->closing)
        return;
    connection->closing = true;
    if (connection->query) {
        dns_exchange_cancel(connection->query->exchange);
        query_free(connection->query);
    }
    LIST_REMOVE(connection, link);
    connection->listener->connection_count--;
    uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
    uv_close((uv_handle_t *)&connection->idle, on_connection_closed);
}

static void connection_advance(struct connection *connection);

static void on_reply_written(uv_write_t *request, int status)
{
    struct connection *connection = request->handle->data;
    strbuf_clear(&connection->reply);
    if (status < 0)
        connection_close(connection);
    else
        connection_advance(connection);
}

static void connection_write(struct connection *connection, const void *reply, size_t length)
{
    const uint8_t size[2] = {(uint8_t)(length >> 8), (uint8_t)length};
    strbuf_add(&connection->reply, size, 2);
    strbuf_add(&connection->reply, reply, length);
    uv_buf_t buffer = uv_buf_init(connection->reply.data, (unsigned)connection->reply.length);
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buffer, 1,
                 on_reply_written) < 0)
        connection_close(connection);
}

static void on_stream_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct connection *connection = handle->data;
    *buffer = uv_buf_init(strbuf_reserve(&connection->received, 4096), 4096);
}

static void on_stream_bytes(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)buffer;
    struct connection *connection = stream->data;
    if (count < 0) {
        connection_close(connection);
        return;
    }
    connection->received.length += (size_t)count;
    uv_timer_again(&connection->idle);
    connection_advance(connection);
}

/* Takes the next whole message, if there is one and nothing is in hand. */
static void connection_advance(struct connection *connection)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    struct strbuf *received = &connection->received;
    if (connection->closing || connection->query || connection->reply.length)
        return;
    const uint8_t *bytes = (const uint8_t *)received->data;
    size_t length = received->length < 2 ? 0 : (size_t)(bytes[0] << 8 | bytes[1]);
    if (received->length < 2 || received->length < length + 2) {
        uv_read_start(stream, on_stream_room, on_stream_bytes);
        return;
    }
    uv_read_stop(stream);
    struct sockaddr_in asker = {0};
    int size = sizeof(asker);
    uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&asker, &size);
    _cleanup_strbuf_ struct strbuf reply = {0};
    bool answered = handle_message(connection->listener, &asker, bytes + 2, length, true, &reply);
    if (!answered)
        connection->query =
            query_forward(connection->listener, connection, &asker, bytes + 2, length);
    strbuf_drop_front(received, length + 2);
    if (answered && reply.length)
        connection_write(connection, reply.data, reply.length);
    else if (answered)
        connection_close(connection); /* it does not speak DNS */
}

static void on_connection_idle(uv_timer_t *timer)
{
    connection_close(timer->data);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct listener *listener = server->data;
    if (status < 0)
        return;
    struct connection *connection = new0(struct connection);
    connection->listener = listener;
    connection->tcp.data = connection->idle.data = connection;
    connection->handles_open = 2;
    uv_tcp_init(listener->dns->loop, &connection->tcp);
    uv_timer_init(listener->dns->loop, &connection->idle);
    LIST_INSERT_HEAD(&listener->connections, connection, link);
    listener->connection_count++;
    if (uv_accept(server, (uv_stream_t *)&connection->tcp) < 0 ||
        listener->connection_count > MAX_CONNECTIONS) {
        connection_close(connection);
        return;
    }
    uv_timer_start(&connection->idle, on_connection_idle, CONNECTION_IDLE_MS, CONNECTION_IDLE_MS);
    connection_advance(connection);
}

/* --- networks ------------------------------------------------------------------------------- */

static struct listener *find_listener(const struct dns *dns, const char *network)
{
    struct listener *listener;
    LIST_FOREACH(listener, &dns->listeners, link)
    if (streq(listener->network, network))
        return listener;
    return NULL;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    if (--listener->handles_open)
        return;
    free(listener->network);
    free(listener);
}

static void listener_close(struct listener *listener)
{
    while (!LIST_EMPTY(&listener->connections))
        connection_close(LIST_FIRST(&listener->connections));
    while (!LIST_EMPTY(&listener->queries)) {
        dns_exchange_cancel(LIST_FIRST(&listener->queries)->exchange);
        query_free(LIST_FIRST(&listener->queries));
    }
    LIST_REMOVE(listener, link);
    uv_close((uv_handle_t *)&listener->udp, on_listener_closed);
    uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
}

static int listener_bind(struct listener *listener, struct in_addr gateway)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(DNS_PORT), .sin_addr = gateway};
    int r = uv_udp_bind(&listener->udp, (struct sockaddr *)&address, 0);
    if (r == 0)
        r = uv_udp_recv_start(&listener->udp, on_datagram_room, on_datagram);
    if (r == 0)
        r = uv_tcp_bind(&listener->tcp, (struct sockaddr *)&address, 0);
    if (r == 0)
        r = uv_listen((uv_stream_t *)&listener->tcp, 64, on_connection);
    return r;
}

static struct listener *listener_new(struct dns *dns, const char *network)
{
    struct listener *listener = new0(struct listener);
    listener->dns = dns;
    listener->network = xstrdup(network);
    listener->handles_open = 2;
    listener->udp.data = listener->tcp.data = listener;
    LIST_INIT(&listener->connections);
    LIST_INIT(&listener->queries);
    uv_udp_init(dns->loop, &listener->udp);
    uv_tcp_init(dns->loop, &listener->tcp);
    LIST_INSERT_HEAD(&dns->listeners, listener, link);
    return listener;
}

int dns_add_network(struct dns *dns, const char *network, const char *gateway, const char *subnet,
                    struct error *err)
{
    struct in_addr address;
    if (inet_pton(AF_INET, gateway, &address) != 1)
        return error_set(err, EINVAL, "'%s' is not an IPv4 address", gateway);
    int r = dns_names_add_network(dns->names, network, address, subnet, err);
    if (r < 0 || find_listener(dns, network))
        return r;
    struct listener *listener = listener_new(dns, network);
    r = listener_bind(listener, address);
    if (r == 0)
        return 0;
    listener_close(listener);
    dns_names_remove_network(dns->names, network);
    if (r == UV_EADDRINUSE)
        return error_set(
            err, EADDRINUSE,
            "the DNS server of network '%s' cannot have port 53 of %s: another program "
            "holds it (see `ss -lnp sport = :53`); make it listen on other addresses "
            "only",
            network, gateway);
    return error_set(err, -r, "the DNS server of network '%s' cannot listen on %s:53: %s", network,
                     gateway, uv_strerror(r));
}

void dns_remove_network(struct dns *dns, const char *network)
{
    struct listener *listener = find_listener(dns, network);
    if (listener)
        listener_close(listener);
    dns_names_remove_network(dns->names, network);
}

void dns_set_forwarding(struct dns *dns, const char *network, bool forwards)
{
    dns_names_set_forwarding(dns->names, network, forwards);
}

void dns_set_endpoint(struct dns *dns, const struct dns_endpoint *endpoint)
{
    dns_names_set_endpoint(dns->names, endpoint);
}

void dns_remove_endpoint(struct dns *dns, const char *network, const char *instance)
{
    dns_names_remove_endpoint(dns->names, network, instance);
}

void dns_set_running(struct dns *dns, const char *instance, bool running)
{
    log_debug("dns: '%s' is %s", instance, running ? "named" : "not named any more");
    dns_names_set_running(dns->names, instance, running);
}

int dns_new(uv_loop_t *loop, const char *resolv_conf, struct dns **ret_dns, struct error *err)
{
    (void)err;
    struct dns *dns = new0(struct dns);
    dns->loop = loop;
    dns->names = dns_names_new();
    dns->upstream = dns_upstream_new(loop, resolv_conf, dns->names);
    LIST_INIT(&dns->listeners);
    *ret_dns = dns;
    return 0;
}

/* The handles' last callbacks still come on the loop; they touch nothing of dns. */
void dns_free(struct dns *dns)
{
    if (!dns)
        return;
    while (!LIST_EMPTY(&dns->listeners))
        listener_close(LIST_FIRST(&dns->listeners));
    dns_upstream_free(dns->upstream);
    dns_names_free(dns->names);
    free(dns);
}
