#include "cmd/options.h"

#include "../unit.h"

#include "base/vec.h"

#include <errno.h>

struct values {
    bool all, quiet;
    const char *format, *project;
    char **files;
    int64_t timeout, tail, grace;
};

static const struct option_row rows[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct values, all), NULL, NULL, 0, 0, "Everything"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct values, quiet), NULL, "true", 0, 0, "Nothing"},
    {"format", 0, OPTION_CHOICE, offsetof(struct values, format), "table|json", "table", 0, 0,
     "Output format"},
    {"project-name", 'p', OPTION_STRING, offsetof(struct values, project), "NAME", NULL, 0, 0,
     "Project name"},
    {"file", 'f', OPTION_LIST, offsetof(struct values, files), "FILE", NULL, 0, 0, "Compose file"},
    {"timeout", 't', OPTION_NUMBER, offsetof(struct values, timeout), "SECONDS", "10", 0, 100,
     "Grace"},
    {"grace", 'g', OPTION_GRACE, offsetof(struct values, grace), "SECONDS", NULL, 0, 0, "Grace"},
    {"tail", 'n', OPTION_LINES, offsetof(struct values, tail), "LINES", "all", 0, 0, "Lines"},
};
static const struct option_table table = {rows, ARRAY_SIZE(rows)};

/* One command line, parsed; freed by done(). */
struct parsed {
    struct values values;
    struct option_result result;
    struct error err;
    int r;
};

static struct parsed parse(bool interspersed, int count, const char *const *words)
{
    struct parsed parsed = {0};
    parsed.r = options_parse(&table, count, (char *const *)words, interspersed, &parsed.values,
                             &parsed.result, &parsed.err);
    return parsed;
}

static void done(struct parsed *parsed)
{
    if (parsed->r == 0)
        options_done(&table, &parsed->values, &parsed->result);
    error_done(&parsed->err);
}

#define PARSE(interspersed, ...)                                                                   \
    parse(interspersed, ARRAY_SIZE(((const char *[]){__VA_ARGS__})),                               \
          (const char *const[]){__VA_ARGS__})

static void defaults_come_from_the_rows(void **state)
{
    (void)state;
    struct parsed parsed = PARSE(true, "web");
    assert_int_equal(parsed.r, 0);
    assert_false(parsed.values.all);
    assert_true(parsed.values.quiet);
    assert_string_equal(parsed.values.format, "table");
    assert_null(parsed.values.project);
    assert_null(parsed.values.files);
    assert_int_equal(parsed.values.timeout, 10);
    assert_int_equal(parsed.values.tail, -1);
    assert_int_equal(parsed.result.operand_count, 1);
    done(&parsed);
}

static void every_spelling_is_read(void **state)
{
    (void)state;
    struct parsed parsed = PARSE(true, "-ap", "shop", "--quiet=false", "--format=json", "-f", "a",
                                 "--file", "b", "-fc", "-t=7", "one", "-n5", "two");
    assert_int_equal(parsed.r, 0);
    assert_true(parsed.values.all);
    assert_false(parsed.values.quiet);
    assert_string_equal(parsed.values.project, "shop");
    assert_string_equal(parsed.values.format, "json");
    assert_int_equal(strv_length(parsed.values.files), 3);
    assert_string_equal(parsed.values.files[2], "c");
    assert_int_equal(parsed.values.timeout, 7);
    assert_int_equal(parsed.values.tail, 5);
    assert_int_equal(parsed.result.operand_count, 2);
    assert_string_equal(parsed.result.operands[1], "two");
    done(&parsed);
}

static void operands_can_end_the_options(void **state)
{
    (void)state;
    struct parsed parsed = PARSE(false, "-a", "web", "ls", "-q", "--help", "--nonsense");
    assert_int_equal(parsed.r, 0);
    assert_false(parsed.result.help);
    assert_int_equal(parsed.result.operand_count, 5);
    assert_string_equal(parsed.result.operands[4], "--nonsense");
    done(&parsed);
    parsed = PARSE(true, "--", "-a", "-");
    assert_int_equal(parsed.r, 0);
    assert_false(parsed.values.all);
    assert_int_equal(parsed.result.operand_count, 2);
    done(&parsed);
}

static void help_is_always_known(void **state)
{
    (void)state;
    struct parsed parsed = PARSE(true, "-ah");
    assert_true(parsed.result.help);
    done(&parsed);
    parsed = PARSE(true, "--help", "--nonsense");
    assert_true(parsed.result.help);
    done(&parsed);
}

static void refuses(const char *message, int code, struct parsed parsed)
{
    assert_int_equal(parsed.r, -code);
    assert_string_equal(error_text(&parsed.err), message);
    done(&parsed);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refuses("unknown option --fromat; did you mean --format?", EINVAL,
            PARSE(true, "--fromat=json"));
    refuses("unknown option --something-else", EINVAL, PARSE(true, "--something-else"));
    refuses("unknown option -x in '-ax'", EINVAL, PARSE(true, "-ax"));
    refuses("option -f needs an argument: FILE", EINVAL, PARSE(true, "-f"));
    refuses("option --file needs an argument: FILE", EINVAL, PARSE(true, "--file"));
    refuses("unsupported --format value 'xml': use one of table|json", EINVAL,
            PARSE(true, "--format", "xml"));
    refuses("unsupported --format value 'tab': use one of table|json", EINVAL,
            PARSE(true, "--format", "tab"));
    refuses("invalid value '101' for --timeout: allowed is 0 to 100", ERANGE,
            PARSE(true, "-t", "101"));
    refuses("invalid value '-1' for --timeout: allowed is 0 to 100", ERANGE,
            PARSE(true, "-t", "-1"));
    refuses("invalid value '1s' for --timeout: a number is needed", EINVAL,
            PARSE(true, "-t", "1s"));
    refuses("invalid value 'x' for --tail: use a number of lines or 'all'", EINVAL,
            PARSE(true, "-n", "x"));
    refuses("invalid value 'maybe' for --all: use true or false", EINVAL,
            PARSE(true, "--all=maybe"));
}

static void a_table_knows_its_words(void **state)
{
    (void)state;
    assert_true(options_knows(&table, "-f"));
    assert_true(options_knows(&table, "--file=x"));
    assert_false(options_knows(&table, "--files"));
    assert_false(options_knows(&table, "file"));
    assert_false(options_knows(&table, "-"));
}

static void help_is_wrapped_to_the_width(void **state)
{
    (void)state;
    static const struct option_row two[] = {
        {"all", 'a', OPTION_FLAG, 0, NULL, NULL, 0, 0, "Show everything there is"},
        {"timeout", 0, OPTION_NUMBER, 0, "SECONDS", "10", 0, 60, "Grace"},
    };
    struct option_table small = {two, ARRAY_SIZE(two)};
    _cleanup_strbuf_ struct strbuf out = {0};
    options_describe(&small, 46, &out);
    assert_string_equal(strbuf_text(&out), "  -a, --all               Show everything\n"
                                           "                          there is\n"
                                           "      --timeout SECONDS   Grace (0 to 60)\n"
                                           "                          (default: 10)\n");
}

static void a_grace_is_kept_in_milliseconds_and_may_be_missing(void **state)
{
    (void)state;
    struct parsed parsed = PARSE(true, "-g", "3");
    assert_int_equal(parsed.values.grace, 3000);
    done(&parsed);
    parsed = PARSE(true, "web");
    assert_int_equal(parsed.values.grace, -1);
    done(&parsed);
    parsed = PARSE(true, "--grace=-1");
    assert_int_equal(parsed.r, -EINVAL);
    done(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grace_is_kept_in_milliseconds_and_may_be_missing),
        cmocka_unit_test(defaults_come_from_the_rows),
        cmocka_unit_test(every_spelling_is_read),
        cmocka_unit_test(operands_can_end_the_options),
        cmocka_unit_test(help_is_always_known),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_table_knows_its_words),
        cmocka_unit_test(help_is_wrapped_to_the_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
