/* Many files, and services that stand on many others: what is read, and where it ends. */
#include "load_text.h"

#include <stdio.h>

#define LEVELS 64     /* of includes */
#define INCLUDES 2000 /* in all */
#define LINKS 1000    /* of services that extend each other */
#define VALUES 240000 /* made by extends */

/* Without the care that loaded_write() takes for each: there are thousands. */
static void write_quickly(const struct loaded *loaded, const char *name, const char *text)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", loaded->folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The first line of what was reported. */
static char *first_problem(const struct loaded *loaded)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    diagnostics_print(loaded->diagnostics, false, &out);
    return xstrndup(strbuf_text(&out), strcspn(strbuf_text(&out), "\n"));
}

static void assert_loaded(const struct loaded *loaded)
{
    _cleanup_free_ char *problem = first_problem(loaded);
    if (loaded->result < 0)
        fail_msg("%s%s", problem, error_text(&loaded->err));
}

static void assert_refused(const struct loaded *loaded, const char *expected)
{
    _cleanup_free_ char *problem = first_problem(loaded);
    assert_true(loaded->result < 0);
    assert_string_equal(problem, expected);
}

/* compose.yaml includes 1.yaml, which includes 2.yaml... */
static void write_nested(const struct loaded *loaded, unsigned levels)
{
    for (unsigned i = 0; i <= levels; i++) {
        _cleanup_free_ char *name = xasprintf("%u.yaml", i);
        _cleanup_free_ char *text =
            i < levels ? xasprintf("include: [%u.yaml]\nservices: {s%u: {image: x}}\n", i + 1, i)
                       : xasprintf("services: {s%u: {image: x}}\n", i);
        write_quickly(loaded, i == 0 ? "compose.yaml" : name, text);
    }
}

static void includes_are_64_levels_deep_at_most(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    write_nested(&loaded, LEVELS);
    loaded_run(&loaded, (struct compose_options){0});
    assert_loaded(&loaded);
    assert_int_equal(loaded.model->service_count, LEVELS + 1);
    write_nested(&loaded, LEVELS + 1);
    loaded_run(&loaded, (struct compose_options){0});
    assert_refused(&loaded, "64.yaml:1:11: error: files include each other deeper than 64 levels");
}

static void includes_are_2000_at_most(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_add_str(&text, "include:\n");
    for (unsigned i = 0; i < INCLUDES; i++) {
        _cleanup_free_ char *name = xasprintf("%u.yaml", i);
        _cleanup_free_ char *service =
            xasprintf("services: {s%u: {image: x, networks: [n]}}\nnetworks: {n: }\n", i);
        write_quickly(&loaded, name, service);
        strbuf_addf(&text, "  - %u.yaml\n", i);
    }
    write_quickly(&loaded, "compose.yaml", strbuf_text(&text));
    loaded_run(&loaded, (struct compose_options){0});
    assert_loaded(&loaded);
    assert_int_equal(loaded.model->service_count, INCLUDES);
    strbuf_add_str(&text, "  - 0.yaml\n");
    write_quickly(&loaded, "compose.yaml", strbuf_text(&text));
    loaded_run(&loaded, (struct compose_options){0});
    assert_refused(&loaded, "compose.yaml:2002:5: error: more than 2000 includes");
}

/* s0 extends s1, which extends s2... */
static void write_chain(const struct loaded *loaded, unsigned links)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_add_str(&text, "services:\n");
    for (unsigned i = 0; i < links; i++)
        strbuf_addf(&text, "  s%u: {extends: s%u}\n", i, i + 1);
    strbuf_addf(&text, "  s%u: {image: last}\n", links);
    write_quickly(loaded, "compose.yaml", strbuf_text(&text));
}

static void chains_of_services_have_1000_links_at_most(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    write_chain(&loaded, LINKS - 1);
    loaded_run(&loaded, (struct compose_options){0});
    assert_loaded(&loaded);
    assert_string_equal(loaded.model->services[0].image, "last");
    write_chain(&loaded, LINKS);
    loaded_run(&loaded, (struct compose_options){0});
    assert_refused(&loaded, "compose.yaml:1001:19: error: services extend each other deeper than "
                            "1000 levels");
}

/* `count` services, each over one of another file with as many labels. */
static void write_extending(const struct loaded *loaded, unsigned count, unsigned labels)
{
    _cleanup_strbuf_ struct strbuf text = {0}, base = {0};
    strbuf_add_str(&text, "services:\n");
    for (unsigned i = 0; i < count; i++)
        strbuf_addf(&text, "  s%u: {extends: {service: base, file: base.yaml}}\n", i);
    write_quickly(loaded, "compose.yaml", strbuf_text(&text));
    strbuf_add_str(&base, "services:\n  base:\n    image: x\n    labels:\n");
    for (unsigned i = 0; i < labels; i++)
        strbuf_addf(&base, "      l%u: v\n", i);
    write_quickly(loaded, "base.yaml", strbuf_text(&base));
}

static void thousands_of_services_can_extend_one(void **state)
{
    (void)state;
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    write_extending(&loaded, 5000, 20);
    loaded_run(&loaded, (struct compose_options){0});
    assert_loaded(&loaded);
    assert_int_equal(loaded.model->service_count, 5000);
    write_extending(&loaded, 100, VALUES / 100);
    loaded_run(&loaded, (struct compose_options){0});
    assert_refused(&loaded, "compose.yaml:101:28: error: services that extend others make more "
                            "than 240000 values");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(includes_are_64_levels_deep_at_most),
        cmocka_unit_test(includes_are_2000_at_most),
        cmocka_unit_test(chains_of_services_have_1000_links_at_most),
        cmocka_unit_test(thousands_of_services_can_extend_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
