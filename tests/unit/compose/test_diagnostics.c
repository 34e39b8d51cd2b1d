#include "compose/diagnostics.h"

#include "../unit.h"

#include <string.h>

static void entries_come_in_the_order_of_files_and_places(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf out = {0};
    unsigned first = diagnostics_add_file(list, "z.yaml", "one\ntwo\n", 8);
    unsigned second = diagnostics_add_file(list, "a.yaml", "three", 5);
    diagnostics_add(list, SEVERITY_ERROR, (struct position){second, 1, 2}, NULL, "fourth");
    diagnostics_add(list, SEVERITY_WARNING, (struct position){first, 2, 1}, "a hint", "third");
    diagnostics_add(list, SEVERITY_ERROR, (struct position){first, 1, 3}, NULL, "second %d", 2);
    diagnostics_add(list, SEVERITY_ERROR, (struct position){first, 1, 1}, NULL, "first");
    diagnostics_print(list, false, &out);
    assert_string_equal(strbuf_text(&out), "z.yaml:1:1: error: first\n"
                                           "        1 | one\n"
                                           "          | ^\n"
                                           "z.yaml:1:3: error: second 2\n"
                                           "        1 | one\n"
                                           "          |   ^\n"
                                           "z.yaml:2:1: warning: third\n"
                                           "        2 | two\n"
                                           "          | ^\n"
                                           "hint: a hint\n"
                                           "a.yaml:1:2: error: fourth\n"
                                           "        1 | three\n"
                                           "          |  ^\n");
    assert_int_equal(diagnostics_count(list, SEVERITY_ERROR), 3);
    assert_int_equal(diagnostics_count(list, SEVERITY_WARNING), 1);
}

static void carets_count_characters(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf out = {0};
    const char *text = "\té\x1b: x\r\n";
    unsigned file = diagnostics_add_file(list, "f", text, strlen(text));
    diagnostics_add(list, SEVERITY_ERROR, (struct position){file, 1, 6}, NULL, "there");
    diagnostics_print(list, false, &out);
    assert_string_equal(strbuf_text(&out), "f:1:6: error: there\n"
                                           "        1 | \té?: x\n"
                                           "          | \t    ^\n");
}

/* A binary file's line goes on behind its NULs. */
static void a_line_with_nuls_is_shown_whole(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf out = {0};
    const char text[] = "a\0b\0\0c\nnext";
    unsigned file = diagnostics_add_file(list, "f", text, sizeof(text) - 1);
    diagnostics_add(list, SEVERITY_ERROR, (struct position){file, 1, 1}, NULL, "there");
    diagnostics_print(list, false, &out);
    assert_string_equal(strbuf_text(&out), "f:1:1: error: there\n"
                                           "        1 | a?b??c\n"
                                           "          | ^\n");
}

static void long_lines_are_cut_around_the_place(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf out = {0};
    char text[5000];
    memset(text, 'a', sizeof(text));
    text[3000] = 'X';
    unsigned file = diagnostics_add_file(list, "f", text, sizeof(text));
    diagnostics_add(list, SEVERITY_ERROR, (struct position){file, 1, 3001}, NULL, "there");
    diagnostics_print(list, false, &out);
    assert_true(out.length < 500);
    const char *line = strchr(strbuf_text(&out), '\n') + 1;
    const char *caret_line = strchr(line, '\n') + 1;
    assert_int_equal(strchr(line, 'X') - line, strchr(caret_line, '^') - caret_line);
}

static void repetition_and_floods_are_kept_out(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf out = {0};
    diagnostics_add(list, SEVERITY_ERROR, (struct position){0}, NULL, "the same");
    diagnostics_add(list, SEVERITY_ERROR, (struct position){0}, NULL, "the same");
    assert_int_equal(diagnostics_count(list, SEVERITY_ERROR), 1);
    for (int i = 0; i < 5000; i++)
        diagnostics_add(list, SEVERITY_ERROR, (struct position){0}, NULL, "number %d", i);
    assert_int_equal(diagnostics_count(list, SEVERITY_ERROR), 5001);
    assert_true(diagnostics_is_full(list));
    diagnostics_print(list, false, &out);
    assert_non_null(strstr(strbuf_text(&out), "(4001 more)\n"));
}

static void colour_is_on_demand(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf plain = {0};
    _cleanup_strbuf_ struct strbuf colored = {0};
    diagnostics_add(list, SEVERITY_ERROR, (struct position){0}, NULL, "what");
    diagnostics_print(list, false, &plain);
    diagnostics_print(list, true, &colored);
    assert_string_equal(strbuf_text(&plain), "error: what\n");
    assert_string_equal(strbuf_text(&colored), "\033[1;31merror:\033[0m what\n");
}

static void the_purpose_says_how_bad_it_is(void **state)
{
    (void)state;
    static const size_t counts[PURPOSE_COUNT][2] = {
        [PURPOSE_FIND] = {0, 0}, [PURPOSE_SHOW] = {0, 2}, [PURPOSE_RUN] = {1, 2}};
    for (enum purpose purpose = 0; purpose < PURPOSE_COUNT; purpose++) {
        _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
        diagnostics_set_purpose(list, purpose);
        diagnostics_add(list, SEVERITY_ENGINE, (struct position){0}, NULL, "engine");
        diagnostics_add(list, SEVERITY_LATER, (struct position){0}, NULL, "later");
        diagnostics_add(list, SEVERITY_INSTEAD, (struct position){0}, NULL, "instead");
        assert_int_equal(diagnostics_count(list, SEVERITY_ERROR), counts[purpose][0]);
        assert_int_equal(diagnostics_count(list, SEVERITY_WARNING), counts[purpose][1]);
    }
}

static void they_are_to_be_had_as_data(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf out = {0};
    unsigned file = diagnostics_add_file(list, "a.yaml", "one", 3);
    diagnostics_add(list, SEVERITY_ERROR, (struct position){file, 1, 2}, "a\tb", "say \"x\"");
    diagnostics_add(list, SEVERITY_WARNING, (struct position){0}, NULL, "c\\d");
    diagnostics_print_json(list, &out);
    assert_string_equal(strbuf_text(&out),
                        "{\"severity\":\"error\",\"file\":\"a.yaml\",\"line\":1,\"column\":2,"
                        "\"message\":\"say \\\"x\\\"\",\"hint\":\"a\\u0009b\"}\n"
                        "{\"severity\":\"warning\",\"message\":\"c\\\\d\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_in_the_order_of_files_and_places),
        cmocka_unit_test(carets_count_characters),
        cmocka_unit_test(a_line_with_nuls_is_shown_whole),
        cmocka_unit_test(long_lines_are_cut_around_the_place),
        cmocka_unit_test(repetition_and_floods_are_kept_out),
        cmocka_unit_test(colour_is_on_demand),
        cmocka_unit_test(the_purpose_says_how_bad_it_is),
        cmocka_unit_test(they_are_to_be_had_as_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
