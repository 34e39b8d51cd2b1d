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
    assert_null(copy->services[0].ports[0].position.file);
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
        cmocka_unit_test(networks_are_sorted_by_priority_then_as_written),
        cmocka_unit_test(dependencies_point_to_services),
        cmocka_unit_test(the_wire_carries_everything_but_places),
        cmocka_unit_test(nonsense_on_the_wire_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
