#include "compose/scalar.h"

#include "../unit.h"

#include <errno.h>
#include <math.h>

static struct node resolve(struct arena *arena, const char *text)
{
    struct node node = {0};
    scalar_resolve(arena, &node, text);
    return node;
}

static void words_are_those_of_yaml_1_2(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    static const char *const strings[] = {"yes",  "no",   "on",    "off", "y",
                                          "nULL", "tRUE", "22:22", "<<"};
    assert_int_equal(resolve(arena, "").kind, NODE_NULL);
    assert_int_equal(resolve(arena, "~").kind, NODE_NULL);
    assert_int_equal(resolve(arena, "Null").kind, NODE_NULL);
    assert_int_equal(resolve(arena, "True").kind, NODE_BOOL);
    assert_true(resolve(arena, "True").boolean);
    assert_false(resolve(arena, "false").boolean);
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        assert_int_equal(resolve(arena, strings[i]).kind, NODE_STRING);
}

static void integers_know_go_s_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-5", -5},
                {"+5", 5},
                {"0x1F", 31},
                {"0o17", 15},
                {"017", 15},
                {"0b11", 3},
                {"1_000", 1000},
                {"-0x10", -16},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    static const char *const strings[] = {"0x", "0xg", "0b2", "1a", "--1", "+", "-", "_1", "0o8"};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct node node = resolve(arena, good[i].text);
        assert_int_equal(node.kind, NODE_INT);
        assert_true(node.integer == good[i].value);
    }
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        assert_int_equal(resolve(arena, strings[i]).kind, NODE_STRING);
}

static void floats_print_in_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed;
    } good[] = {{"1.50", "1.5"},
                {".5", "0.5"},
                {"1.", "1"},
                {"1e3", "1000"},
                {"08", "8"},
                {"1e21", "1e+21"},
                {"1e-5", "1e-05"},
                {"0.1", "0.1"},
                {"100000.0", "100000"},
                {"1000000.0", "1e+06"},
                {"-0.0001", "-0.0001"},
                {"123456789.125", "1.23456789125e+08"},
                {"18446744073709551615", "18446744073709551615"},
                {"18446744073709551616", "1.8446744073709552e+19"}};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct node node = resolve(arena, good[i].text);
        assert_int_equal(node.kind, NODE_FLOAT);
        assert_string_equal(node_scalar_text(arena, &node), good[i].printed);
    }
    assert_true(isinf(resolve(arena, "-.inf").number));
    assert_true(isnan(resolve(arena, ".NaN").number));
    assert_int_equal(resolve(arena, "1e").kind, NODE_STRING);
    assert_int_equal(resolve(arena, ".").kind, NODE_STRING);
}

static void dates_become_times_in_utc(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    assert_string_equal(resolve(arena, "2020-01-31").text, "2020-01-31T00:00:00Z");
    assert_string_equal(resolve(arena, "2020-01-31 10:20:30").text, "2020-01-31T10:20:30Z");
    assert_string_equal(resolve(arena, "2020-02-30").text, "2020-02-30");
    assert_string_equal(resolve(arena, "2020-01").text, "2020-01");
}

static void times_have_the_forms_of_go(void **state)
{
    (void)state;
    static const struct {
        const char *text, *time;
    } good[] = {{"2020-1-2", "2020-01-02T00:00:00Z"},
                {"2020-02-29T1:2:3Z", "2020-02-29T01:02:03Z"},
                {"2020-01-02t03:04:05.60-01:30", "2020-01-02T03:04:05.6-01:30"},
                {"2020-01-02  03:04:05,1234567890", "2020-01-02T03:04:05.123456789Z"},
                {"2020-01-02T03:04:05+00:00", "2020-01-02T03:04:05Z"}};
    static const char *const bad[] = {
        "2021-02-29",           "2020-1",           "2020-01-02T03:04:05",      "20200-01-02",
        "2020-01-02T24:00:00Z", "2020-01-02 03:04", "2020-01-02T03:04:05+1:00", "2020-01-02Z"};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_string_equal(scalar_time(arena, good[i].text), good[i].time);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(scalar_time(arena, bad[i]));
}

static void tags_decide_the_kind(void **state)
{
    (void)state;
    static const struct {
        const char *tag, *text;
        enum node_kind kind;
        int result;
    } cases[] = {{"int", "0x10", NODE_INT, 0},
                 {"int", "18446744073709551615", NODE_FLOAT, 0},
                 {"int", "18446744073709551616", NODE_FLOAT, -EINVAL},
                 {"int", "1.0", NODE_FLOAT, -EINVAL},
                 {"float", "1", NODE_FLOAT, 0},
                 {"float", "18446744073709551615", NODE_FLOAT, -EINVAL},
                 {"float", "18446744073709551616", NODE_FLOAT, 0},
                 {"bool", "TRUE", NODE_BOOL, 0},
                 {"bool", "yes", NODE_STRING, -EINVAL},
                 {"null", "", NODE_NULL, 0},
                 {"timestamp", "2020-01-01", NODE_TIME, 0},
                 {"binary", "aGk=", NODE_STRING, 0},
                 {"str", "1", NODE_STRING, 0},
                 {"!own", "1", NODE_STRING, 0}};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct node node = {0};
        int r = scalar_resolve_tagged(arena, &node, cases[i].text, cases[i].tag);
        assert_int_equal(r, cases[i].result);
        assert_int_equal(node.kind, cases[i].kind);
    }
}

static void what_would_change_its_type_is_quoted(void **state)
{
    (void)state;
    static const char *const quoted[] = {"",        "1",          "1.5", "0x1", "true",
                                         "null",    "~",          "yes", "N",   "22:22",
                                         "1:2:3.5", "2020-01-01", "<<",  "=",   ".inf"};
    static const char *const plain[] = {"a",   "1a", "1.2.3",      "22:61",
                                        "a:1", "-",  "2020-13-01", "true1"};
    for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++)
        assert_true(scalar_needs_quotes(quoted[i]));
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        assert_false(scalar_needs_quotes(plain[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_those_of_yaml_1_2),
        cmocka_unit_test(integers_know_go_s_prefixes),
        cmocka_unit_test(floats_print_in_their_shortest_form),
        cmocka_unit_test(dates_become_times_in_utc),
        cmocka_unit_test(times_have_the_forms_of_go),
        cmocka_unit_test(tags_decide_the_kind),
        cmocka_unit_test(what_would_change_its_type_is_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
