/* Options by table: types, what is missing, what is unknown; and the pure pieces beside them. */
#include "base/alloc.h"
#include "base/signal_name.h"
#include "base/str.h"
#include "base/vec.h"
#include "orchestrator/api_options.h"
#include "orchestrator/api_path_stat.h"
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

struct values {
    bool flag;
    int64_t number;
    const char *text;
    char **list;
    const cJSON *object;
    enum { RED, GREEN } colour;
};

static const char *const colours[] = {[RED] = "red", [GREEN] = "green", NULL};
static const struct api_option base_rows[] = {
    {"flag", API_BOOL, offsetof(struct values, flag), NULL},
    {"list", API_STRINGS, offsetof(struct values, list), NULL},
};
static const struct api_option_table base = {base_rows, ARRAY_SIZE(base_rows), NULL};
static const struct api_option rows[] = {
    {"number", API_INT, offsetof(struct values, number), NULL},
    {"text", API_STRING, offsetof(struct values, text), NULL},
    {"object", API_OBJECT, offsetof(struct values, object), NULL},
    {"colour", API_CHOICE, offsetof(struct values, colour), colours},
};
static const struct api_option_table table = {rows, ARRAY_SIZE(rows), &base};

static void test_each_type(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *options = cJSON_Parse(
        "{\"flag\":true,\"number\":-1,\"text\":\"a\",\"list\":[\"x\",\"y\"],\"object\":{\"k\":1},"
        "\"colour\":\"green\"}");
    struct values values = {.number = 7};
    assert_int_equal(api_options_read(&table, options, &values, NULL), 0);
    assert_true(values.flag);
    assert_int_equal(values.number, -1);
    assert_string_equal(values.text, "a");
    assert_int_equal(strv_length(values.list), 2);
    assert_int_equal(json_int(values.object, "k", 0), 1);
    assert_int_equal(values.colour, GREEN);
    api_options_done(&table, &values);
    assert_null(values.list);
}

static void test_what_is_missing_stays(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *options =
        cJSON_Parse("{\"text\":\"\",\"number\":null,\"list\":null,\"colour\":null}");
    struct values values = {.number = 7, .colour = GREEN};
    assert_int_equal(api_options_read(&table, options, &values, NULL), 0);
    assert_int_equal(api_options_read(&table, NULL, &values, NULL), 0);
    assert_int_equal(values.number, 7);
    assert_int_equal(values.colour, GREEN);
    assert_null(values.text);
    assert_null(values.list);
}

static void test_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *options, *message;
    } cases[] = {
        {"{\"flag\":1}", "option 'flag' must be true or false"},
        {"{\"number\":\"1\"}", "option 'number' must be a number"},
        {"{\"text\":[]}", "option 'text' must be a text"},
        {"{\"list\":[\"a\",1]}", "option 'list' must be a list of texts"},
        {"{\"list\":\"a\"}", "option 'list' must be a list of texts"},
        {"{\"object\":[]}", "option 'object' must be an object"},
        {"{\"colour\":\"blue\"}", "option 'colour' must be one of 'red', 'green'"},
        {"{\"flags\":true}", "unknown option 'flags': did you mean 'flag'?"},
        {"{\"numbre\":1}", "unknown option 'numbre': did you mean 'number'?"},
        {"{\"zzzzzz\":1}", "unknown option 'zzzzzz'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_json_ cJSON *options = cJSON_Parse(cases[i].options);
        _cleanup_error_ struct error err = {0};
        struct values values = {0};
        assert_int_equal(api_options_read(&table, options, &values, &err), -EINVAL);
        assert_string_equal(error_text(&err), cases[i].message);
        api_options_done(&table, &values);
    }
}

static void test_signal_names(void **state)
{
    (void)state;
    assert_int_equal(signal_from_name("INT"), 2);
    assert_int_equal(signal_from_name("SIGTERM"), 15);
    assert_int_equal(signal_from_name("sigkill"), 9);
    assert_int_equal(signal_from_name("9"), 9);
    assert_int_equal(signal_from_name("0"), 0);
    assert_int_equal(signal_from_name("99"), 0);
    assert_int_equal(signal_from_name("SIG"), 0);
    assert_int_equal(signal_from_name("NOTHING"), 0);
    assert_int_equal(signal_from_name(""), 0);
}

/* Values of Go's io/fs documentation. */
static void test_go_modes(void **state)
{
    (void)state;
    assert_int_equal(api_path_stat_go_mode(S_IFREG | 0644), 0644);
    assert_int_equal(api_path_stat_go_mode(S_IFDIR | 0755), 0x80000000U | 0755);
    assert_int_equal(api_path_stat_go_mode(S_IFLNK | 0777), 0x08000000U | 0777);
    assert_int_equal(api_path_stat_go_mode(S_IFDIR | S_ISVTX | 0777), 0x80100000U | 0777);
    assert_int_equal(api_path_stat_go_mode(S_IFREG | S_ISUID | 0755), 0x00800000U | 0755);
    assert_int_equal(api_path_stat_go_mode(S_IFREG | S_ISGID | 0755), 0x00400000U | 0755);
    assert_int_equal(api_path_stat_go_mode(S_IFCHR | 0666), 0x04200000U | 0666);
    assert_int_equal(api_path_stat_go_mode(S_IFBLK | 0660), 0x04000000U | 0660);
    assert_int_equal(api_path_stat_go_mode(S_IFIFO | 0600), 0x02000000U | 0600);
    assert_int_equal(api_path_stat_go_mode(S_IFSOCK | 0755), 0x01000000U | 0755);
}

static void test_path_stat(void **state)
{
    (void)state;
    const struct copy_stat stat = {
        .name = "a", .size = 5, .mode = S_IFREG | 0644, .mtime_ns = 1500000000, .link_target = ""};
    _cleanup_free_ char *text = api_path_stat_encode(&stat);
    /* {"name":"a","size":5,"mode":420,"mtime":"1970-01-01T00:00:01.500000000Z","linkTarget":""} */
    assert_string_equal(text, "eyJuYW1lIjoiYSIsInNpemUiOjUsIm1vZGUiOjQyMCwibXRpbWUiOiIxOTcwLTAxLTAx"
                              "VDAwOjAwOjAxLjUwMDAwMDAwMFoiLCJsaW5rVGFyZ2V0IjoiIn0=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_type),     cmocka_unit_test(test_what_is_missing_stays),
        cmocka_unit_test(test_what_is_wrong), cmocka_unit_test(test_signal_names),
        cmocka_unit_test(test_go_modes),      cmocka_unit_test(test_path_stat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
