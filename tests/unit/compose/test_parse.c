#include "compose/parse.h"

#include "../unit.h"

#include "base/str.h"

#include <errno.h>

/* The words joined with "|", followed by what was not read; NULL where it is no command line. */
static char *split(struct arena *arena, const char *text)
{
    char **words = NULL;
    size_t count = 0, used = 0;
    if (parse_shell_words(arena, text, &words, &count, &used) < 0)
        return NULL;
    _cleanup_free_ char *joined = strv_join(words, "|");
    return arena_printf(arena, "%zu:%s:%s", count, joined, text + used);
}

static void command_lines_split_as_the_reference_does(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    assert_string_equal(split(arena, ""), "0::");
    assert_string_equal(split(arena, "  a\tb\n c "), "3:a|b|c:");
    assert_string_equal(split(arena, "'a b' \"c d\"e f\\ g"), "3:a b|c de|f g:");
    assert_string_equal(split(arena, "\"a\\\"b\\nc\" 'd\\e'"), "2:a\"bnc|d\\e:");
    assert_string_equal(split(arena, "a '' \"\""), "3:a||:");
    assert_string_equal(split(arena, "$HOME `x` #y"), "3:$HOME|`x`|#y:");
    assert_string_equal(split(arena, "a `b c;d` $(e f)g \"(h)\""), "4:a|`b c;d`|$(e f)g|(h):");
    assert_string_equal(split(arena, "a 2>b"), "1:a:>b");
    assert_string_equal(split(arena, "a b>c"), "2:a|b:>c");
    assert_string_equal(split(arena, "a b;c"), "2:a|b:;c");
    assert_string_equal(split(arena, "a && b"), "1:a:&& b");
    assert_string_equal(split(arena, "a ';' b"), "3:a|;|b:");
    assert_null(split(arena, "a 'b"));
    assert_null(split(arena, "a \"b"));
    assert_null(split(arena, "a\\"));
    assert_null(split(arena, "(a)"));
    assert_null(split(arena, "a `b"));
    assert_null(split(arena, "a $(b"));
    assert_null(split(arena, "a $(b))"));
}

static void sizes_have_units_of_1024(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"512", 512},
        {"1b", 1},
        {"2k", 2048},
        {"2K", 2048},
        {"2kb", 2048},
        {"2KiB", 2048},
        {"64m", 67108864},
        {"1.5g", 1610612736},
        {"1.5 gb", 1610612736},
        {"+1k", 1024},
        {"1e3", 1000},
        {"64 ", 64},
        {"1t", 1099511627776U},
    };
    static const char *const bad[] = {"",      "m",     "1x", "1bb",  "-1",
                                      "1.2.3", "1 m b", " 1", "1  m", "0x10"};
    uint64_t bytes = 7;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(parse_bytes(good[i].text, &bytes), 0);
        assert_true(bytes == good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse_bytes(bad[i], &bytes), -EINVAL);
    assert_int_equal(parse_bytes("9999999p", &bytes), -ERANGE);
}

static void numbers_are_those_of_go(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0.5", 0.5}, {".25", 0.25},   {"2e1", 20},   {"-1.5E+2", -150}, {"+1", 1},
                {"5.", 5},    {"1_000", 1000}, {"0x1p4", 16}, {"0x_1.8P1", 3},   {"-0", 0}};
    static const char *const bad[] = {"",   "nan",  "inf", "0x10",  "1,5",   "1.2.3", " 1",
                                      "1 ", "1__0", "_1",  "1_",    "1_.5",  "1e",    "e1",
                                      ".",  "+",    "--1", "1e1.5", "0x.p1", "1p4"};
    double value = 0;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(parse_number(good[i].text, &value), 0);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse_number(bad[i], &value), -EINVAL);
    assert_int_equal(parse_number("1e999", &value), -ERANGE);
}

static void port_ranges_ascend(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "0",        "65536", "80-", "-80", "81-80",
                                      "0-5", "80-80-80", "8 0",   "a",   "+80", "655350"};
    struct port_range range;
    assert_int_equal(parse_port_range("80", false, &range), 0);
    assert_int_equal(range.first, 80);
    assert_int_equal(range.last, 80);
    assert_int_equal(parse_port_range("8000-8010", false, &range), 0);
    assert_int_equal(range.first, 8000);
    assert_int_equal(range.last, 8010);
    assert_int_equal(parse_port_range("0", true, &range), 0);
    assert_int_equal(range.first, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(parse_port_range(bad[i], false, &range) < 0);
    assert_true(parse_port_range("0-5", true, &range) < 0);
}

static void addresses_have_a_family(void **state)
{
    (void)state;
    assert_true(parse_is_ipv6("fd00::1"));
    assert_false(parse_is_ipv6("10.0.0.1"));
}

static void durations_read_and_print_as_in_go(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t nanoseconds;
        const char *printed;
    } good[] = {
        {"0", 0, "0s"},
        {"0s", 0, "0s"},
        {"5s", 5000000000, "5s"},
        {"1.5s", 1500000000, "1.5s"},
        {"90s", 90000000000, "1m30s"},
        {"1h", 3600000000000, "1h0m0s"},
        {"1h1us", 3600000001000, "1h0m0.000001s"},
        {"2d", 172800000000000, "48h0m0s"},
        {"1w", 604800000000000, "168h0m0s"},
        {"500ms", 500000000, "500ms"},
        {"0.5ms", 500000, "500\u00b5s"},
        {"10\u00b5s", 10000, "10\u00b5s"},
        {"7ns", 7, "7ns"},
        {"-1m30s", -90000000000, "-1m30s"},
        {"+3m.5s", 180500000000, "3m0.5s"},
        {"-9223372036s854775807ns", -INT64_MAX, "-2562047h47m16.854775807s"},
    };
    static const char *const bad[] = {"",    "5",   "s",    "-",      "5x",         "1m 30s",
                                      " 5s", "5s ", "0x5s", "1.2.3s", "999999999h", "1e3s"};
    char printed[DURATION_SIZE];
    int64_t value = 7;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(parse_duration(good[i].text, &value), 0);
        assert_int_equal(value, good[i].nanoseconds);
        assert_string_equal(format_duration(value, printed), good[i].printed);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(parse_duration(bad[i], &value) < 0);
}

static void octal_digits_have_a_limit(void **state)
{
    (void)state;
    int64_t value = 7;
    assert_int_equal(parse_octal_digits("0644", 07777, &value), 0);
    assert_int_equal(value, 0644);
    assert_int_equal(parse_octal_digits("7777", 07777, &value), 0);
    assert_int_equal(parse_octal_digits("10000", 07777, &value), -ERANGE);
    assert_int_equal(parse_octal_digits("77777777777777777777777777", 07777, &value), -ERANGE);
    assert_int_equal(parse_octal_digits("", 07777, &value), -EINVAL);
    assert_int_equal(parse_octal_digits("8", 07777, &value), -EINVAL);
    assert_int_equal(parse_octal_digits("-1", 07777, &value), -EINVAL);
}

static void paths_are_cleaned_as_text(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    assert_string_equal(path_clean(arena, "/a/b", "c"), "/a/b/c");
    assert_string_equal(path_clean(arena, "/a/b", "../c/./d//"), "/a/c/d");
    assert_string_equal(path_clean(arena, "/a", "/x/../../y"), "/y");
    assert_string_equal(path_clean(arena, "/a", "../../.."), "/");
    assert_string_equal(path_clean(arena, "/a", "..b/..."), "/a/..b/...");
    assert_string_equal(path_clean(arena, "/a", ""), "/a");
    assert_string_equal(path_clean(arena, "a/b", "../c"), "a/c");
    assert_string_equal(path_clean(arena, ".", "x"), "x");
    assert_string_equal(path_clean(arena, "a", ".."), ".");
    assert_string_equal(path_clean(arena, "..", "../../x"), "../../../x");
    assert_string_equal(path_clean(arena, "a", "/x/../y"), "/y");
    assert_string_equal(path_relative(arena, "/a/b", "/a/b"), ".");
    assert_string_equal(path_relative(arena, "/a/b", "/a/b/c/d"), "c/d");
    assert_string_equal(path_relative(arena, "/a/b", "/a/bc"), "../bc");
    assert_string_equal(path_relative(arena, "/a/b/c", "/a"), "../..");
    assert_string_equal(path_relative(arena, "/", "/a"), "a");
    assert_string_equal(path_relative(arena, "/a", "/"), "..");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_lines_split_as_the_reference_does),
        cmocka_unit_test(durations_read_and_print_as_in_go),
        cmocka_unit_test(octal_digits_have_a_limit),
        cmocka_unit_test(paths_are_cleaned_as_text),
        cmocka_unit_test(sizes_have_units_of_1024),
        cmocka_unit_test(numbers_are_those_of_go),
        cmocka_unit_test(port_ranges_ascend),
        cmocka_unit_test(addresses_have_a_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
