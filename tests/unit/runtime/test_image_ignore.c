#include "runtime/image_ignore.h"

#include "../unit.h"

static void check(const char *text, const char *const *excluded, const char *const *kept)
{
    struct image_ignore *ignore = image_ignore_new(text);
    for (size_t i = 0; excluded[i]; i++)
        if (!image_ignore_excludes(ignore, excluded[i]))
            fail_msg("'%s' is kept by: %s", excluded[i], text);
    for (size_t i = 0; kept[i]; i++)
        if (image_ignore_excludes(ignore, kept[i]))
            fail_msg("'%s' is excluded by: %s", kept[i], text);
    image_ignore_free(ignore);
}

#define LIST(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static void patterns_are_dockers(void **state)
{
    (void)state;
    check("", LIST(NULL), LIST("a", "a/b"));
    check("# a\n\n  \nnode_modules\n", LIST("node_modules", "node_modules/x/y"),
          LIST("a", "src/node_modules"));
    check("*/temp*", LIST("a/temp", "a/temporary/x", "a/temp.txt"), LIST("temp", "a/b/temp"));
    check("**/*.pyc", LIST("x.pyc", "a/x.pyc", "a/b/c.pyc"), LIST("x.py", "pyc"));
    check("docs/**", LIST("docs/a", "docs/a/b"), LIST("docs", "src/docs/a"));
    check("a/**/z", LIST("a/z", "a/b/z", "a/b/c/z/deep"), LIST("a", "z", "b/a/z"));
    check("temp?", LIST("temp1"), LIST("temp", "temp12", "temp/"));
    check("[a-c]?.[!x^]", LIST("b1.!"), LIST("d1.x"));
    check("[^a-c]x", LIST("dx"), LIST("ax", "/x"));
    check("/rooted/\r\n./dot/../b\n", LIST("rooted", "rooted/x", "b"), LIST("dot", "a/rooted"));
    check("*", LIST("a", "a/b"), LIST(NULL));
    check("\\*.md", LIST("*.md"), LIST("a.md"));
    check("[", LIST(NULL), LIST("[", "a"));
}

static void the_last_match_decides(void **state)
{
    (void)state;
    check("*.md\n!README*.md\nREADME-secret.md", LIST("a.md", "README-secret.md"),
          LIST("README.md", "x"));
    check("*\n!src\n", LIST("a", "doc/x"), LIST("src", "src/main.c"));
    check("!x\nx", LIST("x"), LIST("y"));
    struct image_ignore *ignore = image_ignore_new("*\n! src\n");
    assert_true(image_ignore_has_exceptions(ignore));
    assert_false(image_ignore_excludes(ignore, "src"));
    image_ignore_free(ignore);
    assert_false(image_ignore_excludes(NULL, "a"));
    assert_false(image_ignore_has_exceptions(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_dockers),
        cmocka_unit_test(the_last_match_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
