#include "cmd/event_line.h"

#include "../unit.h"

#include <stdlib.h>
#include <time.h>

/* The nanoseconds are a number that a double holds. */
static const char event_text[] =
    "{\"Type\":\"container\",\"Action\":\"die\",\"time\":1767323045,"
    "\"timeNano\":1767323045123456768,\"Actor\":{\"ID\":\"0123abc\",\"Attributes\":{"
    "\"com.docker.compose.project\":\"shop\",\"com.docker.compose.service\":\"web\","
    "\"exitCode\":\"3\",\"image\":\"nginx\",\"name\":\"shop-web-1\"}}}";

static void an_event_is_a_line_without_composes_labels(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    _cleanup_json_ cJSON *event = cJSON_Parse(event_text);
    _cleanup_strbuf_ struct strbuf out = {0};
    event_line_print(event, &out);
    assert_string_equal(strbuf_text(&out),
                        "2026-01-02 03:04:05.123456 container die 0123abc (exitCode=3, "
                        "image=nginx, name=shop-web-1)\n");
}

static void json_has_composes_members(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *event = cJSON_Parse(event_text);
    _cleanup_strbuf_ struct strbuf out = {0};
    event_line_json(event, &out);
    assert_string_equal(strbuf_text(&out),
                        "{\"action\":\"die\",\"attributes\":{\"exitCode\":\"3\",\"image\":"
                        "\"nginx\",\"name\":\"shop-web-1\"},\"id\":\"0123abc\",\"service\":\"web\","
                        "\"time\":\"2026-01-02T03:04:05.123456768Z\",\"type\":\"container\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_a_line_without_composes_labels),
        cmocka_unit_test(json_has_composes_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
