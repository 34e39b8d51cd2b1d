#include "cmd/log_view.h"

#include "../unit.h"

#include "base/json.h"
#include "cmd/instances.h"

static void assert_line(const struct log_view *view, size_t source, const char *text,
                        const char *expected)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    log_view_print(view, source, "2026-01-02T03:04:05.000000000Z", text, strlen(text), &out);
    assert_string_equal(strbuf_text(&out), expected);
}

static void prefixes_line_up(void **state)
{
    (void)state;
    struct log_view_options options = {.prefix = true};
    _cleanup_(log_view_freep) struct log_view *view = log_view_new(&options);
    size_t web = log_view_add(view, "web-1", 0);
    assert_line(view, web, "text", "web-1  | text\n");
    size_t cache = log_view_add(view, "cache-1", 1);
    assert_line(view, web, "text", "web-1    | text\n");
    assert_line(view, cache, "", "cache-1  | \n");
    _cleanup_strbuf_ struct strbuf note = {0};
    log_view_print_note(view, web, "exited with code 0", &note);
    assert_string_equal(strbuf_text(&note), "web-1 exited with code 0\n");
}

static void a_source_keeps_its_colour(void **state)
{
    (void)state;
    struct log_view_options options = {.prefix = true, .color = true};
    _cleanup_(log_view_freep) struct log_view *view = log_view_new(&options);
    size_t web = log_view_add(view, "web-1", 2);
    assert_line(view, web, "x", "\033[32mweb-1  | \033[0mx\n");
    size_t other = log_view_add(view, "api-1", 10);
    assert_line(view, other, "x", "\033[36mapi-1  | \033[0mx\n");
}

static void prefix_and_time_can_be_chosen(void **state)
{
    (void)state;
    struct log_view_options options = {.timestamps = true};
    _cleanup_(log_view_freep) struct log_view *view = log_view_new(&options);
    size_t web = log_view_add(view, "web-1", 0);
    assert_line(view, web, "x", "2026-01-02T03:04:05.000000000Z x\n");
}

/* The colour comes from the service's place among all, so that `logs api` and `up` agree. */
static void colours_go_by_service(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *instances =
        cJSON_Parse("[{\"Name\":\"s-web-1\",\"Project\":\"s\",\"Service\":\"web\"},"
                    "{\"Name\":\"s-api-1\",\"Project\":\"s\",\"Service\":\"api\"},"
                    "{\"Name\":\"s-api-2\",\"Project\":\"s\",\"Service\":\"api\"}]");
    const cJSON *web = cJSON_GetArrayItem(instances, 0);
    assert_int_equal(instance_color_index(instances, web), 1);
    assert_int_equal(instance_color_index(instances, cJSON_GetArrayItem(instances, 1)), 0);
    assert_int_equal(instance_color_index(instances, cJSON_GetArrayItem(instances, 2)), 0);
    assert_string_equal(instance_label(web), "web-1");
    char *const chosen[] = {(char *)"api", NULL};
    assert_true(instance_is_of(web, NULL, 0));
    assert_false(instance_is_of(web, chosen, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_line_up),
        cmocka_unit_test(a_source_keeps_its_colour),
        cmocka_unit_test(prefix_and_time_can_be_chosen),
        cmocka_unit_test(colours_go_by_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
