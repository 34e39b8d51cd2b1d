#include "compose/interpolate.h"

#include "../unit.h"
#include "base/vec.h"

#include <errno.h>

struct fixture {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct variables *variables;
    struct interpolation *interpolation;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->arena = arena_new();
    fixture->diagnostics = diagnostics_new();
    fixture->variables = variables_new(fixture->arena, NULL);
    variables_add(fixture->variables, "SET", "value");
    variables_add(fixture->variables, "BLANK", "");
    variables_add(fixture->variables, "DOLLAR", "$SET");
    fixture->interpolation =
        interpolation_new(fixture->arena, fixture->diagnostics, fixture->variables);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    diagnostics_free(fixture->diagnostics);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

/* The result, or "!OFFSET PROBLEM". */
static const char *expand(struct fixture *fixture, const char *text)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    struct interpolate_text request = {.text = text};
    if (interpolate_text(fixture->interpolation, &request, &out) == 0)
        return arena_strdup(fixture->arena, strbuf_text(&out));
    return arena_printf(fixture->arena, "!%zu %s", request.offset, request.problem);
}

static void every_form_expands(void **state)
{
    static const struct {
        const char *text, *result;
    } cases[] = {
        {"$SET", "value"},
        {"a${SET}b", "avalueb"},
        {"$SETS", ""},
        {"${UNSET:-d}${UNSET-d}", "dd"},
        {"${BLANK:-d}${BLANK-d}", "d"},
        {"${SET:-d}${SET-d}", "valuevalue"},
        {"${SET:+a}${SET+a}", "aa"},
        {"${BLANK:+a}${BLANK+a}", "a"},
        {"${UNSET:+a}${UNSET+a}", ""},
        {"${SET:?e}${SET?e}${BLANK?e}", "valuevalue"},
        {"${UNSET:-${SET}}", "value"},
        {"${UNSET:-a${UNSET:-b${SET}}c}", "abvaluec"},
        {"${UNSET:-{}}", "{}"},
        {"${UNSET:-$$}", "$"},
        {"$$SET $${SET}", "$SET ${SET}"},
        {"$", "$"},
        {"$1 $@ $ $-", "$1 $@ $ $-"},
        {"$DOLLAR", "$SET"},
        {"no dollars", "no dollars"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(expand(*state, cases[i].text), cases[i].result);
}

static void problems_are_placed(void **state)
{
    assert_string_equal(expand(*state, "ab${"), "!2 '${' is not closed by '}' in its line");
    assert_string_equal(expand(*state, "ab${}"), "!2 invalid interpolation format");
    assert_string_equal(expand(*state, "${a.b}"), "!0 invalid interpolation format");
    assert_string_equal(expand(*state, "${SET:}"), "!0 invalid interpolation format");
    assert_string_equal(expand(*state, "x${UNSET:?why not}"),
                        "!1 required variable 'UNSET' is missing a value: why not");
    assert_string_equal(expand(*state, "${BLANK:?}"),
                        "!0 required variable 'BLANK' is missing a value");
}

static void unset_names_are_warned_of_once(void **state)
{
    struct fixture *fixture = *state;
    struct position position = {.line = 1, .column = 1};
    struct node *list = node_new(fixture->arena, NODE_LIST, position);
    const char *const texts[] = {"$A $A", "${A}$B", "${C:-}"};
    list->has_dollar = true;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        node_append(fixture->arena, list, node_new_string(fixture->arena, texts[i], position));
        list->items[i]->has_dollar = true;
    }
    interpolate_tree(fixture->interpolation, list);
    assert_int_equal(diagnostics_count(fixture->diagnostics, SEVERITY_WARNING), 2);
    assert_int_equal(diagnostics_count(fixture->diagnostics, SEVERITY_ERROR), 0);
    assert_string_equal(list->items[0]->text, " ");
}

static void growth_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_strbuf_ struct strbuf text = {0};
    _cleanup_strbuf_ struct strbuf value = {0};
    for (int i = 0; i < 1000; i++) {
        strbuf_add_str(&text, "$LONG");
        strbuf_add_str(&value,
                       "a hundred bytes, more or less, which a thousand times make a hundred "
                       "thousand, and so on......");
    }
    variables_add(fixture->variables, "LONG", strbuf_text(&value));
    assert_non_null(strstr(expand(fixture, strbuf_text(&text)), "grows beyond 1 MiB"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_form_expands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(problems_are_placed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unset_names_are_warned_of_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(growth_is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
