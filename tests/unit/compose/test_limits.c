/* Hostile files: refused within a second and 64 MB, each in a process of its own so that its peak
 * is its own. */
#include "load_text.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

static double process_seconds(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* Exit code 0: refused with problems. */
static int load_and_tell(struct loaded *loaded)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    loaded_run(loaded, (struct compose_options){0});
    diagnostics_print(loaded->diagnostics, NULL, &out);
    return loaded->result < 0 && out.length > 0 && out.length < (size_t)1024 * 1024 ? 0 : 1;
}

static void assert_refused_quickly(const char *text)
{
    _cleanup_loaded_ struct loaded loaded = loaded_new();
    struct rusage usage;
    int status = 0;
    loaded_write(&loaded, "compose.yaml", text);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(load_and_tell(&loaded));
    assert_int_equal(wait4(pid, &status, 0, &usage), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(process_seconds(&usage) < (IS_SANITIZED ? 10 : 1));
    if (!IS_SANITIZED) /* its shadow and quarantine would be counted too */
        assert_true(usage.ru_maxrss < 64 * 1024);
}

/* start, then piece as often as it takes to make `size` bytes. */
static char *repeat(const char *start, const char *piece, size_t size)
{
    struct strbuf text = {0};
    strbuf_add_str(&text, start);
    while (text.length < size)
        strbuf_add_str(&text, piece);
    return strbuf_take(&text);
}

static void assert_repeated_refused(const char *start, const char *piece, size_t size)
{
    _cleanup_free_ char *text = repeat(start, piece, size);
    assert_refused_quickly(text);
}

static void nesting_is_refused(void **state)
{
    (void)state;
    assert_repeated_refused("x: ", "[", 100000);
    assert_repeated_refused("x: ", "{", 100000);
    assert_repeated_refused("", "- ", 100000);
    assert_repeated_refused("", "? ", 100000);
    assert_repeated_refused("x: ", "[", 4190000);
    assert_repeated_refused("x: ", "{a: ", 4190000);
    assert_repeated_refused("x: '${", "{", 4190000);
}

static void alias_bombs_are_refused(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_add_str(&text, "x-a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (char name = 'b'; name <= 'i'; name++) {
        strbuf_addf(&text, "x-%c: &%c [", name, name);
        for (int i = 0; i < 10; i++)
            strbuf_addf(&text, "%s*%c", i > 0 ? ", " : "", name - 1);
        strbuf_add_str(&text, "]\n");
    }
    assert_refused_quickly(strbuf_text(&text));
    assert_repeated_refused("x-a: &a [1, 2, 3]\nx-b:\n", "  - *a\n", 1000000);
    assert_repeated_refused("x-a: &a {a: 1}\nx-b:\n", "  - {<<: *a}\n", 1000000);
}

/* Few values, but long. */
static void text_bombs_are_refused(void **state)
{
    (void)state;
    _cleanup_free_ char *long_value = repeat("", "x", 1000000);
    _cleanup_strbuf_ struct strbuf aliases = {0}, extends = {0}, wrong = {0};
    strbuf_addf(&aliases, "x-a: &a %s\nservices:\n", long_value);
    strbuf_addf(&extends, "services:\n  base: {image: x, command: [%s]}\n", long_value);
    strbuf_addf(&wrong, "x-a: &a '%.1000s'\nservices:\n", long_value);
    for (int i = 0; i < 20000; i++) {
        strbuf_addf(&aliases, "  s%d: {image: x, user: *a}\n", i);
        strbuf_addf(&extends, "  s%d: {extends: base}\n", i);
        if (i < 10000)
            strbuf_addf(&wrong, "  s%d: {image: x, ports: [*a]}\n", i);
    }
    assert_refused_quickly(strbuf_text(&aliases));
    assert_refused_quickly(strbuf_text(&extends));
    assert_refused_quickly(strbuf_text(&wrong));
}

static void variable_bombs_are_refused(void **state)
{
    (void)state;
    assert_repeated_refused("services: {a: {image: '", "${A:-", 1000000);
    assert_repeated_refused("services: {a: {image: \"", "${A:-${B:-x}}", 4000000);
}

static void port_bombs_are_refused(void **state)
{
    (void)state;
    assert_repeated_refused("services:\n  a:\n    image: x\n    ports:\n",
                            "      - 1-60000:1-60000\n", 1000000);
}

static void floods_of_problems_are_refused(void **state)
{
    (void)state;
    assert_repeated_refused("services:\n", "  a: {}\n", 500000);
    assert_repeated_refused("services:\n  a:\n    image: x\n    ports:\n", "      - x\n", 500000);
    assert_repeated_refused("services:\n  a:\n    image: x\n    depends_on:\n", "      - a\n",
                            500000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_is_refused),     cmocka_unit_test(alias_bombs_are_refused),
        cmocka_unit_test(text_bombs_are_refused), cmocka_unit_test(variable_bombs_are_refused),
        cmocka_unit_test(port_bombs_are_refused), cmocka_unit_test(floods_of_problems_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
