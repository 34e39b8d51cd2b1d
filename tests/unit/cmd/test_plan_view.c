#include "cmd/plan_view.h"

#include "../unit.h"

static void add(struct plan_view *view, const char *text)
{
    _cleanup_json_ cJSON *event = NULL;
    assert_int_equal(json_parse(text, strlen(text), &event, NULL), 0);
    plan_view_add(view, event);
}

static void expect(struct plan_view *view, const char *text)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    plan_view_print(view, &out);
    assert_string_equal(strbuf_text(&out), text);
    plan_view_free(view);
}

static void changes_are_a_diff_with_their_reasons(void **state)
{
    (void)state;
    struct plan_view *view = plan_view_new(false);
    add(view, "{\"type\":\"plan\",\"kind\":\"vm\",\"name\":\"s-db-1\",\"action\":\"recreate\","
              "\"reason\":\"its configuration changed\",\"changes\":["
              "{\"path\":\"image\",\"old\":\"redis:6\",\"new\":\"redis:7\"},"
              "{\"path\":\"user\",\"old\":null,\"new\":\"app\"}]}");
    add(view, "{\"type\":\"plan\",\"kind\":\"vm\",\"name\":\"s-web-2\",\"action\":\"create\"}");
    add(view,
        "{\"type\":\"plan\",\"kind\":\"network\",\"name\":\"s_default\",\"action\":\"keep\"}");
    add(view, "{\"type\":\"plan\",\"kind\":\"volume\",\"name\":\"s_old\",\"action\":\"remove\"}");
    add(view, "{\"type\":\"message\",\"text\":\"not of the plan\"}");
    expect(view, "~ VM s-db-1  recreate: its configuration changed\n"
                 "    image: \"redis:6\" -> \"redis:7\"\n"
                 "    user: none -> \"app\"\n"
                 "+ VM s-web-2  create\n"
                 "- Volume s_old  remove\n"
                 "\n1 to create, 1 to recreate, 1 to remove; 1 unchanged\n");
}

static void an_unchanged_world_says_so(void **state)
{
    (void)state;
    struct plan_view *view = plan_view_new(true);
    add(view, "{\"type\":\"plan\",\"kind\":\"vm\",\"name\":\"s-db-1\",\"action\":\"keep\"}");
    expect(view, "nothing to change; 1 unchanged\n");
}

static void colours_mark_what_comes_and_goes(void **state)
{
    (void)state;
    struct plan_view *view = plan_view_new(true);
    add(view, "{\"type\":\"plan\",\"kind\":\"vm\",\"name\":\"a\",\"action\":\"create\"}");
    expect(view, "\033[32m+ VM a  create\033[0m\n\n1 to create; 0 unchanged\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_a_diff_with_their_reasons),
        cmocka_unit_test(an_unchanged_world_says_so),
        cmocka_unit_test(colours_mark_what_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
