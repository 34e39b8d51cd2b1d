#include "load_text.h"

#include <errno.h>

static void entrypoint_and_command_tell_missing_from_empty(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    const struct model *model =
        loaded_model(&loaded, "services:\n"
                              "  none: {image: x}\n"
                              "  empty: {image: x, command: [], entrypoint: ''}\n"
                              "  given: {image: x, command: a 'b c'}\n");
    assert_false(model->services[0].has_command);
    assert_false(model->services[0].has_entrypoint);
    assert_true(model->services[1].has_command);
    assert_true(model->services[1].has_entrypoint);
    assert_null(model->services[1].command[0]);
    assert_string_equal(model->services[2].command[1], "b c");
    assert_null(model->services[2].command[2]);
}

static void networks_are_sorted_by_priority_then_as_written(void **state)
{
    (void)state;
    static const char *const expected[] = {"d", "b", "a", "c"};
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    const struct model *model = loaded_model(
        &loaded,
        "services: {s: {image: x, networks: {b: , a: , d: {priority: 5}, c: {priority: -1}}}}\n"
        "networks: {a: , b: , c: , d: , unused: }\n");
    assert_int_equal(model->network_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(model->networks[model->services[0].attachments[i].network].key,
                            expected[i]);
}

static void dependencies_point_to_services(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    const struct model *model = loaded_model(
        &loaded, "services: {b: {image: x, depends_on: {a: {condition: service_started, "
                 "required: false, restart: true}}}, a: {image: x}}\n");
    const struct model_dependency *dependency = &model->services[0].dependencies[0];
    assert_string_equal(model->services[dependency->service].name, "a");
    assert_false(dependency->required);
    assert_true(dependency->restart);
    assert_ptr_equal(model_find_service(model, "a"), &model->services[1]);
    assert_null(model_find_service(model, "c"));
}

static void the_wire_carries_everything_but_places(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    const struct model *model = loaded_model(
        &loaded,
        "services: {z: {image: x, ports: ['80:80'], environment: {A: 'a$$b'}}, a: {image: y, "
        "x-vmstead: {bootstrap: {suite: sid, files: {/f: {source: ./f}}}}}}\n");
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_(model_freep) struct model *copy = NULL;
    _cleanup_free_ char *wire = compose_serialize(model);
    assert_ok(compose_deserialize(wire, strlen(wire), diagnostics, &copy, &loaded.err),
              &loaded.err);
    /* It outlives the one it came from. */
    diagnostics_free(loaded.diagnostics);
    loaded.diagnostics = diagnostics_new();
    assert_string_equal(copy->services[0].name, "z");
    assert_string_equal(copy->services[0].environment[0].value, "a$b");
    assert_string_equal(copy->directory, loaded.folder);
    _cleanup_free_ char *source = xasprintf("%s/f", loaded.folder);
    assert_string_equal(copy->services[1].bootstrap->files[0].source, source);
    assert_int_equal(copy->services[0].ports[0].position.file, 0);
}

static const char profiled[] = "services:\n"
                               "  always: {image: x}\n"
                               "  debug: {image: x, profiles: [debug]}\n"
                               "  probe: {image: x, profiles: [debug], depends_on: [debug]}\n"
                               "  tools: {image: x, profiles: [tools, more]}\n";

/* Loads the text above with these and returns the names of its services. */
static char *enabled(struct loaded *loaded, char *const *profiles, char *const *services,
                     char *const *environment)
{
    _cleanup_strv_ char **names = NULL;
    loaded_write(loaded, "compose.yaml", profiled);
    loaded_run(loaded, (struct compose_options){
                           .profiles = profiles, .services = services, .environment = environment});
    for (size_t i = 0; loaded->model && i < loaded->model->service_count; i++)
        strv_add(&names, xstrdup(loaded->model->services[i].name));
    return strv_join(names, " ");
}

static void profiles_enable_services(void **state)
{
    (void)state;
    static char debug[] = "debug", more[] = "more", all[] = "*", probe[] = "probe",
                variable[] = "COMPOSE_PROFILES=tools, debug,";
    static const struct {
        const char *expected;
        char *profile, *service, *variable;
    } cases[] = {
        {"always", NULL, NULL, NULL},
        {"always debug probe", debug, NULL, NULL},
        {"always tools", more, NULL, NULL},
        {"always debug probe tools", all, NULL, NULL},
        {"always debug probe", NULL, probe, NULL}, /* named: with all of its profile */
        {"always debug probe tools", NULL, NULL, variable},
        {"always tools", more, NULL, variable}, /* the option beats the variable */
    };
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *names =
            enabled(&loaded, (char *[]){cases[i].profile, NULL}, (char *[]){cases[i].service, NULL},
                    (char *[]){cases[i].variable, NULL});
        assert_string_equal(names, cases[i].expected);
    }
}

static void enabled_services_stay_so_over_the_wire(void **state)
{
    (void)state;
    static char debug[] = "debug";
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    _cleanup_free_ char *names = enabled(&loaded, (char *[]){debug, NULL}, NULL, NULL);
    _cleanup_free_ char *wire = compose_serialize(loaded.model);
    _cleanup_(model_freep) struct model *copy = NULL;
    assert_ok(compose_deserialize(wire, strlen(wire), loaded.diagnostics, &copy, &loaded.err),
              &loaded.err);
    assert_int_equal(copy->service_count, 3);
    assert_string_equal(copy->services[1].profiles[0], "debug");
    assert_string_equal(copy->disabled[0], "tools");
    assert_null(copy->disabled[1]);
}

static void secret_values_travel_but_are_never_printed(void **state)
{
    (void)state;
    static char token[] = "TOKEN=hunter2 \"quoted\"";
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    loaded_write(&loaded, "compose.yaml",
                 "services: {a: {image: x, secrets: [t, u], configs: [c]}}\n"
                 "secrets: {t: {environment: TOKEN}, u: {environment: NOWHERE}}\n"
                 "configs: {c: {environment: TOKEN}}\n");
    loaded_run(&loaded, (struct compose_options){.environment = (char *[]){token, NULL}});
    assert_non_null(loaded.model);
    assert_string_equal(loaded.model->secrets[0].value, "hunter2 \"quoted\"");
    assert_null(loaded.model->secrets[1].value);
    assert_int_equal(diagnostics_count(loaded.diagnostics, SEVERITY_WARNING), 1);
    _cleanup_free_ char *yaml = compose_print(loaded.model, COMPOSE_YAML);
    _cleanup_free_ char *json = compose_print(loaded.model, COMPOSE_JSON);
    assert_null(strstr(yaml, "hunter2"));
    assert_null(strstr(json, "hunter2"));
    _cleanup_free_ char *wire = compose_serialize(loaded.model);
    _cleanup_(model_freep) struct model *copy = NULL;
    assert_ok(compose_deserialize(wire, strlen(wire), loaded.diagnostics, &copy, &loaded.err),
              &loaded.err);
    assert_string_equal(copy->secrets[0].value, "hunter2 \"quoted\"");
    assert_string_equal(copy->configs[0].value, "hunter2 \"quoted\"");
    assert_null(copy->secrets[1].value);
}

static void lists_are_to_be_had_instead_of_the_whole(void **state)
{
    (void)state;
    static const struct {
        enum compose_list what;
        const char *text;
    } lists[] = {
        {COMPOSE_SERVICES, "a\nb\n"},  {COMPOSE_IMAGES, "test-project-b\nx:1\n"},
        {COMPOSE_PROFILES, "later\n"}, {COMPOSE_NETWORKS, "default\nn\n"},
        {COMPOSE_VOLUMES, "data\n"},   {COMPOSE_MODELS, ""},
    };
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    const struct model *model =
        loaded_model(&loaded, "services:\n"
                              "  a: {image: 'x:${TAG:-1}', networks: [n], volumes: ['data:/d']}\n"
                              "  b: {build: .}\n"
                              "  c: {image: y, profiles: [later], networks: [unused]}\n"
                              "networks: {n: , unused: }\nvolumes: {data: , other: }\n");
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        _cleanup_free_ char *text = compose_list(model, lists[i].what);
        assert_string_equal(text, lists[i].text);
    }
    char b[] = "b";
    _cleanup_free_ char *hash = compose_list_hashes(model, (char *[]){b, NULL});
    assert_int_equal(strlen(hash), strlen("b \n") + 64);
}

static void what_is_not_interpolated_stays_as_written(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    loaded_write(&loaded, "compose.yaml",
                 "services: {a: {image: 'x:$TAG', mem_limit: '${M}', ports: ['${P:-80}:80']}}\n");
    loaded_run(&loaded, (struct compose_options){.no_interpolate = true});
    assert_int_equal(loaded.result, 0);
    _cleanup_free_ char *yaml = compose_print(loaded.model, COMPOSE_YAML);
    assert_non_null(strstr(yaml, "image: x:$TAG\n"));
    assert_non_null(strstr(yaml, "mem_limit: ${M}\n"));
    assert_non_null(strstr(yaml, "- ${P:-80}:80\n"));
}

static void the_caller_can_set_the_replica(void **state)
{
    (void)state;
    static char replica[] = "VMSTEAD_REPLICA=7";
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    loaded_write(&loaded, "compose.yaml",
                 "services: {a: {image: 'x:${VMSTEAD_REPLICA}', hostname: 'h$VMSTEAD_REPLICA'}}\n");
    loaded_run(&loaded, (struct compose_options){.environment = (char *[]){replica, NULL}});
    assert_string_equal(loaded.model->services[0].image, "x:7");
    assert_string_equal(loaded.model->services[0].hostname, "h7");
    const struct model *model =
        loaded_model(&loaded, "services: {a: {image: x, hostname: 'h${VMSTEAD_REPLICA}'}}\n");
    assert_string_equal(model->services[0].hostname, "h" MODEL_REPLICA);
}

static void nonsense_on_the_wire_is_refused(void **state)
{
    (void)state;
    static const char bad_image[] = "{\"directory\": \"/\", \"tree\": {\"name\": \"a\", "
                                    "\"services\": {\"a\": {\"image\": 5}}}}";
    static const char bad_directory[] =
        "{\"directory\": 5, \"tree\": {\"name\": \"a\", \"services\": {}}}";
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "5",
        "{}",
        "{\"directory\": \"/\", \"tree\": 5}",
        "{\"directory\": \"/\", \"tree\": {}}",
        bad_image,
        bad_directory,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        _cleanup_error_ struct error err = {0};
        _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
        struct model *model = NULL;
        assert_int_equal(compose_deserialize(texts[i], strlen(texts[i]), diagnostics, &model, &err),
                         -EINVAL);
        assert_null(model);
        assert_int_equal(err.code, EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entrypoint_and_command_tell_missing_from_empty),
        cmocka_unit_test(profiles_enable_services),
        cmocka_unit_test(enabled_services_stay_so_over_the_wire),
        cmocka_unit_test(secret_values_travel_but_are_never_printed),
        cmocka_unit_test(lists_are_to_be_had_instead_of_the_whole),
        cmocka_unit_test(what_is_not_interpolated_stays_as_written),
        cmocka_unit_test(the_caller_can_set_the_replica),
        cmocka_unit_test(networks_are_sorted_by_priority_then_as_written),
        cmocka_unit_test(dependencies_point_to_services),
        cmocka_unit_test(the_wire_carries_everything_but_places),
        cmocka_unit_test(nonsense_on_the_wire_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
