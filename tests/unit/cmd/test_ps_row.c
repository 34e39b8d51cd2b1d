#include "cmd/ps_row.h"

#include "../unit.h"

#define NOW_MS 1767323045000LL /* 2026-01-02T03:04:05Z */

static const char instance_text[] =
    "{\"Id\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
    "\"Name\":\"shop-web-1\",\"Project\":\"shop\",\"Service\":\"web\",\"Image\":\"nginx:1.25\","
    "\"Command\":\"nginx -g \\\"daemon off;\\\" -c /etc/nginx/nginx.conf\","
    "\"CreatedMs\":1767322925000,\"State\":\"running\",\"StartedMs\":1767322985000,\"ExitCode\":0,"
    "\"Endpoints\":[{\"network\":\"shop_front\",\"address\":\"10.89.0.5\"},"
    "{\"network\":\"shop_back\",\"address\":\"10.89.1.7\"}],"
    "\"Ports\":[{\"host_ip\":\"\",\"published\":8080,\"target\":80,\"protocol\":\"tcp\"}]}";

static void a_row_has_composes_columns(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *instance = cJSON_Parse(instance_text);
    _cleanup_(table_freep) struct table *table = ps_table_new();
    ps_table_add(table, instance, true, NOW_MS);
    _cleanup_strbuf_ struct strbuf out = {0};
    table_print(table, &out);
    assert_string_equal(
        strbuf_text(&out),
        "NAME         IMAGE        COMMAND                   SERVICE   CREATED         "
        "STATUS              IP                     PORTS\n"
        "shop-web-1   nginx:1.25   \"nginx -g \\\"daemon of…\"   web       2 minutes ago   "
        "Up About a minute   10.89.0.5, 10.89.1.7   0.0.0.0:8080->80/tcp\n");
}

static void assert_ports(const char *json, const char *expected)
{
    _cleanup_json_ cJSON *ports = cJSON_Parse(json);
    assert_non_null(ports);
    _cleanup_strbuf_ struct strbuf out = {0};
    ps_format_ports(ports, &out);
    assert_string_equal(strbuf_text(&out), expected);
}

static void neighbouring_ports_are_ranges(void **state)
{
    (void)state;
    assert_ports("[]", "");
    assert_ports(
        "[{\"host_ip\":\"127.0.0.1\",\"published\":53,\"target\":53,\"protocol\":\"udp\"}]",
        "127.0.0.1:53->53/udp");
    assert_ports("[{\"published\":9000,\"target\":80,\"protocol\":\"tcp\"},"
                 "{\"published\":9001,\"target\":81,\"protocol\":\"tcp\"},"
                 "{\"published\":9002,\"target\":82,\"protocol\":\"tcp\"},"
                 "{\"published\":9003,\"target\":82,\"protocol\":\"tcp\"},"
                 "{\"host_ip\":\"::\",\"published\":9004,\"target\":83,\"protocol\":\"tcp\"}]",
                 "0.0.0.0:9000-9002->80-82/tcp, 0.0.0.0:9003->82/tcp, [::]:9004->83/tcp");
}

static void assert_status(const char *json, const char *expected)
{
    _cleanup_json_ cJSON *instance = cJSON_Parse(json);
    assert_non_null(instance);
    _cleanup_strbuf_ struct strbuf out = {0};
    ps_format_status(instance, NOW_MS, &out);
    assert_string_equal(strbuf_text(&out), expected);
}

static void states_read_as_dockers(void **state)
{
    (void)state;
    assert_status("{\"State\":\"running\",\"StartedMs\":1767323040000}", "Up 5 seconds");
    assert_status("{\"State\":\"exited\",\"ExitCode\":137,\"FinishedMs\":1767312245000}",
                  "Exited (137) 3 hours ago");
    assert_status("{\"State\":\"created\"}", "Created");
    assert_status("{\"State\":\"starting\"}", "Starting");
    assert_status("{}", "");
}

static void a_json_row_is_composes(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *instance = cJSON_Parse(instance_text);
    _cleanup_json_ cJSON *row = ps_row_json(instance, NOW_MS);
    assert_string_equal(json_string(row, "ID", ""), "0123456789ab");
    assert_string_equal(json_string(row, "Name", ""), "shop-web-1");
    assert_string_equal(json_string(row, "Status", ""), "Up About a minute");
    assert_string_equal(json_string(row, "IP", ""), "10.89.0.5,10.89.1.7");
    assert_string_equal(json_string(row, "Networks", ""), "shop_front,shop_back");
    assert_string_equal(json_string(row, "RunningFor", ""), "2 minutes ago");
    const cJSON *publisher = cJSON_GetArrayItem(json_array(row, "Publishers"), 0);
    assert_int_equal(json_int(publisher, "PublishedPort", 0), 8080);
    assert_string_equal(json_string(publisher, "URL", ""), "0.0.0.0");
}

static void health_and_ends_are_told_apart(void **state)
{
    (void)state;
    assert_status("{\"State\":\"running\",\"StartedMs\":1767323040000,\"Health\":\"healthy\"}",
                  "Up 5 seconds (healthy)");
    assert_status("{\"State\":\"running\",\"StartedMs\":1767323040000,\"Health\":\"starting\"}",
                  "Up 5 seconds (health: starting)");
    assert_status("{\"State\":\"paused\",\"StartedMs\":1767323040000}", "Up 5 seconds (Paused)");
    assert_status("{\"State\":\"restarting\",\"FinishedMs\":1767323043000,\"ExitCode\":1,"
                  "\"Reason\":\"service\"}",
                  "Restarting (1) 2 seconds ago");
    assert_status("{\"State\":\"exited\",\"FinishedMs\":1767323043000,\"ExitCode\":137,"
                  "\"Reason\":\"oom\"}",
                  "Exited (137) 2 seconds ago (out of memory)");
    assert_status("{\"State\":\"exited\",\"FinishedMs\":1767323043000,\"ExitCode\":137,"
                  "\"Reason\":\"killed\"}",
                  "Exited (137) 2 seconds ago (VM died)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_and_ends_are_told_apart),
        cmocka_unit_test(a_row_has_composes_columns),
        cmocka_unit_test(neighbouring_ports_are_ranges),
        cmocka_unit_test(states_read_as_dockers),
        cmocka_unit_test(a_json_row_is_composes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
