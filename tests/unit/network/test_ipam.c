/* Subnet arithmetic, the choice of addresses, and the tables below them. */
#include "base/str.h"
#include "network/ipam.h"
#include "network/tables.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SMALL ((struct subnet){.address = 0x0a050500u, .prefix = 29}) /* 10.5.5.0/29: .1 to .6 */

static int open_store(void **state)
{
    struct store *store = NULL;
    assert_int_equal(store_open(":memory:", &store, NULL), 0);
    assert_int_equal(store_migrate(store, tables_schema(), NULL), 0);
    *state = store;
    return 0;
}

static int close_store(void **state)
{
    store_close(*state);
    return 0;
}

static void add_network(struct store *store, const char *name, struct subnet subnet)
{
    struct network_row row = {.name = (char *)(uintptr_t)name,
                              .project = (char *)(uintptr_t) "shop",
                              .key = (char *)(uintptr_t) "x",
                              .subnet = subnet,
                              .gateway = subnet.address + 1};
    assert_int_equal(tables_write_network(store, &row, NULL), 0);
}

static void add_endpoint(struct store *store, const char *instance, const char *interface,
                         const char *network, uint32_t address, bool default_route)
{
    _cleanup_free_ char *name = xasprintf("%s/%s", instance, network);
    struct endpoint_row row = {.name = name,
                               .instance = (char *)(uintptr_t)instance,
                               .service = (char *)(uintptr_t) "s",
                               .project = (char *)(uintptr_t) "shop",
                               .network = (char *)(uintptr_t)network,
                               .interface = (char *)(uintptr_t)interface,
                               .aliases = (char *)(uintptr_t) "[]",
                               .address = address,
                               .default_route = default_route};
    assert_int_equal(tables_write_endpoint(store, &row, NULL), 0);
}

static uint32_t choose(struct store *store, const char *instance)
{
    uint32_t address = 0;
    struct error err = {0};
    int r = ipam_choose_address(store, instance, "n", SMALL, SMALL.address + 1, NULL, NULL,
                                &address, &err);
    if (r < 0)
        assert_string_equal(err.message,
                            "no address is left in network 'n' (10.5.5.0/29) for 'late': give the "
                            "network a larger subnet");
    error_done(&err);
    return address;
}

static void test_subnets(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "10.0.0.0",    "10.0.0.0/",   "10.0.0.0/33",
                                      "10.0.0.1/8", "10.0.0/8",    "10.0.0.0/8 ", "10.0.0.0/-1",
                                      "::/0",       "256.0.0.0/8", "/8"};
    struct subnet subnet;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(subnet_parse(bad[i], &subnet), -EINVAL);
    char text[SUBNET_TEXT_SIZE];
    assert_int_equal(subnet_parse("255.255.255.255/32", &subnet), 0);
    assert_string_equal(subnet_format(subnet, text), "255.255.255.255/32");
    assert_int_equal(subnet_parse("0.0.0.0/0", &subnet), 0);
    assert_true(subnet_contains(subnet, 0xffffffffu));
    assert_int_equal(subnet_parse("10.1.0.0/16", &subnet), 0);
    assert_int_equal(subnet_broadcast(subnet), 0x0a01ffffu);
    assert_true(subnet_overlaps(subnet, (struct subnet){0x0a010200u, 24}));
    assert_true(subnet_overlaps((struct subnet){0x0a010200u, 24}, subnet));
    assert_false(subnet_overlaps(subnet, (struct subnet){0x0a020000u, 16}));
    assert_false(subnet_has_host(subnet, 0x0a010000u));
    assert_true(subnet_has_host(subnet, 0x0a010001u));
    assert_false(subnet_has_host(subnet, 0x0a01ffffu));
}

static void test_addresses_run_out_without_repeats(void **state)
{
    struct store *store = *state;
    add_network(store, "n", SMALL);
    bool seen[8] = {false};
    for (int i = 0; i < 5; i++) {
        _cleanup_free_ char *instance = xasprintf("i%d", i);
        uint32_t address = choose(store, instance);
        assert_in_range(address, SMALL.address + 2, SMALL.address + 6);
        assert_false(seen[address - SMALL.address]);
        seen[address - SMALL.address] = true;
        add_endpoint(store, instance, "eth0", "n", address, true);
    }
    assert_int_equal(choose(store, "late"), 0);
}

static void test_addresses_are_the_same_again(void **state)
{
    struct store *store = *state;
    add_network(store, "n", SMALL);
    uint32_t first = choose(store, "shop-web-1");
    assert_int_equal(choose(store, "shop-web-1"), first);
    add_endpoint(store, "thief", "eth0", "n", first, true);
    uint32_t second = choose(store, "shop-web-1");
    assert_int_not_equal(second, first);
    assert_int_equal(tables_delete_endpoint(store, "thief/n", NULL), 0);
    assert_int_equal(choose(store, "shop-web-1"), first);
}

static void test_numbers_are_reused(void **state)
{
    struct store *store = *state;
    _cleanup_(network_row_done) struct network_row row = {0};
    add_network(store, "a", (struct subnet){0x0a590000u, 24});
    add_network(store, "b", (struct subnet){0x0a590100u, 24});
    add_network(store, "c", (struct subnet){0x0a590200u, 24});
    assert_int_equal(tables_delete_network(store, "b", NULL), 0);
    add_network(store, "d", (struct subnet){0x0a590300u, 24});
    assert_int_equal(tables_find_network(store, "d", &row, NULL), 1);
    assert_int_equal(row.number, 1);
    struct subnet other;
    _cleanup_free_ char *overlap =
        tables_find_overlap(store, "a", (struct subnet){0x0a590000u, 16}, &other);
    assert_string_equal(overlap, "d");
    assert_null(tables_find_overlap(store, "c", (struct subnet){0x0a590200u, 24}, &other));
}

static void test_ports_go_where_the_default_route_is(void **state)
{
    struct store *store = *state;
    add_network(store, "in", (struct subnet){0x0a590000u, 24});
    add_network(store, "out", (struct subnet){0x0a590100u, 24});
    add_endpoint(store, "i", "eth0", "in", 0x0a590005u, false);
    add_endpoint(store, "i", "eth1", "out", 0x0a590105u, true);
    struct port_row port = {.instance = (char *)(uintptr_t) "i",
                            .project = (char *)(uintptr_t) "shop",
                            .published = 8080,
                            .target = 80};
    assert_int_equal(tables_write_port(store, &port, NULL), 0);
    _cleanup_(desired_done) struct desired desired = {0};
    assert_int_equal(tables_read_desired(store, "1a2b3c", &desired, NULL), 0);
    assert_int_equal(desired.ports.count, 1);
    assert_int_equal(desired.ports.items[0].address, 0x0a590105u);
    assert_string_equal(desired.networks.items[1].bridge, "vs1a2b3c-br1");
    assert_string_equal(desired.endpoints.items[1].tap, "vs1a2b3c-t1");
    assert_int_equal(tables_set_network_state(store, "in", "removing", NULL), 0);
    _cleanup_(desired_done) struct desired later = {0};
    assert_int_equal(tables_read_desired(store, "1a2b3c", &later, NULL), 0);
    assert_int_equal(later.networks.count, 1);
}

static void test_macs(void **state)
{
    (void)state;
    uint8_t mac[6], same[6], other[6];
    desired_mac("shop-web-1", "shop_front", mac);
    desired_mac("shop-web-1", "shop_front", same);
    desired_mac("shop-web-1", "shop_back", other);
    assert_memory_equal(mac, same, 6);
    assert_memory_not_equal(mac, other, 6);
    assert_int_equal(mac[0], 0x02);
}

static void test_names_fit_the_kernel(void **state)
{
    (void)state;
    char name[IFNAMSIZ];
    desired_bridge_name("1a2b3c", 9999, name);
    assert_string_equal(name, "vs1a2b3c-br9999");
    desired_tap_name("1a2b3c", 99999, name);
    assert_string_equal(name, "vs1a2b3c-t99999");
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subnets),
        WITH_STORE(test_addresses_run_out_without_repeats),
        WITH_STORE(test_addresses_are_the_same_again),
        WITH_STORE(test_numbers_are_reused),
        WITH_STORE(test_ports_go_where_the_default_route_is),
        cmocka_unit_test(test_macs),
        cmocka_unit_test(test_names_fit_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
