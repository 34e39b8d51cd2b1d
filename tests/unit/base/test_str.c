#include "base/base64.h"
#include "base/str.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/vec.h"

#include <errno.h>

static void numbers_are_strict(void **state)
{
    (void)state;
    uint16_t small = 7;
    uint64_t large;
    assert_int_equal(str_to_u16("65535", &small), 0);
    assert_int_equal(small, 65535);
    assert_int_equal(str_to_u16("65536", &small), -ERANGE);
    assert_int_equal(small, 65535); /* written only on success */
    assert_int_equal(str_to_u16("", &small), -EINVAL);
    assert_int_equal(str_to_u16("+1", &small), -EINVAL);
    assert_int_equal(str_to_u16(" 1", &small), -EINVAL);
    assert_int_equal(str_to_u16("1x", &small), -EINVAL);
    assert_int_equal(str_to_u64("18446744073709551615", &large), 0);
    assert_true(large == UINT64_MAX);
    assert_int_equal(str_to_u64("18446744073709551616", &large), -ERANGE);
}

static void buffers_grow_and_keep_nuls(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf buffer = {0};
    assert_string_equal(strbuf_text(&buffer), "");
    for (int i = 0; i < 1000; i++)
        strbuf_addf(&buffer, "%d,", i);
    strbuf_add(&buffer, "\0x", 2);
    assert_int_equal(buffer.data[buffer.length - 1], 'x');
    strbuf_drop_front(&buffer, buffer.length - 2);
    assert_int_equal(buffer.length, 2);
    assert_memory_equal(buffer.data, "\0x", 3);
    _cleanup_free_ char *text = strbuf_take(&buffer);
    assert_int_equal(buffer.length, 0);
    assert_non_null(text);
}

static void vectors_join_and_copy(void **state)
{
    (void)state;
    _cleanup_strv_ char **vector = NULL;
    assert_int_equal(strv_length(vector), 0);
    strv_add(&vector, xstrdup("a"));
    strv_add(&vector, xstrdup("b"));
    _cleanup_strv_ char **copy = strv_copy((const char *const *)vector);
    _cleanup_free_ char *joined = strv_join(copy, ", ");
    assert_string_equal(joined, "a, b");
    assert_true(strv_contains(copy, "b"));
    assert_false(strv_contains(copy, "c"));
}

static void the_nearest_key_is_a_typing_mistake_away(void **state)
{
    (void)state;
    static const char *const keys[] = {"image", "command", "environment", "ports"};
    assert_string_equal(str_nearest("imgae", keys, ARRAY_SIZE(keys)), "image");
    assert_string_equal(str_nearest("enviroment", keys, ARRAY_SIZE(keys)), "environment");
    assert_string_equal(str_nearest("port", keys, ARRAY_SIZE(keys)), "ports");
    assert_null(str_nearest("volumes", keys, ARRAY_SIZE(keys)));
    assert_null(str_nearest("", keys, ARRAY_SIZE(keys)));
    assert_string_equal(str_nearest("env", keys, ARRAY_SIZE(keys)), "environment");
    assert_string_equal(str_nearest("image_name", keys, ARRAY_SIZE(keys)), "image");
    assert_null(str_nearest("en", keys, ARRAY_SIZE(keys)));
    assert_int_equal(str_distance("ports", "prots"), 1);
}

static void check_clean(const char *data, size_t length, const char *expected)
{
    _cleanup_free_ char *clean = str_clean(data, length);
    assert_string_equal(clean, expected);
}

static void numbers_are_written(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        const char *text;
    } cases[] = {{0, "0"}, {7, "7"}, {10, "10"}, {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[STR_U64_SIZE + 1];
        *str_put_u64(text, cases[i].number) = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

static void anybodys_bytes_become_text(void **state)
{
    (void)state;
    check_clean("", 0, "");
    check_clean("gr\xc3\xbc\xc3\x9f\n\tdich \xf0\x9f\x99\x82", 17,
                "gr\xc3\xbc\xc3\x9f\n\tdich \xf0\x9f\x99\x82");
    check_clean("a\0b\x1b[2Jc\x7f\r", 10, "a b [2Jc  ");
    check_clean("\xff\xc3", 2, "??"); /* no beginning; cut off */
    check_clean("\xc0\xaf", 2, "??"); /* overlong */
    check_clean("\xe0\x80\xaf", 3, "???");
    check_clean("\xed\xa0\x80", 3, "???");      /* a surrogate */
    check_clean("\xf4\x90\x80\x80", 4, "????"); /* beyond U+10FFFF */
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
    } good[] = {{"", ""}, {"aGVsbG8=", "hello"}, {"aGk\nhIQ==\r\n", "hi!!"}, {"QUJD", "ABC"}};
    static const char *const bad[] = {"a", "aGk", "aG=k", "aGk*", "a===", "====", "QUJD="};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        _cleanup_strbuf_ struct strbuf out = {0};
        assert_int_equal(base64_decode(good[i].text, &out), 0);
        assert_string_equal(strbuf_text(&out), good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        _cleanup_strbuf_ struct strbuf out = {0};
        assert_int_equal(base64_decode(bad[i], &out), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(numbers_are_written),
        cmocka_unit_test(anybodys_bytes_become_text),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(buffers_grow_and_keep_nuls),
        cmocka_unit_test(vectors_join_and_copy),
        cmocka_unit_test(the_nearest_key_is_a_typing_mistake_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
