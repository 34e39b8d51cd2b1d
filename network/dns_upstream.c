/* See dns_upstream.h. One exchange is one question: a list of attempts, one per nameserver asked so
 * far, and one timer that first brings in the next nameserver and at last ends it. */
#include "network/dns_upstream.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "network/dns_message.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/stat.h>

#define MAX_NAMESERVERS 3 /* resolv.conf(5): MAXNS */
#define MESSAGE_SIZE 65535

struct attempt {
    struct dns_exchange *exchange; /* NULL: closing */
    union {
        uv_handle_t handle;
        uv_udp_t udp;
        uv_tcp_t tcp;
    };
    uv_connect_t connect;
    uv_write_t write;
    uv_udp_send_t send;
    struct strbuf received;
};

struct dns_exchange {
    LIST_ENTRY(dns_exchange) link;
    struct dns_upstream *upstream;
    struct strbuf query; /* two bytes of length (for TCP), then the message with our id */
    uint8_t asker_id[2];
    bool tcp;
    dns_upstream_fn *on_answer;
    void *userdata;
    uv_timer_t timer;
    uint64_t started_ms;
    struct attempt *attempts[MAX_NAMESERVERS];
    size_t attempt_count, failed_count;
};

struct dns_upstream {
    uv_loop_t *loop;
    char *resolv_conf;
    const struct dns_names *names;
    struct sockaddr_storage servers[MAX_NAMESERVERS];
    size_t server_count;
    struct stat read_status; /* of resolv.conf when it was read */
    LIST_HEAD(, dns_exchange) exchanges;
};

/* --- resolv.conf ---------------------------------------------------------------------------- */

static void add_server(struct dns_upstream *upstream, const char *text)
{
    struct sockaddr_storage *server = &upstream->servers[upstream->server_count];
    *server = (struct sockaddr_storage){0};
    if (uv_ip4_addr(text, 53, (struct sockaddr_in *)server) == 0) {
        if (dns_names_is_gateway(upstream->names, ((struct sockaddr_in *)server)->sin_addr))
            return;
    } else if (uv_ip6_addr(text, 53, (struct sockaddr_in6 *)server) != 0) {
        return;
    }
    upstream->server_count++;
}

static void read_servers(struct dns_upstream *upstream)
{
    _cleanup_free_ char *text = NULL;
    upstream->server_count = 0;
    if (fs_read_file(upstream->resolv_conf, 1 << 16, &text, NULL, NULL) < 0)
        return;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) && upstream->server_count < MAX_NAMESERVERS;) {
        char address[128];
        if (sscanf(line, " nameserver %127s", address) == 1)
            add_server(upstream, address);
    }
}

static void read_servers_when_changed(struct dns_upstream *upstream)
{
    struct stat now = {0};
    (void)stat(upstream->resolv_conf, &now);
    const struct stat *then = &upstream->read_status;
    if (now.st_ino == then->st_ino && now.st_size == then->st_size &&
        now.st_mtim.tv_sec == then->st_mtim.tv_sec && now.st_mtim.tv_nsec == then->st_mtim.tv_nsec)
        return;
    upstream->read_status = now;
    read_servers(upstream);
}

struct dns_upstream *dns_upstream_new(uv_loop_t *loop, const char *resolv_conf,
                                      const struct dns_names *names)
{
    struct dns_upstream *upstream = new0(struct dns_upstream);
    upstream->loop = loop;
    upstream->resolv_conf = xstrdup(resolv_conf);
    upstream->names = names;
    LIST_INIT(&upstream->exchanges);
    return upstream;
}

void dns_upstream_free(struct dns_upstream *upstream)
{
    if (!upstream)
        return;
    while (!LIST_EMPTY(&upstream->exchanges))
        dns_exchange_cancel(LIST_FIRST(&upstream->exchanges));
    free(upstream->resolv_conf);
    free(upstream);
}

/* --- an exchange ---------------------------------------------------------------------------- */

static void on_attempt_closed(uv_handle_t *handle)
{
    struct attempt *attempt = handle->data;
    strbuf_done(&attempt->received);
    free(attempt);
}

static void attempt_close(struct attempt *attempt)
{
    attempt->exchange = NULL;
    uv_close(&attempt->handle, on_attempt_closed);
}

static void on_exchange_closed(uv_handle_t *handle)
{
    struct dns_exchange *exchange = handle->data;
    strbuf_done(&exchange->query);
    free(exchange);
}

void dns_exchange_cancel(struct dns_exchange *exchange)
{
    for (size_t i = 0; i < exchange->attempt_count; i++)
        if (exchange->attempts[i])
            attempt_close(exchange->attempts[i]);
    LIST_REMOVE(exchange, link);
    uv_close((uv_handle_t *)&exchange->timer, on_exchange_closed);
}

static void exchange_end(struct dns_exchange *exchange, uint8_t *answer, size_t length)
{
    dns_upstream_fn *on_answer = exchange->on_answer;
    void *userdata = exchange->userdata;
    if (answer)
        memcpy(answer, exchange->asker_id, 2);
    on_answer(userdata, answer, length);
    dns_exchange_cancel(exchange);
}

static void exchange_advance(struct dns_exchange *exchange);

static void attempt_failed(struct attempt *attempt)
{
    struct dns_exchange *exchange = attempt->exchange;
    for (size_t i = 0; i < exchange->attempt_count; i++)
        if (exchange->attempts[i] == attempt)
            exchange->attempts[i] = NULL;
    attempt_close(attempt);
    exchange->failed_count++;
    /* Not from within uv_udp_send's caller: the timer brings the next one in at once. */
    uv_timer_start(&exchange->timer, exchange->timer.timer_cb, 0, 0);
}

static bool is_our_answer(const struct dns_exchange *exchange, const void *data, size_t length)
{
    const char *query = exchange->query.data + 2;
    return length >= 2 && memcmp(data, query, 2) == 0 &&
           dns_is_answer_to(data, length, query, exchange->query.length - 2);
}

/* --- over UDP ------------------------------------------------------------------------------- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct attempt *attempt = handle->data;
    *buffer = uv_buf_init(strbuf_reserve(&attempt->received, MESSAGE_SIZE), MESSAGE_SIZE);
}

static void on_datagram(uv_udp_t *udp, ssize_t count, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    (void)flags;
    struct attempt *attempt = udp->data;
    if (!attempt->exchange || (count == 0 && !from))
        return;
    if (count < 0)
        attempt_failed(attempt); /* an ICMP error: nobody is there */
    else if (is_our_answer(attempt->exchange, buffer->base, (size_t)count))
        exchange_end(attempt->exchange, (uint8_t *)buffer->base, (size_t)count);
}

static int start_udp(struct attempt *attempt, const struct sockaddr *server)
{
    struct dns_exchange *exchange = attempt->exchange;
    uv_buf_t message = uv_buf_init(exchange->query.data + 2, (unsigned)exchange->query.length - 2);
    int r = uv_udp_connect(&attempt->udp, server);
    if (r == 0)
        r = uv_udp_recv_start(&attempt->udp, on_room, on_datagram);
    if (r == 0)
        r = uv_udp_try_send(&attempt->udp, &message, 1, NULL);
    return r < 0 ? r : 0;
}

/* --- over TCP ------------------------------------------------------------------------------- */

static void on_bytes(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)buffer;
    struct attempt *attempt = stream->data;
    if (!attempt->exchange)
        return;
    if (count < 0) {
        attempt_failed(attempt);
        return;
    }
    struct strbuf *received = &attempt->received;
    received->length += (size_t)count;
    if (received->length < 2)
        return;
    uint8_t *bytes = (uint8_t *)received->data;
    size_t length = (size_t)(bytes[0] << 8 | bytes[1]);
    if (received->length < length + 2)
        return;
    if (is_our_answer(attempt->exchange, bytes + 2, length))
        exchange_end(attempt->exchange, bytes + 2, length);
    else
        attempt_failed(attempt);
}

static void on_written(uv_write_t *request, int status)
{
    struct attempt *attempt = request->handle->data;
    if (attempt->exchange && status < 0)
        attempt_failed(attempt);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct attempt *attempt = request->handle->data;
    if (!attempt->exchange)
        return;
    struct strbuf *query = &attempt->exchange->query;
    uv_buf_t message = uv_buf_init(query->data, (unsigned)query->length);
    uv_stream_t *stream = (uv_stream_t *)&attempt->tcp;
    if (status < 0 || uv_read_start(stream, on_room, on_bytes) < 0 ||
        uv_write(&attempt->write, stream, &message, 1, on_written) < 0)
        attempt_failed(attempt);
}

/* --- one after the other -------------------------------------------------------------------- */

static void ask_next_server(struct dns_exchange *exchange)
{
    struct dns_upstream *upstream = exchange->upstream;
    const struct sockaddr *server =
        (const struct sockaddr *)&upstream->servers[exchange->attempt_count];
    struct attempt *attempt = new0(struct attempt);
    attempt->exchange = exchange;
    exchange->attempts[exchange->attempt_count++] = attempt;
    int r;
    if (exchange->tcp) {
        uv_tcp_init(upstream->loop, &attempt->tcp);
        attempt->handle.data = attempt;
        r = uv_tcp_connect(&attempt->connect, &attempt->tcp, server, on_connected);
    } else {
        uv_udp_init(upstream->loop, &attempt->udp);
        attempt->handle.data = attempt;
        r = start_udp(attempt, server);
    }
    if (r < 0)
        attempt_failed(attempt);
}

static void on_timer(uv_timer_t *timer)
{
    exchange_advance(timer->data);
}

static void exchange_advance(struct dns_exchange *exchange)
{
    uint64_t elapsed_ms = clock_monotonic_ms() - exchange->started_ms;
    bool all_asked = exchange->attempt_count >= exchange->upstream->server_count;
    bool all_failed = exchange->failed_count == exchange->attempt_count;
    if (elapsed_ms >= DNS_UPSTREAM_DEADLINE_MS || (all_asked && all_failed)) {
        exchange_end(exchange, NULL, 0);
        return;
    }
    uint64_t left_ms = DNS_UPSTREAM_DEADLINE_MS - elapsed_ms;
    uint64_t wait_ms = all_asked || left_ms < DNS_UPSTREAM_NEXT_MS ? left_ms : DNS_UPSTREAM_NEXT_MS;
    uv_timer_start(&exchange->timer, on_timer, wait_ms, 0);
    if (!all_asked)
        ask_next_server(exchange);
}

struct dns_exchange *dns_upstream_ask(struct dns_upstream *upstream, const void *query,
                                      size_t length, bool tcp, dns_upstream_fn *on_answer,
                                      void *userdata)
{
    read_servers_when_changed(upstream);
    struct dns_exchange *exchange = new0(struct dns_exchange);
    exchange->upstream = upstream;
    exchange->tcp = tcp;
    exchange->on_answer = on_answer;
    exchange->userdata = userdata;
    exchange->started_ms = clock_monotonic_ms();
    memcpy(exchange->asker_id, query, 2);
    const uint8_t size[2] = {(uint8_t)(length >> 8), (uint8_t)length};
    strbuf_add(&exchange->query, size, 2);
    strbuf_add(&exchange->query, query, length);
    if (getrandom(exchange->query.data + 2, 2, 0) != 2)
        abort();
    LIST_INSERT_HEAD(&upstream->exchanges, exchange, link);
    uv_timer_init(upstream->loop, &exchange->timer);
    exchange->timer.data = exchange;
    uv_timer_start(&exchange->timer, on_timer, 0, 0);
    return exchange;
}
