#include "runtime/image_list.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/str.h"
#include "runtime/image_cache.h"

#include <errno.h>
#include <stdio.h>

#define HUB "docker://docker.io/library/"

static char images[] = "image-list-test-XXXXXX";

static int open_cache(void **state)
{
    (void)state;
    snprintf(images, sizeof(images), "image-list-test-XXXXXX");
    return mkdtemp(images) && image_cache_init(images, NULL) == 0 ? 0 : -1;
}

static int remove_cache(void **state)
{
    (void)state;
    return fs_remove_tree(images, NULL);
}

static void name(const char *reference, const char *fingerprint, const char *id)
{
    _cleanup_error_ struct error err = {0};
    char key[HASH_HEX_SIZE];
    hash_sha256_hex(reference, strlen(reference), key);
    assert_ok(image_cache_write_ref(images, key, reference, fingerprint, id, &err), &err);
}

/* An image with that content; its id. */
static char *make(const char *content)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *folder = NULL;
    _cleanup_json_ cJSON *image = cJSON_Parse("{\"architecture\":\"amd64\",\"config\":{}}");
    _cleanup_json_ cJSON *result = NULL;
    assert_ok(image_cache_make_folder(images, "x", &folder, &err), &err);
    _cleanup_free_ char *rootfs = xasprintf("%s/rootfs.erofs", folder);
    assert_ok(fs_write_file_atomic(rootfs, content, strlen(content), 0600, &err), &err);
    assert_ok(image_cache_install(images, folder, image, &result, &err), &err);
    fs_remove_tree(folder, NULL);
    return xstrdup(json_string(result, "id", ""));
}

static const cJSON *find(const cJSON *list, const char *id)
{
    const cJSON *image;
    cJSON_ArrayForEach(image, list) if (streq(json_string(image, "id", ""), id)) return image;
    return NULL;
}

static void check_json(const cJSON *value, const char *expected)
{
    _cleanup_free_ char *text = json_print(value);
    assert_string_equal(text, expected);
}

static void images_have_their_names(void **state)
{
    (void)state;
    _cleanup_free_ char *web = make("web"), *boot = make("boot"), *old = make("old");
    name(HUB "web:1", "built", web);
    name("docker://r.example/team/web:2", "built", web);
    name("docker://docker.io/team/web:3", "sha256:1", web);
    name("bookworm", "", boot);
    name("", "", old);
    _cleanup_json_ cJSON *list = image_list_describe(images);
    assert_int_equal(cJSON_GetArraySize(list), 3);
    assert_int_equal(cJSON_GetArraySize(json_array(find(list, web), "references")), 3);
    assert_true(json_bool(find(list, web), "built", false));
    assert_int_equal(json_int(find(list, web), "size", 0), 3);
    assert_true(json_int(find(list, web), "created_ms", 0) > 0);
    assert_string_equal(json_string(find(list, boot), "bootstrap", ""), "bookworm");
    check_json(json_array(find(list, old), "references"), "[]");
}

static void the_last_name_takes_the_image_along(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *web = make("web");
    _cleanup_json_ cJSON *used = cJSON_CreateObject(), *first = NULL, *second = NULL;
    _cleanup_json_ cJSON *list = NULL;
    name(HUB "web:latest", "built", web);
    name(HUB "web:2", "built", web);
    json_set_string(used, web, "shop-web-1");
    assert_ok(image_list_remove(images, "web:2", used, &first, &err), &err);
    check_json(first, "[{\"Untagged\":\"web:2\"}]");
    assert_int_equal(image_list_remove(images, "web", used, &second, &err), -EBUSY);
    assert_string_equal(err.message, "image 'web' is used by 'shop-web-1'; remove that first");
    assert_int_equal(image_list_remove(images, web, used, &second, &err), -EBUSY);
    assert_int_equal(image_list_remove(images, "other", NULL, &second, &err), -ENOENT);
    assert_ok(image_list_remove(images, "docker.io/library/web", NULL, &second, &err), &err);
    _cleanup_free_ char *expected =
        xasprintf("[{\"Untagged\":\"web:latest\"},{\"Deleted\":\"%s\"}]", web);
    check_json(second, expected);
    list = image_list_describe(images);
    check_json(list, "[]");
    _cleanup_free_ char *tmp = xasprintf("%s/tmp", images);
    assert_int_equal(rmdir(tmp), 0); /* nothing is left there */
}

static void ids_may_be_short(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *web = make("web"), *digits = xstrndup(web + strlen("sha256:"), 12);
    _cleanup_json_ cJSON *removed = NULL;
    name(HUB "web:1", "built", web);
    name(HUB "web:2", "built", web);
    assert_int_equal(image_list_remove(images, "sha256:zzzz", NULL, &removed, &err), -ENOENT);
    assert_ok(image_list_remove(images, digits, NULL, &removed, &err), &err);
    assert_int_equal(cJSON_GetArraySize(removed), 3);
}

static void builds_that_nobody_names_are_pruned(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *old = make("old"), *kept = make("kept"), *used_one = make("used");
    _cleanup_free_ char *boot = make("boot");
    _cleanup_json_ cJSON *used = cJSON_CreateObject(), *removed = NULL, *list = NULL;
    char key[HASH_HEX_SIZE];
    assert_ok(image_cache_write_ref(images, hash_sha256_hex("1", 1, key), "", "", old, &err), &err);
    assert_ok(image_cache_write_ref(images, hash_sha256_hex("2", 1, key), "", "", used_one, &err),
              &err);
    assert_ok(image_cache_write_ref(images, hash_sha256_hex("3", 1, key), "", "", kept, &err),
              &err);
    name(HUB "kept:latest", "built", kept);
    name("bookworm", "", boot);
    json_set_string(used, used_one, "shop-web-1");
    assert_ok(image_list_prune(images, used, &removed, &err), &err);
    _cleanup_free_ char *expected = xasprintf("[{\"Deleted\":\"%s\"}]", old);
    check_json(removed, expected);
    list = image_list_describe(images);
    assert_int_equal(cJSON_GetArraySize(list), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(images_have_their_names, open_cache, remove_cache),
        cmocka_unit_test_setup_teardown(the_last_name_takes_the_image_along, open_cache,
                                        remove_cache),
        cmocka_unit_test_setup_teardown(ids_may_be_short, open_cache, remove_cache),
        cmocka_unit_test_setup_teardown(builds_that_nobody_names_are_pruned, open_cache,
                                        remove_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
