/* The cache's files: put in, found again, damaged, swept. */
#include "runtime/image_cache.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER_KEY "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char images[] = "image-cache-test-XXXXXX";

static int make_cache(void **state)
{
    (void)state;
    snprintf(images, sizeof(images), "image-cache-test-XXXXXX");
    return mkdtemp(images) ? image_cache_init(images, NULL) : -1;
}

static int remove_cache(void **state)
{
    (void)state;
    return fs_remove_tree(images, NULL);
}

static char *install(const char *content)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *folder = NULL;
    _cleanup_json_ cJSON *image = cJSON_Parse("{\"architecture\":\"amd64\","
                                              "\"config\":{\"User\":\"me\"}}");
    _cleanup_json_ cJSON *result = NULL;
    assert_ok(image_cache_make_folder(images, KEY, &folder, &err), &err);
    _cleanup_free_ char *rootfs = xasprintf("%s/rootfs.erofs", folder);
    assert_ok(fs_write_file_atomic(rootfs, content, strlen(content), 0600, &err), &err);
    assert_ok(image_cache_install(images, folder, image, &result, &err), &err);
    const char *id = json_string(result, "id", "");
    assert_ok(image_cache_write_ref(images, KEY, "test", "one", id, &err), &err);
    assert_ok(fs_remove_tree(folder, &err), &err);
    assert_int_equal(json_int(result, "size", -1), strlen(content));
    return xstrdup(json_string(result, "rootfs", ""));
}

static bool is_found(const char *fingerprint)
{
    cJSON *result = NULL;
    char *damage = NULL;
    image_cache_find(images, KEY, fingerprint, &result, &damage);
    bool found = result != NULL;
    assert_null(damage);
    cJSON_Delete(result);
    return found;
}

static void assert_damaged(const char *said)
{
    cJSON *result = NULL;
    _cleanup_free_ char *damage = NULL;
    image_cache_find(images, KEY, NULL, &result, &damage);
    assert_null(result);
    assert_non_null(damage);
    assert_non_null(strstr(damage, said));
}

static void overwrite(const char *path, const char *content)
{
    assert_int_equal(chmod(path, 0600), 0);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
}

static void what_is_installed_is_found(void **state)
{
    (void)state;
    assert_false(is_found(NULL));
    _cleanup_free_ char *rootfs = install("hello");
    cJSON *result = NULL;
    char *damage = NULL;
    image_cache_find(images, KEY, "one", &result, &damage);
    assert_non_null(result);
    assert_string_equal(json_string(result, "rootfs", ""), rootfs);
    /* Without an id of its own the image is known by its content: printf hello | sha256sum. */
    assert_string_equal(json_string(result, "id", ""),
                        "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_string_equal(json_string(json_object(result, "config"), "User", ""), "me");
    assert_null(json_string(result, "rootfs_sha256", NULL));
    cJSON_Delete(result);
}

static void a_changed_source_is_not_found(void **state)
{
    (void)state;
    _cleanup_free_ char *rootfs = install("hello");
    assert_true(is_found("one"));
    assert_true(is_found(NULL));
    assert_false(is_found("two"));
}

static void damage_is_noticed(void **state)
{
    (void)state;
    _cleanup_free_ char *rootfs = install("hello");
    overwrite(rootfs, "hell");
    assert_damaged("4 bytes instead of 5");
    overwrite(rootfs, "jello"); /* the size is right: only the content tells */
    assert_damaged("content");
    assert_damaged("content"); /* no verdict was remembered for it */
    overwrite(rootfs, "hello");
    assert_true(is_found(NULL));
    unlink(rootfs);
    assert_damaged("No such file");
}

/* The content is read once per boot and file: with a remembered verdict for this very file a change
 * that no stat(2) shows goes unnoticed, and a verdict of another boot does not count. */
static void a_verdict_holds_for_one_boot(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *rootfs = install("hello"), *text = NULL;
    _cleanup_free_ char *folder = xstrndup(rootfs, (size_t)(strrchr(rootfs, '/') - rootfs));
    _cleanup_free_ char *verdict = xasprintf("%s/verified.json", folder);
    assert_ok(fs_read_file(verdict, 4096, &text, NULL, &err), &err);
    overwrite(rootfs, "jello");
    assert_damaged("content");

    _cleanup_free_ char *record = xasprintf("%s/image.json", folder);
    _cleanup_free_ char *image = NULL;
    overwrite(rootfs, "hello");
    assert_true(is_found(NULL)); /* remembers the verdict */
    assert_ok(fs_read_file(record, 4096, &image, NULL, &err), &err);
    char *hash = strstr(image, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\","
                               "\"rootfs_bytes");
    assert_non_null(hash);
    hash[0] = 'f'; /* had the content been read, it would not fit any more */
    assert_ok(fs_write_file_atomic(record, image, strlen(image), 0600, &err), &err);
    assert_true(is_found(NULL));

    char *boot = strstr(text, "\"boot_id\":\"");
    assert_non_null(boot);
    boot[strlen("\"boot_id\":\"")] = 'x';
    assert_ok(fs_write_file_atomic(verdict, text, strlen(text), 0600, &err), &err);
    assert_damaged("content");
}

static void an_installed_image_replaces_a_damaged_one_only(void **state)
{
    (void)state;
    _cleanup_free_ char *rootfs = install("hello");
    struct stat before, same, anew;
    assert_int_equal(stat(rootfs, &before), 0);
    _cleanup_free_ char *again = install("hello");
    assert_string_equal(rootfs, again);
    assert_int_equal(stat(rootfs, &same), 0);
    assert_int_equal(before.st_ino, same.st_ino);
    overwrite(rootfs, "jello");
    _cleanup_free_ char *third = install("hello");
    assert_int_equal(stat(rootfs, &anew), 0);
    assert_int_not_equal(before.st_ino, anew.st_ino);
    assert_true(is_found(NULL));
}

static void broken_records_are_misses(void **state)
{
    (void)state;
    static const char *const records[] = {"",
                                          "{",
                                          "[]",
                                          "{\"id\":\"sha256:../../../../etc\"}",
                                          "{\"id\":\"sha256:00\"}",
                                          "{\"id\":7,\"fingerprint\":\"one\"}"};
    _cleanup_free_ char *path = xasprintf("%s/refs/%s.json", images, KEY);
    for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
        assert_int_equal(fs_write_file_atomic(path, records[i], strlen(records[i]), 0600, NULL), 0);
        assert_false(is_found(NULL));
    }
}

static char *make_temporary(const char *key)
{
    _cleanup_error_ struct error err = {0};
    char *folder = NULL;
    assert_ok(image_cache_make_folder(images, key, &folder, &err), &err);
    _cleanup_free_ char *inner = xasprintf("%s/a/b", folder);
    assert_ok(fs_make_directory(inner, 0700, &err), &err);
    return folder;
}

static void what_dead_makers_left_is_swept(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *mine = make_temporary(KEY), *other = make_temporary(OTHER_KEY);
    _cleanup_free_ char *lock_path = image_cache_lock_path(images, OTHER_KEY);
    int lock = -1;
    assert_ok(fs_lock_file(lock_path, 0, &lock, &err), &err);
    image_cache_sweep(images, KEY);
    assert_false(fs_exists(mine));
    assert_true(fs_exists(other)); /* its maker lives */
    close(lock);
    image_cache_sweep(images, KEY);
    assert_false(fs_exists(other));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_cache, remove_cache)
    const struct CMUnitTest tests[] = {
        TEST(what_is_installed_is_found),
        TEST(a_changed_source_is_not_found),
        TEST(damage_is_noticed),
        TEST(a_verdict_holds_for_one_boot),
        TEST(an_installed_image_replaces_a_damaged_one_only),
        TEST(broken_records_are_misses),
        TEST(what_dead_makers_left_is_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
