/* What the agent does with paths and trees, on the host's own file system. */
#include "runtime/guest/mount_point.h"
#include "runtime/guest/tree_copy.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static char folder[] = "tree-copy-XXXXXX";
static int from, to;

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "tree-copy-XXXXXX");
    assert_non_null(mkdtemp(folder));
    int base = open(folder, O_PATH);
    mkdirat(base, "from", 0750);
    mkdirat(base, "to", 0700);
    from = openat(base, "from", O_RDONLY | O_DIRECTORY);
    to = openat(base, "to", O_RDONLY | O_DIRECTORY);
    close(base);
    return from < 0 || to < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(from);
    close(to);
    return fs_remove_tree(folder, NULL);
}

static void make_file(int in, const char *name, const char *content, mode_t mode)
{
    _cleanup_close_ int fd = openat(in, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fs_write_all(fd, content, strlen(content)), 0);
    assert_int_equal(fchmod(fd, mode), 0);
}

static void check_content(int in, const char *name, const char *expected)
{
    char text[256] = "";
    _cleanup_close_ int fd = openat(in, name, O_RDONLY);
    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof(text) - 1) >= 0);
    assert_string_equal(text, expected);
}

static void copy(void)
{
    _cleanup_error_ struct error err = {0};
    assert_ok(tree_copy(from, to, &err), &err);
}

static struct stat look(int in, const char *name)
{
    struct stat status;
    assert_int_equal(fstatat(in, name, &status, AT_SYMLINK_NOFOLLOW), 0);
    return status;
}

static void everything_about_files_is_kept(void **state)
{
    (void)state;
    struct timespec times[] = {{.tv_sec = 1000}, {.tv_sec = 2000, .tv_nsec = 5}};
    mkdirat(from, "a", 0700);
    mkdirat(from, "a/b", 0711);
    make_file(from, "a/b/file", "content", 0640);
    assert_int_equal(linkat(from, "a/b/file", from, "hard", 0), 0);
    assert_int_equal(symlinkat("../nowhere", from, "a/link"), 0);
    assert_int_equal(mkfifoat(from, "pipe", 0622), 0);
    assert_int_equal(fchmodat(from, "pipe", 0622, 0), 0);
    utimensat(from, "a/b/file", times, 0);
    utimensat(from, "a", times, 0);
    copy();
    check_content(to, "a/b/file", "content");
    struct stat status = look(to, "a/b/file");
    assert_int_equal(status.st_mode, S_IFREG | 0640);
    assert_int_equal(status.st_mtim.tv_sec, 2000);
    assert_int_equal(status.st_mtim.tv_nsec, 5);
    assert_int_equal(status.st_nlink, 2);
    assert_int_equal(status.st_ino, look(to, "hard").st_ino);
    assert_int_equal(look(to, "a").st_mtim.tv_sec, 2000);
    assert_int_equal(look(to, "a/b").st_mode & 07777, 0711);
    assert_int_equal(look(to, "pipe").st_mode, S_IFIFO | 0622);
    char target[64] = "";
    assert_true(readlinkat(to, "a/link", target, sizeof(target) - 1) > 0);
    assert_string_equal(target, "../nowhere");
    assert_int_equal(look(to, ".").st_mode & 07777, 0750);
}

static void owners_and_privileges_are_kept(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    make_file(from, "program", "x", 0755);
    assert_int_equal(fchownat(from, "program", 12, 34, 0), 0);
    assert_int_equal(fchmodat(from, "program", 06755, 0), 0);
    assert_int_equal(fchownat(from, ".", 56, 78, 0), 0);
    copy();
    struct stat status = look(to, "program");
    assert_int_equal(status.st_uid, 12);
    assert_int_equal(status.st_gid, 34);
    assert_int_equal(status.st_mode & 07777, 06755);
    assert_int_equal(look(to, ".").st_uid, 56);
}

static void attributes_are_kept(void **state)
{
    (void)state;
    char value[16] = "";
    make_file(from, "file", "x", 0644);
    int fd = openat(from, "file", O_RDONLY);
    if (fsetxattr(fd, "user.note", "kept", 4, 0) < 0 && errno == EOPNOTSUPP) {
        close(fd);
        skip();
    }
    close(fd);
    copy();
    fd = openat(to, "file", O_RDONLY);
    assert_int_equal(fgetxattr(fd, "user.note", value, sizeof(value)), 4);
    assert_string_equal(value, "kept");
    close(fd);
}

static void holes_stay_holes(void **state)
{
    (void)state;
    int fd = openat(from, "sparse", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(pwrite(fd, "begin", 5, 0), 5);
    assert_int_equal(pwrite(fd, "end", 3, 100 << 20), 3);
    assert_int_equal(ftruncate(fd, 200 << 20), 0);
    close(fd);
    copy();
    struct stat status = look(to, "sparse");
    assert_int_equal(status.st_size, 200 << 20);
    assert_true(status.st_blocks * 512 < 1 << 20);
    char end[4] = "";
    fd = openat(to, "sparse", O_RDONLY);
    assert_int_equal(pread(fd, end, 3, 100 << 20), 3);
    assert_string_equal(end, "end");
    close(fd);
}

/* A copy that was cut off goes on; what somebody has put there meanwhile stays. */
static void what_is_there_stays(void **state)
{
    (void)state;
    mkdirat(from, "a", 0755);
    make_file(from, "a/old", "from the image", 0644);
    make_file(from, "a/new", "from the image", 0644);
    mkdirat(to, "a", 0700);
    make_file(to, "a/old", "mine", 0644);
    make_file(to, "a/.vmstead-copy", "half a file", 0644);
    copy();
    check_content(to, "a/old", "mine");
    check_content(to, "a/new", "from the image");
    assert_int_equal(look(to, "a").st_mode & 07777, 0755);
    struct stat status;
    assert_int_equal(fstatat(to, "a/.vmstead-copy", &status, 0), -1);
}

static void emptiness(void **state)
{
    (void)state;
    assert_true(tree_is_empty(to));
    make_file(to, ".hidden", "", 0600);
    assert_false(tree_is_empty(to));
}

/* --- paths ------------------------------------------------------------------------------------ */

static void a_mount_point_is_inside_the_root(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    static const char *const targets[] = {"/x/y/z", "/../../up", "/escape/below", "/absolute/below",
                                          "//x//y/"};
    static const char *const made[] = {"x/y/z", "up", "below", "real/below", "x/y"};
    mkdirat(to, "real", 0755);
    assert_int_equal(symlinkat("../../..", to, "escape"), 0);
    assert_int_equal(symlinkat("/real", to, "absolute"), 0);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        int fd;
        assert_ok(mount_point_open(to, targets[i], false, &fd, &err), &err);
        struct stat status, expected = look(to, made[i]);
        assert_int_equal(fstat(fd, &status), 0);
        assert_int_equal(status.st_ino, expected.st_ino);
        assert_true(S_ISDIR(status.st_mode));
        close(fd);
    }
    int fd;
    assert_ok(mount_point_open(to, "/etc/app/one.conf", true, &fd, &err), &err);
    close(fd);
    assert_true(S_ISREG(look(to, "etc/app/one.conf").st_mode));
    assert_true(mount_point_open(to, "/etc/app/one.conf/below", false, &fd, &err) < 0);
}

static void a_source_does_not_lead_out(void **state)
{
    (void)state;
    static const char *const bad[] = {"..", "a/../..", "out", "out/passwd", "self/../.."};
    _cleanup_error_ struct error err = {0};
    int fd;
    mkdirat(to, "a", 0755);
    assert_int_equal(symlinkat("/etc", to, "out"), 0);
    assert_int_equal(symlinkat(".", to, "self"), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(mount_source_open(to, bad[i], &fd, &err), -EXDEV);
        assert_non_null(strstr(error_text(&err), "leads out"));
    }
    assert_int_equal(mount_source_open(to, "missing", &fd, &err), -ENOENT);
    assert_ok(mount_source_open(to, "self/a", &fd, &err), &err);
    close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(everything_about_files_is_kept),
        TEST(owners_and_privileges_are_kept),
        TEST(attributes_are_kept),
        TEST(holes_stay_holes),
        TEST(what_is_there_stays),
        TEST(emptiness),
        TEST(a_mount_point_is_inside_the_root),
        TEST(a_source_does_not_lead_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
