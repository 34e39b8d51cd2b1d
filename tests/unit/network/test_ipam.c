/* The choice of subnets and addresses, what a network is asked to be, and the tables below. */
#include "base/str.h"
#include "network/ipam.h"
#include "network/tables.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SMALL "10.5.5.0/29" /* .1 to .6 */

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

static struct ip_address address_of(const char *text)
{
    struct ip_address address = {0};
    assert_int_equal(ip_address_parse(text, &address), 0);
    return address;
}

static struct ip_subnet subnet_of(const char *text)
{
    struct ip_subnet subnet = {0};
    assert_int_equal(ip_subnet_parse(text, &subnet), 0);
    return subnet;
}

/* spec: JSON, what was asked for. */
static void add_network_as(struct store *store, const char *name, const char *subnet,
                           const char *spec)
{
    struct ip_subnet parsed = subnet_of(subnet);
    enum ip_family family = ip_family_of(&parsed.address);
    struct network_row row = {.name = (char *)(uintptr_t)name,
                              .project = (char *)(uintptr_t) "shop",
                              .key = (char *)(uintptr_t) "x",
                              .spec = (char *)(uintptr_t)spec};
    row.subnet[family] = parsed;
    row.gateway[family] = ip_address_next(parsed.address);
    assert_int_equal(tables_write_network(store, &row, NULL), 0);
}

static void add_network(struct store *store, const char *name, const char *subnet)
{
    add_network_as(store, name, subnet, "{}");
}

static void add_endpoint(struct store *store, const char *instance, int position,
                         const char *network, const char *address, bool default_route)
{
    _cleanup_free_ char *name = xasprintf("%s/%s", instance, network);
    _cleanup_free_ char *interface = xasprintf("eth%d", position);
    struct endpoint_row row = {.name = name,
                               .instance = (char *)(uintptr_t)instance,
                               .service = (char *)(uintptr_t) "s",
                               .project = (char *)(uintptr_t) "shop",
                               .network = (char *)(uintptr_t)network,
                               .interface = interface,
                               .aliases = (char *)(uintptr_t) "[]",
                               .link_local = (char *)(uintptr_t) "[]",
                               .resolver = (char *)(uintptr_t) "{}",
                               .position = position,
                               .default_route = default_route};
    struct ip_address parsed = address_of(address);
    row.address[ip_family_of(&parsed)] = parsed;
    desired_mac(instance, network, row.mac);
    assert_int_equal(tables_write_endpoint(store, &row, NULL), 0);
}

/* "" where nothing is left; owned by the caller. */
static char *choose_family(struct store *store, const char *instance, enum ip_family family)
{
    _cleanup_(network_row_done) struct network_row row = {0};
    _cleanup_(network_settings_done) struct network_settings settings = {0};
    assert_int_equal(tables_find_network(store, "n", &row, NULL), 1);
    assert_int_equal(network_row_settings(&row, &settings, NULL), 0);
    struct ip_address address = {0};
    char text[IP_TEXT_SIZE];
    struct error err = {0};
    const struct ipam_request request = {
        .instance = instance, .network = &row, .settings = &settings, .family = family};
    int r = ipam_choose_address(store, &request, &address, &err);
    if (r < 0)
        assert_string_equal(err.message,
                            "no address is left in network 'n' (10.5.5.0/29) for 'late': give the "
                            "network a larger subnet");
    error_done(&err);
    return xstrdup(r < 0 ? "" : ip_address_format(&address, text));
}

static char *choose(struct store *store, const char *instance)
{
    return choose_family(store, instance, IP_V4);
}

static void test_addresses_run_out_without_repeats(void **state)
{
    struct store *store = *state;
    add_network(store, "n", SMALL);
    bool seen[8] = {false};
    for (int i = 0; i < 5; i++) {
        _cleanup_free_ char *instance = xasprintf("i%d", i), *address = choose(store, instance);
        assert_int_equal(strncmp(address, "10.5.5.", 7), 0);
        assert_in_range(address[7], '2', '6');
        assert_false(seen[address[7] - '0']);
        seen[address[7] - '0'] = true;
        add_endpoint(store, instance, 0, "n", address, true);
    }
    _cleanup_free_ char *late = choose(store, "late");
    assert_string_equal(late, "");
}

static void test_addresses_are_the_same_again(void **state)
{
    struct store *store = *state;
    add_network(store, "n", SMALL);
    _cleanup_free_ char *first = choose(store, "shop-web-1"), *again = choose(store, "shop-web-1");
    assert_string_equal(first, again);
    add_endpoint(store, "thief", 0, "n", first, true);
    _cleanup_free_ char *second = choose(store, "shop-web-1");
    assert_string_not_equal(second, first);
    add_endpoint(store, "shop-web-1", 0, "n", second, true);
    /* Both go and come back: each has what it had, though the hash says otherwise. */
    assert_int_equal(tables_delete_endpoint(store, "thief/n", NULL), 0);
    assert_int_equal(tables_delete_endpoint(store, "shop-web-1/n", NULL), 0);
    _cleanup_free_ char *kept = choose(store, "shop-web-1"), *thiefs = choose(store, "thief");
    assert_string_equal(kept, second);
    assert_string_equal(thiefs, first);
    /* Somebody else took it meanwhile. */
    add_endpoint(store, "other", 0, "n", second, true);
    _cleanup_free_ char *third = choose(store, "shop-web-1");
    assert_string_not_equal(third, second);
    assert_string_not_equal(third, first);
}

static void test_what_is_remembered_is_given_away_at_last(void **state)
{
    struct store *store = *state;
    add_network(store, "n", SMALL);
    for (int i = 0; i < 5; i++) {
        _cleanup_free_ char *instance = xasprintf("i%d", i), *address = choose(store, instance);
        _cleanup_free_ char *name = xasprintf("i%d/n", i);
        add_endpoint(store, instance, 0, "n", address, true);
        assert_int_equal(tables_delete_endpoint(store, name, NULL), 0);
    }
    _cleanup_free_ char *late = choose(store, "newcomer");
    assert_string_not_equal(late, "");
}

static void test_ranges_and_reserved_addresses(void **state)
{
    struct store *store = *state;
    add_network_as(store, "n", "10.5.0.0/16",
                   "{\"subnet\":\"10.5.0.0/16\",\"ip_range\":\"10.5.7.4/30\","
                   "\"aux_addresses\":{\"printer\":\"10.5.7.5\"}}");
    bool seen[8] = {false};
    for (int i = 0; i < 3; i++) {
        _cleanup_free_ char *instance = xasprintf("i%d", i), *address = choose(store, instance);
        assert_int_equal(strncmp(address, "10.5.7.", 7), 0);
        assert_true(address[7] == '4' || address[7] == '6' || address[7] == '7');
        assert_false(seen[address[7] - '0']);
        seen[address[7] - '0'] = true;
        add_endpoint(store, instance, 0, "n", address, true);
    }
}

static void test_ipv6_addresses_are_short(void **state)
{
    struct store *store = *state;
    add_network_as(store, "n", "fd00:1:2:3::/64", "{\"ipv6\":true}");
    _cleanup_free_ char *address = choose_family(store, "shop-web-1", IP_V6);
    assert_int_equal(strncmp(address, "fd00:1:2:3::", 12), 0);
    assert_in_range(strlen(address), 13, 16);
    add_endpoint(store, "shop-web-1", 0, "n", address, true);
    _cleanup_free_ char *other = choose_family(store, "shop-web-2", IP_V6);
    assert_string_not_equal(other, address);
}

static void test_numbers_are_reused(void **state)
{
    struct store *store = *state;
    _cleanup_(network_row_done) struct network_row row = {0};
    add_network(store, "a", "10.89.0.0/24");
    add_network(store, "b", "10.89.1.0/24");
    add_network(store, "c", "10.89.2.0/24");
    assert_int_equal(tables_delete_network(store, "b", NULL), 0);
    add_network(store, "d", "10.89.3.0/24");
    assert_int_equal(tables_find_network(store, "d", &row, NULL), 1);
    assert_int_equal(row.number, 1);
    struct ip_subnet other, wide = subnet_of("10.89.0.0/16"), own = subnet_of("10.89.2.0/24"),
                            six = subnet_of("fd00::/8");
    _cleanup_free_ char *overlap = tables_find_overlap(store, "a", &wide, &other);
    assert_string_equal(overlap, "d");
    assert_null(tables_find_overlap(store, "c", &own, &other));
    assert_null(tables_find_overlap(store, "c", &six, &other));
    struct ip_subnet old[IP_FAMILY_COUNT];
    tables_find_old_subnets(store, "b", old);
    char text[IP_SUBNET_TEXT_SIZE];
    assert_string_equal(ip_subnet_format(&old[IP_V4], text), "10.89.1.0/24");
    assert_false(ip_subnet_is_set(&old[IP_V6]));
}

static void test_ports_go_where_the_default_route_is(void **state)
{
    struct store *store = *state;
    add_network(store, "in", "10.89.0.0/24");
    add_network(store, "out", "10.89.1.0/24");
    add_endpoint(store, "i", 0, "in", "10.89.0.5", false);
    add_endpoint(store, "i", 1, "out", "10.89.1.5", true);
    struct port_row port = {.instance = (char *)(uintptr_t) "i",
                            .project = (char *)(uintptr_t) "shop",
                            .published = 8080,
                            .target = 80};
    assert_int_equal(tables_write_port(store, &port, NULL), 0);
    _cleanup_(desired_done) struct desired desired = {0};
    assert_int_equal(tables_read_desired(store, "1a2b3c", &desired, NULL), 0);
    assert_int_equal(desired.ports.count, 1);
    char text[IP_TEXT_SIZE];
    assert_string_equal(ip_address_format(&desired.ports.items[0].address[IP_V4], text),
                        "10.89.1.5");
    assert_false(ip_address_is_set(&desired.ports.items[0].address[IP_V6]));
    assert_string_equal(desired.networks.items[1].bridge, "vs1a2b3c-br1");
    assert_string_equal(desired.endpoints.items[1].tap.name, "vs1a2b3c-t1");
    assert_int_equal(tables_set_network_state(store, "in", "removing", NULL), 0);
    _cleanup_(desired_done) struct desired later = {0};
    assert_int_equal(tables_read_desired(store, "1a2b3c", &later, NULL), 0);
    assert_int_equal(later.networks.count, 1);
}

/* --- what a network is asked to be ------------------------------------------------------------ */

static char *problem_of(const char *text)
{
    _cleanup_json_ cJSON *spec = cJSON_Parse(text);
    struct network_settings settings;
    struct error err = {0};
    assert_non_null(spec);
    int r = network_settings_parse("n", spec, &settings, &err);
    char *problem = xstrdup(r < 0 ? err.message : "");
    if (r == 0)
        network_settings_done(&settings);
    error_done(&err);
    return problem;
}

static void test_settings(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *spec = cJSON_Parse(
        "{\"subnet\":\"10.1.0.0/16\",\"subnet6\":\"fd00:1::/64\",\"gateway6\":\"fd00:1::9\","
        "\"aux_addresses\":{\"a\":\"10.1.0.9\",\"b\":\"fd00:1::5\"},\"options\":{"
        "\"com.docker.network.bridge.name\":\"br-shop\",\"com.docker.network.driver.mtu\":\"9000\","
        "\"com.docker.network.bridge.enable_icc\":\"false\","
        "\"com.docker.network.bridge.enable_ip_masquerade\":\"F\"},\"multicast\":\"querier\"}");
    struct network_settings settings;
    char text[IP_TEXT_SIZE];
    assert_int_equal(network_settings_parse("n", spec, &settings, NULL), 0);
    assert_true(settings.has_family[IP_V4] && settings.has_family[IP_V6]);
    assert_string_equal(ip_address_format(&settings.pools[IP_V4].gateway, text), "10.1.0.1");
    assert_string_equal(ip_address_format(&settings.pools[IP_V6].gateway, text), "fd00:1::9");
    assert_int_equal(settings.reserved.count, 2);
    assert_string_equal(settings.bridge, "br-shop");
    assert_int_equal(settings.mtu, 9000);
    assert_true(settings.isolated && !settings.masquerade && !settings.internal);
    assert_int_equal(settings.multicast, MULTICAST_QUERIER);
    network_settings_done(&settings);
}

static void test_settings_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *problem;
    } cases[] = {
        {"{}", ""},
        {"{\"subnet\":\"10.1.2.3/24\"}",
         "network 'n': '10.1.2.3/24' is not an IPv4 subnet: write it like 10.1.2.0/24, with no bit "
         "set behind the prefix"},
        {"{\"subnet\":\"fd00::/64\"}",
         "network 'n': 'fd00::/64' is not an IPv4 subnet: write it like 10.1.2.0/24, with no bit "
         "set behind the prefix"},
        {"{\"subnet\":\"10.1.2.0/31\"}",
         "network 'n': the subnet '10.1.2.0/31' must have a prefix between /8 and /30"},
        {"{\"subnet\":\"10.1.2.0/24\",\"gateway\":\"10.1.3.1\"}",
         "network 'n': the gateway '10.1.3.1' is not an address within its subnet '10.1.2.0/24'"},
        {"{\"gateway6\":\"fd00::1\"}", "network 'n': 'fd00::1' needs a subnet beside it"},
        {"{\"subnet\":\"10.1.2.0/24\",\"ip_range\":\"10.1.3.0/25\"}",
         "network 'n': the 'ip_range' '10.1.3.0/25' is not within its subnet '10.1.2.0/24'"},
        {"{\"subnet\":\"10.1.2.0/24\",\"aux_addresses\":{\"x\":\"10.1.3.1\"}}",
         "network 'n': the auxiliary address 'x' ('10.1.3.1') is in none of its subnets"},
        {"{\"driver\":\"overlay\"}",
         "network 'n': there is no driver 'overlay': use 'bridge' or 'macvlan'"},
        {"{\"options\":{\"com.docker.network.bridge.name\":\"a name that is too long\"}}",
         "network 'n': 'a name that is too long' ('com.docker.network.bridge.name') is no name of "
         "a link: at most 15 characters, no spaces, '/' or ':'"},
        {"{\"options\":{\"com.docker.network.driver.mtu\":\"12\"}}",
         "network 'n': the MTU '12' is not between 68 and 65535"},
        {"{\"options\":{\"com.docker.network.bridge.enable_icc\":\"no\"}}",
         "network 'n': the option 'com.docker.network.bridge.enable_icc' is 'true' or 'false', not "
         "'no'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *problem = problem_of(cases[i].spec);
        assert_string_equal(problem, cases[i].problem);
    }
}

/* --- names ------------------------------------------------------------------------------------ */

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
        WITH_STORE(test_addresses_run_out_without_repeats),
        WITH_STORE(test_addresses_are_the_same_again),
        WITH_STORE(test_what_is_remembered_is_given_away_at_last),
        WITH_STORE(test_ranges_and_reserved_addresses),
        WITH_STORE(test_ipv6_addresses_are_short),
        WITH_STORE(test_numbers_are_reused),
        WITH_STORE(test_ports_go_where_the_default_route_is),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_settings_that_are_wrong),
        cmocka_unit_test(test_macs),
        cmocka_unit_test(test_names_fit_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
