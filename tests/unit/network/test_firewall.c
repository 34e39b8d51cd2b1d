/* The text of the ruleset against golden files (REGENERATE=1 rewrites them), and what is made of
 * libnftables' messages. */
#include "base/fs.h"
#include "network/firewall.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void add_network(struct desired *desired, const char *name, int number, bool internal)
{
    struct desired_network network = {
        .name = xstrdup(name),
        .project = xstrdup("shop"),
        .subnet = {.address = 0x0a590000u + ((uint32_t)number << 8), .prefix = 24},
        .gateway = 0x0a590001u + ((uint32_t)number << 8),
        .internal = internal,
    };
    desired_bridge_name(desired->root_id, number, network.bridge);
    vec_add(&desired->networks, network);
}

static void add_endpoint(struct desired *desired, const char *name, int number, uint32_t address)
{
    struct desired_endpoint endpoint = {
        .name = xstrdup(name), .mac = {2, 0, 0, 0, 0, (uint8_t)number}, .address = address};
    desired_tap_name(desired->root_id, number, endpoint.tap);
    vec_add(&desired->endpoints, endpoint);
}

static void add_port(struct desired *desired, uint32_t host_ip, uint16_t published, bool udp)
{
    vec_add(&desired->ports, (struct desired_port){.project = xstrdup("shop"),
                                                   .instance = xstrdup("shop-web-1"),
                                                   .host_ip = host_ip,
                                                   .published = published,
                                                   .udp = udp,
                                                   .address = 0x0a590005u,
                                                   .target = 80});
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
    add_endpoint(&desired, "shop-web-1/shop_frontend", 0, 0x0a590005u);
    add_endpoint(&desired, "shop-api-1/shop_backend", 1, 0x0a590106u);
    add_port(&desired, 0, 8080, false);
    add_port(&desired, 0, 8053, true);
    add_port(&desired, 0x7f000001u, 8081, false);
    compare(&desired, "shop");
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
        cmocka_unit_test(test_names_cannot_break_out),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_messages_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
