#include "base/ip.h"

#include "../unit.h"

#include "base/str.h"

static struct ip_subnet subnet_of(const char *text)
{
    struct ip_subnet subnet;
    assert_int_equal(ip_subnet_parse(text, &subnet), 0);
    return subnet;
}

static struct ip_address address_of(const char *text)
{
    struct ip_address address;
    assert_int_equal(ip_address_parse(text, &address), 0);
    return address;
}

static void addresses_are_written_as_go_takes_them(void **state)
{
    (void)state;
    static const char *const bad[] = {"",          "1.2.3",        "1.2.3.4.5", "01.2.3.4",
                                      "1.2.3.256", "fe80::1%eth0", "::1::2",    "1.2.3.4/24",
                                      "[::1]",     "a.b.c.d"};
    struct ip_address address;
    char text[IP_TEXT_SIZE];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(ip_address_parse(bad[i], &address) < 0);
    address = address_of("FD00:0::5");
    assert_int_equal(address.size, 16);
    assert_string_equal(ip_address_format(&address, text), "fd00::5");
    address = ip_address_next(address_of("10.0.0.255"));
    assert_string_equal(ip_address_format(&address, text), "10.0.1.0");
    struct ip_address four = address_of("255.0.0.0"), six = address_of("::");
    assert_true(ip_address_compare(&four, &six) < 0);
}

static void subnets_know_what_is_in_them(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "10.1.2.3",     "10.1.2/24",   "10.1.2.3/33", "10.1.2.3/",
        "fd00::/129", "10.1.2.0/024", "10.1.2.0/-1", "10.1.2.0/24x"};
    struct ip_subnet subnet;
    char text[IP_TEXT_SIZE];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(ip_subnet_parse(bad[i], &subnet) < 0);
    subnet = subnet_of("10.1.2.3/20");
    assert_true(ip_subnet_has_host_bits(&subnet));
    struct ip_address first = ip_subnet_first(&subnet), last = ip_subnet_last(&subnet);
    assert_string_equal(ip_address_format(&first, text), "10.1.0.0");
    assert_string_equal(ip_address_format(&last, text), "10.1.15.255");
    struct ip_address inside = address_of("10.1.15.9"), outside = address_of("10.1.16.0");
    struct ip_address other = address_of("::10.1.15.9");
    assert_true(ip_subnet_contains(&subnet, &inside));
    assert_false(ip_subnet_contains(&subnet, &outside));
    assert_false(ip_subnet_contains(&subnet, &other));
    subnet = subnet_of("0.0.0.0/0");
    assert_false(ip_subnet_has_host_bits(&subnet));
    assert_true(ip_subnet_contains(&subnet, &outside));
    subnet = subnet_of("fd00:1::/33");
    inside = address_of("fd00:1:7fff::1");
    outside = address_of("fd00:1:8000::");
    assert_true(ip_subnet_contains(&subnet, &inside));
    assert_false(ip_subnet_contains(&subnet, &outside));
    subnet = subnet_of("::/0");
    assert_true(ip_subnet_contains(&subnet, &outside));
}

static void macs_have_three_spellings(void **state)
{
    (void)state;
    static const char *const good[] = {"02:42:ac:11:65:43", "02-42-AC-11-65-43", "0242.ac11.6543"};
    static const char *const bad[] = {"",
                                      "02:42:ac:11:65",
                                      "02:42:ac:11:65:43:",
                                      "02:42-ac:11:65:43",
                                      "0242ac116543",
                                      "0242.ac116543",
                                      "02:42:ac:11:65:4g",
                                      "02:42:ac:11:65:43:99:aa",
                                      "2:42:ac:11:65:43"};
    static const unsigned char expected[6] = {0x02, 0x42, 0xac, 0x11, 0x65, 0x43};
    unsigned char mac[6];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(ip_mac_parse(good[i], mac), 0);
        assert_memory_equal(mac, expected, sizeof(mac));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(ip_mac_parse(bad[i], mac) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_written_as_go_takes_them),
        cmocka_unit_test(subnets_know_what_is_in_them),
        cmocka_unit_test(macs_have_three_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
