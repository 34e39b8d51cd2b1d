#include "runtime/image_dockerfile.h"

#include "../unit.h"

#include "base/str.h"

#include <errno.h>

/* The bases' names, joined by blanks. */
static char *bases_of(const char *text, const char *args)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_json_ cJSON *given = args ? cJSON_Parse(args) : NULL;
    struct image_dockerfile file = {0};
    assert_ok(image_dockerfile_parse(text, given, NULL, &file, &err), &err);
    _cleanup_strbuf_ struct strbuf names = {0};
    for (size_t i = 0; i < file.bases.count; i++)
        strbuf_addf(&names, "%s%s", i ? " " : "", file.bases.items[i].name);
    image_dockerfile_done(&file);
    return xstrdup(strbuf_text(&names));
}

static void bases_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *text, *args, *bases;
    } cases[] = {
        {"FROM scratch", NULL, ""},
        {"# syntax=docker/dockerfile:1\nfrom debian:12 as Build\nFROM build\n", NULL, "debian:12"},
        {"ARG V=1\nARG B=\"base:${V}\"\nFROM ${B}", NULL, "base:1"},
        {"ARG V=1\nARG B=base:$V\nFROM $B", "{\"V\":\"2\"}", "base:2"},
        {"ARG T\nFROM x:${T:-latest}\nFROM y${T:+:$T}\n", NULL, "x:latest y"},
        {"ARG T\nFROM x:${T:-latest}\nFROM y${T:+:$T}\n", "{\"T\":\"1\"}", "x:1 y:1"},
        {"FROM --platform=$BUILDPLATFORM a AS one\nFROM b\nCOPY --from=one /x /y\n"
         "COPY --chown=1 --from=c/d:1 /x /y\nCOPY --from=0 a b\n",
         NULL, "a b c/d:1"},
        {"FROM a\nRUN --mount=type=bind,from=tools,target=/t --network=none cat --from=nope\n",
         NULL, "a tools"},
        {"FROM \\\n  # why\n\n  a \\\n AS x\nRUN echo \\\nFROM b\nFROM x", NULL, "a"},
        {"# escape=`\nFROM a\nRUN dir `\nFROM c:\\\nFROM b", NULL, "a b"},
        {"FROM a\r\nRUN x \\\r\n  FROM y\r\nFROM b\r\n", NULL, "a b"},
        {"FROM a\nRUN <<EOF\nFROM no\nEOF\nCOPY <<-'X Y' <<Z /to\nFROM no\n\tX\nFROM no\nZ\nFROM b",
         NULL, "a b"},
        {"FROM base-$TARGETARCH", NULL, "base-amd64"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *bases = bases_of(cases[i].text, cases[i].args);
        if (!streq(bases, cases[i].bases))
            fail_msg("'%s' instead of '%s' in: %s", bases, cases[i].bases, cases[i].text);
    }
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *target, *message;
    } cases[] = {
        {"", NULL, "has no FROM"},
        {"# nothing\nARG X=1\n", NULL, "has no FROM"},
        {"ARG X\n\nFROM $X", NULL, "line 3: FROM names a variable that is not set"},
        {"FROM\n", NULL, "line 1: FROM names no image"},
        {"FROM a AS one\nFROM b AS two\n", "three",
         "no stage 'three' (target); it has 'one', 'two'"},
        {"FROM a", "1", "no stage '1' (target); it has none with a name"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_error_ struct error err = {0};
        struct image_dockerfile file;
        assert_int_equal(image_dockerfile_parse(cases[i].text, NULL, cases[i].target, &file, &err),
                         -EINVAL);
        if (!strstr(err.message, cases[i].message))
            fail_msg("'%s' does not say '%s'", err.message, cases[i].message);
    }
}

static void names_are_replaced_where_they_stand(void **state)
{
    (void)state;
    static const char text[] = "ARG B=base\nFROM ${B} AS base2\nCOPY --from=\\\ntools a b\n"
                               "COPY --from=tools base b\n";
    static const char *const names[] = {"1234", "abcd:1"};
    _cleanup_error_ struct error err = {0};
    struct image_dockerfile file;
    assert_ok(image_dockerfile_parse(text, NULL, "BASE2", &file, &err), &err);
    assert_int_equal(file.bases.count, 2);
    _cleanup_free_ char *rewritten = image_dockerfile_rewrite(&file, names);
    assert_string_equal(rewritten, "ARG B=base\nFROM 1234 AS base2\nCOPY --from=\\\ntools a b\n"
                                   "COPY --from=abcd:1 base b\n");
    image_dockerfile_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bases_are_found),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(names_are_replaced_where_they_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
