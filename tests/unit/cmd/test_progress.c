/* The progress block: a scripted job on a scripted clock, and the screens it makes. */
#include "cmd/progress_list.h"

#include "../unit.h"

#include "base/alloc.h"

struct script {
    struct progress_list *list;
    uint64_t now_ms;
};

static const struct progress_item *step(struct script *script, uint64_t at_ms, const char *kind,
                                        const char *name, const char *verb, const char *state,
                                        const char *text)
{
    _cleanup_free_ char *json =
        xasprintf("{\"type\":\"step\",\"kind\":\"%s\",\"name\":\"%s\",\"verb\":\"%s\","
                  "\"state\":\"%s\",\"text\":\"%s\"}",
                  kind, name, verb, state, text);
    _cleanup_json_ cJSON *event = cJSON_Parse(json);
    assert_non_null(event);
    script->now_ms = at_ms;
    return progress_list_apply(script->list, event, at_ms);
}

static void download(struct script *script, uint64_t at_ms, int64_t current, int64_t total)
{
    _cleanup_free_ char *json = xasprintf(
        "{\"type\":\"step\",\"kind\":\"image\",\"name\":\"nginx:1.25\",\"verb\":\"ensure\","
        "\"state\":\"working\",\"text\":\"Fetching\",\"current\":%lld,\"total\":%lld,\"unit\":"
        "\"B\"}",
        (long long)current, (long long)total);
    _cleanup_json_ cJSON *event = cJSON_Parse(json);
    script->now_ms = at_ms;
    progress_list_apply(script->list, event, at_ms);
}

static void assert_screen(const struct script *script, struct progress_view view,
                          const char *expected)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    view.title = "Running";
    view.now_ms = script->now_ms;
    view.line_end = "\n";
    unsigned lines = progress_list_render(script->list, &view, &out);
    assert_string_equal(strbuf_text(&out), expected);
    unsigned counted = 0;
    for (const char *at = expected; *at; at++)
        counted += *at == '\n';
    assert_int_equal(lines, counted);
}

/* Two VMs on a network; the second one is still being fetched. */
static struct script half_way(void)
{
    struct script script = {.list = progress_list_new()};
    step(&script, 100000, "network", "shop_default", "ensure", "waiting", "Waiting");
    step(&script, 100000, "image", "nginx:1.25", "ensure", "waiting", "Waiting");
    step(&script, 100000, "vm", "shop-web-1", "ensure", "waiting", "Waiting");
    step(&script, 100000, "endpoint", "shop-web-1/shop_default", "ensure", "waiting", "Waiting");
    step(&script, 100000, "vm", "shop-web-1", "start", "waiting", "Waiting");
    step(&script, 100000, "network", "shop_default", "ensure", "working", "Creating");
    step(&script, 100100, "network", "shop_default", "ensure", "done", "Created");
    step(&script, 100100, "endpoint", "shop-web-1/shop_default", "ensure", "done", "Created");
    step(&script, 100200, "image", "nginx:1.25", "ensure", "working", "Fetching");
    download(&script, 101400, 12345678, 45000000);
    return script;
}

static void each_thing_has_one_line(void **state)
{
    (void)state;
    struct script script = half_way();
    struct progress_view view = {.width = 60, .rows = 24};
    assert_screen(&script, view,
                  "[+] Running 1/3\n"
                  " ✔ Network shop_default  Created                       0.1s\n"
                  " ⠼ Image nginx:1.25      Fetching 12.3 MB / 45.0 MB    1.2s\n"
                  " · VM shop-web-1         Waiting\n");
    progress_list_free(script.list);
}

static void a_vm_is_done_with_its_last_step(void **state)
{
    (void)state;
    struct script script = half_way();
    struct progress_view view = {.width = 60, .rows = 24};
    step(&script, 102000, "image", "nginx:1.25", "ensure", "done", "Ready");
    step(&script, 102000, "vm", "shop-web-1", "ensure", "working", "Creating");
    step(&script, 102100, "vm", "shop-web-1", "ensure", "done", "Created");
    assert_screen(&script, view,
                  "[+] Running 2/3\n"
                  " ✔ Network shop_default  Created                       0.1s\n"
                  " ✔ Image nginx:1.25      Ready                         1.8s\n"
                  " · VM shop-web-1         Created                       0.1s\n");
    step(&script, 102200, "vm", "shop-web-1", "start", "working", "Starting");
    step(&script, 164000, "vm", "shop-web-1", "start", "done", "Started");
    assert_screen(&script, view,
                  "[+] Running 3/3\n"
                  " ✔ Network shop_default  Created                       0.1s\n"
                  " ✔ Image nginx:1.25      Ready                         1.8s\n"
                  " ✔ VM shop-web-1         Started                      1m02s\n");
    progress_list_free(script.list);
}

static void narrow_terminals_cut_and_never_wrap(void **state)
{
    (void)state;
    struct script script = half_way();
    struct progress_view view = {.width = 40, .rows = 24};
    assert_screen(&script, view,
                  "[+] Running 1/3\n"
                  " ✔ Network shop_defa…  Created     0.1s\n"
                  " ⠼ Image nginx:1.25    Fetching …  1.2s\n"
                  " · VM shop-web-1       Waiting\n");
    view.width = 20;
    assert_screen(&script, view,
                  "[+] Running 1/3\n"
                  " ✔ Network shop_de…\n"
                  " ⠼ Image nginx:1.25\n"
                  " · VM shop-web-1\n");
    view.width = 8;
    assert_screen(&script, view, "[+] Ru…\n ✔ Net…\n ⠼ Ima…\n · VM …\n");
    progress_list_free(script.list);
}

static void low_terminals_show_what_moves(void **state)
{
    (void)state;
    struct script script = {.list = progress_list_new()};
    for (int i = 1; i <= 8; i++) {
        _cleanup_free_ char *name = xasprintf("n%d", i);
        step(&script, 5000, "vm", name, "start", i <= 4 ? "done" : "waiting", "");
    }
    step(&script, 5000, "vm", "n7", "start", "working", "");
    struct progress_view view = {.width = 40, .rows = 6};
    assert_screen(&script, view,
                  "[+] Running 4/8\n"
                  " · VM n5  Waiting\n"
                  " · VM n6  Waiting\n"
                  " ⠋ VM n7  Starting                 0.0s\n"
                  "   ... 5 more\n");
    step(&script, 5000, "endpoint", "n1/net", "ensure", "error", "Error");
    view.rows = 5;
    assert_screen(&script, view,
                  "[+] Running 4/9\n"
                  " ⠋ VM n7            Starting       0.0s\n"
                  " ✘ Endpoint n1/net  Error          0.0s\n"
                  "   ... 7 more\n");
    view.complete = true;
    _cleanup_strbuf_ struct strbuf out = {0};
    view.title = "Running";
    view.now_ms = script.now_ms;
    view.line_end = "\n";
    assert_int_equal(progress_list_render(script.list, &view, &out), 10);
    progress_list_free(script.list);
}

static void colours_are_only_added_when_asked_for(void **state)
{
    (void)state;
    struct script script = {.list = progress_list_new()};
    step(&script, 1000, "network", "a", "ensure", "done", "Created");
    struct progress_view view = {.width = 40, .rows = 24, .color = true};
    assert_screen(&script, view,
                  "\033[34m[+] Running 1/1\033[0m\n"
                  " \033[32m✔\033[0m Network a  \033[32mCreated\033[0m              "
                  "\033[34m0.0s\033[0m\n");
    progress_list_free(script.list);
}

static void assert_plain(const struct script *script, const struct progress_item *item,
                         const char *expected)
{
    assert_non_null(item);
    _cleanup_strbuf_ struct strbuf line = {0};
    progress_item_print(item, script->now_ms, &line);
    assert_string_equal(strbuf_text(&line), expected);
}

static void plain_output_has_one_line_per_change(void **state)
{
    (void)state;
    struct script script = {.list = progress_list_new()};
    assert_null(step(&script, 1000, "vm", "web", "start", "waiting", ""));
    assert_plain(&script, step(&script, 1000, "vm", "web", "start", "working", ""),
                 "VM web  Starting");
    assert_null(step(&script, 1200, "vm", "web", "start", "working", ""));
    assert_plain(&script, step(&script, 1300, "vm", "web", "start", "working", "Booting"),
                 "VM web  Booting");
    assert_plain(&script, step(&script, 2500, "vm", "web", "start", "done", ""),
                 "VM web  Started  1.5s");
    assert_null(step(&script, 2500, "ports", "web", "ensure", "done", ""));
    assert_null(step(&script, 2500, "vm", "web", "dance", "done", ""));
    assert_null(step(&script, 2500, "vm", "web", "start", "dancing", ""));
    progress_list_free(script.list);
}

static void nothing_to_show_is_nothing(void **state)
{
    (void)state;
    struct script script = {.list = progress_list_new()};
    assert_screen(&script, (struct progress_view){.width = 80, .rows = 24}, "");
    progress_list_free(script.list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thing_has_one_line),
        cmocka_unit_test(a_vm_is_done_with_its_last_step),
        cmocka_unit_test(narrow_terminals_cut_and_never_wrap),
        cmocka_unit_test(low_terminals_show_what_moves),
        cmocka_unit_test(colours_are_only_added_when_asked_for),
        cmocka_unit_test(plain_output_has_one_line_per_change),
        cmocka_unit_test(nothing_to_show_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
