/* Instances rendered from a model: numbers, checks, mounts, what changes a hash and what it is
 * called. */
#include "../unit.h"

#include "base/fs.h"
#include "base/str.h"
#include "stack.h"

#include <errno.h>

static struct specs *specs_of(const char *text)
{
    _cleanup_error_ struct error err = {0};
    assert_ok(fs_write_file_atomic("spec.yaml", text, strlen(text), 0600, &err), &err);
    struct model *model = stack_load_file("spec.yaml");
    struct specs *specs = NULL;
    assert_ok(specs_build(model, &specs, &err), &err);
    return specs;
}

static struct spec_instance *render(const struct specs *specs, int64_t number, const cJSON *image,
                                    const cJSON *previous)
{
    struct spec_rendering how = {
        .number = number, .image = image, .previous = previous, .new_id = stack_new_id};
    return spec_render(specs, &how);
}

static void test_number_stands_in_hostname_and_environment(void **state)
{
    (void)state;
    _cleanup_(specs_freep) struct specs *specs =
        specs_of("name: p\nservices: {a: {image: i, hostname: 'h${VMSTEAD_REPLICA}',"
                 " environment: {N: 'of ${VMSTEAD_REPLICA}, ${VMSTEAD_REPLICA}'}}}\n");
    _cleanup_(spec_instance_freep) struct spec_instance *third = render(specs, 3, NULL, NULL);
    assert_string_equal(third->name, "p-a-3");
    assert_string_equal(json_string(third->vm, "hostname", ""), "h3");
    assert_string_equal(json_string(json_object(third->vm, "environment"), "N", ""), "of 3, 3");
    assert_int_equal(json_int(third->vm, "number", 0), 3);
}

static void test_a_value_that_is_not_set_is_refused(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(specs_freep) struct specs *specs =
        specs_of("name: p\nservices: {a: {image: i, secrets: [s]}, b: {image: i, configs: [c]}}\n"
                 "secrets: {s: {environment: NOBODY_SET_THIS}}\nconfigs: {c: {content: x}}\n");
    assert_int_equal(specs_check_values(specs, 1, &err), 0);
    assert_int_equal(specs_check_values(specs, 0, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "service 'a': its secret 's' comes from the variable 'NOBODY_SET_THIS', "
                        "which is not set: run the command again with NOBODY_SET_THIS=VALUE before "
                        "it");
}

static void test_what_is_there_once_is_for_one(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(specs_freep) struct specs *port =
        specs_of("name: p\nservices: {a: {image: i, ports: ['8080:80']}}\n");
    assert_int_equal(specs_check_replicas(port, 0, 1, &err), 0);
    assert_int_equal(specs_check_replicas(port, 0, 3, &err), -EINVAL);
    assert_string_equal(error_text(&err),
                        "service 'a' is to have 3 instances, but only one can publish port 8080: "
                        "give a range ('8080-8082:80'), or only the target ('80')");
    _cleanup_(specs_freep) struct specs *range =
        specs_of("name: p\nservices: {a: {image: i, ports: ['8080-8082:80', '81']}}\n");
    assert_int_equal(specs_check_replicas(range, 0, 3, &err), 0);
    assert_int_equal(specs_check_replicas(range, 0, 4, &err), -EINVAL);
    _cleanup_(specs_freep) struct specs *address =
        specs_of("name: p\nservices: {a: {image: i, networks: {n: {ipv4_address: 10.1.2.3}}}}\n"
                 "networks: {n: {ipam: {config: [{subnet: 10.1.2.0/24}]}}}\n");
    assert_int_equal(specs_check_replicas(address, 0, 2, &err), -EINVAL);
    assert_non_null(strstr(error_text(&err), "10.1.2.3"));
}

static cJSON *parse(const char *text)
{
    cJSON *value = NULL;
    assert_int_equal(json_parse(text, strlen(text), &value, NULL), 0);
    return value;
}

static char *print_member(const struct spec_instance *instance, const char *member)
{
    return json_print(cJSON_GetObjectItemCaseSensitive(instance->vm, member));
}

static void test_check_is_merged_with_the_images(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *image =
        parse("{\"config\":{\"Healthcheck\":{\"Test\":[\"CMD\",\"up\"],\"Interval\":2000000000,"
              "\"Retries\":7}}}");
    static const struct {
        const char *own, *expected;
    } cases[] = {
        {"", "{\"test\":[\"CMD\",\"up\"],\"interval_ms\":2000,\"timeout_ms\":30000,"
             "\"start_period_ms\":0,\"start_interval_ms\":5000,\"retries\":7}"},
        {", healthcheck: {retries: 2, timeout: 1s}",
         "{\"test\":[\"CMD\",\"up\"],\"interval_ms\":2000,\"timeout_ms\":1000,"
         "\"start_period_ms\":0,\"start_interval_ms\":5000,\"retries\":2}"},
        {", healthcheck: {disable: true}", "null"},
        {", x-vmstead: {healthcheck: {tcp: 25}}",
         "{\"tcp\":25,\"interval_ms\":2000,\"timeout_ms\":30000,"
         "\"start_period_ms\":0,\"start_interval_ms\":5000,\"retries\":7}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text =
            xasprintf("name: p\nservices: {a: {image: i%s}}\n", cases[i].own);
        _cleanup_(specs_freep) struct specs *specs = specs_of(text);
        _cleanup_(spec_instance_freep) struct spec_instance *one = render(specs, 1, image, NULL);
        _cleanup_free_ char *check = print_member(one, "healthcheck");
        assert_string_equal(check, cases[i].expected);
    }
    _cleanup_(specs_freep) struct specs *plain = specs_of("name: p\nservices: {a: {image: i}}\n");
    _cleanup_(spec_instance_freep) struct spec_instance *none = render(plain, 1, NULL, NULL);
    _cleanup_free_ char *check = print_member(none, "healthcheck");
    assert_string_equal(check, "null");
}

static void test_mounts_parents_first_with_the_images(void **state)
{
    (void)state;
    stack_reset_ids();
    _cleanup_json_ cJSON *image =
        parse("{\"config\":{\"Volumes\":{\"/a\":{},\"/data\":{},\"relative\":{}}}}");
    _cleanup_(specs_freep) struct specs *specs = specs_of(
        "name: p\nservices: {a: {image: i, volumes: ['named:/data', '/srv/x:/data/x:ro', '/b'],"
        " tmpfs: ['/run:mode=755']}}\nvolumes: {named: }\n");
    _cleanup_(spec_instance_freep) struct spec_instance *one = render(specs, 1, image, NULL);
    const cJSON *mounts = json_array(one->vm, "mounts");
    static const char *const targets[] = {"/a", "/b", "/data", "/data/x", "/run"};
    assert_int_equal(cJSON_GetArraySize(mounts), ARRAY_SIZE(targets));
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
        assert_string_equal(json_string(cJSON_GetArrayItem(mounts, (int)i), "target", ""),
                            targets[i]);
    assert_string_equal(json_string(cJSON_GetArrayItem(mounts, 2), "volume", ""), "p_named");
    assert_true(json_bool(cJSON_GetArrayItem(mounts, 3), "read_only", false));
    assert_int_equal(json_int(cJSON_GetArrayItem(mounts, 4), "mode", 0), 0755);
    assert_int_equal(strv_length(one->volumes), 3);

    _cleanup_(spec_instance_freep) struct spec_instance *next = render(specs, 1, image, one->vm);
    _cleanup_(spec_instance_freep) struct spec_instance *fresh = render(specs, 1, image, NULL);
    char hash[HASH_HEX_SIZE], same[HASH_HEX_SIZE];
    assert_string_equal(next->volumes[0], one->volumes[0]);
    assert_string_not_equal(fresh->volumes[0], one->volumes[0]);
    spec_hash_instance(one, "x", hash);
    assert_string_equal(spec_hash_instance(fresh, "x", same), hash); /* their names do not count */
}

static void test_values_are_told_by_salted_digests(void **state)
{
    (void)state;
    static const char text[] = "name: p\nservices: {a: {image: i, configs: [c]}}\n"
                               "configs: {c: {content: hunter2}}\n";
    _cleanup_(specs_freep) struct specs *specs = specs_of(text);
    snprintf(specs->salt, sizeof(specs->salt), "one");
    _cleanup_(spec_instance_freep) struct spec_instance *one = render(specs, 1, NULL, NULL);
    snprintf(specs->salt, sizeof(specs->salt), "two");
    _cleanup_(spec_instance_freep) struct spec_instance *two = render(specs, 1, NULL, NULL);
    _cleanup_free_ char *files = print_member(one, "files"), *others = print_member(two, "files");
    assert_null(strstr(files, "hunter2"));
    assert_string_not_equal(files, others);
    assert_non_null(strstr(files, "\"vault\":\"configs/c\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_stands_in_hostname_and_environment),
        cmocka_unit_test(test_a_value_that_is_not_set_is_refused),
        cmocka_unit_test(test_what_is_there_once_is_for_one),
        cmocka_unit_test(test_check_is_merged_with_the_images),
        cmocka_unit_test(test_mounts_parents_first_with_the_images),
        cmocka_unit_test(test_values_are_told_by_salted_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
