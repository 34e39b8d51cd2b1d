/* See dns.h. A site is a network with its listeners; the host's door is one without a network. A
 * query is one question that waits for the host's resolvers; all others are answered at once
 * (dns_respond.h). */
#include "network/dns.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "network/dns_listener.h"
#include "network/dns_resolved.h"
#include "network/dns_respond.h"
#include "network/dns_upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>

#define DNS_PORT 53
#define MAX_QUERIES 4096 /* in flight to resolvers; more are REFUSED */

struct query {
    LIST_ENTRY(query) link;
    struct dns *dns;
    struct dns_peer peer;
    struct dns_waiter waiter;
    size_t limit, length;
    uint8_t message[];
};

struct opened {
    union dns_socket_address address;
    struct dns_listener *listener;
};

struct site {
    LIST_ENTRY(site) entry;
    struct dns *dns;
    char *network; /* NULL: the host's door */
    uint32_t number;
    VEC(struct opened) listeners;
    int link;   /* that systemd-resolved knows of; 0: none */
    char *told; /* what it was told */
};

struct dns {
    uv_loop_t *loop;
    struct dns_names *names;
    struct dns_upstream *upstream;
    struct dns_listeners *listeners;
    struct dns_resolved *resolved;
    LIST_HEAD(, site) sites;
    struct site door;
    uint16_t door_port; /* 0: none */
    bool door_refused;  /* said so already */
    LIST_HEAD(, query) queries;
    size_t query_count;
};

/* --- queries -------------------------------------------------------------------------------- */

static void query_free(struct query *query)
{
    dns_waiter_leave(&query->waiter);
    query->dns->query_count--;
    LIST_REMOVE(query, link);
    free(query);
}

/* A name whose addresses are not told has none. */
static size_t build_no_data(const struct query *query, uint8_t *reply)
{
    struct dns_request request;
    enum dns_rcode rcode;
    if (dns_request_parse(query->message, query->length, &request, &rcode) != DNS_PARSED)
        return dns_reply_error(query->message, query->length, DNS_SERVFAIL, reply);
    return dns_reply_build(&request, DNS_NOERROR, NULL, query->limit, reply);
}

static void on_upstream_answer(struct dns_waiter *waiter, enum dns_upstream_outcome outcome,
                               const void *answer, size_t length)
{
    struct query *query = (struct query *)((char *)waiter - offsetof(struct query, waiter));
    uint8_t reply[DNS_REPLY_MAX];
    size_t reply_length = 0;
    switch (outcome) {
    case DNS_UPSTREAM_ANSWER:
        if (length > query->limit)
            reply_length = dns_reply_truncated(query->message, query->length, reply);
        break;
    case DNS_UPSTREAM_NONE:
        reply_length = dns_reply_error(query->message, query->length, DNS_SERVFAIL, reply);
        break;
    case DNS_UPSTREAM_REBOUND:
        reply_length = build_no_data(query, reply);
        break;
    }
    struct dns_peer peer = query->peer;
    query_free(query);
    dns_listener_reply(&peer, reply_length ? reply : answer, reply_length ? reply_length : length);
}

/* An asker that takes more than fits every path is given no more (RFC 6891 section 6.2.5). */
static void clamp_edns_size(const struct dns_request *request, uint8_t *message)
{
    if (!request->edns_size_at)
        return;
    message[request->edns_size_at] = (uint8_t)(request->udp_limit >> 8);
    message[request->edns_size_at + 1] = (uint8_t)request->udp_limit;
}

static enum dns_handled forward(struct dns *dns, const struct dns_peer *peer,
                                const struct dns_request *request, uint8_t *reply,
                                size_t *ret_length)
{
    const struct in6_addr asker = dns_socket_address_ip(&peer->address);
    bool tcp = peer->connection != NULL;
    if (dns->query_count >= MAX_QUERIES) {
        *ret_length = dns_reply_build(request, DNS_REFUSED, NULL, request->udp_limit, reply);
        return DNS_REPLIED;
    }
    struct query *query = xcalloc(1, sizeof(*query) + request->length);
    query->dns = dns;
    query->peer = *peer;
    query->waiter.on_answer = on_upstream_answer;
    query->limit = tcp ? DNS_MESSAGE_MAX : request->udp_limit;
    query->length = request->length;
    memcpy(query->message, request->data, request->length);
    if (!tcp)
        clamp_edns_size(request, query->message);
    LIST_INSERT_HEAD(&dns->queries, query, link);
    dns->query_count++;
    if (dns_upstream_ask(dns->upstream, &asker, query->message, query->length, tcp,
                         &query->waiter) == 0)
        return DNS_WAITS;
    query_free(query);
    *ret_length = dns_reply_build(request, DNS_SERVFAIL, NULL, request->udp_limit, reply);
    return DNS_REPLIED;
}

static enum dns_handled on_question(void *userdata, const struct dns_peer *peer, const void *data,
                                    size_t length, uint8_t *reply, size_t *ret_length)
{
    const struct site *site = userdata;
    struct dns *dns = site->dns;
    struct dns_request request;
    const struct dns_asker asker = {.address = dns_socket_address_ip(&peer->address),
                                    .network = site->number};
    switch (dns_respond(dns->names, &asker, data, length, peer->connection != NULL, &request, reply,
                        ret_length)) {
    case DNS_ANSWERED:
        return *ret_length ? DNS_REPLIED : DNS_IGNORED;
    case DNS_UNWORTHY:
        return DNS_IGNORED;
    case DNS_ELSEWHERE:
        break;
    }
    return forward(dns, peer, &request, reply, ret_length);
}

static void on_gone(void *userdata, const struct dns_connection *connection)
{
    const struct site *site = userdata;
    struct query *query;
    LIST_FOREACH(query, &site->dns->queries, link)
    if (query->peer.connection == connection) {
        query_free(query);
        return;
    }
}

/* --- sites ---------------------------------------------------------------------------------- */

/* Those that wait over TCP go with their connections. */
static void close_listener(struct dns *dns, struct dns_listener *listener)
{
    struct query *next;
    for (struct query *query = LIST_FIRST(&dns->queries); query; query = next) {
        next = LIST_NEXT(query, link);
        if (query->peer.listener == listener && !query->peer.connection)
            query_free(query);
    }
    dns_listener_close(listener);
}

static void site_done(struct site *site)
{
    for (size_t i = 0; i < site->listeners.count; i++)
        close_listener(site->dns, site->listeners.items[i].listener);
    vec_done(&site->listeners);
    free(TAKE_PTR(site->network));
    free(TAKE_PTR(site->told));
}

static struct site *find_site(const struct dns *dns, const char *network)
{
    struct site *site;
    LIST_FOREACH(site, &dns->sites, entry)
    if (streq(site->network, network))
        return site;
    return NULL;
}

static bool parse_gateway(const char *text, uint16_t port, union dns_socket_address *ret_address)
{
    *ret_address = (union dns_socket_address){.ipv6 = {0}};
    return uv_ip4_addr(text, port, &ret_address->ipv4) == 0 ||
           uv_ip6_addr(text, port, &ret_address->ipv6) == 0;
}

static int site_listen(struct site *site, const union dns_socket_address *address)
{
    for (size_t i = 0; i < site->listeners.count; i++)
        if (dns_socket_address_equal(&site->listeners.items[i].address, address))
            return 0;
    struct opened opened = {.address = *address};
    int r = dns_listener_open(site->dns->listeners, address, site, &opened.listener);
    if (r == 0)
        vec_add(&site->listeners, opened);
    return r;
}

static int site_listen_at(struct site *site, const char *gateway, struct error *err)
{
    union dns_socket_address address;
    if (!parse_gateway(gateway, DNS_PORT, &address))
        return error_set(err, EINVAL, "'%s' is not an address", gateway);
    int r = site_listen(site, &address);
    if (r == UV_EADDRINUSE)
        return error_set(
            err, EADDRINUSE,
            "the DNS server of network '%s' cannot have port 53 of %s: another program "
            "holds it (see `ss -lnp sport = :53`); make it listen on other addresses "
            "only",
            site->network, gateway);
    return r < 0 ? error_set(err, -r, "the DNS server of network '%s' cannot listen on %s:53: %s",
                             site->network, gateway, uv_strerror(r))
                 : 0;
}

/* Those that are not gateways any more. */
static void close_others(struct site *site, const char *const *gateways)
{
    for (size_t i = site->listeners.count; i-- > 0;) {
        bool wanted = false;
        for (const char *const *text = gateways; *text; text++) {
            union dns_socket_address address;
            wanted |= parse_gateway(*text, DNS_PORT, &address) &&
                      dns_socket_address_equal(&address, &site->listeners.items[i].address);
        }
        if (wanted)
            continue;
        close_listener(site->dns, site->listeners.items[i].listener);
        site->listeners.items[i] = site->listeners.items[--site->listeners.count];
    }
}

/* --- the host's door ------------------------------------------------------------------------ */

static uint16_t read_door_port(void)
{
    const char *text = getenv("VMSTEAD_DNS_PORT");
    uint16_t port;
    return text && str_to_u16(text, &port) == 0 ? port : DNS_HOST_PORT;
}

static void open_door(struct dns *dns)
{
    union dns_socket_address address;
    if (!dns->door_port || dns->door.listeners.count)
        return;
    parse_gateway(DNS_HOST_ADDRESS, dns->door_port, &address);
    int r = site_listen(&dns->door, &address);
    if (r < 0 && !dns->door_refused)
        log_warning("dns: the host's door %s:%u is not ours: %s: the names of this root are "
                    "answered on its gateways only (another root's daemon? see `ss -lnp sport = "
                    ":%u`; VMSTEAD_DNS_PORT is another port)",
                    DNS_HOST_ADDRESS, dns->door_port, uv_strerror(r), dns->door_port);
    dns->door_refused = r < 0;
}

/* --- the host's own resolver --------------------------------------------------------------- */

/* Once per change: a network is added again with each of its endpoints. */
static void tell_resolved(struct site *site, const struct dns_network *network)
{
    int link = network->link ? (int)if_nametoindex(network->link) : 0;
    if (link == 0)
        return;
    _cleanup_free_ char *gateways = strv_join((char *const *)network->gateways, " ");
    _cleanup_free_ char *subnets = strv_join((char *const *)network->subnets, " ");
    _cleanup_free_ char *told = xasprintf("%d %s %s", link, gateways, subnets);
    if (streq_null(told, site->told))
        return;
    free(site->told);
    site->told = TAKE_PTR(told);
    site->link = link;
    dns_resolved_tell(site->dns->resolved, network, link);
}

/* --- what is told --------------------------------------------------------------------------- */

int dns_add_network(struct dns *dns, const struct dns_network *network, struct error *err)
{
    uint32_t number;
    int r = dns_names_add_network(dns->names, network, &number, err);
    if (r < 0)
        return r;
    struct site *site = find_site(dns, network->name);
    if (!site) {
        site = new0(struct site);
        site->dns = dns;
        site->network = xstrdup(network->name);
        site->number = number;
        LIST_INSERT_HEAD(&dns->sites, site, entry);
    }
    close_others(site, network->gateways);
    for (const char *const *gateway = network->gateways; r == 0 && *gateway; gateway++)
        r = site_listen_at(site, *gateway, err);
    if (r < 0)
        dns_remove_network(dns, network->name);
    else
        open_door(dns);
    if (r == 0)
        tell_resolved(site, network);
    return r;
}

void dns_remove_network(struct dns *dns, const char *network)
{
    struct site *site = find_site(dns, network);
    dns_names_remove_network(dns->names, network);
    if (!site)
        return;
    LIST_REMOVE(site, entry);
    if (site->link)
        dns_resolved_forget(dns->resolved, site->link);
    site_done(site);
    free(site);
    if (LIST_EMPTY(&dns->sites))
        site_done(&dns->door);
}

void dns_set_endpoint(struct dns *dns, const struct dns_endpoint *endpoint)
{
    dns_names_set_endpoint(dns->names, endpoint);
}

void dns_remove_endpoint(struct dns *dns, const char *network, const char *instance)
{
    dns_names_remove_endpoint(dns->names, network, instance);
}

void dns_set_presence(struct dns *dns, const char *instance, enum instance_presence presence)
{
    static const char *const words[] = {
        [INSTANCE_GONE] = "gone", [INSTANCE_STARTING] = "starting", [INSTANCE_SERVING] = "serving"};
    log_debug("dns: '%s' is %s", instance, words[presence]);
    dns_names_set_presence(dns->names, instance, presence);
}

cJSON *dns_describe_names(const struct dns *dns)
{
    return dns_names_describe(dns->names);
}

int dns_new(uv_loop_t *loop, const char *resolv_conf, struct dns **ret_dns, struct error *err)
{
    static const struct dns_listener_callbacks callbacks = {.on_question = on_question,
                                                            .on_gone = on_gone};
    (void)err;
    struct dns *dns = new0(struct dns);
    dns->loop = loop;
    dns->names = dns_names_new();
    dns->upstream = dns_upstream_new(loop, resolv_conf, dns->names);
    dns->listeners = dns_listeners_new(loop, &callbacks);
    dns->resolved = dns_resolved_new(loop);
    dns->door.dns = dns;
    dns->door_port = read_door_port();
    LIST_INIT(&dns->sites);
    LIST_INIT(&dns->queries);
    *ret_dns = dns;
    return 0;
}

/* The handles' last callbacks still come on the loop; they touch nothing of dns. */
void dns_free(struct dns *dns)
{
    if (!dns)
        return;
    site_done(&dns->door);
    struct site *next;
    for (struct site *site = LIST_FIRST(&dns->sites); site; site = next) {
        next = LIST_NEXT(site, entry);
        site_done(site);
        free(site);
    }
    dns_upstream_free(dns->upstream);
    dns_listeners_free(dns->listeners);
    dns_resolved_free(dns->resolved);
    dns_names_free(dns->names);
    free(dns);
}
