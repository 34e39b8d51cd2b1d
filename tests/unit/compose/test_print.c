#include "compose/print.h"

#include "../unit.h"

#include "compose/yaml.h"

#include <math.h>

static struct position nowhere;

static const char *const texts[] = {
    "plain",
    "two words",
    "",
    " lead",
    "trail ",
    "- a",
    "-",
    "-a",
    "a: b",
    "a:",
    "a:b",
    "#a",
    "a #b",
    "a#b",
    "'",
    "\"",
    "it's",
    "@a",
    "%a",
    "!a",
    "&a",
    "*a",
    "?",
    "? a",
    "?a",
    "|",
    ">",
    "[a]",
    "{a}",
    "a,b",
    "true",
    "yes",
    "null",
    "~",
    "1",
    "1.5",
    "0x1",
    "22:22",
    "2020-01-01",
    "<<",
    "=",
    "---",
    "... a",
    "one\ntwo",
    "one\ntwo\n",
    "one\n\n",
    "\n",
    "\none",
    " one\ntwo",
    "one \ntwo",
    "one\n two",
    "tab\there",
    "\t",
    "\a\b\x1b\x7f",
    "\xc2\x85",
    "\xc2\x80",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
    "é",
    "\xf0\x9f\x98\x80",
    "back\\slash",
    "a\rb",
    "# one\n# two\n",
    "key: value\nother: value\n",
};

/* Every text comes back from what is printed, as a value and as a key. */
static void check_round_trip(bool yaml)
{
    struct print_options options = {0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
        _cleanup_strbuf_ struct strbuf out = {0};
        struct node *map = node_new(arena, NODE_MAP, nowhere);
        struct node *list = node_new(arena, NODE_LIST, nowhere);
        struct node *keys = node_new(arena, NODE_MAP, nowhere);
        node_append(arena, list, node_new_string(arena, texts[i], nowhere));
        node_put(arena, map, "list", nowhere, list);
        node_put(arena, map, "keys", nowhere, keys);
        node_put(arena, keys, texts[i], nowhere, list);
        node_put(arena, map, "value", nowhere, node_new_string(arena, texts[i], nowhere));
        if (yaml)
            print_yaml(map, &options, &out);
        else
            print_json(map, &options, &out);
        const struct node *documents =
            yaml_read(arena, diagnostics, 0, strbuf_text(&out), out.length);
        if (!documents || documents->count != 1)
            fail_msg("cannot be read again: %s", strbuf_text(&out));
        const struct node *root = documents->items[0];
        assert_string_equal(node_get_string(root, "value", "(no string)"), texts[i]);
        assert_string_equal(node_get(root, "list")->items[0]->text, texts[i]);
        assert_string_equal(node_get(root, "keys")->pairs[0].key, texts[i]);
    }
}

static void yaml_reads_back(void **state)
{
    (void)state;
    check_round_trip(true);
}

static void json_reads_back(void **state)
{
    (void)state;
    check_round_trip(false);
}

static void strings_look_as_the_reference_writes_them(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {"x ", "x: 'x '\n"},
        {"#a", "x: '#a'\n"},
        {"a: b", "x: 'a: b'\n"},
        {"1", "x: \"1\"\n"},
        {"yes", "x: \"yes\"\n"},
        {"a\tb", "x: \"a\\tb\"\n"},
        {"", "x: \"\"\n"},
        {"- a", "x: '- a'\n"},
        {"\"q\"", "x: '\"q\"'\n"},
        {"a\nb\n", "x: |\n  a\n  b\n"},
        {"a\nb", "x: |-\n  a\n  b\n"},
        {"<&>", "x: <&>\n"},
        {"a\n\tb \t\nc", "x: |-\n  a\n  \tb \t\n  c\n"},
        {"a \nb", "x: \"a \\nb\"\n"},
        {" a\nb", "x: |2-\n   a\n  b\n"},
        {"\na", "x: |2-\n\n  a\n"},
        {"\n", "x: |2+\n\n"},
        {"a\n\n", "x: |+\n  a\n\n"},
        {"\xc2\x85", "x: \"\\N\"\n"},
        {"\xf0\x9f\x98\x80", "x: \"\\U0001F600\"\n"},
        {"2020-01-01T10:00:00Z", "x: \"2020-01-01T10:00:00Z\"\n"},
        {"1e400", "x: 1e400\n"},
    };
    struct print_options options = {0};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_strbuf_ struct strbuf out = {0};
        struct node *map = node_new(arena, NODE_MAP, nowhere);
        node_put(arena, map, "x", nowhere, node_new_string(arena, cases[i].text, nowhere));
        print_yaml(map, &options, &out);
        assert_string_equal(strbuf_text(&out), cases[i].printed);
    }
}

static void dollars_are_doubled_in_values_only(void **state)
{
    (void)state;
    struct print_options options = {.escape_dollars = true};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    _cleanup_strbuf_ struct strbuf out = {0};
    struct node *map = node_new(arena, NODE_MAP, nowhere);
    node_put(arena, map, "$k", nowhere, node_new_string(arena, "$v", nowhere));
    print_yaml(map, &options, &out);
    assert_string_equal(strbuf_text(&out), "$k: $$v\n");
}

/* {KEY: null, ...} as YAML, all keys of one rank. */
static char *print_keys(const char *const *keys, size_t count)
{
    struct print_options options = {.sort = true};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct strbuf out = {0};
    struct node *map = node_new(arena, NODE_MAP, nowhere);
    for (size_t i = 0; i < count; i++)
        node_put(arena, map, keys[i], nowhere, node_new(arena, NODE_NULL, nowhere));
    print_yaml(map, &options, &out);
    return strbuf_take(&out);
}

static void numbers_in_keys_count(void **state)
{
    (void)state;
    static const char *const keys[] = {"b",   "a10", "a9", "a1b", "a_b", "ab",   "aB",   "Ab",
                                       "a.1", "a1",  "1a", "10a", "_a",  "a001", "a1-b", "a"};
    _cleanup_free_ char *text = print_keys(keys, sizeof(keys) / sizeof(keys[0]));
    assert_string_equal(text, "_a: null\n1a: null\n10a: null\nAb: null\na: null\na.1: null\n"
                              "a_b: null\na1: null\na1b: null\na1-b: null\na001: null\n"
                              "a9: null\na10: null\naB: null\nab: null\nb: null\n");
}

static void long_keys_and_those_of_lines_are_behind_a_question_mark(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf name = {0}, expected = {0};
    for (int i = 0; i < 129; i++)
        strbuf_add_char(&name, 'k');
    const char *const keys[] = {"a\nb", strbuf_text(&name)};
    _cleanup_free_ char *text = print_keys(keys, 2);
    strbuf_addf(&expected, "? |-\n  a\n  b\n: null\n? %s\n: null\n", keys[1]);
    assert_string_equal(text, strbuf_text(&expected));
}

static void numbers_look_as_go_writes_them(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *plain, *json;
    } cases[] = {
        {0, "0", "0"},
        {-0.0, "-0", "-0"},
        {1.5, "1.5", "1.5"},
        {-0.25, "-0.25", "-0.25"},
        {100000.5, "100000.5", "100000.5"},
        {1e6, "1e+06", "1000000"},
        {1234567.5, "1.2345675e+06", "1234567.5"},
        {1e-5, "1e-05", "0.00001"},
        {1.25e-7, "1.25e-07", "1.25e-7"},
        {18446744073709551616.0, "1.8446744073709552e+19", "18446744073709552000"},
        {1e21, "1e+21", "1e+21"},
        {1.5e300, "1.5e+300", "1.5e+300"},
        {INFINITY, "+Inf", "+Inf"},
        {-INFINITY, "-Inf", "-Inf"},
        {NAN, "NaN", "NaN"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buffer[NUMBER_SIZE];
        assert_string_equal(number_format(cases[i].value, NUMBER_PLAIN, buffer), cases[i].plain);
        assert_string_equal(number_format(cases[i].value, NUMBER_JSON, buffer), cases[i].json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_reads_back),
        cmocka_unit_test(json_reads_back),
        cmocka_unit_test(strings_look_as_the_reference_writes_them),
        cmocka_unit_test(dollars_are_doubled_in_values_only),
        cmocka_unit_test(numbers_in_keys_count),
        cmocka_unit_test(long_keys_and_those_of_lines_are_behind_a_question_mark),
        cmocka_unit_test(numbers_look_as_go_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
