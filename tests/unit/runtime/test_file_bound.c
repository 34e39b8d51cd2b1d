#include "runtime/file_bound.h"

#include "../unit.h"

#include "base/fs.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static off_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void run(uv_loop_t *loop)
{
    for (int i = 0; i < 20; i++) {
        uv_run(loop, UV_RUN_NOWAIT);
        uv_sleep(2);
    }
}

static void a_file_that_grows_is_begun_anew(void **state)
{
    char path[64], block[1000] = {0};
    uv_loop_t loop;
    (void)state;
    uv_loop_init(&loop);
    snprintf(path, sizeof(path), "bound-test-%d", getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct file_bound *bound = file_bound_new(&loop, path, 4000);
    assert_non_null(bound);
    for (int i = 0; i < 4; i++)
        assert_int_equal(fs_write_all(fd, block, sizeof(block)), 0);
    run(&loop);
    assert_int_equal(size_of(path), 4000);
    assert_int_equal(fs_write_all(fd, block, 1), 0);
    run(&loop);
    assert_int_equal(size_of(path), 0);
    assert_int_equal(fs_write_all(fd, "more", 4), 0);
    run(&loop);
    assert_int_equal(size_of(path), 4); /* no hole before it */
    file_bound_free(bound);
    assert_int_equal(ftruncate(fd, 5000), 0);
    bound = file_bound_new(&loop, path, 4000);
    assert_int_equal(size_of(path), 0);
    file_bound_free(bound);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_file_that_grows_is_begun_anew)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
