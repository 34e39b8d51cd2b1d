#include "runtime/disk.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct outcome {
    int calls;
    struct error err;
};

static void on_done(void *userdata, const struct error *err)
{
    struct outcome *outcome = userdata;
    outcome->calls++;
    if (err)
        error_copy(&outcome->err, err);
}

static char folder[] = "disk-test-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "disk-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return fs_remove_tree(folder, NULL);
}

static void ensure(const char *path, uint64_t bytes, struct outcome *outcome)
{
    _cleanup_error_ struct error err = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct disk_request *request;
    assert_ok(disk_ensure(&loop, path, bytes, on_done, outcome, &request, &err), &err);
    assert_int_equal(outcome->calls, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome->calls, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_new_disk_is_a_sparse_ext4(void **state)
{
    (void)state;
    struct outcome outcome = {0};
    _cleanup_free_ char *path = xasprintf("%s/data.img", folder);
    ensure(path, DISK_DEFAULT_BYTES, &outcome);
    assert_int_equal(outcome.err.code, 0);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, DISK_DEFAULT_BYTES);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true(status.st_blocks * 512 < 1 << 20);
    /* ext4(5): the superblock is at 1024, its magic 56 bytes on. */
    unsigned char magic[2];
    _cleanup_close_ int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, magic, 2, 1024 + 56), 2);
    assert_int_equal(magic[0] | magic[1] << 8, 0xef53);
}

static void a_disk_of_any_size_has_a_journal(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {MACHINE_DISK_LEAST_BYTES, 1ULL << 30, 64ULL << 30};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct outcome outcome = {0};
        _cleanup_free_ char *path = xasprintf("%s/%zu.img", folder, i);
        ensure(path, sizes[i], &outcome);
        assert_int_equal(outcome.err.code, 0);
        /* ext4(5): s_feature_compat is 92 bytes into the superblock, has_journal is 4. */
        unsigned char features;
        struct stat status;
        _cleanup_close_ int fd = open(path, O_RDONLY);
        assert_int_equal(pread(fd, &features, 1, 1024 + 92), 1);
        assert_int_equal(features & 4, 4);
        assert_int_equal(fstat(fd, &status), 0);
        assert_true(status.st_blocks * 512 < 1 << 20);
    }
}

static void a_disk_that_is_there_is_left_alone(void **state)
{
    (void)state;
    struct outcome outcome = {0};
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *path = xasprintf("%s/data.img", folder), *content = NULL;
    assert_ok(fs_write_file_atomic(path, "mine", 4, 0600, &err), &err);
    ensure(path, DISK_DEFAULT_BYTES, &outcome);
    assert_int_equal(outcome.err.code, 0);
    assert_ok(fs_read_file(path, 100, &content, NULL, &err), &err);
    assert_string_equal(content, "mine");
}

static void half_a_disk_is_made_anew(void **state)
{
    (void)state;
    struct outcome outcome = {0};
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *path = xasprintf("%s/data.img", folder);
    _cleanup_free_ char *half = xasprintf("%s/data.img.new", folder);
    assert_ok(fs_write_file_atomic(half, "half", 4, 0600, &err), &err);
    ensure(path, 64 << 20, &outcome);
    assert_int_equal(outcome.err.code, 0);
    assert_false(fs_exists(half));
    assert_true(fs_exists(path));
}

static void what_cannot_be_made_leaves_nothing(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct disk_request *request;
    struct outcome outcome = {0};
    _cleanup_free_ char *path = xasprintf("%s/missing/data.img", folder);
    assert_int_equal(disk_ensure(&loop, path, 64 << 20, on_done, &outcome, &request, &err),
                     -ENOENT);
    assert_int_equal(disk_ensure(&loop, path, 4096, on_done, &outcome, &request, &err), -EINVAL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.calls, 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_cancelled_one_ends_as_cancelled(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct disk_request *request;
    struct outcome outcome = {0};
    _cleanup_free_ char *path = xasprintf("%s/data.img", folder);
    _cleanup_free_ char *temporary = xasprintf("%s.new", path);
    assert_ok(disk_ensure(&loop, path, 64 << 20, on_done, &outcome, &request, &err), &err);
    disk_request_cancel(request);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.err.code, ECANCELED);
    assert_false(fs_exists(path));
    assert_false(fs_exists(temporary));
    error_done(&outcome.err);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(a_new_disk_is_a_sparse_ext4),        TEST(a_disk_that_is_there_is_left_alone),
        TEST(a_disk_of_any_size_has_a_journal),   TEST(half_a_disk_is_made_anew),
        TEST(what_cannot_be_made_leaves_nothing), TEST(a_cancelled_one_ends_as_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
