#include "load_text.h"

#include <errno.h>

#define ONE "services: {one: {image: x}}\n"
#define TWO "services: {two: {image: x}}\n"

static void files_are_found_in_the_order_of_their_names(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    loaded_write(&loaded, "docker-compose.yml", TWO);
    loaded_run(&loaded, (struct compose_options){0});
    assert_non_null(model_find_service(loaded.model, "two"));
    loaded_write(&loaded, "compose.yml", ONE);
    loaded_run(&loaded, (struct compose_options){0});
    assert_non_null(model_find_service(loaded.model, "one"));
    assert_null(model_find_service(loaded.model, "two"));
    assert_int_equal(diagnostics_count(loaded.diagnostics, SEVERITY_WARNING), 1);
}

static void files_are_found_upwards_with_their_override(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    _cleanup_free_ char *below = xasprintf("%s/a/b", loaded.folder);
    loaded_write(&loaded, "compose.yaml", ONE);
    loaded_write(&loaded, "compose.override.yaml", TWO);
    assert_ok(fs_make_directory(below, 0700, &loaded.err), &loaded.err);
    loaded_run(&loaded, (struct compose_options){.working_directory = below});
    assert_int_equal(loaded.model->service_count, 2);
    assert_string_equal(loaded.model->directory, loaded.folder);
    assert_string_equal(loaded.model->name, "test-project");
}

static void no_file_is_said_as_the_reference_says_it(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    loaded_run(&loaded, (struct compose_options){0});
    assert_int_equal(loaded.result, -ENOENT);
    assert_string_equal(error_text(&loaded.err), "no configuration file provided: not found");
    _cleanup_strv_ char **files = vector("nowhere.yaml");
    loaded_run(&loaded, (struct compose_options){.files = files});
    assert_int_equal(loaded.result, -ENOENT);
    assert_non_null(strstr(error_text(&loaded.err), "no such file or directory"));
}

static void given_files_replace_the_search(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    loaded_write(&loaded, "compose.yaml", "services: {}");
    loaded_write(&loaded, "1.yaml", ONE);
    loaded_write(&loaded, "2.yaml", TWO);
    _cleanup_strv_ char **files = vector("./1.yaml", "2.yaml");
    loaded_run(&loaded, (struct compose_options){.files = files});
    assert_int_equal(loaded.model->service_count, 2);
    _cleanup_free_ char *first = xasprintf("%s/1.yaml", loaded.folder);
    assert_string_equal(loaded.model->files[0], first);
    assert_null(loaded.model->files[2]);
}

static void compose_file_and_its_separator_are_read(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    loaded_write(&loaded, "1.yaml", ONE);
    loaded_write(&loaded, "2.yaml", TWO);
    _cleanup_strv_ char **environment =
        vector("COMPOSE_FILE=1.yaml,2.yaml", "COMPOSE_PATH_SEPARATOR=,");
    loaded_run(&loaded, (struct compose_options){.environment = environment});
    assert_int_equal(loaded.model->service_count, 2);
    _cleanup_strv_ char **files = vector("1.yaml");
    loaded_run(&loaded, (struct compose_options){.environment = environment, .files = files});
    assert_int_equal(loaded.model->service_count, 1);
}

/* The project's name for an option, a variable and a file. */
static void assert_name(const char *option, const char *variable, const char *file,
                        const char *expected)
{
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    _cleanup_strv_ char **environment = vector(variable ? variable : "UNUSED=");
    loaded_write(&loaded, "compose.yaml", file);
    loaded_run(&loaded,
               (struct compose_options){.project_name = option, .environment = environment});
    if (expected)
        assert_string_equal(loaded.model->name, expected);
    else
        assert_int_equal(loaded.result, -EINVAL);
}

static void names_come_from_option_variable_file_folder(void **state)
{
    (void)state;
    assert_name("opt", "COMPOSE_PROJECT_NAME=var", "name: file\n" ONE, "opt");
    assert_name(NULL, "COMPOSE_PROJECT_NAME=var", "name: file\n" ONE, "var");
    assert_name(NULL, "COMPOSE_PROJECT_NAME=", "name: file\n" ONE, "file");
    assert_name(NULL, "N=v", "name: from-$N\n" ONE, "from-v");
    assert_name(NULL, NULL, "name: File Name\n" ONE, "filename");
    assert_name(NULL, NULL, ONE, "test-project");
    assert_name("Opt", NULL, ONE, NULL);
    assert_name("-opt", NULL, ONE, NULL);
    assert_name(NULL, "COMPOSE_PROJECT_NAME=a.b", ONE, NULL);
    assert_name(NULL, NULL, "name: '---'\n" ONE, NULL);
}

static void the_project_directory_can_be_elsewhere(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    _cleanup_free_ char *other = xasprintf("%s/other", loaded.folder);
    assert_ok(fs_make_directory(other, 0700, &loaded.err), &loaded.err);
    loaded_write(&loaded, "compose.yaml", "services: {one: {image: '$FROM', env_file: x.env}}");
    loaded_write(&loaded, ".env", "FROM=here");
    loaded_write(&loaded, "other/.env", "FROM=there");
    loaded_write(&loaded, "other/x.env", "A=1");
    _cleanup_strv_ char **files = vector("compose.yaml");
    loaded_run(&loaded, (struct compose_options){.files = files, .project_directory = "other/."});
    assert_int_equal(loaded.result, 0);
    assert_string_equal(loaded.model->directory, other);
    assert_string_equal(loaded.model->name, "other");
    assert_string_equal(loaded.model->services[0].image, "there");
    assert_int_equal(loaded.model->services[0].environment_count, 1);
}

static void a_file_larger_than_16_mib_is_refused(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    size_t size = (size_t)16 * 1024 * 1024 + 1;
    _cleanup_free_ char *text = xcalloc(size + 1, 1);
    memset(text, '#', size);
    loaded_write(&loaded, "compose.yaml", text);
    loaded_run(&loaded, (struct compose_options){0});
    assert_int_equal(loaded.result, -EFBIG);
    assert_string_equal(error_text(&loaded.err), "'compose.yaml' is larger than 16 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_found_in_the_order_of_their_names),
        cmocka_unit_test(files_are_found_upwards_with_their_override),
        cmocka_unit_test(no_file_is_said_as_the_reference_says_it),
        cmocka_unit_test(given_files_replace_the_search),
        cmocka_unit_test(compose_file_and_its_separator_are_read),
        cmocka_unit_test(names_come_from_option_variable_file_folder),
        cmocka_unit_test(the_project_directory_can_be_elsewhere),
        cmocka_unit_test(a_file_larger_than_16_mib_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
