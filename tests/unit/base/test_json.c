#include "base/json.h"

#include "../unit.h"

#include "base/str.h"

static void all_bytes_must_be_json(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    cJSON *value = NULL;
    static const char *const bad[] = {"", "{", "{} x", "{\"a\":}", "nul"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(json_parse(bad[i], strlen(bad[i]), &value, &err) < 0);
        assert_non_null(strstr(err.message, "not valid JSON at byte"));
        assert_null(value);
    }
    assert_ok(json_parse("{\"a\":1}\n", 8, &value, &err), &err);
    assert_int_equal(json_int(value, "a", 0), 1);
    cJSON_Delete(value);
}

static void a_wrong_type_reads_like_nothing(void **state)
{
    (void)state;
    static const char text[] =
        "{\"s\":\"x\",\"n\":3,\"huge\":1e300,\"b\":true,\"a\":[\"p\",1,\"q\"]}";
    _cleanup_json_ cJSON *value = NULL;
    assert_ok(json_parse(text, strlen(text), &value, NULL), &(struct error){0});
    assert_string_equal(json_string(value, "n", "fallback"), "fallback");
    assert_int_equal(json_int(value, "s", -1), -1);
    assert_int_equal(json_int(value, "huge", -1), -1);
    assert_true(json_bool(value, "b", false));
    assert_true(json_bool(value, "n", true));
    assert_null(json_object(value, "a"));
    _cleanup_strv_ char **strings = json_strv(json_array(value, "a"));
    assert_int_equal(strv_length(strings), 2);
    assert_string_equal(strings[1], "q");
}

static void setting_replaces_and_removes(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *value = cJSON_CreateObject();
    json_set_int(value, "a", 1);
    json_set_int(value, "a", 2);
    json_set_string(value, "b", "x");
    json_set_string(value, "b", NULL);
    _cleanup_free_ char *text = json_print(value);
    assert_string_equal(text, "{\"a\":2}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_bytes_must_be_json),
        cmocka_unit_test(a_wrong_type_reads_like_nothing),
        cmocka_unit_test(setting_replaces_and_removes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
