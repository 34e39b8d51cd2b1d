#include "cmd/hosts_file.h"

#include "../unit.h"

#include <errno.h>

#define ROOT "/var/lib/vmstead"
#define BEGIN "# BEGIN vmstead " ROOT "\n"
#define END "# END vmstead " ROOT "\n"
#define FOREIGN "127.0.0.1\tlocalhost\n# BEGIN vmstead /other\n10.9.9.9 x\n# END vmstead /other\n"

static void assert_becomes(const char *text, const char *lines, const char *expected)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_strbuf_ struct strbuf out = {0};
    assert_ok(hosts_replace_block(text, ROOT, lines, &out, &err), &err);
    assert_string_equal(strbuf_text(&out), expected);
}

static void the_block_comes_changes_and_goes(void **state)
{
    (void)state;
    assert_becomes(FOREIGN, "10.1.0.2  a.vm\n", FOREIGN BEGIN "10.1.0.2  a.vm\n" END);
    assert_becomes(FOREIGN BEGIN "10.1.0.2  a.vm\n" END "::1 me\n", "10.1.0.3  b.vm\n",
                   FOREIGN BEGIN "10.1.0.3  b.vm\n" END "::1 me\n");
    assert_becomes(FOREIGN BEGIN "10.1.0.2  a.vm\n" END "::1 me\n", "", FOREIGN "::1 me\n");
    assert_becomes(BEGIN END, "", "");
    assert_becomes("", "x\n", BEGIN "x\n" END);
    assert_becomes("", "", "");
    /* what others write stays as it is, the last line's missing end too where nothing follows */
    assert_becomes("a\r\nb", "", "a\r\nb");
    assert_becomes("a\r\nb", "x\n", "a\r\nb\n" BEGIN "x\n" END);
    assert_becomes("# BEGIN vmstead " ROOT " \r\nx\n# END vmstead " ROOT, "", "");
    assert_becomes("# BEGIN vmstead " ROOT "2\n", "", "# BEGIN vmstead " ROOT "2\n");
}

static void assert_refused(const char *text, const char *expected)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_strbuf_ struct strbuf out = {0};
    assert_int_equal(hosts_replace_block(text, ROOT, "x\n", &out, &err), -EINVAL);
    assert_int_equal(out.length, 0);
    if (!strstr(error_text(&err), expected))
        fail_msg("'%s' is not in '%s'", expected, error_text(&err));
}

static void markers_that_make_no_block_are_refused(void **state)
{
    (void)state;
    assert_refused("a\n" BEGIN "x\n", "line 2: the block that begins here does not end");
    assert_refused("a\n" END, "line 2: a block ends that has not begun");
    assert_refused(BEGIN BEGIN END, "line 2: a second block begins");
    assert_refused(BEGIN END BEGIN END, "line 3: a second block begins");
    assert_refused(BEGIN END END, "line 3: a block ends that has not begun");
    assert_refused(END BEGIN, "line 1: a block ends");
}

static const char names_text[] =
    "[{\"project\":\"shop\",\"service\":\"web\",\"instance\":\"shop-web-2\",\"address\":\"10.1.0."
    "3\","
    "\"names\":[\"shop-web-2.vm\",\"shop.vm\",\"web.shop.vm\"]},"
    "{\"project\":\"shop\",\"service\":\"web\",\"instance\":\"shop-web-1\",\"address\":\"10.1.0."
    "2\","
    "\"names\":[\"shop-web-1.vm\"]},"
    "{\"project\":\"\",\"service\":\"\",\"instance\":\"alone\",\"address\":\"fd00::2\","
    "\"names\":[\"alone.vm\"]}]";

static void lines_are_sorted_and_chosen(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *names = cJSON_Parse(names_text);
    _cleanup_strbuf_ struct strbuf all = {0}, some = {0};
    hosts_format_lines(names, NULL, 0, NULL, &all);
    assert_string_equal(strbuf_text(&all), "fd00::2  alone.vm\n10.1.0.2  shop-web-1.vm\n"
                                           "10.1.0.3  shop-web-2.vm shop.vm web.shop.vm\n");
    char *wanted[] = {(char *)(uintptr_t) "web", (char *)(uintptr_t) "nobody",
                      (char *)(uintptr_t) "alone"};
    bool found[3] = {0};
    hosts_format_lines(names, wanted, 2, found, &some);
    assert_string_equal(strbuf_text(&some),
                        "10.1.0.2  shop-web-1.vm\n10.1.0.3  shop-web-2.vm shop.vm web.shop.vm\n");
    assert_true(found[0] && !found[1]);
    strbuf_clear(&some);
    hosts_format_lines(NULL, wanted, 1, found, &some);
    assert_int_equal(some.length, 0);
}

static void assert_diff(const char *before, const char *after, const char *expected)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    hosts_format_diff("h", before, after, &out);
    assert_string_equal(strbuf_text(&out), expected);
}

static void differences_are_what_patch_takes(void **state)
{
    (void)state;
    assert_diff("a\n", "a\n", "");
    assert_diff("", "", "");
    assert_diff("", "x\n", "--- h\n+++ h\n@@ -0,0 +1,1 @@\n+x\n");
    assert_diff("x\n", "", "--- h\n+++ h\n@@ -1,1 +0,0 @@\n-x\n");
    assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
                "--- h\n+++ h\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    assert_diff("a\nb", "a\nb\nc\n",
                "--- h\n+++ h\n@@ -1,2 +1,3 @@\n a\n-b\n\\ No newline at end of file\n+b\n+c\n");
    assert_diff("a\na\n", "a\na\na\n", "--- h\n+++ h\n@@ -1,2 +1,3 @@\n a\n a\n+a\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_block_comes_changes_and_goes),
        cmocka_unit_test(markers_that_make_no_block_are_refused),
        cmocka_unit_test(lines_are_sorted_and_chosen),
        cmocka_unit_test(differences_are_what_patch_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
