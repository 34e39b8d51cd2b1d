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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(buffers_grow_and_keep_nuls),
        cmocka_unit_test(vectors_join_and_copy),
        cmocka_unit_test(the_nearest_key_is_a_typing_mistake_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
