/* See dns_upstream.h. An exchange is one question on its way: who waits for it, an attempt per
 * nameserver asked so far, and one timer that first brings in the next nameserver and at last ends
 * it. */
#include "network/dns_upstream.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "network/dns_call.h"
#include "network/dns_flight.h"
#include "network/dns_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/random.h>
#include <sys/stat.h>

#define BUCKETS 256

enum attempt_state { ASKED, ANSWERED, FAILED };

struct attempt {
    struct dns_exchange *exchange;
    enum attempt_state state;
    uint64_t asked_ms;
    struct dns_flight flight; /* over UDP */
    struct dns_call *call;    /* over TCP; NULL: none */
};

struct dns_exchange {
    LIST_ENTRY(dns_exchange) link;
    struct dns_upstream *upstream;
    LIST_HEAD(, dns_waiter) waiters;
    uint8_t *query; /* with our id */
    size_t length;
    bool tcp;
    uv_timer_t timer;
    uint64_t started_ms;
    struct dns_servers own; /* of a guest, none: the file's */
    struct dns_order order;
    struct attempt attempts[DNS_MAX_RESOLVERS];
    size_t attempt_count;
    struct strbuf poor_answer; /* of somebody who cannot; given where nobody can */
};

struct dns_upstream {
    uv_loop_t *loop;
    char *resolv_conf;
    struct dns_names *names;
    struct dns_resolvers resolvers;
    struct stat read_status; /* of resolv.conf when it was read */
    struct dns_flights *flights;
    LIST_HEAD(, dns_exchange) exchanges[BUCKETS]; /* by question */
    uint64_t warned_ms;
};

/* --- resolv.conf ---------------------------------------------------------------------------- */

static void read_resolvers_when_changed(struct dns_upstream *upstream)
{
    struct stat now = {0};
    (void)stat(upstream->resolv_conf, &now);
    const struct stat *then = &upstream->read_status;
    if (now.st_ino == then->st_ino && now.st_size == then->st_size &&
        now.st_mtim.tv_sec == then->st_mtim.tv_sec && now.st_mtim.tv_nsec == then->st_mtim.tv_nsec)
        return;
    _cleanup_free_ char *text = NULL;
    upstream->read_status = now;
    bool readable = fs_read_file(upstream->resolv_conf, 1 << 16, &text, NULL, NULL) == 0;
    dns_resolvers_read(&upstream->resolvers, readable ? text : "");
}

/* Without our own gateways. */
static void choose_servers(struct dns_upstream *upstream, const struct dns_servers *own,
                           struct dns_order *order)
{
    if (own->count > 0) {
        *order = (struct dns_order){.count = own->count, .at_once = 1};
        memcpy(order->servers, own->items, sizeof(own->items));
    } else {
        read_resolvers_when_changed(upstream);
        dns_resolvers_order(&upstream->resolvers, clock_monotonic_ms(), order);
    }
    size_t kept = 0;
    for (size_t i = 0; i < order->count; i++) {
        struct in6_addr address = dns_socket_address_ip(&order->servers[i]);
        if (!dns_names_is_gateway(upstream->names, &address))
            order->servers[kept++] = order->servers[i];
    }
    order->count = kept;
}

/* At most one line a second: who sends what is not ours to say. */
static bool may_warn(struct dns_upstream *upstream)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (upstream->warned_ms && now_ms < upstream->warned_ms + 1000)
        return false;
    upstream->warned_ms = now_ms;
    return true;
}

struct dns_upstream *dns_upstream_new(uv_loop_t *loop, const char *resolv_conf,
                                      struct dns_names *names)
{
    struct dns_upstream *upstream = new0(struct dns_upstream);
    upstream->loop = loop;
    upstream->resolv_conf = xstrdup(resolv_conf);
    upstream->names = names;
    upstream->flights = dns_flights_new(loop);
    return upstream;
}

void dns_upstream_free(struct dns_upstream *upstream)
{
    if (!upstream)
        return;
    dns_flights_free(upstream->flights);
    free(upstream->resolv_conf);
    free(upstream);
}

/* --- the end of an exchange ----------------------------------------------------------------- */

static void attempt_stop(struct attempt *attempt)
{
    dns_flight_land(&attempt->flight);
    if (attempt->call)
        dns_call_cancel(TAKE_PTR(attempt->call));
}

static void attempt_set_state(struct attempt *attempt, enum attempt_state state)
{
    struct dns_exchange *exchange = attempt->exchange;
    attempt->state = state;
    attempt_stop(attempt);
    dns_resolvers_note(&exchange->upstream->resolvers,
                       &exchange->order.servers[attempt - exchange->attempts], state == ANSWERED,
                       clock_monotonic_ms());
}

static void on_exchange_closed(uv_handle_t *handle)
{
    struct dns_exchange *exchange = handle->data;
    strbuf_done(&exchange->poor_answer);
    free(exchange->query);
    free(exchange);
}

/* Who was silent for as long as the next one waits has failed. */
static void exchange_close(struct dns_exchange *exchange)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < exchange->attempt_count; i++) {
        struct attempt *attempt = &exchange->attempts[i];
        if (attempt->state == ASKED && now_ms >= attempt->asked_ms + DNS_UPSTREAM_NEXT_MS)
            attempt_set_state(attempt, FAILED);
        else
            attempt_stop(attempt);
    }
    LIST_REMOVE(exchange, link);
    uv_close((uv_handle_t *)&exchange->timer, on_exchange_closed);
}

/* A VM is the nameserver: it may name others. */
static bool is_of_ours(const struct dns_exchange *exchange)
{
    struct in6_addr address = dns_socket_address_ip(&exchange->own.items[0]);
    return exchange->own.count > 0 && dns_names_owns_address(exchange->upstream->names, &address);
}

static enum dns_upstream_outcome inspect(struct dns_exchange *exchange, const void *answer,
                                         size_t length)
{
    struct dns_upstream *upstream = exchange->upstream;
    struct dns_name name;
    struct in6_addr address;
    char name_text[DNS_NAME_MAX + 1], address_text[INET6_ADDRSTRLEN];
    if (!answer)
        return DNS_UPSTREAM_NONE;
    switch (dns_answer_inspect(answer, length, upstream->names, &address)) {
    case DNS_ANSWER_GOOD:
        return DNS_UPSTREAM_ANSWER;
    case DNS_ANSWER_BROKEN:
        return DNS_UPSTREAM_NONE;
    case DNS_ANSWER_POINTS_IN:
        if (is_of_ours(exchange))
            return DNS_UPSTREAM_ANSWER;
        break;
    }
    dns_name_read(exchange->query + DNS_HEADER_SIZE, exchange->length - DNS_HEADER_SIZE, &name);
    if (may_warn(upstream))
        log_warning("dns: the answer for '%s' was dropped: its address %s is in a network of ours "
                    "(a name from outside must not lead to a VM)",
                    dns_name_format(&name, name_text), dns_address_format(&address, address_text));
    return DNS_UPSTREAM_REBOUND;
}

static void exchange_end(struct dns_exchange *exchange, const void *answer, size_t length)
{
    enum dns_upstream_outcome outcome = inspect(exchange, answer, length);
    bool given = outcome == DNS_UPSTREAM_ANSWER;
    _cleanup_free_ uint8_t *copy = given ? xmemdup(answer, length) : NULL;
    for (struct dns_waiter *waiter; (waiter = LIST_FIRST(&exchange->waiters));) {
        LIST_REMOVE(waiter, link);
        waiter->exchange = NULL;
        if (copy)
            memcpy(copy, waiter->id, 2);
        waiter->on_answer(waiter, outcome, copy, given ? length : 0);
    }
    exchange_close(exchange);
}

void dns_waiter_leave(struct dns_waiter *waiter)
{
    struct dns_exchange *exchange = waiter->exchange;
    if (!exchange)
        return;
    LIST_REMOVE(waiter, link);
    waiter->exchange = NULL;
    if (LIST_EMPTY(&exchange->waiters))
        exchange_close(exchange);
}

/* --- attempts ------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

/* Not from within who calls: the timer brings the next one in at once. */
static void attempt_failed(struct attempt *attempt)
{
    attempt_set_state(attempt, FAILED);
    uv_timer_start(&attempt->exchange->timer, on_timer, 0, 0);
}

static void attempt_answered(struct attempt *attempt, const void *data, size_t length)
{
    struct dns_exchange *exchange = attempt->exchange;
    enum dns_rcode rcode = dns_answer_rcode(data);
    if (rcode != DNS_SERVFAIL && rcode != DNS_NOTIMP && rcode != DNS_REFUSED) {
        _cleanup_free_ void *copy = xmemdup(data, length); /* it may be the flight's buffer */
        attempt_set_state(attempt, ANSWERED);
        exchange_end(exchange, copy, length);
        return;
    }
    strbuf_clear(&exchange->poor_answer);
    strbuf_add(&exchange->poor_answer, data, length);
    attempt_failed(attempt);
}

static struct attempt *attempt_of(struct dns_flight *flight)
{
    return (struct attempt *)((char *)flight - offsetof(struct attempt, flight));
}

static void on_flight_answer(struct dns_flight *flight, const void *data, size_t length)
{
    attempt_answered(attempt_of(flight), data, length);
}

static void on_flight_lost(struct dns_flight *flight)
{
    attempt_failed(attempt_of(flight));
}

static void on_call_end(void *userdata, const void *data, size_t length)
{
    struct attempt *attempt = userdata;
    attempt->call = NULL;
    if (data)
        attempt_answered(attempt, data, length);
    else
        attempt_failed(attempt);
}

static void ask_next_server(struct dns_exchange *exchange)
{
    struct dns_upstream *upstream = exchange->upstream;
    const union dns_socket_address *server = &exchange->order.servers[exchange->attempt_count];
    struct attempt *attempt = &exchange->attempts[exchange->attempt_count++];
    attempt->exchange = exchange;
    attempt->asked_ms = clock_monotonic_ms();
    attempt->flight = (struct dns_flight){.query = exchange->query,
                                          .length = exchange->length,
                                          .on_answer = on_flight_answer,
                                          .on_lost = on_flight_lost};
    int r = exchange->tcp ? dns_call_start(upstream->loop, server, exchange->query,
                                           exchange->length, on_call_end, attempt, &attempt->call)
                          : dns_flight_start(upstream->flights, server, &attempt->flight);
    if (r < 0)
        attempt_failed(attempt);
}

/* --- an exchange ---------------------------------------------------------------------------- */

static bool all_have_failed(const struct dns_exchange *exchange)
{
    for (size_t i = 0; i < exchange->attempt_count; i++)
        if (exchange->attempts[i].state != FAILED)
            return false;
    return true;
}

static void exchange_advance(struct dns_exchange *exchange)
{
    uint64_t elapsed_ms = clock_monotonic_ms() - exchange->started_ms;
    const struct strbuf *poor = &exchange->poor_answer;
    bool all_asked = exchange->attempt_count >= exchange->order.count;
    if (elapsed_ms >= DNS_UPSTREAM_DEADLINE_MS || (all_asked && all_have_failed(exchange))) {
        exchange_end(exchange, poor->length ? poor->data : NULL, poor->length);
        return;
    }
    uint64_t left_ms = DNS_UPSTREAM_DEADLINE_MS - elapsed_ms;
    uint64_t wait_ms = all_asked || left_ms < DNS_UPSTREAM_NEXT_MS ? left_ms : DNS_UPSTREAM_NEXT_MS;
    uv_timer_start(&exchange->timer, on_timer, wait_ms, 0);
    if (!all_asked)
        ask_next_server(exchange);
    while (exchange->attempt_count < exchange->order.at_once &&
           exchange->attempt_count < exchange->order.count)
        ask_next_server(exchange);
}

static void on_timer(uv_timer_t *timer)
{
    exchange_advance(timer->data);
}

/* FNV-1a of name and type. */
static size_t bucket_of(const uint8_t *query, size_t length, struct dns_name *ret_name)
{
    size_t size = dns_name_read(query + DNS_HEADER_SIZE, length - DNS_HEADER_SIZE, ret_name);
    uint32_t hash = 0x811c9dc5U;
    for (size_t i = 0; i < ret_name->length; i++)
        hash = (hash ^ ret_name->bytes[i]) * 0x01000193U;
    return (hash ^ query[DNS_HEADER_SIZE + size + 1]) % BUCKETS;
}

static bool is_server_of(const struct dns_exchange *exchange, const struct in6_addr *asker)
{
    bool host = dns_names_is_host(exchange->upstream->names, asker);
    for (size_t i = 0; i < exchange->attempt_count; i++) {
        struct in6_addr server = dns_socket_address_ip(&exchange->order.servers[i]);
        if (IN6_ARE_ADDR_EQUAL(&server, asker) ||
            (host && dns_names_is_host(exchange->upstream->names, &server)))
            return true;
    }
    return false;
}

static void warn_of_loop(struct dns_upstream *upstream, const struct in6_addr *asker,
                         const struct dns_name *name)
{
    char name_text[DNS_NAME_MAX + 1], address_text[INET6_ADDRSTRLEN];
    if (may_warn(upstream))
        log_warning("dns: a loop: %s asks us for '%s', which we ask it for, as '%s' says: let it "
                    "forward to somebody else, or name another nameserver there",
                    dns_address_format(asker, address_text), dns_name_format(name, name_text),
                    upstream->resolv_conf);
}

static struct dns_exchange *exchange_new(struct dns_upstream *upstream, const void *query,
                                         size_t length, bool tcp, size_t bucket,
                                         const struct dns_servers *own)
{
    struct dns_exchange *exchange = new0(struct dns_exchange);
    exchange->upstream = upstream;
    exchange->tcp = tcp;
    exchange->started_ms = clock_monotonic_ms();
    exchange->query = xmemdup(query, length);
    exchange->length = length;
    if (getrandom(exchange->query, 2, 0) != 2)
        abort();
    LIST_INIT(&exchange->waiters);
    LIST_INSERT_HEAD(&upstream->exchanges[bucket], exchange, link);
    exchange->own = *own;
    choose_servers(upstream, own, &exchange->order);
    uv_timer_init(upstream->loop, &exchange->timer);
    exchange->timer.data = exchange;
    uv_timer_start(&exchange->timer, on_timer, 0, 0);
    return exchange;
}

int dns_upstream_ask(struct dns_upstream *upstream, const struct in6_addr *asker, const void *query,
                     size_t length, bool tcp, struct dns_waiter *waiter)
{
    struct dns_name name;
    struct dns_exchange *exchange, *same = NULL;
    static const struct dns_servers none;
    const struct dns_servers *own = dns_names_servers(upstream->names, asker);
    size_t bucket = bucket_of(query, length, &name);
    own = own ? own : &none;
    LIST_FOREACH(exchange, &upstream->exchanges[bucket], link)
    {
        /* Whoever forwards may have changed letters and options. */
        if (dns_is_same_question(exchange->query, exchange->length, query, length) &&
            is_server_of(exchange, asker)) {
            warn_of_loop(upstream, asker, &name);
            return -ELOOP;
        }
        if (exchange->tcp == tcp && exchange->length == length &&
            memcmp(exchange->query + 2, (const uint8_t *)query + 2, length - 2) == 0 &&
            dns_servers_equal(&exchange->own, own))
            same = exchange;
    }
    if (!same)
        same = exchange_new(upstream, query, length, tcp, bucket, own);
    memcpy(waiter->id, query, 2);
    waiter->exchange = same;
    LIST_INSERT_HEAD(&same->waiters, waiter, link);
    return 0;
}
