#include "compose/dotenv.h"

#include "../unit.h"

#include "base/str.h"

#include <errno.h>

struct fixture {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct node *map;
    int result;
};

static struct fixture read_text(const char *text)
{
    struct fixture fixture = {.arena = arena_new(), .diagnostics = diagnostics_new()};
    struct variables *outer = variables_new(fixture.arena, NULL);
    variables_add(outer, "OUTER", "outside");
    struct variables *variables = variables_new(fixture.arena, outer);
    fixture.map = variables_own(variables);
    unsigned file = diagnostics_add_file(fixture.diagnostics, ".env", text, strlen(text));
    fixture.result =
        dotenv_read(fixture.arena, fixture.diagnostics, file, text, strlen(text), variables);
    return fixture;
}

static void fixture_done(struct fixture *fixture)
{
    diagnostics_free(fixture->diagnostics);
    arena_free(fixture->arena);
}

#define assert_value(text, name, value)                                                            \
    do {                                                                                           \
        _cleanup_(fixture_done) struct fixture fixture_ = read_text(text);                         \
        assert_int_equal(fixture_.result, 0);                                                      \
        assert_string_equal(node_get_string(fixture_.map, name, "(unset)"), value);                \
    } while (0)

static void lines_are_names_and_values(void **state)
{
    (void)state;
    assert_value("A=1", "A", "1");
    assert_value("\n# c\n  A=1\r\n", "A", "1");
    assert_value("export A=1", "A", "1");
    assert_value("exported=1", "exported", "1");
    assert_value("A: x y ", "A", "x y");
    assert_value("A=", "A", "");
    assert_value("A=1\nA=2", "A", "2");
    assert_value("A.b-c[0]=1", "A.b-c[0]", "1");
    assert_value("\xef\xbb\xbf"
                 "A=1",
                 "A", "1");
    assert_value("OUTER", "OUTER", "outside");
    assert_value("NOWHERE", "NOWHERE", "(unset)");
}

static void comments_need_a_blank_before(void **state)
{
    (void)state;
    assert_value("A=a # b", "A", "a");
    assert_value("A=a#b", "A", "a#b");
    assert_value("A=# b", "A", "# b");
    assert_value("A=a\t# b", "A", "a\t# b");
    assert_value("A='a # b' # c", "A", "a # b");
    assert_value("A=\"a\"#c", "A", "a");
}

static void quotes_differ(void **state)
{
    (void)state;
    assert_value("A='x $OUTER \\n'", "A", "x $OUTER \\n");
    assert_value("A=\"x $OUTER\\t\\\"\\$OUTER\"", "A", "x outside\t\"$OUTER");
    assert_value("A=\"one\ntwo\"\nB=3", "A", "one\ntwo");
    assert_value("A=\"one\ntwo\"\nB=3", "B", "3");
    assert_value("A='one\ntwo'\nB=3", "B", "3");
    assert_value("A=\"back\\slash\"", "A", "back\\slash");
    assert_value("A='it\\'s' # '", "A", "it's");
    assert_value("A=\"\\0101\\0351\\0777\\08\\0\"", "A", "A\xc3\xa9\\777\\8\\");
    assert_value("A='x' B=2", "B", "2");
}

static void variables_expand(void **state)
{
    (void)state;
    assert_value("A=$OUTER", "A", "outside");
    assert_value("A=1\nB=${A}2", "B", "12");
    assert_value("OUTER=inside\nB=$OUTER", "B", "outside");
    assert_value("B=${NOWHERE:-d}", "B", "d");
}

static void problems_name_their_place(void **state)
{
    (void)state;
    _cleanup_(fixture_done) struct fixture fixture =
        read_text("OK=1\nA B=2\nC=\"x\" y\n=3\nD=${\nE='open");
    _cleanup_strbuf_ struct strbuf out = {0};
    assert_int_equal(fixture.result, -EINVAL);
    assert_int_equal(diagnostics_count(fixture.diagnostics, SEVERITY_ERROR), 4);
    assert_string_equal(node_get_string(fixture.map, "OK", ""), "1");
    diagnostics_print(fixture.diagnostics, NULL, &out);
    assert_non_null(strstr(strbuf_text(&out), ".env:2:2: error"));
    assert_non_null(strstr(strbuf_text(&out), ".env:3:7: warning"));
    assert_non_null(strstr(strbuf_text(&out), ".env:4:1: error"));
    assert_non_null(strstr(strbuf_text(&out), ".env:5:3: error"));
    assert_non_null(strstr(strbuf_text(&out), ".env:6:3: error"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_names_and_values),
        cmocka_unit_test(comments_need_a_blank_before),
        cmocka_unit_test(quotes_differ),
        cmocka_unit_test(variables_expand),
        cmocka_unit_test(problems_name_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
