#include "cmd/progress_json.h"

#include "../unit.h"

#include "base/str.h"

static void expect(const char *event_text, const char *line_text)
{
    _cleanup_json_ cJSON *event = NULL;
    assert_int_equal(json_parse(event_text, strlen(event_text), &event, NULL), 0);
    _cleanup_json_ cJSON *line = progress_json(event);
    if (!line_text) {
        assert_null(line);
        return;
    }
    _cleanup_free_ char *text = json_print(line);
    assert_string_equal(text, line_text);
}

static void steps_have_the_shape_of_compose(void **state)
{
    (void)state;
    expect("{\"type\":\"step\",\"kind\":\"vm\",\"name\":\"s-web-1\",\"verb\":\"start\","
           "\"state\":\"working\"}",
           "{\"id\":\"VM s-web-1\",\"status\":\"Working\",\"text\":\"Starting\"}");
    expect("{\"type\":\"step\",\"kind\":\"vm\",\"name\":\"s-web-1\",\"verb\":\"start\","
           "\"state\":\"done\",\"text\":\"Healthy\"}",
           "{\"id\":\"VM s-web-1\",\"status\":\"Done\",\"text\":\"Healthy\"}");
    expect("{\"type\":\"step\",\"kind\":\"network\",\"name\":\"n\",\"verb\":\"ensure\","
           "\"state\":\"error\"}",
           "{\"id\":\"Network n\",\"status\":\"Error\",\"text\":\"Error\"}");
}

static void amounts_are_told_in_bytes_and_percent(void **state)
{
    (void)state;
    expect(
        "{\"type\":\"step\",\"kind\":\"image\",\"name\":\"nginx\",\"verb\":\"ensure\","
        "\"state\":\"working\",\"text\":\"Pulling\",\"current\":25,\"total\":200,\"unit\":\"B\"}",
        "{\"id\":\"Image nginx\",\"status\":\"Working\",\"text\":\"Pulling\",\"current\":25,"
        "\"total\":200,\"percent\":12}");
    expect("{\"type\":\"step\",\"kind\":\"image\",\"name\":\"nginx\",\"verb\":\"ensure\","
           "\"state\":\"working\",\"text\":\"Packing\",\"current\":40,\"unit\":\"%\"}",
           "{\"id\":\"Image nginx\",\"status\":\"Working\",\"text\":\"Packing\",\"percent\":40}");
}

static void words_to_people_are_texts(void **state)
{
    (void)state;
    expect("{\"type\":\"warning\",\"text\":\"no KVM\"}",
           "{\"status\":\"Warning\",\"text\":\"no KVM\"}");
    expect("{\"type\":\"message\",\"text\":\"waiting\"}", "{\"text\":\"waiting\"}");
    expect("{\"type\":\"plan\",\"action\":\"keep\"}", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_have_the_shape_of_compose),
        cmocka_unit_test(amounts_are_told_in_bytes_and_percent),
        cmocka_unit_test(words_to_people_are_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
