/* /volumes over the socket. */
#include "api_stage.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "unit.h"

static void test_list(void **state)
{
    (void)state;
    static const struct {
        const char *filters;
        int count;
    } cases[] = {
        {"%7B%7D", 3},
        {"%7B%22dangling%22%3A%5B%22true%22%5D%7D", 2},
        {"%7B%22dangling%22%3A%5B%22false%22%5D%7D", 1},
        {"%7B%22name%22%3A%5B%22shop%22%5D%7D", 1},
        {"%7B%22label%22%3A%5B%22k%3Dv%22%5D%7D", 1},
        {"%7B%22label%22%3A%5B%22com.docker.compose.project%3Dshop%22%5D%7D", 2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *target = xasprintf("/volumes?filters=%s", cases[i].filters);
        _cleanup_json_ cJSON *answer = client_ask_json(path, "GET", target, NULL, 200);
        if (cJSON_GetArraySize(json_array(answer, "Volumes")) != cases[i].count)
            fail_msg("%s: %d", target, cJSON_GetArraySize(json_array(answer, "Volumes")));
    }
    check_error("GET", "/volumes?filters=%7B%22driver%22%3A%5B%5D%7D", NULL, 400,
                "invalid filter 'driver': known are name, label, dangling");
}

static void test_inspect(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *volume = client_ask_json(path, "GET", "/volumes/shop_data", NULL, 200);
    _cleanup_free_ char *text = json_print(volume);
    assert_string_equal(
        text, "{\"Name\":\"shop_data\",\"Driver\":\"local\",\"Mountpoint\":\"/v/data\","
              "\"CreatedAt\":\"1970-01-01T00:00:01.000000000Z\",\"Labels\":{\"k\":\"v\","
              "\"com.docker.compose.project\":\"shop\",\"com.docker.compose.volume\":\"data\"},"
              "\"Scope\":\"local\",\"Options\":{},\"UsageData\":{\"Size\":50,\"RefCount\":2}}");
    check_error("GET", "/volumes/ghost", NULL, 404, "no such volume: ghost");
}

static void test_create(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *made =
        client_ask_json(path, "POST", "/volumes/create",
                        "{\"Name\":\"spare\",\"Driver\":\"local\",\"Labels\":{\"a\":\"b\"}}", 201);
    assert_string_equal(json_string(made, "Name", ""), "spare");
    assert_int_equal(fakes.volume_labels, 1);
    _cleanup_json_ cJSON *there =
        client_ask_json(path, "POST", "/volumes/create", "{\"Name\":\"shop_data\"}", 201);
    assert_string_equal(json_string(there, "Name", ""), "shop_data");
    _cleanup_json_ cJSON *anonymous =
        client_ask_json(path, "POST", "/volumes/create", "{\"Name\":\"\"}", 201);
    assert_string_equal(json_string(anonymous, "Name", ""), "anon");
    check_error("POST", "/volumes/create", "{\"Name\":\"../x\"}", 400,
                "'../x' is no name for a volume");
    check_error("POST", "/volumes/create", "{\"Name\":\"spare\",\"Driver\":\"nfs\"}", 400,
                "volumes have no driver 'nfs': there is only 'local'");
    check_error("POST", "/volumes/create", "{\"DriverOpts\":{\"type\":\"tmpfs\"}}", 400,
                "volumes have no driver options");
}

static void test_remove(void **state)
{
    (void)state;
    check_status("DELETE", "/volumes/spare", 204);
    assert_int_equal(fakes.volumes_removed, 1);
    check_error("DELETE", "/volumes/shop_data", NULL, 409,
                "volume is in use - [shop-web-1, shop-db-1]");
    check_error("DELETE", "/volumes/ghost", NULL, 404, "no such volume: ghost");
    check_status("DELETE", "/volumes/ghost?force=1", 204);
}

static void check_prune(const char *query, const char *expected)
{
    _cleanup_free_ char *target = xasprintf("/volumes/prune%s", query);
    _cleanup_json_ cJSON *answer = client_ask_json(path, "POST", target, NULL, 200);
    _cleanup_free_ char *text = json_print(answer);
    assert_string_equal(text, expected);
}

/* What is used stays, and what has a name only goes when that is asked for. */
static void test_prune(void **state)
{
    (void)state;
    check_prune("", "{\"VolumesDeleted\":[\"anon\"],\"SpaceReclaimed\":100}");
    check_prune("?filters=%7B%22all%22%3A%5B%22true%22%5D%7D",
                "{\"VolumesDeleted\":[\"anon\",\"spare\"],\"SpaceReclaimed\":107}");
    check_prune("?filters=%7B%22label%22%3A%5B%22nobody%22%5D%7D",
                "{\"VolumesDeleted\":[],\"SpaceReclaimed\":0}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {API_TEST(test_list), API_TEST(test_inspect),
                                       API_TEST(test_create), API_TEST(test_remove),
                                       API_TEST(test_prune)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
