#include "base/fs.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/paths.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static char folder[] = "fs-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return fs_remove_tree(folder, NULL);
}

static char *inside(const char *name)
{
    return xasprintf("%s/%s", folder, name);
}

static void writes_are_whole_and_have_their_mode(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *path = inside("file"), *data = NULL;
    size_t length;
    assert_ok(fs_write_file_atomic(path, "old", 3, 0600, &err), &err);
    assert_ok(fs_write_file_atomic(path, "n\0w", 3, 0640, &err), &err);
    assert_ok(fs_read_file(path, 3, &data, &length, &err), &err);
    assert_int_equal(length, 3);
    assert_memory_equal(data, "n\0w", 4);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    char *other = NULL;
    assert_int_equal(fs_read_file(path, 2, &other, NULL, &err), -EFBIG);
    assert_null(other);
}

static void what_is_replaced_keeps_its_mode_and_its_links(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *path = inside("theirs"), *link_path = inside("link"), *data = NULL;
    assert_ok(fs_replace_file(path, "old", 3, 0604, &err), &err);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(symlink("theirs", link_path), 0);
    assert_ok(fs_replace_file(link_path, "new", 3, 0600, &err), &err);
    assert_ok(fs_read_file(path, 3, &data, NULL, &err), &err);
    assert_string_equal(data, "new");
    struct stat status;
    assert_int_equal(lstat(link_path, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(fs_replace_file(folder, "x", 1, 0600, &err), -EINVAL);
}

static void trees_go_without_following_links(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *deep = inside("tree/a/b"), *tree = inside("tree");
    _cleanup_free_ char *kept = inside("kept"), *link = inside("tree/a/link");
    assert_ok(fs_make_directory(deep, 0755, &err), &err);
    assert_ok(fs_make_directory(deep, 0755, &err), &err);
    assert_ok(fs_write_file_atomic(kept, "", 0, 0600, &err), &err);
    assert_int_equal(symlink("../../", link), 0);
    assert_ok(fs_remove_tree(tree, &err), &err);
    assert_false(fs_exists(tree));
    assert_true(fs_exists(kept));
    assert_ok(fs_remove_tree(tree, &err), &err);
}

static void a_lock_is_held_until_closed(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *path = inside("lock");
    int first, second;
    assert_ok(fs_lock_file(path, 0, &first, &err), &err);
    assert_int_equal(fs_lock_file(path, 50, &second, &err), -EWOULDBLOCK);
    close(first);
    assert_ok(fs_lock_file(path, 0, &second, &err), &err);
    close(second);
}

static void times_are_spelt_as_docker_does(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    assert_string_equal(clock_format_ns(1767323045000000042, text),
                        "2026-01-02T03:04:05.000000042Z");
}

static void hashes_are_sha256(void **state)
{
    (void)state;
    char hex[HASH_HEX_SIZE]; /* FIPS 180-4, example "abc" */
    assert_string_equal(hash_sha256_hex("abc", 3, hex),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    char again[HASH_HEX_SIZE];
    assert_string_not_equal(hash_random_hex(hex), hash_random_hex(again));
}

static void one_root_holds_three_folders(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *real = realpath(folder, NULL), *root = xasprintf("%s/root", real);
    setenv("VMSTEAD_ROOT", root, 1);
    struct paths paths, again;
    assert_ok(paths_init(&paths, &err), &err);
    assert_non_null(str_after_prefix(paths.state, root));
    assert_int_equal(strlen(paths.root_id), 6);
    setenv("VMSTEAD_ROOT", folder, 1);
    assert_ok(paths_init(&again, &err), &err);
    assert_string_not_equal(paths.root_id, again.root_id);
    paths_done(&paths);
    paths_done(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_are_whole_and_have_their_mode),
        cmocka_unit_test(what_is_replaced_keeps_its_mode_and_its_links),
        cmocka_unit_test(trees_go_without_following_links),
        cmocka_unit_test(a_lock_is_held_until_closed),
        cmocka_unit_test(times_are_spelt_as_docker_does),
        cmocka_unit_test(hashes_are_sha256),
        cmocka_unit_test(one_root_holds_three_folders),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
