#include "network/dns_resolvers.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/str.h"
#include "network/dns_wire.h"

#include <arpa/inet.h>

/* "10.0.0.1 10.0.0.2", a '|' behind those that are asked at once. */
static char *order(struct dns_resolvers *resolvers, uint64_t now_ms)
{
    struct dns_order order;
    struct strbuf text = {0};
    dns_resolvers_order(resolvers, now_ms, &order);
    for (size_t i = 0; i < order.count; i++) {
        char address[INET6_ADDRSTRLEN];
        struct in6_addr ip = dns_socket_address_ip(&order.servers[i]);
        strbuf_addf(&text, "%s%s", i ? (i == order.at_once ? "|" : " ") : "",
                    dns_address_format(&ip, address) + strlen("10.0"));
    }
    return strbuf_take(&text);
}

static void assert_order(struct dns_resolvers *resolvers, uint64_t now_ms, const char *expected)
{
    _cleanup_free_ char *found = order(resolvers, now_ms);
    assert_string_equal(found, expected);
}

static void note(struct dns_resolvers *resolvers, size_t i, bool answered, uint64_t now_ms)
{
    const union dns_socket_address server = resolvers->items[i].address;
    dns_resolvers_note(resolvers, &server, answered, now_ms);
}

static void the_file_is_read(void **state)
{
    (void)state;
    struct dns_resolvers resolvers = {0};
    dns_resolvers_read(&resolvers, "# nameserver 9.9.9.9\nsearch lan\nnameserver 10.0.0.1\n"
                                   "nameserver nonsense\n  nameserver\tfe80::1%lo\n"
                                   "nameserver 10.0.0.1\nnameserver 10.0.0.3\noptions edns0\n"
                                   "nameserver 10.0.0.4");
    assert_int_equal(resolvers.count, 3);
    assert_int_equal(resolvers.items[1].address.any.sa_family, AF_INET6);
    assert_int_equal(ntohs(resolvers.items[0].address.ipv4.sin_port), 53);
    dns_resolvers_read(&resolvers, "");
    assert_int_equal(resolvers.count, 0);
    assert_order(&resolvers, 1, "");
}

static void the_dead_rest_and_are_tried_again(void **state)
{
    (void)state;
    struct dns_resolvers resolvers = {0};
    dns_resolvers_read(&resolvers,
                       "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n");
    assert_order(&resolvers, 1000, ".0.1|.0.2 .0.3");
    note(&resolvers, 0, false, 1000);
    assert_order(&resolvers, 1000, ".0.1|.0.2 .0.3"); /* once is an accident */
    note(&resolvers, 0, false, 2000);
    assert_order(&resolvers, 2000, ".0.2|.0.3 .0.1");
    assert_order(&resolvers, 2000 + DNS_REST_MS - 1, ".0.2|.0.3 .0.1");
    /* one question goes to both; the next does not wait for what comes of it */
    assert_order(&resolvers, 2000 + DNS_REST_MS, ".0.2 .0.1|.0.3");
    assert_order(&resolvers, 2000 + DNS_REST_MS, ".0.2|.0.3 .0.1");
    note(&resolvers, 0, false, 3000 + DNS_REST_MS);
    assert_order(&resolvers, 3000 + DNS_REST_MS, ".0.2|.0.3 .0.1");
    assert_order(&resolvers, 3000 + 2 * DNS_REST_MS, ".0.2 .0.1|.0.3");
    note(&resolvers, 0, true, 3100 + 2 * DNS_REST_MS);
    assert_order(&resolvers, 3100 + 2 * DNS_REST_MS, ".0.1|.0.2 .0.3");
}

static void when_all_are_dead_all_are_asked(void **state)
{
    (void)state;
    struct dns_resolvers resolvers = {0};
    dns_resolvers_read(&resolvers, "nameserver 10.0.0.1\nnameserver 10.0.0.2\n");
    for (int i = 0; i < 2; i++) {
        note(&resolvers, 0, false, 1000);
        note(&resolvers, 1, false, 1000);
    }
    assert_order(&resolvers, 2000, ".0.1|.0.2");
    assert_order(&resolvers, 2000 + 2 * DNS_REST_MS, ".0.1|.0.2");
    note(&resolvers, 1, true, 2000);
    assert_order(&resolvers, 2000, ".0.2|.0.1");
}

static void who_stays_in_the_file_keeps_its_health(void **state)
{
    (void)state;
    struct dns_resolvers resolvers = {0};
    dns_resolvers_read(&resolvers, "nameserver 10.0.0.1\nnameserver 10.0.0.2\n");
    note(&resolvers, 0, false, 1000);
    note(&resolvers, 0, false, 1000);
    dns_resolvers_read(&resolvers, "nameserver 10.0.0.1\nnameserver 10.0.0.9\n");
    assert_order(&resolvers, 2000, ".0.9|.0.1");
    dns_resolvers_read(&resolvers, "nameserver 10.0.0.8\nnameserver 10.0.0.9\n");
    dns_resolvers_read(&resolvers, "nameserver 10.0.0.1\nnameserver 10.0.0.9\n");
    assert_order(&resolvers, 2000, ".0.1|.0.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_read),
        cmocka_unit_test(the_dead_rest_and_are_tried_again),
        cmocka_unit_test(when_all_are_dead_all_are_asked),
        cmocka_unit_test(who_stays_in_the_file_keeps_its_health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
