#include "runtime/vm.h"

#include "../unit.h"

#include "base/str.h"

#include <errno.h>
#include <signal.h>

static cJSON *parse(const char *text)
{
    cJSON *value = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(json_parse(text, strlen(text), &value, &err), &err);
    return value;
}

/* docs.docker.com/reference/dockerfile "Understand how CMD and ENTRYPOINT interact", and the
 * Compose specification's "entrypoint" and "command". */
static void argv_by_dockers_rules(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *config, *argv;
    } cases[] = {
        {"{}", "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"]}", "[\"e\",\"c\"]"},
        {"{}", "{\"Cmd\":[\"c\",\"d\"]}", "[\"c\",\"d\"]"},
        {"{}", "{\"Entrypoint\":null,\"Cmd\":null}", "[]"},
        {"{\"command\":[\"x\"]}", "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"]}", "[\"e\",\"x\"]"},
        {"{\"command\":[]}", "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"]}", "[\"e\"]"},
        {"{\"command\":null,\"entrypoint\":null}", "{\"Cmd\":[\"c\"]}", "[\"c\"]"},
        {"{\"entrypoint\":[\"y\"]}", "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"]}", "[\"y\"]"},
        {"{\"entrypoint\":[\"y\"],\"command\":[\"x\"]}", "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"]}",
         "[\"y\",\"x\"]"},
        {"{\"entrypoint\":[],\"command\":[\"x\"]}", "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"]}",
         "[\"x\"]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ cJSON *spec = parse(cases[i].spec), *config = parse(cases[i].config);
        _cleanup_json_ cJSON *argv = vm_identity_argv(spec, config);
        _cleanup_free_ char *text = json_print(argv);
        assert_string_equal(text, cases[i].argv);
    }
}

static const char inputs_text[] =
    "{\"image/nginx\":{\"config\":{\"Cmd\":[\"nginx\"],\"User\":\"www\",\"WorkingDir\":\"/srv\","
    "\"Env\":[\"A=image\",\"B=image=2\",\"broken\",\"PATH=/image\"]}},"
    "\"endpoint/shop-web-1/shop_front\":{\"interface\":\"eth0\",\"mac\":\"02:00:00:00:00:01\","
    "\"address\":\"10.89.0.5\",\"prefix\":24,\"gateway\":\"10.89.0.1\",\"dns\":\"10.89.0.1\","
    "\"mtu\":1500,\"tap\":\"t0\",\"fds\":[7]},"
    "\"endpoint/shop-web-1/shop_back\":{\"interface\":\"eth1\",\"mac\":\"02:00:00:00:00:02\","
    "\"address\":\"10.89.1.5\",\"prefix\":24,\"dns\":\"10.89.1.1\",\"mtu\":1500}}";

static void an_identity_is_complete(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_json_ cJSON *inputs = parse(inputs_text), *identity = NULL;
    _cleanup_json_ cJSON *spec =
        parse("{\"instance\":\"shop-web-1\",\"service\":\"web\",\"hostname\":\"web\","
              "\"image\":\"nginx\",\"endpoints\":[\"shop-web-1/shop_front\","
              "\"shop-web-1/shop_back\"],\"environment\":{\"A\":\"service\",\"C\":\"\"}}");
    assert_ok(vm_identity_build(spec, inputs, 42, &identity, &err), &err);
    _cleanup_free_ char *text = json_print(identity);
    assert_string_equal(
        text, "{\"instance\":\"shop-web-1\",\"hostname\":\"web\",\"argv\":[\"nginx\"],"
              "\"environment\":{\"HOSTNAME\":\"web\",\"B\":\"image=2\",\"PATH\":\"/image\","
              "\"A\":\"service\",\"C\":\"\"},\"user\":\"www\",\"working_dir\":\"/srv\","
              "\"stop_signal\":\"SIGTERM\",\"time_ns\":42,"
              "\"interfaces\":[{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:01\","
              "\"address\":\"10.89.0.5\",\"prefix\":24,\"gateway\":\"10.89.0.1\","
              "\"dns\":\"10.89.0.1\",\"mtu\":1500},"
              "{\"name\":\"eth1\",\"mac\":\"02:00:00:00:00:02\",\"address\":\"10.89.1.5\","
              "\"prefix\":24,\"dns\":\"10.89.1.1\",\"mtu\":1500}],"
              "\"hosts\":[{\"address\":\"10.89.0.5\",\"names\":[\"web\",\"shop-web-1\"]}],"
              "\"dns\":[\"10.89.0.1\"],\"search\":[]}");
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *message;
    } cases[] = {
        {"{\"instance\":\"i\",\"image\":\"other\"}", "no image 'other'"},
        {"{\"instance\":\"i\",\"image\":\"nginx\",\"endpoints\":[\"i/n\"]}", "no endpoint 'i/n'"},
        {"{\"instance\":\"i\",\"service\":\"s\",\"image\":\"nginx\",\"command\":[]}",
         "add `command:` to service 's'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_error_ struct error err = {0};
        _cleanup_json_ cJSON *inputs = parse(inputs_text), *spec = parse(cases[i].spec);
        cJSON *identity = NULL;
        assert_int_equal(vm_identity_build(spec, inputs, 0, &identity, &err), -EINVAL);
        assert_non_null(strstr(error_text(&err), cases[i].message));
    }
}

static void signals_by_name_and_number(void **state)
{
    (void)state;
    assert_int_equal(vm_signal_number("SIGTERM"), SIGTERM);
    assert_int_equal(vm_signal_number("QUIT"), SIGQUIT);
    assert_int_equal(vm_signal_number("usr1"), SIGUSR1);
    assert_int_equal(vm_signal_number("winch"), SIGWINCH);
    assert_int_equal(vm_signal_number("9"), SIGKILL);
    assert_int_equal(vm_signal_number("0"), 0);
    assert_int_equal(vm_signal_number("65"), 0);
    assert_int_equal(vm_signal_number("SIGNOTHING"), 0);
    assert_int_equal(vm_signal_number(""), 0);
}

/* docs.docker.com/reference/dockerfile "STOPSIGNAL". */
static void the_image_says_what_ends_it(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *config, *signal;
    } cases[] = {
        {"{\"image\":\"i\"}", "{}", "SIGTERM"},
        {"{\"image\":\"i\"}", "{\"StopSignal\":\"\"}", "SIGTERM"},
        {"{\"image\":\"i\",\"stop_signal\":null}", "{\"StopSignal\":\"SIGQUIT\"}", "SIGQUIT"},
        {"{\"image\":\"i\",\"stop_signal\":\"SIGINT\"}", "{\"StopSignal\":\"SIGQUIT\"}", "SIGINT"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ cJSON *spec = parse(cases[i].spec);
        _cleanup_json_ cJSON *inputs = parse("{\"image/i\":{}}");
        json_set(json_object(inputs, "image/i"), "config", parse(cases[i].config));
        assert_string_equal(vm_stop_signal(spec, inputs), cases[i].signal);
    }
}

/* --- vm_check.c ------------------------------------------------------------------------------- */

static void defaults_and_rounding(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        unsigned cpus;
        uint64_t memory_mib;
    } cases[] = {{"{}", 1, 512},
                 {"{\"cpus\":0,\"memory_bytes\":0}", 1, 512},
                 {"{\"cpus\":0.5,\"memory_bytes\":268435456}", 1, 256},
                 {"{\"cpus\":1.5,\"memory_bytes\":268435457}", 2, 257},
                 {"{\"cpus\":2}", 2, 512},
                 {"{\"cpus\":100000}", 255, 512}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ cJSON *spec = parse(cases[i].spec);
        assert_int_equal(vm_spec_cpus(spec), cases[i].cpus);
        assert_int_equal(vm_spec_memory_mib(spec), cases[i].memory_mib);
    }
}

static void memory_is_summed_over_what_starts(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *small = parse("{}"), *large = parse("{\"memory_bytes\":1073741824}");
    _cleanup_json_ cJSON *tiny = parse("{\"memory_bytes\":1048576}");
    struct operation operations[] = {
        {.name = "a-1", .verb = OPERATION_START, .spec = small},
        {.name = "b-1", .verb = OPERATION_START, .spec = large},
        {.name = "c-1", .verb = OPERATION_ENSURE, .spec = large},
        {.name = "d-1", .verb = OPERATION_START, .spec = tiny},
    };
    struct operation *list[] = {&operations[0], &operations[1], &operations[2], &operations[3]};
    _cleanup_error_ struct error err = {0};
    assert_int_equal(vm_check_memory(list, 3, 1536, &err), 0);
    assert_int_equal(vm_check_memory(list, 3, 1535, &err), -ENOMEM);
    assert_string_equal(err.message,
                        "2 VMs would need 1536 MiB of memory (a-1 512, b-1 1024), the host has "
                        "1535 MiB available: lower mem_limit or stop something else");
    assert_int_equal(vm_check_memory(list, 4, 100000, &err), -EINVAL);
    assert_non_null(strstr(err.message, "'d-1'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(argv_by_dockers_rules),
        cmocka_unit_test(an_identity_is_complete),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(signals_by_name_and_number),
        cmocka_unit_test(the_image_says_what_ends_it),
        cmocka_unit_test(defaults_and_rounding),
        cmocka_unit_test(memory_is_summed_over_what_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
