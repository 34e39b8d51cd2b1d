#include "compose/diagnostics.h"

#include "../unit.h"

#include "base/alloc.h"

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
    diagnostics_print(list, NULL, &out);
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
    diagnostics_print(list, NULL, &out);
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
    diagnostics_print(list, NULL, &out);
    assert_string_equal(strbuf_text(&out), "f:1:1: error: there\n"
                                           "        1 | a?b??c\n"
                                           "          | ^\n");
}

/* One error at a column of a text of one line, as it looks in a terminal. */
static char *show(const char *text, unsigned column, unsigned width)
{
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    struct strbuf out = {0};
    unsigned file = diagnostics_add_file(list, "f", text, strlen(text));
    diagnostics_add(list, SEVERITY_ERROR, (struct position){file, 1, column}, NULL, "there");
    diagnostics_print(list, &(struct diagnostics_look){.width = width}, &out);
    return strbuf_take(&out);
}

static void lines_are_cut_around_the_place(void **state)
{
    (void)state;
    static const char text[] = "  web: {image: nginx, restart: alwais, ports: [\"80:80\"]}";
    static const struct {
        unsigned column, width;
        const char *shown;
    } cases[] = {
        {32, 80,
         "        1 |   web: {image: nginx, restart: alwais, ports: [\"80:80\"]}\n"
         "          |                                ^\n"},
        {32, 40,
         "        1 | ...inx, restart: alwais, ...\n"
         "          |                  ^\n"},
        {3, 40,
         "        1 |   web: {image: nginx, res...\n"
         "          |   ^\n"},
        {48, 40,
         "        1 | ...wais, ports: [\"80:80\"]}\n"
         "          |                  ^\n"},
        {32, 1, /* no terminal is that narrow */
         "        1 | ... restart: alwa...\n"
         "          |              ^\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *out = show(text, cases[i].column, cases[i].width);
        assert_string_equal(strchr(out, '\n') + 1, cases[i].shown);
    }
}

static void a_very_long_line_is_cut_without_a_terminal_too(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'a', sizeof(text));
    text[3000] = 'X';
    text[sizeof(text) - 1] = '\0';
    _cleanup_free_ char *out = show(text, 3001, 0);
    assert_true(strlen(out) < 500);
    const char *line = strchr(out, '\n') + 1;
    const char *caret_line = strchr(line, '\n') + 1;
    assert_int_equal(strchr(line, 'X') - line, strchr(caret_line, '^') - caret_line);
}

static void carets_stand_below_wide_characters(void **state)
{
    (void)state;
    _cleanup_free_ char *wide = show("日本: é x", 7, 80);
    assert_string_equal(wide, "f:1:7: error: there\n"
                              "        1 | 日本: é x\n"
                              "          |         ^\n");
    _cleanup_free_ char *cut = show("日本語日本語日本語日本語日本語: x", 18, 32);
    assert_string_equal(cut, "f:1:18: error: there\n"
                             "        1 | ...語日本語: x\n"
                             "          |              ^\n");
}

/* Neither escapes of a terminal, nor what turns a line around, nor what is no text. */
static void a_line_cannot_play_tricks(void **state)
{
    (void)state;
    _cleanup_free_ char *out = show("a\x1b[31m\xc2\x9b\xe2\x80\xae\xff\xe9: x", 11, 80);
    assert_string_equal(out, "f:1:11: error: there\n"
                             "        1 | a?[31m????: x\n"
                             "          |           ^\n");
}

static void long_messages_lose_their_middle(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf out = {0}, value = {0};
    for (int i = 0; i < 100000; i++)
        strbuf_add_str(&value, "é");
    diagnostics_add(list, SEVERITY_ERROR, (struct position){0}, NULL, "begin '%s' end",
                    strbuf_text(&value));
    diagnostics_print(list, NULL, &out);
    assert_true(out.length < 1000);
    assert_non_null(strstr(strbuf_text(&out), "error: begin 'é"));
    assert_non_null(strstr(strbuf_text(&out), "é ... é"));
    assert_non_null(strstr(strbuf_text(&out), "é' end\n"));
    assert_true(str_is_utf8(strbuf_text(&out), out.length));
}

/* What costs memory and time is bounded, and errors are not lost among warnings. */
static void what_is_kept_is_bounded(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf out = {0}, json = {0};
    for (int i = 0; i < 1500; i++)
        diagnostics_add(list, SEVERITY_WARNING, (struct position){0}, NULL, "number %d", i);
    assert_false(diagnostics_is_full(list));
    diagnostics_add(list, SEVERITY_ERROR, (struct position){0}, NULL, "the error");
    diagnostics_print(list, NULL, &out);
    diagnostics_print_json(list, &json);
    assert_non_null(strstr(strbuf_text(&out), "error: the error\n(500 more warnings)\n"));
    assert_non_null(strstr(strbuf_text(&json),
                           "{\"severity\":\"warning\",\"message\":\"500 more warnings\"}\n"));
    _cleanup_(diagnostics_freep) struct diagnostics *large = diagnostics_new();
    _cleanup_free_ char *value = xcalloc(1, 1000001);
    memset(value, 'x', 1000000);
    for (int i = 0; i < 10; i++)
        diagnostics_add(large, SEVERITY_ERROR, (struct position){0}, NULL, "%d %s", i, value);
    assert_true(diagnostics_is_full(large));
    assert_int_equal(diagnostics_count(large, SEVERITY_ERROR), 10);
}

static void the_same_is_said_once(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf out = {0};
    unsigned file = diagnostics_add_file(list, "f", "a", 1);
    for (int i = 0; i < 2; i++) {
        diagnostics_add(list, SEVERITY_ERROR, (struct position){file, 1, 1}, NULL, "this");
        diagnostics_add(list, SEVERITY_ERROR, (struct position){file, 1, 1}, NULL, "that");
    }
    diagnostics_print_json(list, &out);
    assert_null(strstr(strstr(strbuf_text(&out), "this") + 1, "this"));
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
    diagnostics_print(list, NULL, &out);
    assert_non_null(strstr(strbuf_text(&out), "(4001 more errors)\n"));
}

static void colour_is_on_demand(void **state)
{
    (void)state;
    _cleanup_(diagnostics_freep) struct diagnostics *list = diagnostics_new();
    _cleanup_strbuf_ struct strbuf plain = {0};
    _cleanup_strbuf_ struct strbuf colored = {0};
    diagnostics_add(list, SEVERITY_ERROR, (struct position){0}, NULL, "what");
    diagnostics_print(list, NULL, &plain);
    diagnostics_print(list, &(struct diagnostics_look){.color = true}, &colored);
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
        cmocka_unit_test(lines_are_cut_around_the_place),
        cmocka_unit_test(a_very_long_line_is_cut_without_a_terminal_too),
        cmocka_unit_test(carets_stand_below_wide_characters),
        cmocka_unit_test(a_line_cannot_play_tricks),
        cmocka_unit_test(long_messages_lose_their_middle),
        cmocka_unit_test(what_is_kept_is_bounded),
        cmocka_unit_test(the_same_is_said_once),
        cmocka_unit_test(repetition_and_floods_are_kept_out),
        cmocka_unit_test(colour_is_on_demand),
        cmocka_unit_test(the_purpose_says_how_bad_it_is),
        cmocka_unit_test(they_are_to_be_had_as_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
