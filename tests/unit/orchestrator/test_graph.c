/* Order, cycles, closure. */
#include "../unit.h"

#include "base/alloc.h"
#include "orchestrator/graph.h"

#include <errno.h>

static const char *letter(const void *userdata, size_t node)
{
    (void)userdata;
    static const char *const letters[] = {"a", "b", "c", "d", "e", "f"};
    return letters[node];
}

static void test_order_puts_dependencies_first(void **state)
{
    (void)state;
    _cleanup_(graph_freep) struct graph *graph = graph_new(5);
    graph_add(graph, 0, 3);
    graph_add(graph, 0, 1);
    graph_add(graph, 1, 4);
    graph_add(graph, 3, 4);
    graph_add(graph, 3, 4);
    size_t order[5], place[5];
    _cleanup_error_ struct error err = {0};
    assert_ok(graph_order(graph, letter, NULL, order, &err), &err);
    for (size_t i = 0; i < 5; i++)
        place[order[i]] = i;
    assert_true(place[4] < place[1] && place[4] < place[3]);
    assert_true(place[1] < place[0] && place[3] < place[0]);
    assert_int_equal(graph_dependencies(graph, 3).count, 1);
    assert_int_equal(graph_dependents(graph, 4).count, 2);
}

static void test_cycle_is_named_whole(void **state)
{
    (void)state;
    _cleanup_(graph_freep) struct graph *graph = graph_new(6);
    graph_add(graph, 0, 1); /* leads into the cycle, and is no part of it */
    graph_add(graph, 1, 2);
    graph_add(graph, 2, 5);
    graph_add(graph, 2, 3);
    graph_add(graph, 3, 1);
    size_t order[6];
    _cleanup_error_ struct error err = {0};
    assert_int_equal(graph_order(graph, letter, NULL, order, &err), -EINVAL);
    assert_string_equal(error_text(&err), "dependency cycle: b -> c -> d -> b");
}

static void test_a_node_that_needs_itself(void **state)
{
    (void)state;
    _cleanup_(graph_freep) struct graph *graph = graph_new(2);
    graph_add(graph, 1, 1);
    size_t order[2];
    _cleanup_error_ struct error err = {0};
    assert_int_equal(graph_order(graph, letter, NULL, order, &err), -EINVAL);
    assert_string_equal(error_text(&err), "dependency cycle: b -> b");
}

static void test_long_chain_needs_no_stack(void **state)
{
    (void)state;
    enum { LENGTH = 200000 };
    _cleanup_(graph_freep) struct graph *graph = graph_new(LENGTH);
    for (size_t i = 1; i < LENGTH; i++)
        graph_add(graph, i - 1, i);
    size_t *order = xcalloc(LENGTH, sizeof(*order));
    assert_int_equal(graph_order(graph, letter, NULL, order, NULL), 0);
    assert_int_equal(order[0], LENGTH - 1);
    free(order);
}

static void test_selection_takes_what_it_needs(void **state)
{
    (void)state;
    _cleanup_(graph_freep) struct graph *graph = graph_new(5);
    graph_add(graph, 0, 1);
    graph_add(graph, 1, 2);
    graph_add(graph, 2, 0); /* also in a cycle */
    graph_add(graph, 3, 0);
    bool selected[5] = {false, true, false, false, false};
    graph_select_dependencies(graph, selected);
    assert_true(selected[0] && selected[1] && selected[2]);
    assert_false(selected[3] || selected[4]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_puts_dependencies_first),
        cmocka_unit_test(test_cycle_is_named_whole),
        cmocka_unit_test(test_a_node_that_needs_itself),
        cmocka_unit_test(test_long_chain_needs_no_stack),
        cmocka_unit_test(test_selection_takes_what_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
