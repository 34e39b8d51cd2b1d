/* What programs said when they failed (recorded from skopeo 1.9, mmdebstrap 1.3 and apt 2.6), and
 * what the person is told. */
#include "runtime/image_failure.h"

#include "../unit.h"

#include "base/str.h"
#include "base/vec.h"

#include <errno.h>

static void the_essence_is_short(void **state)
{
    (void)state;
    static const struct {
        const char *errors, *essence;
    } cases[] = {
        {"time=\"2026-01-01T00:00:00Z\" level=fatal msg=\"Error parsing image name "
         "\\\"docker://127.0.0.1:5999/x/y:nope\\\": reading manifest nope in 127.0.0.1:5999/x/y: "
         "manifest unknown: manifest unknown\"",
         "reading manifest nope in 127.0.0.1:5999/x/y: manifest unknown"},
        {"time=\"2026-01-01T00:00:00Z\" level=fatal msg=\"Error parsing image name "
         "\\\"docker://a.example/x\\\": pinging container registry a.example: Get "
         "\\\"https://a.example/v2/\\\": dial tcp: lookup a.example: no such host\"",
         "dial tcp: lookup a.example: no such host"},
        {"I: running apt-get update...\nReading package lists...\n"
         "E: Unable to locate package no-such-pkg\nE: Unable to locate package alsonot\n"
         "E: setup failed: E: apt-get -o Dir::Bin::dpkg=env failed\n"
         "I: main() received signal PIPE: waiting for setup...\nE: mmdebstrap failed to run\n",
         "Unable to locate package no-such-pkg; Unable to locate package alsonot"},
        {"one\ntwo\n", "two"},
        {"", "it gave no reason"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *essence = image_failure_essence(cases[i].errors);
        assert_string_equal(essence, cases[i].essence);
    }
}

static void causes_have_remedies(void **state)
{
    (void)state;
    static const struct {
        const char *essence;
        int code;
        const char *said;
    } cases[] = {
        {"reading manifest 1 in r/x: manifest unknown", ENOENT, "does not exist"},
        {"dial tcp: lookup r: no such host", ENETUNREACH, "'vmstead pull'"},
        {"Temporary failure resolving 'mirror.example'", ENETUNREACH, "'vmstead pull'"},
        {"reading manifest 1 in r/x: unauthorized: authentication required", EACCES,
         "docker login reg.example"},
        {"x509: certificate signed by unknown authority", EPROTO, "certs.d/reg.example"},
        {"write /x: no space left on device", ENOSPC, "disk is full"},
        {"Unable to locate package foo", ENOENT, "'packages'"},
        {"The repository 'u nosuite Release' does not have a Release file.", ENOENT, "'suite'"},
        {"Error choosing image: no image found in manifest list for architecture amd64", ENOEXEC,
         "linux/amd64"},
        {"something new", EIO, "cannot be made: something new"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = {0};
        int r = image_failure_explain("my/app", "reg.example", cases[i].essence, &err);
        assert_int_equal(r, -cases[i].code);
        assert_non_null(strstr(err.message, "image 'my/app'"));
        assert_non_null(strstr(err.message, cases[i].essence));
        assert_non_null(strstr(err.message, cases[i].said));
        assert_null(strchr(err.message, '\n'));
    }
}

static void missing_programs_are_named_with_their_packages(void **state)
{
    (void)state;
    static const char *const programs[] = {"skopeo", "mkfs.erofs", NULL};
    static const char *const present[] = {"sh", NULL};
    _cleanup_error_ struct error err = {0};
    assert_ok(image_failure_check_programs("x", "fetch", present, &err), &err);
    _cleanup_free_ char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    int r = image_failure_check_programs("x", "fetch", programs, &err);
    setenv("PATH", path, 1);
    assert_int_equal(r, -ENOENT);
    assert_string_equal(err.message,
                        "cannot fetch image 'x': 'skopeo' and 'mkfs.erofs' are not installed; "
                        "install with 'apt-get install skopeo erofs-utils'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_essence_is_short),
        cmocka_unit_test(causes_have_remedies),
        cmocka_unit_test(missing_programs_are_named_with_their_packages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
