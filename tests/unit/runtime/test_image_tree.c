#include "runtime/image_tree.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static char base[] = "image-tree-test-XXXXXX";

static int enter(void **state)
{
    (void)state;
    snprintf(base, sizeof(base), "image-tree-test-XXXXXX");
    return mkdtemp(base) && chdir(base) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    return chdir("..") < 0 ? -1 : fs_remove_tree(base, NULL);
}

static void put(const char *path, const char *content, mode_t mode)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    assert_ok(fs_make_directory(folder, 0755, &err), &err);
    assert_ok(fs_write_file_atomic(path, content, strlen(content), mode, &err), &err);
    assert_int_equal(chmod(path, mode), 0);
}

static char *hash(const char *ignore_text, char hex[HASH_HEX_SIZE])
{
    _cleanup_error_ struct error err = {0};
    struct image_ignore *ignore = image_ignore_new(ignore_text);
    assert_ok(image_tree_hash("src", ignore, hex, &err), &err);
    image_ignore_free(ignore);
    return hex;
}

static void what_an_image_would_get_is_hashed(void **state)
{
    (void)state;
    char first[HASH_HEX_SIZE], next[HASH_HEX_SIZE];
    put("src/a", "one", 0644);
    put("src/log/x", "noise", 0644);
    hash(NULL, first);
    put("src/a", "one", 0644); /* another inode, another time */
    assert_string_equal(hash(NULL, next), first);
    put("src/a", "two", 0644);
    assert_string_not_equal(hash(NULL, next), first);
    put("src/a", "one", 0755);
    assert_string_not_equal(hash(NULL, next), first);
    put("src/a", "one", 0644);
    assert_int_equal(symlink("a", "src/link"), 0);
    assert_string_not_equal(hash(NULL, next), first);
    assert_string_equal(hash("link", next), first);
    hash("log", first);
    put("src/log/y", "more", 0644);
    assert_string_equal(hash("log", next), first);
    assert_string_not_equal(hash("log\n!log/y", next), first);
}

static void a_stamp_sees_changes_without_reading(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    char first[HASH_HEX_SIZE], next[HASH_HEX_SIZE];
    int64_t newest_ms;
    put("src/a", "one", 0000); /* nobody may read it */
    assert_ok(image_tree_stamp("src", NULL, first, &newest_ms, &err), &err);
    assert_ok(image_tree_stamp("src", NULL, next, &newest_ms, &err), &err);
    assert_string_equal(first, next);
    assert_true(newest_ms > 0);
    put("src/a", "two", 0644);
    assert_ok(image_tree_stamp("src", NULL, next, &newest_ms, &err), &err);
    assert_string_not_equal(first, next);
    assert_int_equal(image_tree_stamp("nowhere", NULL, next, &newest_ms, &err), -ENOENT);
}

static void check_file(const char *path, const char *content, mode_t mode)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *text = NULL;
    struct stat status;
    assert_ok(fs_read_file(path, 4096, &text, NULL, &err), &err);
    assert_string_equal(text, content);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, mode);
}

static void copies_go_where_the_guest_would_see_them(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    put("src/bin/tool", "#!", 0755);
    put("src/conf", "c", 0640);
    assert_int_equal(symlink("/etc/passwd", "src/link"), 0);
    put("outside/file", "safe", 0644);
    put("root/opt/app/conf", "old", 0600);
    put("root/opt/app/kept", "kept", 0600);
    assert_int_equal(symlink("/real", "root/via"), 0);
    assert_int_equal(mkdir("root/real", 0755), 0);
    assert_int_equal(symlink("../../../../outside", "root/trap"), 0);
    assert_ok(image_tree_copy("src", "root", "/opt/app", &err), &err);
    check_file("root/opt/app/bin/tool", "#!", 0755);
    check_file("root/opt/app/conf", "c", 0640);
    check_file("root/opt/app/kept", "kept", 0600);
    char target[32];
    assert_int_equal(readlink("root/opt/app/link", target, sizeof(target)), 11);
    assert_ok(image_tree_copy("src/conf", "root", "/via", &err), &err);
    check_file("root/real/conf", "c", 0640);
    assert_ok(image_tree_copy("src/conf", "root", "/new/folder/", &err), &err);
    check_file("root/new/folder/conf", "c", 0640);
    assert_ok(image_tree_copy("src/conf", "root", "/new/name", &err), &err);
    check_file("root/new/name", "c", 0640);
    assert_ok(image_tree_copy("src", "root", "/", &err), &err);
    check_file("root/bin/tool", "#!", 0755);
    /* The trap leads to /outside of the guest, which is not there: it is no way out. */
    image_tree_copy("src/conf", "root", "/trap/file", &err);
    check_file("outside/file", "safe", 0644);
    assert_int_equal(image_tree_copy("nowhere", "root", "/x", &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_an_image_would_get_is_hashed, enter, leave),
        cmocka_unit_test_setup_teardown(a_stamp_sees_changes_without_reading, enter, leave),
        cmocka_unit_test_setup_teardown(copies_go_where_the_guest_would_see_them, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
