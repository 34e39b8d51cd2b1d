#include "cmd/bytes.h"
#include "cmd/json_indent.h"
#include "cmd/volume_list.h"

#include "../unit.h"

static const char volumes_text[] =
    "[{\"Name\":\"shop_data\",\"Driver\":\"local\",\"Mountpoint\":\"/var/x\",\"Scope\":\"local\","
    "\"Labels\":{\"a\":\"1\",\"b\":\"\"}},{\"Name\":\"other\"}]";

static void assert_printed(const char *format, bool quiet, const char *expected)
{
    _cleanup_json_ cJSON *volumes = cJSON_Parse(volumes_text);
    _cleanup_strbuf_ struct strbuf out = {0};
    volume_list_print(volumes, format, quiet, &out);
    assert_string_equal(strbuf_text(&out), expected);
}

static void volumes_have_dockers_columns(void **state)
{
    (void)state;
    assert_printed("table", false, "DRIVER    VOLUME NAME\nlocal     shop_data\nlocal     other\n");
    assert_printed("table", true, "shop_data\nother\n");
}

static void json_lines_have_dockers_members(void **state)
{
    (void)state;
    assert_printed("json", false,
                   "{\"Driver\":\"local\",\"Labels\":\"a=1,b=\",\"Mountpoint\":\"/var/x\","
                   "\"Name\":\"shop_data\",\"Scope\":\"local\",\"Availability\":\"N/A\","
                   "\"Group\":\"N/A\",\"Links\":\"N/A\",\"Size\":\"N/A\",\"Status\":\"N/A\"}\n"
                   "{\"Driver\":\"local\",\"Labels\":\"\",\"Mountpoint\":\"\",\"Name\":\"other\","
                   "\"Scope\":\"local\",\"Availability\":\"N/A\",\"Group\":\"N/A\","
                   "\"Links\":\"N/A\",\"Size\":\"N/A\",\"Status\":\"N/A\"}\n");
}

static void inspection_is_indented_by_four(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *value = cJSON_Parse("[{\"a\":[1,\"x\\n\"],\"b\":{},\"c\":null}]");
    _cleanup_strbuf_ struct strbuf out = {0};
    json_indent(value, &out);
    assert_string_equal(strbuf_text(&out), "[\n    {\n        \"a\": [\n            1,\n"
                                           "            \"x\\n\"\n        ],\n        \"b\": {},\n"
                                           "        \"c\": null\n    }\n]\n");
}

static void bytes_read_as_dockers(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf out = {0};
    bytes_add_docker(0, &out);
    strbuf_add_char(&out, ' ');
    bytes_add_docker(512, &out);
    strbuf_add_char(&out, ' ');
    bytes_add_docker(4263000, &out);
    strbuf_add_char(&out, ' ');
    bytes_add_docker(187500000, &out);
    assert_string_equal(strbuf_text(&out), "0B 512B 4.263MB 187.5MB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes_have_dockers_columns),
        cmocka_unit_test(json_lines_have_dockers_members),
        cmocka_unit_test(inspection_is_indented_by_four),
        cmocka_unit_test(bytes_read_as_dockers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
