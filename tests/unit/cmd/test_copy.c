/* cp without a guest: a tree packed into a tar and unpacked elsewhere, and what must be refused. */
#include "cmd/copy_guest.h"
#include "cmd/copy_path.h"
#include "cmd/copy_stream.h"
#include "cmd/tar.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char *base; /* a folder of this run's own */

static char *at(const char *path)
{
    return xasprintf("%s/%s", base, path);
}

static void make_file(const char *path, const char *content, mode_t mode)
{
    _cleanup_free_ char *full = at(path);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    assert_int_equal(chmod(full, mode), 0);
}

static void make_folder(const char *path)
{
    _cleanup_free_ char *full = at(path);
    assert_int_equal(fs_make_directory(full, 0755, NULL), 0);
}

static void assert_content(const char *path, const char *expected)
{
    _cleanup_free_ char *full = at(path), *text = NULL;
    assert_int_equal(fs_read_file(full, 1 << 20, &text, NULL, NULL), 0);
    assert_string_equal(text, expected);
}

static int collect(void *userdata, const void *data, size_t length, struct error *err)
{
    (void)err;
    strbuf_add(userdata, data, length);
    return 0;
}

static void pack(const char *path, const char *name, struct strbuf *tar)
{
    _cleanup_free_ char *full = at(path);
    const struct copy_sink sink = {collect, tar};
    struct error err = {0};
    assert_ok(copy_pack(full, name, false, &sink, &err), &err);
}

/* In pieces of `step` bytes. */
static int unpack(const struct strbuf *tar, const char *folder, const char *name, size_t step)
{
    _cleanup_free_ char *full = at(folder);
    _cleanup_(copy_unpack_freep) struct copy_unpack *unpack = NULL;
    int r = copy_unpack_new(full, name, false, &unpack, NULL);
    for (size_t i = 0; r == 0 && i < tar->length; i += step)
        r = copy_unpack_feed(unpack, tar->data + i, tar->length - i < step ? tar->length - i : step,
                             NULL);
    return r == 0 ? copy_unpack_finish(unpack, NULL) : r;
}

static void a_tree_comes_through_whole(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 7, 512, 100000};
    _cleanup_strbuf_ struct strbuf tar = {0}, long_name = {0};
    strbuf_add_str(&long_name, "tree/sub/");
    for (int i = 0; i < 150; i++)
        strbuf_add_char(&long_name, 'n');
    make_folder("tree/sub");
    make_file("tree/script", "#!/bin/sh\n", 0750);
    make_file("tree/sub/empty", "", 0600);
    make_file(strbuf_text(&long_name), "long\n", 0644);
    _cleanup_free_ char *link = at("tree/link");
    assert_int_equal(symlink("sub/empty", link), 0);
    pack("tree", "tree", &tar);
    for (size_t i = 0; i < 4; i++) {
        _cleanup_free_ char *folder = xasprintf("out%zu", i);
        make_folder(folder);
        assert_int_equal(unpack(&tar, folder, "renamed", steps[i]), 0);
        _cleanup_free_ char *script = xasprintf("%s/renamed/script", folder);
        _cleanup_free_ char *named = xasprintf("%s/renamed/%s", folder, long_name.data + 5);
        assert_content(script, "#!/bin/sh\n");
        assert_content(named, "long\n");
        struct stat status;
        _cleanup_free_ char *full = at(script);
        assert_int_equal(stat(full, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0750);
        char target[64] = "";
        _cleanup_free_ char *copied = xasprintf("%s/%s/renamed/link", base, folder);
        assert_int_equal(readlink(copied, target, sizeof(target)), 9);
        assert_string_equal(target, "sub/empty");
    }
}

static void content_goes_into_the_folder(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf tar = {0};
    make_folder("content");
    make_folder("into");
    make_file("content/a", "a", 0644);
    pack("content", "whatever", &tar);
    assert_int_equal(unpack(&tar, "into", NULL, 4096), 0);
    assert_content("into/a", "a");
}

static void add(struct strbuf *tar, enum tar_type type, const char *name, const char *link,
                const char *content)
{
    const struct tar_entry entry = {.name = (char *)name,
                                    .link = (char *)link,
                                    .type = (char)type,
                                    .mode = 0755,
                                    .size = content ? strlen(content) : 0};
    tar_add_header(tar, &entry);
    if (content) {
        strbuf_add_str(tar, content);
        tar_add_padding(tar, entry.size);
    }
}

static void nothing_is_written_outside(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf dots = {0}, through = {0}, hard = {0};
    make_folder("jail/in");
    make_file("jail/secret", "untouched", 0644);
    add(&dots, TAR_FILE, "x/../../secret", NULL, "gotcha");
    tar_add_end(&dots);
    assert_int_equal(unpack(&dots, "jail/in", "x", 4096), -EXDEV);
    assert_int_equal(unpack(&dots, "jail/in", NULL, 4096), -EXDEV);
    add(&through, TAR_DIRECTORY, "x/", NULL, NULL);
    add(&through, TAR_SYMLINK, "x/up", "../..", NULL);
    add(&through, TAR_FILE, "x/up/secret", NULL, "gotcha");
    tar_add_end(&through);
    assert_int_equal(unpack(&through, "jail/in", "x", 4096), -ELOOP);
    add(&hard, TAR_DIRECTORY, "y/", NULL, NULL);
    add(&hard, TAR_HARD_LINK, "y/link", "y/../../secret", NULL);
    tar_add_end(&hard);
    assert_true(unpack(&hard, "jail/in", "y", 4096) < 0);
    assert_content("jail/secret", "untouched");
}

static void damage_is_told(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf tar = {0};
    make_folder("damage");
    add(&tar, TAR_FILE, "f", NULL, "some content");
    tar.length -= 300;
    assert_int_equal(unpack(&tar, "damage", "f", 4096), -EBADMSG);
    tar.data[0] ^= 1;
    assert_int_equal(unpack(&tar, "damage", "f", 4096), -EBADMSG);
}

static void assert_split(const char *text, const char *service, const char *path)
{
    _cleanup_free_ char *found = NULL, *rest = NULL;
    copy_path_split(text, &found, &rest);
    assert_true(streq_null(found, service));
    assert_string_equal(rest, path);
}

static void a_service_stands_before_the_colon(void **state)
{
    (void)state;
    assert_split("web:/etc", "web", "/etc");
    assert_split("web:a:b", "web", "a:b");
    assert_split("./web:x", NULL, "./web:x");
    assert_split("/tmp/a:b", NULL, "/tmp/a:b");
    assert_split("dir/a:b", NULL, "dir/a:b");
    assert_split("file", NULL, "file");
    assert_split("-", NULL, "-");
}

static void assert_place(const char *source, enum copy_kind source_kind, const char *target,
                         enum copy_kind target_kind, int result, const char *folder,
                         const char *name)
{
    struct copy_place place = {0};
    assert_int_equal(copy_place_find(source, source_kind, target, target_kind, &place, NULL),
                     result);
    if (result == 0) {
        assert_string_equal(place.folder, folder);
        assert_true(streq_null(place.name, name));
    }
    copy_place_done(&place);
}

static void a_path_is_asked_for_without_its_dot(void **state)
{
    (void)state;
    _cleanup_free_ char *content = copy_path_trim("/a/b/."), *root = copy_path_trim("/");
    assert_string_equal(content, "/a/b");
    assert_string_equal(root, "/");
}

/* The table of docker cp's manual. */
static void places_are_dockers(void **state)
{
    (void)state;
    assert_place("a/f", COPY_FILE, "/new", COPY_MISSING, 0, "/", "new");
    assert_place("a/f", COPY_FILE, "/new/", COPY_MISSING, -ENOTDIR, NULL, NULL);
    assert_place("a/f", COPY_FILE, "/d/old", COPY_FILE, 0, "/d", "old");
    assert_place("a/f", COPY_FILE, "/d", COPY_FOLDER, 0, "/d", "f");
    assert_place("a/", COPY_FOLDER, "new", COPY_MISSING, 0, ".", "new");
    assert_place("a", COPY_FOLDER, "/f", COPY_FILE, -ENOTDIR, NULL, NULL);
    assert_place("b/a", COPY_FOLDER, "/d", COPY_FOLDER, 0, "/d", "a");
    assert_place("b/a/.", COPY_FOLDER, "/d", COPY_FOLDER, 0, "/d", NULL);
    assert_place("b/a/.", COPY_FOLDER, "/d/new", COPY_MISSING, 0, "/d", "new");
    assert_place("gone", COPY_MISSING, "/d", COPY_FOLDER, -ENOENT, NULL, NULL);
}

static void a_stat_header_is_read(void **state)
{
    (void)state;
    enum copy_kind kind;
    char *link = NULL;
    /* {"name":"etc","mode":2147484141,"linkTarget":""} */
    assert_int_equal(
        copy_guest_parse_stat("eyJuYW1lIjoiZXRjIiwibW9kZSI6MjE0NzQ4NDE0MSwibGlua1RhcmdldCI6IiJ9",
                              &kind, &link, NULL),
        0);
    assert_int_equal(kind, COPY_FOLDER);
    assert_null(link);
    /* {"mode":134218239,"linkTarget":"usr/bin"} */
    assert_int_equal(
        copy_guest_parse_stat("eyJtb2RlIjoxMzQyMTgyMzksImxpbmtUYXJnZXQiOiJ1c3IvYmluIn0=", &kind,
                              &link, NULL),
        0);
    assert_string_equal(link, "usr/bin");
    free(link);
    assert_true(copy_guest_parse_stat(NULL, &kind, &link, NULL) < 0);
}

static int setup(void **state)
{
    (void)state;
    char folder[] = "/tmp/vmstead-copy-XXXXXX";
    base = mkdtemp(folder) ? xstrdup(folder) : NULL;
    return base ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    int r = fs_remove_tree(base, NULL);
    free(base);
    return r;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_comes_through_whole),
        cmocka_unit_test(content_goes_into_the_folder),
        cmocka_unit_test(nothing_is_written_outside),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(a_service_stands_before_the_colon),
        cmocka_unit_test(a_path_is_asked_for_without_its_dot),
        cmocka_unit_test(places_are_dockers),
        cmocka_unit_test(a_stat_header_is_read),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
