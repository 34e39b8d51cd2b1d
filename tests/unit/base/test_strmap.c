/* The map from strings to numbers: many keys, replaced values, keys that are copied. */
#include "../unit.h"

#include "base/alloc.h"
#include "base/strmap.h"

#include <stdio.h>

static void test_empty(void **state)
{
    (void)state;
    _cleanup_strmap_ struct strmap map = {0};
    assert_int_equal(strmap_get(&map, ""), STRMAP_NONE);
    strmap_set(&map, "", 0);
    assert_int_equal(strmap_get(&map, ""), 0);
    assert_int_equal(strmap_get(&map, "a"), STRMAP_NONE);
}

static void test_many_keys(void **state)
{
    (void)state;
    _cleanup_strmap_ struct strmap map = {0};
    char key[32];
    for (size_t i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "vm/shop-%zu", i);
        strmap_set(&map, key, i); /* key changes under it: it has a copy */
    }
    strmap_set(&map, "vm/shop-17", 1);
    assert_int_equal(map.count, 5000);
    for (size_t i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "vm/shop-%zu", i);
        assert_int_equal(strmap_get(&map, key), i == 17 ? 1 : i);
    }
    assert_int_equal(strmap_get(&map, "vm/shop-5000"), STRMAP_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_many_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
