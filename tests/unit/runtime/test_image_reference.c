/* References as people write them, and what skopeo is told. */
#include "base/image_reference.h"
#include "runtime/image_oci.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void names_become_sources(void **state)
{
    (void)state;
    static const struct {
        const char *text, *source, *registry;
        bool loopback;
    } cases[] = {
        {"nginx", "docker://docker.io/library/nginx:latest", "docker.io", false},
        {"a.b__c--d/e_f", "docker://a.b__c--d/e_f:latest", "a.b__c--d", false},
        {"nginx:1.25-alpine", "docker://docker.io/library/nginx:1.25-alpine", "docker.io", false},
        {"user/app", "docker://docker.io/user/app:latest", "docker.io", false},
        {"docker.io/nginx", "docker://docker.io/library/nginx:latest", "docker.io", false},
        {"docker://redis:7", "docker://docker.io/library/redis:7", "docker.io", false},
        {"nginx@" DIGEST, "docker://docker.io/library/nginx@" DIGEST, "docker.io", false},
        {"nginx:1@" DIGEST, "docker://docker.io/library/nginx@" DIGEST, "docker.io", false},
        {"ghcr.io/a/b/c:v1", "docker://ghcr.io/a/b/c:v1", "ghcr.io", false},
        {"host:5000/app", "docker://host:5000/app:latest", "host:5000", false},
        {"localhost/app", "docker://localhost/app:latest", "localhost", true},
        {"localhost:5000/a:b", "docker://localhost:5000/a:b", "localhost:5000", true},
        {"127.0.0.1:5000/a", "docker://127.0.0.1:5000/a:latest", "127.0.0.1:5000", true},
        {"127.8.9.10/a", "docker://127.8.9.10/a:latest", "127.8.9.10", true},
        {"[::1]:5000/a", "docker://[::1]:5000/a:latest", "[::1]:5000", true},
        {"127.0.0.1.example/a", "docker://127.0.0.1.example/a:latest", "127.0.0.1.example", false},
        {"localhost.example/a", "docker://localhost.example/a:latest", "localhost.example", false},
        {"10.0.0.1:5000/a", "docker://10.0.0.1:5000/a:latest", "10.0.0.1:5000", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = {0};
        _cleanup_(image_reference_done) struct image_reference reference = {0};
        assert_ok(image_reference_check(cases[i].text, &err), &err);
        assert_ok(image_reference_parse(cases[i].text, &reference, &err), &err);
        assert_string_equal(reference.source, cases[i].source);
        assert_string_equal(reference.registry, cases[i].registry);
        assert_int_equal(reference.loopback, cases[i].loopback);
        assert_null(reference.local);
    }
}

static void relative_paths_start_at_the_directory(void **state)
{
    (void)state;
    static const struct {
        const char *text, *resolved;
    } cases[] = {
        {"oci:./img:v1", "oci:/srv/shop/img:v1"},
        {"oci:img", "oci:/srv/shop/img"},
        {"oci:../img:v1", "oci:/srv/shop/../img:v1"},
        {"oci:/img:v1", "oci:/img:v1"},
        {"oci:", "oci:"},
        {"oci::v1", "oci::v1"},
        {"docker-archive:././saved.tar", "docker-archive:/srv/shop/saved.tar"},
        {"docker-archive:/saved.tar", "docker-archive:/saved.tar"},
        {"nginx:1.25", "nginx:1.25"},
        {"docker://nginx", "docker://nginx"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *resolved = image_reference_resolve(cases[i].text, "/srv/shop");
        assert_string_equal(resolved, cases[i].resolved);
    }
}

static void local_sources_are_paths(void **state)
{
    (void)state;
    _cleanup_(image_reference_done) struct image_reference layout = {0}, archive = {0};
    _cleanup_error_ struct error err = {0};
    assert_ok(image_reference_parse("oci:/srv/img:v1", &layout, &err), &err);
    assert_string_equal(layout.source, "oci:/srv/img:v1");
    assert_string_equal(layout.local, "/srv/img");
    assert_string_equal(layout.tag, "v1");
    assert_true(layout.is_folder);
    assert_null(layout.registry);
    assert_ok(image_reference_parse("docker-archive:/srv/x.tar", &archive, &err), &err);
    assert_string_equal(archive.local, "/srv/x.tar");
    assert_false(archive.is_folder);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "Nginx",
        "nginx:",
        "nginx:-x",
        "nginx:a b",
        "nginx@sha256:abc",
        "nginx@md5:d41d8cd98f00b204e9800998ecf8427e",
        "nginx@" DIGEST "0",
        "a//b",
        "/a",
        "a/",
        "-a",
        "--help",
        "a/-b",
        "a..b",
        "a___b",
        "a._b",
        "a/",
        "a//b",
        "a_/b",
        "nginx; rm -rf /",
        "re gistry.io/a",
        "$(x).io/a",
        "oci:relative:tag",
        "oci:",
        "docker-archive:x.tar",
        "docker://",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = {0};
        struct image_reference reference;
        if (image_reference_parse(cases[i], &reference, &err) != -EINVAL)
            fail_msg("'%s' was not refused", cases[i]);
        bool is_relative = strstr(cases[i], ":relative") || strstr(cases[i], ":x.tar");
        assert_int_equal(image_reference_check(cases[i], NULL), is_relative ? 0 : -EINVAL);
        assert_non_null(strstr(err.message, cases[i]));
    }
}

static char *argv_text(const char *text, char **(*argv_of)(const struct image_reference *))
{
    _cleanup_(image_reference_done) struct image_reference reference = {0};
    _cleanup_error_ struct error err = {0};
    assert_ok(image_reference_parse(text, &reference, &err), &err);
    _cleanup_strv_ char **argv = argv_of(&reference);
    return strv_join(argv, " ");
}

static void only_the_loopback_goes_without_tls(void **state)
{
    (void)state;
    _cleanup_free_ char *loopback = argv_text("localhost:5000/a", image_oci_copy_argv);
    _cleanup_free_ char *other = argv_text("nginx", image_oci_copy_argv);
    _cleanup_free_ char *inspect = argv_text("127.0.0.1/a", image_oci_inspect_argv);
    assert_non_null(strstr(loopback, " --src-tls-verify=false "));
    assert_null(strstr(other, "tls-verify"));
    assert_non_null(strstr(inspect, " --tls-verify=false "));
    assert_non_null(strstr(other, " docker://docker.io/library/nginx:latest oci:layout:image"));
    assert_non_null(strstr(other, " --override-arch=amd64 "));
}

static int read_inspection(const char *text, struct image_oci_facts *facts, struct error *err)
{
    return image_oci_read_inspection("some/app", text, strlen(text), facts, err);
}

static void another_platform_is_refused_by_name(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct image_oci_facts facts;
    assert_int_equal(read_inspection("{\"Architecture\":\"arm64\",\"Os\":\"linux\"}", &facts, &err),
                     -ENOEXEC);
    assert_non_null(strstr(err.message, "image 'some/app' is for linux/arm64"));
    assert_int_equal(
        read_inspection("{\"Architecture\":\"amd64\",\"Os\":\"windows\"}", &facts, &err), -ENOEXEC);
    assert_true(read_inspection("not json", &facts, &err) < 0);
    assert_true(read_inspection("{}", &facts, &err) < 0);
}

static void an_inspection_tells_digest_and_size(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct image_oci_facts facts;
    assert_ok(read_inspection("{\"Architecture\":\"amd64\",\"Os\":\"linux\",\"Digest\":\"" DIGEST
                              "\",\"LayersData\":[{\"Size\":10},{\"Size\":32}]}",
                              &facts, &err),
              &err);
    assert_string_equal(facts.digest, DIGEST);
    assert_int_equal(facts.bytes, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_sources),
        cmocka_unit_test(relative_paths_start_at_the_directory),
        cmocka_unit_test(local_sources_are_paths),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(only_the_loopback_goes_without_tls),
        cmocka_unit_test(another_platform_is_refused_by_name),
        cmocka_unit_test(an_inspection_tells_digest_and_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
