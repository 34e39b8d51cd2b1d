#include "network/dns_names.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <stdio.h>

static struct in6_addr ip(const char *text)
{
    struct in6_addr address;
    assert_true(dns_address_from_text(text, &address));
    return address;
}

static uint32_t add_network(struct dns_names *names, const char *name, const char *gateway,
                            const char *subnet, bool isolated)
{
    struct error err = {0};
    uint32_t number;
    const char *gateways[] = {gateway, strchr(name, '6') ? "fd00:6::1" : NULL, NULL};
    const char *subnets[] = {subnet, strchr(name, '6') ? "fd00:6::/64" : NULL, NULL};
    const struct dns_network network = {
        .name = name, .gateways = gateways, .subnets = subnets, .isolated = isolated};
    assert_ok(dns_names_add_network(names, &network, &number, &err), &err);
    return number;
}

static void add_endpoint(struct dns_names *names, const char *network, const char *instance,
                         const char *address, const char *service)
{
    const char *aliases[] = {"Alias.Of."
                             "Everyone",
                             NULL};
    dns_names_set_endpoint(names, &(struct dns_endpoint){.network = network,
                                                         .instance = instance,
                                                         .service = service,
                                                         .project = "shop",
                                                         .address = address,
                                                         .names = aliases});
    dns_names_set_presence(names, instance, INSTANCE_SERVING);
}

enum { FRONT = 1, BACK = 2 };

/* The shop: web on front, api on both, cache on back, back internal. */
static struct dns_names *shop(void)
{
    struct dns_names *names = dns_names_new();
    assert_int_equal(add_network(names, "front", "10.1.0.1", "10.1.0.0/24", false), FRONT);
    assert_int_equal(add_network(names, "back", "10.2.0.1", "10.2.0.0/24", true), BACK);
    add_endpoint(names, "front", "shop-web-1", "10.1.0.2", "web");
    add_endpoint(names, "front", "shop-api-1", "10.1.0.3", "api");
    add_endpoint(names, "back", "shop-api-1", "10.2.0.3", "api");
    add_endpoint(names, "back", "shop-cache-1", "10.2.0.4", "cache");
    return names;
}

static enum dns_verdict ask(struct dns_names *names, const char *from, uint32_t network,
                            const char *text, struct dns_answer *answer)
{
    struct dns_asker asker = {.address = ip(from), .network = network};
    struct dns_name name;
    assert_true(dns_name_from_text(text, &name));
    return dns_names_lookup(names, &asker, &name, DNS_TYPE_ANY, answer);
}

static void assert_first(const struct dns_answer *answer, const char *address)
{
    char text[INET_ADDRSTRLEN];
    assert_true(answer->ipv4_count > 0);
    assert_string_equal(inet_ntop(AF_INET, &answer->ipv4[0], text, sizeof(text)), address);
}

static void assert_pointer(const struct dns_answer *answer, const char *name)
{
    char text[DNS_NAME_MAX + 1];
    assert_string_equal(dns_name_format(&answer->pointer, text), name);
}

static void a_guest_sees_all_its_networks_and_no_other(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "api", &answer), DNS_OURS);
    assert_int_equal(answer.ipv4_count, 1);
    assert_first(&answer, "10.1.0.3");
    /* web is not on back: there is no cache for it, and what it asks goes upstream */
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "cache", &answer), DNS_FORWARD);
    assert_int_equal(ask(names, "10.1.0.2", BACK, "cache", &answer), DNS_FORWARD);
    /* but what ends in .vm is never asked elsewhere */
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "cache.shop.vm", &answer), DNS_ABSENT);
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "web.shop.vm", &answer), DNS_OURS);
    /* api sees both, whichever gateway it asks */
    assert_int_equal(ask(names, "10.1.0.3", FRONT, "Cache.", &answer), DNS_OURS);
    assert_first(&answer, "10.2.0.4");
    assert_int_equal(ask(names, "10.1.0.3", FRONT, "alias.of.everyone", &answer), DNS_OURS);
    assert_int_equal(answer.ipv4_count, 4);
}

static void the_host_sees_the_network_it_asks_and_all_host_names(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    assert_int_equal(ask(names, "10.1.0.1", FRONT, "shop-web-1", &answer), DNS_OURS);
    assert_int_equal(ask(names, "10.1.0.1", FRONT, "cache", &answer), DNS_FORWARD);
    assert_int_equal(ask(names, "10.2.0.1", BACK, "cache", &answer), DNS_OURS);
    assert_int_equal(ask(names, "10.1.0.1", FRONT, "cache.shop.vm", &answer), DNS_OURS);
    assert_first(&answer, "10.2.0.4");
    /* at its own door: host names and addresses only */
    assert_int_equal(ask(names, "127.0.0.1", 0, "SHOP-CACHE-1.VM", &answer), DNS_OURS);
    assert_first(&answer, "10.2.0.4");
    assert_int_equal(ask(names, "127.0.0.1", 0, "shop.vm", &answer), DNS_OURS);
    assert_int_equal(answer.ipv4_count, 4);
    assert_int_equal(ask(names, "127.0.0.1", 0, "vm", &answer), DNS_OURS);
    assert_int_equal(answer.ipv4_count, 0);
    assert_int_equal(ask(names, "127.0.0.1", 0, "nobody.vm", &answer), DNS_ABSENT);
    assert_int_equal(ask(names, "127.0.0.1", 0, "cache", &answer), DNS_REFUSE);
    assert_int_equal(ask(names, "127.0.0.1", 0, "debian.org", &answer), DNS_REFUSE);
    assert_int_equal(ask(names, "127.0.0.1", 0, "4.0.2.10.in-addr.arpa", &answer), DNS_OURS);
    assert_pointer(&answer, "shop-cache-1.vm");
}

static void a_stranger_is_refused(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    assert_int_equal(ask(names, "192.168.1.7", FRONT, "web", &answer), DNS_REFUSE);
    assert_int_equal(ask(names, "10.1.1.7", FRONT, "debian.org", &answer), DNS_REFUSE);
    /* somebody on the network that we know nothing of */
    assert_int_equal(ask(names, "10.1.0.77", FRONT, "web", &answer), DNS_OURS);
    assert_int_equal(ask(names, "10.1.0.77", BACK, "cache", &answer), DNS_REFUSE);
    assert_int_equal(ask(names, "fe80::1", FRONT, "web", &answer), DNS_OURS);
}

static void an_internal_network_has_no_way_out(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    assert_int_equal(ask(names, "10.2.0.4", BACK, "debian.org", &answer), DNS_ISOLATED);
    assert_int_equal(ask(names, "10.2.0.3", BACK, "debian.org", &answer), DNS_FORWARD);
}

static void who_does_not_run_is_known_but_not_named(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    dns_names_set_presence(names, "shop-api-1", INSTANCE_GONE);
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "api", &answer), DNS_OURS);
    assert_int_equal(answer.ipv4_count, 0);
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "3.0.1.10.in-addr.arpa", &answer), DNS_ABSENT);
    dns_names_remove_endpoint(names, "front", "shop-api-1");
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "api", &answer), DNS_FORWARD);
    dns_names_remove_network(names, "front");
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "web", &answer), DNS_REFUSE);
}

static void who_starts_is_named_while_nobody_serves(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    add_endpoint(names, "front", "shop-web-2", "10.1.0.12", "web");
    dns_names_set_presence(names, "shop-web-1", INSTANCE_STARTING);
    dns_names_set_presence(names, "shop-web-2", INSTANCE_STARTING);
    ask(names, "10.1.0.2", FRONT, "web", &answer);
    assert_int_equal(answer.ipv4_count, 2);
    dns_names_set_presence(names, "shop-web-2", INSTANCE_SERVING);
    for (int i = 0; i < 4; i++) {
        ask(names, "10.1.0.2", FRONT, "web", &answer);
        assert_int_equal(answer.ipv4_count, 1);
        assert_first(&answer, "10.1.0.12");
    }
    /* by its own name who starts is always there */
    ask(names, "10.1.0.2", FRONT, "shop-web-1", &answer);
    assert_first(&answer, "10.1.0.2");
    /* what is told anew keeps its presence */
    add_network(names, "more", "10.3.0.1", "10.3.0.0/24", false);
    dns_names_set_endpoint(names, &(struct dns_endpoint){.network = "more",
                                                         .instance = "shop-web-2",
                                                         .service = "web",
                                                         .address = "10.3.0.2"});
    ask(names, "10.3.0.1", 3, "web", &answer);
    assert_first(&answer, "10.3.0.2");
}

static void replicas_take_turns(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_asker asker = {.address = ip("10.1.0.2"), .network = FRONT};
    struct dns_answer answer;
    struct dns_name name;
    unsigned first[3] = {0};
    dns_name_from_text("many", &name);
    add_endpoint(names, "front", "many-1", "10.1.0.101", "many");
    add_endpoint(names, "front", "many-2", "10.1.0.102", "many");
    add_endpoint(names, "front", "many-3", "10.1.0.103", "many");
    for (int i = 0; i < 9; i++) { /* as libc asks */
        dns_names_lookup(names, &asker, &name, DNS_TYPE_AAAA, &answer);
        assert_int_equal(answer.ipv4_count + answer.ipv6_count, 0);
        dns_names_lookup(names, &asker, &name, DNS_TYPE_A, &answer);
        assert_int_equal(answer.ipv4_count, 3);
        first[(ntohl(answer.ipv4[0].s_addr) & 0xff) - 101]++;
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(first[i], 3);
}

static void more_than_an_answer_takes_come_by_turns(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    bool seen[100] = {0};
    for (int i = 0; i < 100; i++) {
        char instance[32], address[32];
        snprintf(instance, sizeof(instance), "many-%d", i);
        snprintf(address, sizeof(address), "10.1.0.%d", 100 + i);
        add_endpoint(names, "front", instance, address, "many");
    }
    for (int i = 0; i < 100; i++) {
        ask(names, "10.1.0.2", FRONT, "many", &answer);
        assert_int_equal(answer.ipv4_count, DNS_MAX_ADDRESSES);
        seen[(ntohl(answer.ipv4[0].s_addr) & 0xff) - 100] = true;
    }
    for (int i = 0; i < 100; i++)
        assert_true(seen[i]);
}

static void addresses_have_names_too(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    assert_int_equal(ask(names, "10.1.0.3", FRONT, "4.0.2.10.IN-ADDR.ARPA.", &answer), DNS_OURS);
    assert_pointer(&answer, "shop-cache-1");
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "4.0.2.10.in-addr.arpa", &answer), DNS_ABSENT);
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "99.0.1.10.in-addr.arpa", &answer), DNS_ABSENT);
    static const char *const others[] = {"8.8.8.8.in-addr.arpa",   "x.4.0.2.10.in-addr.arpa",
                                         "4.0.2.010.in-addr.arpa", "4.0.2.10.in-addr.arpa.arpa",
                                         "0.2.10.in-addr.arpa",    "444.0.2.10.in-addr.arpa",
                                         "4.0.2..10.in-addr.arp"};
    for (size_t i = 0; i + 1 < ARRAY_SIZE(others); i++)
        assert_int_equal(ask(names, "10.1.0.2", FRONT, others[i], &answer), DNS_FORWARD);
}

static void ipv6_is_the_same(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = dns_names_new();
    struct dns_answer answer;
    add_network(names, "net6", "10.6.0.1", "10.6.0.0/24", false);
    dns_names_set_endpoint(names, &(struct dns_endpoint){.network = "net6",
                                                         .instance = "p-web-1",
                                                         .service = "web",
                                                         .project = "p",
                                                         .address = "10.6.0.2",
                                                         .address6 = "fd00:6::2"});
    dns_names_set_presence(names, "p-web-1", INSTANCE_SERVING);
    assert_int_equal(ask(names, "fd00:6::2", 1, "web", &answer), DNS_OURS);
    assert_int_equal(answer.ipv4_count, 1);
    assert_int_equal(answer.ipv6_count, 1);
    struct in6_addr expected = ip("fd00:6::2");
    assert_memory_equal(&answer.ipv6[0], &expected, sizeof(expected));
    static const char reverse[] = "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.0.0.0.0.0.d.f."
                                  "ip6.arpa";
    assert_int_equal(ask(names, "10.6.0.2", 1, reverse, &answer), DNS_OURS);
    assert_pointer(&answer, "p-web-1");
    _cleanup_free_ char *absent = xstrdup(reverse);
    absent[0] = '3';
    assert_int_equal(ask(names, "10.6.0.2", 1, absent, &answer), DNS_ABSENT);
    absent[50] = 'e'; /* outside of the subnet */
    assert_int_equal(ask(names, "10.6.0.2", 1, absent, &answer), DNS_FORWARD);
    absent[0] = 'g';
    assert_int_equal(ask(names, "10.6.0.2", 1, absent, &answer), DNS_FORWARD);
    const struct in6_addr inside = ip("fd00:6::99"), outside = ip("fd00:7::1");
    assert_true(dns_names_owns_address(names, &inside));
    assert_false(dns_names_owns_address(names, &outside));
    assert_true(
        dns_names_is_gateway(names, &(struct in6_addr){.s6_addr = {0xfd, 0, 0, 6, [15] = 1}}));
}

static void what_cannot_be_a_name_is_left_out(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    struct dns_name name;
    char label[65], text[300] = "";
    memset(label, 'a', 64);
    label[64] = '\0';
    add_endpoint(names, "front", label, "10.1.0.50", "long");
    assert_false(dns_name_from_text(label, &name));
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "long", &answer), DNS_OURS);
    assert_int_equal(ask(names, "10.1.0.2", FRONT, "50.0.1.10.in-addr.arpa", &answer), DNS_OURS);
    assert_int_equal(answer.pointer.length, 0);
    for (int i = 0; i < 127; i++)
        strcat(text, i ? ".a" : "a");
    assert_true(dns_name_from_text(text, &name));
    assert_int_equal(name.length, DNS_NAME_MAX);
    strcat(text, "a");
    assert_false(dns_name_from_text(text, &name));
    assert_false(dns_name_from_text("a..b", &name));
    assert_false(dns_name_from_text(".", &name));
    assert_true(dns_name_from_text("", &name));
}

static void what_is_no_network_is_refused(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = dns_names_new();
    static const char *const bad[][2] = {{"10.1.0", "10.1.0.0/24"},
                                         {"10.1.0.1", "10.1.0.0"},
                                         {"10.1.0.1", "10.1.0.0/33"},
                                         {"10.1.0.1", "fd00::/129"},
                                         {"10.1.0.1", "x/24"}};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_error_ struct error err = {0};
        uint32_t number;
        const char *gateways[] = {bad[i][0], NULL}, *subnets[] = {bad[i][1], NULL};
        const struct dns_network network = {.name = "n", .gateways = gateways, .subnets = subnets};
        assert_int_equal(dns_names_add_network(names, &network, &number, &err), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_sees_all_its_networks_and_no_other),
        cmocka_unit_test(the_host_sees_the_network_it_asks_and_all_host_names),
        cmocka_unit_test(a_stranger_is_refused),
        cmocka_unit_test(an_internal_network_has_no_way_out),
        cmocka_unit_test(who_does_not_run_is_known_but_not_named),
        cmocka_unit_test(who_starts_is_named_while_nobody_serves),
        cmocka_unit_test(replicas_take_turns),
        cmocka_unit_test(more_than_an_answer_takes_come_by_turns),
        cmocka_unit_test(addresses_have_names_too),
        cmocka_unit_test(ipv6_is_the_same),
        cmocka_unit_test(what_cannot_be_a_name_is_left_out),
        cmocka_unit_test(what_is_no_network_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
