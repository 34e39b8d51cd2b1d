/* See dns_resolvers.h. */
#include "network/dns_resolvers.h"

#include "base/alloc.h"
#include "base/str.h"

#include <stdio.h>
#include <uv.h>

struct in6_addr dns_socket_address_ip(const union dns_socket_address *address)
{
    if (address->any.sa_family == AF_INET6)
        return address->ipv6.sin6_addr;
    struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(mapped.s6_addr + 12, &address->ipv4.sin_addr, 4);
    return mapped;
}

bool dns_socket_address_equal(const union dns_socket_address *a, const union dns_socket_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->ipv4.sin_addr.s_addr == b->ipv4.sin_addr.s_addr &&
               a->ipv4.sin_port == b->ipv4.sin_port;
    return IN6_ARE_ADDR_EQUAL(&a->ipv6.sin6_addr, &b->ipv6.sin6_addr) &&
           a->ipv6.sin6_port == b->ipv6.sin6_port && a->ipv6.sin6_scope_id == b->ipv6.sin6_scope_id;
}

static struct dns_resolver *find_resolver(struct dns_resolvers *resolvers,
                                          const union dns_socket_address *address)
{
    for (size_t i = 0; i < resolvers->count; i++)
        if (dns_socket_address_equal(&resolvers->items[i].address, address))
            return &resolvers->items[i];
    return NULL;
}

/* "fe80::1%eth0" too. */
static bool parse_server(const char *text, union dns_socket_address *ret_address)
{
    *ret_address = (union dns_socket_address){.ipv6 = {0}};
    return uv_ip4_addr(text, 53, &ret_address->ipv4) == 0 ||
           uv_ip6_addr(text, 53, &ret_address->ipv6) == 0;
}

void dns_resolvers_read(struct dns_resolvers *resolvers, const char *resolv_conf)
{
    struct dns_resolvers read = {.count = 0};
    _cleanup_free_ char *copy = xstrdup(resolv_conf);
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) && read.count < DNS_MAX_RESOLVERS;) {
        char text[128];
        struct dns_resolver resolver = {0};
        if (sscanf(line, " nameserver %127s", text) != 1 ||
            !parse_server(text, &resolver.address) || find_resolver(&read, &resolver.address))
            continue;
        const struct dns_resolver *known = find_resolver(resolvers, &resolver.address);
        read.items[read.count++] = known ? *known : resolver;
    }
    *resolvers = read;
}

static void add_server(struct dns_order *order, const struct dns_resolver *resolver)
{
    order->servers[order->count++] = resolver->address;
}

void dns_resolvers_order(struct dns_resolvers *resolvers, uint64_t now_ms,
                         struct dns_order *ret_order)
{
    struct dns_order order = {.count = 0};
    struct dns_resolver *tried = NULL;
    for (size_t i = 0; i < resolvers->count; i++) {
        struct dns_resolver *resolver = &resolvers->items[i];
        if (!resolver->rest_ends_ms)
            add_server(&order, resolver);
        else if (!tried && now_ms >= resolver->rest_ends_ms)
            tried = resolver;
    }
    order.at_once = 1;
    if (tried && order.count > 0) { /* beside the first of those that work */
        memmove(&order.servers[2], &order.servers[1], (order.count - 1) * sizeof(order.servers[0]));
        order.servers[1] = tried->address;
        order.count++;
        order.at_once = 2;
        tried->rest_ends_ms = now_ms + DNS_REST_MS;
    } else {
        tried = NULL; /* nobody works: as the file has them */
    }
    for (size_t i = 0; i < resolvers->count; i++)
        if (resolvers->items[i].rest_ends_ms && &resolvers->items[i] != tried)
            add_server(&order, &resolvers->items[i]);
    *ret_order = order;
}

void dns_resolvers_note(struct dns_resolvers *resolvers, const union dns_socket_address *server,
                        bool answered, uint64_t now_ms)
{
    struct dns_resolver *resolver = find_resolver(resolvers, server);
    if (!resolver)
        return;
    if (answered) {
        resolver->failures = 0;
        resolver->rest_ends_ms = 0;
    } else if (++resolver->failures >= DNS_REST_AFTER) {
        resolver->rest_ends_ms = now_ms + DNS_REST_MS;
    }
}

bool dns_servers_add(struct dns_servers *servers, const char *address)
{
    if (servers->count == DNS_MAX_RESOLVERS ||
        !parse_server(address, &servers->items[servers->count]))
        return false;
    servers->count++;
    return true;
}

bool dns_servers_equal(const struct dns_servers *a, const struct dns_servers *b)
{
    for (size_t i = 0; i < a->count && a->count == b->count; i++)
        if (!dns_socket_address_equal(&a->items[i], &b->items[i]))
            return false;
    return a->count == b->count;
}
