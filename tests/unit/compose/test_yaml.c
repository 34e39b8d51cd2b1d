#include "compose/yaml.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/str.h"

struct fixture {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct node *documents;
};

static struct fixture read_text(const char *text)
{
    struct fixture fixture = {.arena = arena_new(), .diagnostics = diagnostics_new()};
    unsigned file = diagnostics_add_file(fixture.diagnostics, "f", text, strlen(text));
    fixture.documents = yaml_read(fixture.arena, fixture.diagnostics, file, text, strlen(text));
    return fixture;
}

static void fixture_done(struct fixture *fixture)
{
    diagnostics_free(fixture->diagnostics);
    arena_free(fixture->arena);
}

#define _cleanup_fixture_ _cleanup_(fixture_done)

static void assert_place(const struct node *node, unsigned line, unsigned column)
{
    assert_int_equal(node->position.line, line);
    assert_int_equal(node->position.column, column);
    assert_int_equal(node->position.file, 1);
}

static void every_node_knows_its_place(void **state)
{
    (void)state;
    _cleanup_fixture_ struct fixture fixture =
        read_text("a:\n  é: [1, {b: \"x\"}]\nc: |\n  text\n");
    const struct node *root = fixture.documents->items[0];
    assert_place(root, 1, 1);
    const struct node *inner = node_get(root, "a");
    assert_place(inner, 2, 3);
    assert_int_equal(inner->pairs[0].position.column, 3);
    const struct node *list = node_get(inner, "é");
    assert_place(list, 2, 6);
    assert_place(list->items[1], 2, 10);
    assert_place(node_get(list->items[1], "b"), 2, 14);
    assert_place(node_get(root, "c"), 3, 4);
}

static void aliases_are_copies_at_the_place_of_the_anchor(void **state)
{
    (void)state;
    _cleanup_fixture_ struct fixture fixture = read_text("a: &x {b: 1}\nc: *x\n");
    struct node *root = fixture.documents->items[0];
    assert_ptr_not_equal(node_get(root, "a"), node_get(root, "c"));
    assert_place(node_get(root, "c"), 1, 4);
    assert_int_equal(node_get_int(node_get(root, "c"), "b", 0), 1);
}

static void merge_keys_lose_to_explicit_ones(void **state)
{
    (void)state;
    _cleanup_fixture_ struct fixture fixture = read_text(
        "a: &a {k: a, m: a}\nb: &b {k: b, n: b}\nc: {<<: [*b, *a], m: c}\nd: {m: d, <<: *a}\n"
        "e: {\"<<\": text}\n");
    const struct node *root = fixture.documents->items[0];
    const struct node *c = node_get(root, "c");
    assert_string_equal(node_get_string(c, "k", ""), "b");
    assert_string_equal(node_get_string(c, "m", ""), "c");
    assert_string_equal(node_get_string(c, "n", ""), "b");
    assert_int_equal(c->count, 3);
    assert_string_equal(node_get_string(node_get(root, "d"), "m", ""), "d");
    assert_string_equal(node_get_string(node_get(root, "e"), "<<", ""), "text");
}

static void anchors_outlive_their_document(void **state) /* as those of go-yaml do */
{
    (void)state;
    _cleanup_fixture_ struct fixture fixture = read_text("a: &x 1\n---\nb: *x\n");
    assert_int_equal(node_get_int(fixture.documents->items[1], "b", 0), 1);
}

static void documents_are_counted(void **state)
{
    (void)state;
    _cleanup_fixture_ struct fixture three = read_text("a: 1\n---\nb: 1\n---\n");
    assert_int_equal(three.documents->count, 3);
    assert_int_equal(three.documents->items[2]->kind, NODE_NULL);
    _cleanup_fixture_ struct fixture none = read_text("# nothing\n");
    assert_int_equal(none.documents->count, 0);
}

static void duplicate_keys_are_all_reported(void **state)
{
    (void)state;
    _cleanup_fixture_ struct fixture fixture = read_text("a: 1\na: 2\nb: {c: 1, c: 2}\n");
    assert_int_equal(diagnostics_count(fixture.diagnostics, SEVERITY_ERROR), 2);
    assert_int_equal(node_get_int(fixture.documents->items[0], "a", 0), 1);
}

static void the_deepest_allowed_nesting_is_read(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf text = {0};
    for (int i = 0; i < YAML_DEPTH_LIMIT; i++)
        strbuf_add_char(&text, '[');
    for (int i = 0; i < YAML_DEPTH_LIMIT; i++)
        strbuf_add_char(&text, ']');
    _cleanup_fixture_ struct fixture fixture = read_text(strbuf_text(&text));
    assert_non_null(fixture.documents);
    _cleanup_free_ char *deeper = xasprintf("[%s]", strbuf_text(&text));
    _cleanup_fixture_ struct fixture refused = read_text(deeper);
    assert_null(refused.documents);
}

static void aliases_may_not_nest_deeper_than_text(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_add_str(&text, "- &a [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\n");
    for (char name = 'b'; name <= 'f'; name++)
        strbuf_addf(&text, "- &%c [[[[[[[[[[[[[[[[[[[[*%c]]]]]]]]]]]]]]]]]]]]\n", name, name - 1);
    _cleanup_fixture_ struct fixture fixture = read_text(strbuf_text(&text));
    assert_null(fixture.documents);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_knows_its_place),
        cmocka_unit_test(aliases_are_copies_at_the_place_of_the_anchor),
        cmocka_unit_test(merge_keys_lose_to_explicit_ones),
        cmocka_unit_test(anchors_outlive_their_document),
        cmocka_unit_test(documents_are_counted),
        cmocka_unit_test(duplicate_keys_are_all_reported),
        cmocka_unit_test(the_deepest_allowed_nesting_is_read),
        cmocka_unit_test(aliases_may_not_nest_deeper_than_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
