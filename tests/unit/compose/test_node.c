#include "compose/node.h"

#include "../unit.h"

#include "base/str.h"

static struct position nowhere;

static void maps_find_thousands_of_keys_in_order(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct node *map = node_new(arena, NODE_MAP, nowhere);
    for (int i = 0; i < COUNT; i++)
        node_put(arena, map, arena_printf(arena, "k%d", i), nowhere,
                 node_new_int(arena, i, nowhere));
    assert_int_equal(map->count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        const char *key = arena_printf(arena, "k%d", i);
        assert_int_equal(node_get_int(map, key, -1), i);
        assert_string_equal(map->pairs[i].key, key);
    }
    assert_null(node_find(map, "k5000"));
}

static void putting_again_replaces_in_place(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct node *map = node_new(arena, NODE_MAP, nowhere);
    node_put(arena, map, "a", nowhere, node_new_int(arena, 1, nowhere));
    node_put(arena, map, "b", nowhere, node_new_int(arena, 2, nowhere));
    node_put(arena, map, "a", nowhere, node_new_int(arena, 3, nowhere));
    assert_int_equal(map->count, 2);
    assert_string_equal(map->pairs[0].key, "a");
    assert_int_equal(node_get_int(map, "a", 0), 3);
}

static void removal_keeps_the_others_findable(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct node *map = node_new(arena, NODE_MAP, nowhere);
    for (int i = 0; i < 40; i++)
        node_put(arena, map, arena_printf(arena, "k%d", i), nowhere,
                 node_new_int(arena, i, nowhere));
    for (int i = 0; i < 40; i += 2)
        node_remove(map, arena_printf(arena, "k%d", i));
    node_remove(map, "not there");
    assert_int_equal(map->count, 20);
    for (int i = 0; i < 40; i++)
        assert_int_equal(node_get_int(map, arena_printf(arena, "k%d", i), -1), i % 2 ? i : -1);
}

static void bad_values_are_present_but_not_seen(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct node *map = node_new(arena, NODE_MAP, nowhere);
    node_put(arena, map, "a", nowhere, node_new(arena, NODE_BAD, nowhere));
    assert_non_null(node_find(map, "a"));
    assert_null(node_get(map, "a"));
    assert_string_equal(node_get_string(map, "a", "fallback"), "fallback");
}

static void copies_are_bounded_in_number_and_depth(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct node *outer = node_new(arena, NODE_LIST, nowhere);
    struct node *inner = node_new(arena, NODE_LIST, nowhere);
    node_append(arena, outer, inner);
    for (int i = 0; i < 10; i++)
        node_append(arena, inner, node_new_int(arena, i, nowhere));
    size_t count = 0;
    struct node *copy = node_copy(arena, outer, 3, 12, &count);
    assert_int_equal(count, 12);
    assert_int_equal(copy->items[0]->items[9]->integer, 9);
    assert_ptr_not_equal(copy->items[0], inner);
    count = 0;
    assert_null(node_copy(arena, outer, 3, 11, &count));
    count = 0;
    assert_null(node_copy(arena, outer, 2, 100, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_find_thousands_of_keys_in_order),
        cmocka_unit_test(putting_again_replaces_in_place),
        cmocka_unit_test(removal_keeps_the_others_findable),
        cmocka_unit_test(bad_values_are_present_but_not_seen),
        cmocka_unit_test(copies_are_bounded_in_number_and_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
