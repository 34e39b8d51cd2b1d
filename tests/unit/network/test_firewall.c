/* The text of the ruleset against golden files (REGENERATE=1 rewrites them), and what is made of
 * libnftables' messages. */
#include "base/fs.h"
#include "network/firewall.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* 10.89.NUMBER.0/24, and with IPv6 fd00:0:0:NUMBER::/64. */
static struct desired_network *add_network(struct desired *desired, const char *name, int number,
                                           bool internal)
{
    struct desired_network network = {
        .name = xstrdup(name),
        .project = xstrdup("shop"),
        .internal = internal,
        .masquerade = true,
    };
    network.subnet[IP_V4] =
        (struct ip_subnet){{.size = 4, .bytes = {10, 89, (unsigned char)number}}, 24};
    network.gateway[IP_V4] = ip_address_next(network.subnet[IP_V4].address);
    desired_bridge_name(desired->root_id, number, network.bridge);
    vec_add(&desired->networks, network);
    return &desired->networks.items[desired->networks.count - 1];
}

static void add_ipv6(struct desired_network *network, int number)
{
    network->subnet[IP_V6] =
        (struct ip_subnet){{.size = 16, .bytes = {0xfd, [7] = (unsigned char)number}}, 64};
    network->gateway[IP_V6] = ip_address_next(network->subnet[IP_V6].address);
}

static struct ip_address address_of(const char *text)
{
    struct ip_address address = {0};
    if (*text)
        assert_int_equal(ip_address_parse(text, &address), 0);
    return address;
}

static struct desired_endpoint *add_endpoint(struct desired *desired, const char *name, int number,
                                             const char *address)
{
    struct desired_endpoint endpoint = {.name = xstrdup(name),
                                        .mac = {2, 0, 0, 0, 0, (uint8_t)number},
                                        .address = {[IP_V4] = address_of(address)}};
    desired_tap_name(desired->root_id, number, endpoint.tap.name);
    desired_bridge_name(desired->root_id, number, endpoint.tap.bridge);
    vec_add(&desired->endpoints, endpoint);
    return &desired->endpoints.items[desired->endpoints.count - 1];
}

static struct desired_port *add_port(struct desired *desired, const char *host_ip,
                                     uint16_t published, bool udp)
{
    vec_add(&desired->ports, (struct desired_port){.project = xstrdup("shop"),
                                                   .instance = xstrdup("shop-web-1"),
                                                   .host_ip = address_of(host_ip),
                                                   .published = published,
                                                   .udp = udp,
                                                   .address = {[IP_V4] = address_of("10.89.0.5")},
                                                   .target = 80});
    return &desired->ports.items[desired->ports.count - 1];
}

static void compare(const struct desired *desired, const char *golden)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    _cleanup_free_ char *path = xasprintf(TESTDATA "/firewall/%s.nft", golden), *expected = NULL;
    firewall_format(desired, &text);
    if (getenv("REGENERATE"))
        assert_int_equal(fs_write_file_atomic(path, strbuf_text(&text), text.length, 0644, NULL),
                         0);
    assert_int_equal(fs_read_file(path, 1 << 20, &expected, NULL, NULL), 0);
    assert_string_equal(strbuf_text(&text), expected);
}

static void test_nothing(void **state)
{
    (void)state;
    compare(&(struct desired){.root_id = "1a2b3c"}, "nothing");
}

static void test_one_network(void **state)
{
    (void)state;
    _cleanup_(desired_done) struct desired desired = {.root_id = "1a2b3c"};
    add_network(&desired, "shop_default", 0, false);
    compare(&desired, "one-network");
}

static void test_shop(void **state)
{
    (void)state;
    _cleanup_(desired_done) struct desired desired = {.root_id = "1a2b3c"};
    add_network(&desired, "shop_frontend", 0, false);
    add_network(&desired, "shop_backend", 1, true);
    add_endpoint(&desired, "shop-web-1/shop_frontend", 0, "10.89.0.5");
    add_endpoint(&desired, "shop-api-1/shop_backend", 1, "10.89.1.6");
    add_port(&desired, "", 8080, false);
    add_port(&desired, "", 8053, true);
    add_port(&desired, "127.0.0.1", 8081, false);
    compare(&desired, "shop");
}

/* Where the host's settings are fixed, guests and 127.0.0.1 go on to the relay. */
static void test_relay_own(void **state)
{
    (void)state;
    _cleanup_(desired_done) struct desired desired = {.root_id = "1a2b3c", .relay_own = true};
    add_network(&desired, "shop_frontend", 0, false);
    add_port(&desired, "", 8080, false);
    add_port(&desired, "127.0.0.1", 8081, false);
    add_port(&desired, "192.0.2.1", 8082, true);
    add_port(&desired, "0.0.0.0", 8083, true);
    add_port(&desired, "::", 8084, false);
    compare(&desired, "relay-own");
}

static void test_ways(void **state)
{
    (void)state;
    const enum port_way NO = PORT_NOWHERE, NFT = PORT_NFTABLES, RELAY = PORT_RELAY;
    const struct {
        const char *host_ip, *guest6;
        enum ip_family family;
        bool relay_own;
        enum port_way outside, loopback, guests;
    } cases[] = {
        {"", "", IP_V4, false, NFT, NFT, NFT},
        {"", "", IP_V6, false, RELAY, RELAY, RELAY},
        {"", "fd00::5", IP_V6, false, NFT, RELAY, NFT},
        {"", "", IP_V4, true, NFT, RELAY, RELAY},
        {"", "fd00::5", IP_V6, true, NFT, RELAY, RELAY},
        {"0.0.0.0", "", IP_V4, false, NFT, NFT, NFT},
        {"0.0.0.0", "fd00::5", IP_V6, false, NO, NO, NO},
        {"::", "", IP_V4, false, NO, NO, NO},
        {"::", "", IP_V6, false, RELAY, RELAY, RELAY},
        {"::1", "fd00::5", IP_V6, false, NO, RELAY, NO},
        {"127.0.0.1", "", IP_V4, false, NO, NFT, NO},
        {"127.0.0.1", "", IP_V4, true, NO, RELAY, NO},
        {"192.0.2.1", "", IP_V4, false, NFT, NO, NFT},
        {"192.0.2.1", "", IP_V4, true, NFT, NO, RELAY},
        {"2001:db8::1", "", IP_V6, false, RELAY, NO, RELAY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct desired_port port = {
            .host_ip = address_of(cases[i].host_ip),
            .address = {address_of("10.89.0.5"), address_of(cases[i].guest6)}};
        struct port_ways ways = desired_port_ways(&port, cases[i].family, cases[i].relay_own);
        assert_int_equal(ways.outside, cases[i].outside);
        assert_int_equal(ways.loopback, cases[i].loopback);
        assert_int_equal(ways.guests, cases[i].guests);
    }
}

static void test_both_families(void **state)
{
    (void)state;
    _cleanup_(desired_done) struct desired desired = {.root_id = "1a2b3c"};
    add_ipv6(add_network(&desired, "shop_frontend", 0, false), 0);
    add_ipv6(add_network(&desired, "shop_backend", 1, true), 1);
    struct desired_network *routed = add_network(&desired, "shop_routed", 2, false);
    routed->masquerade = false;
    struct desired_endpoint *web =
        add_endpoint(&desired, "shop-web-1/shop_frontend", 0, "10.89.0.5");
    web->address[IP_V6] = address_of("fd00::5");
    vec_add(&web->link_local, address_of("169.254.8.8"));
    web->host_gateway = true;
    add_endpoint(&desired, "shop-api-1/shop_routed", 1, "10.89.2.6");
    add_network(&desired, "shop_apart", 3, false)->isolated = true;
    add_port(&desired, "", 8080, false)->address[IP_V6] = address_of("fd00::5");
    add_port(&desired, "2001:db8::1", 8081, false)->address[IP_V6] = address_of("fd00::5");
    add_port(&desired, "192.0.2.1", 8082, true)->address[IP_V6] = address_of("fd00::5");
    compare(&desired, "both-families");
}

/* Names come from files: what could end a string must not reach nftables. */
static void test_names_cannot_break_out(void **state)
{
    (void)state;
    _cleanup_(desired_done) struct desired desired = {.root_id = "1a2b3c"};
    add_network(&desired, "a\"; }\nflush ruleset\\ä", 0, false);
    _cleanup_strbuf_ struct strbuf text = {0};
    firewall_format(&desired, &text);
    assert_null(strstr(text.data, "\nflush"));
    assert_null(strstr(text.data, "\\"));
    assert_non_null(strstr(text.data, "comment \"shop a__ __flush ruleset___\""));
}

static void test_long_names_are_cut(void **state)
{
    (void)state;
    _cleanup_(desired_done) struct desired desired = {.root_id = "1a2b3c"};
    char name[400];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    add_network(&desired, name, 0, false);
    _cleanup_strbuf_ struct strbuf text = {0};
    firewall_format(&desired, &text);
    const char *comment = strstr(text.data, "comment \"");
    assert_non_null(comment);
    assert_true(strcspn(comment + strlen("comment \""), "\"") <= 128);
}

static void test_messages_are_cut(void **state)
{
    (void)state;
    _cleanup_free_ char *cut = firewall_cut_error("internal:0:0-0: Error: Could not process rule: "
                                                  "Operation not permitted\n\ntable inet x {\n");
    assert_string_equal(cut, "Could not process rule: Operation not permitted");
    _cleanup_free_ char *none = firewall_cut_error("");
    assert_string_equal(none, "no reason given");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_one_network),
        cmocka_unit_test(test_shop),
        cmocka_unit_test(test_relay_own),
        cmocka_unit_test(test_ways),
        cmocka_unit_test(test_both_families),
        cmocka_unit_test(test_names_cannot_break_out),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_messages_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
