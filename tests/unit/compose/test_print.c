#include "compose/print.h"

#include "../unit.h"

#include "compose/yaml.h"

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
        node_append(arena, list, node_new_string(arena, texts[i], nowhere));
        node_put(arena, map, "list", nowhere, list);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_reads_back),
        cmocka_unit_test(json_reads_back),
        cmocka_unit_test(strings_look_as_the_reference_writes_them),
        cmocka_unit_test(dollars_are_doubled_in_values_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
