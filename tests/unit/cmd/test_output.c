#include "cmd/output.h"

#include "../unit.h"

static void a_table_has_dockers_columns(void **state)
{
    (void)state;
    static const char *const headings[] = {"NAME", "IMAGE", "PORTS"};
    static const char *const first[] = {"shop-web-1", "nginx", "8080->80/tcp"};
    static const char *const second[] = {"shop-api-1", "bü", ""};
    _cleanup_(table_freep) struct table *table = table_new(3, headings);
    table_add_row(table, first);
    table_add_row(table, second);
    _cleanup_strbuf_ struct strbuf out = {0};
    table_print(table, &out);
    assert_string_equal(strbuf_text(&out), "NAME         IMAGE     PORTS\n"
                                           "shop-web-1   nginx     8080->80/tcp\n"
                                           "shop-api-1   bü        \n");
}

static void assert_truncated(const char *text, size_t width, const char *expected)
{
    _cleanup_free_ char *cut = output_truncate(text, width);
    assert_string_equal(cut, expected);
}

static void text_is_cut_at_characters(void **state)
{
    (void)state;
    assert_int_equal(output_text_width("añb…"), 4);
    assert_truncated("abcdef", 6, "abcdef");
    assert_truncated("abcdef", 5, "abcd…");
    assert_truncated("äöüß", 3, "äö…");
    assert_truncated("ab", 1, "…");
    assert_truncated("ab", 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_has_dockers_columns),
        cmocka_unit_test(text_is_cut_at_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
