/* /networks over the socket. */
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
        {"%7B%22name%22%3A%5B%22front%22%5D%7D", 1},
        {"%7B%22id%22%3A%5B%22abc%22%5D%7D", 2},
        {"%7B%22driver%22%3A%5B%22macvlan%22%5D%7D", 0},
        {"%7B%22type%22%3A%5B%22custom%22%5D%7D", 2},
        {"%7B%22label%22%3A%5B%22k%3Dv%22%5D%7D", 1},
        {"%7B%22label%22%3A%5B%22com.docker.compose.project%3Dshop%22%5D%7D", 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *target = xasprintf("/networks?filters=%s", cases[i].filters);
        _cleanup_json_ cJSON *answer = client_ask_json(path, "GET", target, NULL, 200);
        if (cJSON_GetArraySize(answer) != cases[i].count)
            fail_msg("%s: %d", target, cJSON_GetArraySize(answer));
    }
    check_error("GET", "/networks?filters=%7B%22until%22%3A%5B%5D%7D", NULL, 400,
                "invalid filter 'until': known are dangling, driver, id, label, name, scope, type");
}

static void test_inspect(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *network = client_ask_json(path, "GET", "/networks/abc1", NULL, 200);
    _cleanup_free_ char *text = json_print(network);
    assert_string_equal(
        text,
        "{\"Name\":\"shop_frontend\",\"Id\":\"abc123\",\"Created\":\"1970-01-01T00:00:01."
        "000000000Z\","
        "\"Scope\":\"local\",\"Driver\":\"bridge\",\"EnableIPv4\":true,\"EnableIPv6\":true,"
        "\"Internal\":true,\"Attachable\":false,\"Ingress\":false,\"IPAM\":{\"Driver\":\"default\","
        "\"Options\":{},\"Config\":[{\"Subnet\":\"10.89.0.0/24\",\"Gateway\":\"10.89.0.1\","
        "\"AuxiliaryAddresses\":{\"a\":\"10.89.0.9\"}},{\"Subnet\":\"fd00::/64\",\"Gateway\":"
        "\"fd00::1\",\"AuxiliaryAddresses\":{\"b\":\"fd00::9\"}}]},\"Options\":{"
        "\"com.docker.network.bridge.name\":\"vs1-br0\"},\"Labels\":{\"tier\":\"front\","
        "\"com.docker.compose.project\":\"shop\",\"com.docker.compose.network\":\"frontend\"},"
        "\"Containers\":{\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\":{"
        "\"Name\":\"shop-web-1\",\"EndpointID\":\"\",\"MacAddress\":\"02:00:00:00:00:01\","
        "\"IPv4Address\":\"10.89.0.5/24\",\"IPv6Address\":\"fd00::5/64\"}},\"Status\":{\"IPAM\":{"
        "\"Subnets\":{\"10.89.0.0/24\":{\"IPsInUse\":1,\"DynamicIPsAvailable\":251},"
        "\"fd00::/64\":{\"IPsInUse\":1,\"DynamicIPsAvailable\":65533}}}}}");
    check_error("GET", "/networks/ghost", NULL, 404, "no such network: ghost");
    check_error("GET", "/networks/abc", NULL, 404, "no such network: abc"); /* of two */
}

static void test_create(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *made = client_ask_json(
        path, "POST", "/networks/create",
        "{\"Name\":\"lab\",\"Internal\":true,\"EnableIPv6\":true,\"IPAM\":{\"Config\":[{\"Subnet\":"
        "\"fd20::/64\"},{\"Subnet\":\"10.20.0.0/16\",\"Gateway\":\"10.20.0.9\",\"IPRange\":"
        "\"10.20.1.0/"
        "24\",\"AuxiliaryAddresses\":{\"p\":\"10.20.1.1\"}}]},\"Options\":{\"o\":\"1\"},"
        "\"Labels\":{\"l\":\"2\"}}",
        201);
    assert_string_equal(json_string(made, "Warning", "?"), "");
    assert_string_equal(
        fakes.network_spec,
        "{\"project\":\"\",\"key\":\"\",\"internal\":true,\"external\":false,\"subnet6\":\"fd20::/"
        "64\","
        "\"subnet\":\"10.20.0.0/16\",\"gateway\":\"10.20.0.9\",\"ip_range\":\"10.20.1.0/24\","
        "\"aux_addresses\":{\"p\":\"10.20.1.1\"},\"ipv6\":true,\"options\":{\"o\":\"1\"},"
        "\"labels\":{\"l\":\"2\"}}");
    static const struct {
        const char *body;
        int status;
        const char *message;
    } bad[] = {
        {"{\"Name\":\"spare\"}", 409, "a network with the name 'spare' exists already"},
        {"{\"Name\":\"../x\"}", 400,
         "invalid network name '../x': use letters, digits, '_', '.' and '-', and begin with a "
         "letter or digit"},
        {"{}", 400,
         "invalid network name '': use letters, digits, '_', '.' and '-', and begin with a letter "
         "or digit"},
        {"{\"Name\":\"x\",\"IPAM\":{\"Driver\":\"dhcp\"}}", 400,
         "there is no IPAM driver 'dhcp': only 'default'"},
        {"{\"Name\":\"x\",\"IPAM\":{\"Config\":[{\"Subnet\":\"10.1.0.0/16\"},{\"Subnet\":"
         "\"10.2.0.0/16\"}]}}",
         400, "a network has one subnet of IPv4: make two networks of it"},
        {"{\"Name\":\"x\",\"IPAM\":{\"Config\":[{\"Subnet\":\"10.0.0.0/8\"}]}}", 409,
         "the subnet overlaps"},
        {"{\"Name\":\"late\"}", 500, "the kernel said no"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        check_error("POST", "/networks/create", bad[i].body, bad[i].status, bad[i].message);
}

static void test_remove(void **state)
{
    (void)state;
    check_status("DELETE", "/networks/spare", 204);
    check_status("DELETE", "/networks/abc456", 204);
    assert_int_equal(fakes.networks_removed, 2);
    check_error("DELETE", "/networks/shop_frontend", NULL, 409,
                "the network 'shop_frontend' is still used by 'shop-web-1'");
    check_error("DELETE", "/networks/bridge", NULL, 403,
                "the network 'bridge' cannot be removed: it goes with the last virtual machine "
                "that is on it");
    check_error("DELETE", "/networks/ghost", NULL, 404, "no such network: ghost");
    check_status("DELETE", "/networks/ghost?force=1", 204);
}

/* Who is used stays, and so does the built-in one. */
static void test_prune(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *all = client_ask_json(path, "POST", "/networks/prune", NULL, 200);
    _cleanup_free_ char *text = json_print(all);
    assert_string_equal(text, "{\"NetworksDeleted\":[\"spare\"]}");
    _cleanup_json_ cJSON *none = client_ask_json(
        path, "POST", "/networks/prune?filters=%7B%22label%22%3A%5B%22x%22%5D%7D", NULL, 200);
    assert_int_equal(cJSON_GetArraySize(json_array(none, "NetworksDeleted")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {API_TEST(test_list), API_TEST(test_inspect),
                                       API_TEST(test_create), API_TEST(test_remove),
                                       API_TEST(test_prune)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
