/* Bootstrap descriptions: what is refused, what the key depends on, what mmdebstrap is told, and
 * the files that are put into the new root. */
#include "runtime/image_bootstrap.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "bootstrap-test-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "bootstrap-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return fs_remove_tree(folder, NULL);
}

static int parse(const char *text, struct image_bootstrap **bootstrap, struct error *err)
{
    _cleanup_json_ cJSON *spec = cJSON_Parse(text);
    assert_non_null(spec);
    return image_bootstrap_parse(spec, bootstrap, err);
}

static struct image_bootstrap *parsed(const char *text)
{
    _cleanup_error_ struct error err = {0};
    struct image_bootstrap *bootstrap = NULL;
    assert_ok(parse(text, &bootstrap, &err), &err);
    return bootstrap;
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *said;
    } cases[] = {
        {"{}", "suite ''"},
        {"{\"suite\":\"--help\"}", "suite '--help'"},
        {"{\"suite\":\"a b\"}", "suite 'a b'"},
        {"{\"suite\":\"bookworm\",\"packages\":[\"--hook\"]}", "package '--hook'"},
        {"{\"suite\":\"bookworm\",\"packages\":[\"/etc/passwd\"]}", "package '/etc/passwd'"},
        {"{\"suite\":\"bookworm\",\"packages\":[\"?essential\"]}", "package '?essential'"},
        {"{\"suite\":\"bookworm\",\"packages\":[\"a,b\"]}", "package 'a,b'"},
        {"{\"suite\":\"b\",\"files\":{\"etc/x\":{\"content\":\"\"}}}", "file 'etc/x'"},
        {"{\"suite\":\"b\",\"files\":{\"/a/../b\":{\"content\":\"\"}}}", "file '/a/../b'"},
        {"{\"suite\":\"b\",\"files\":{\"/a/\":{\"content\":\"\"}}}", "file '/a/'"},
        {"{\"suite\":\"b\",\"files\":{\"/a\":{}}}", "one of 'content' and 'source'"},
        {"{\"suite\":\"b\",\"files\":{\"/a\":{\"content\":\"\",\"source\":\"/b\"}}}", "one of"},
        {"{\"suite\":\"b\",\"files\":{\"/a\":{\"source\":\"b\"}}}", "source 'b'"},
        {"{\"suite\":\"b\",\"files\":{\"/a\":{\"content\":\"\",\"mode\":\"0999\"}}}", "mode"},
        {"{\"suite\":\"b\",\"files\":{\"/a\":{\"content\":\"\",\"mode\":70000}}}", "mode"},
        {"{\"suite\":\"b\",\"copy\":[{\"source\":\"a\",\"target\":\"/a\"}]}", "source of copy 'a'"},
        {"{\"suite\":\"b\",\"copy\":[{\"source\":\"/a\",\"target\":\"a\"}]}", "target of copy 'a'"},
        {"{\"suite\":\"b\",\"copy\":[{\"source\":\"/a\",\"target\":\"/a/../b/\"}]}",
         "target of copy '/a/../b/'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = {0};
        struct image_bootstrap *bootstrap = NULL;
        if (parse(cases[i].spec, &bootstrap, &err) != -EINVAL)
            fail_msg("not refused: %s", cases[i].spec);
        if (!strstr(err.message, cases[i].said))
            fail_msg("'%s' does not say %s", err.message, cases[i].said);
    }
}

static char *key_of(const char *text)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_(image_bootstrap_freep) struct image_bootstrap *bootstrap = parsed(text);
    char key[HASH_HEX_SIZE];
    assert_ok(image_bootstrap_key(bootstrap, key, &err), &err);
    return xstrdup(key);
}

static void assert_same_key(const char *a, const char *b, bool same)
{
    _cleanup_free_ char *key_a = key_of(a), *key_b = key_of(b);
    if (streq(key_a, key_b) != same)
        fail_msg("%s and %s", a, b);
}

static void order_and_spelling_do_not_change_the_key(void **state)
{
    (void)state;
    const char *spec = "{\"suite\":\"s\",\"packages\":[\"a\",\"b\"],\"files\":{"
                       "\"/x\":{\"content\":\"1\",\"mode\":\"0755\"},\"/y\":{\"content\":\"2\"}}}";
    assert_same_key(spec,
                    "{\"files\":{\"/y\":{\"mode\":420,\"content\":\"2\"},"
                    "\"/x\":{\"content\":\"1\",\"mode\":493}},"
                    "\"packages\":[\"b\",\"a\",\"b\"],\"suite\":\"s\"}",
                    true);
    assert_same_key("{\"suite\":\"s\"}", "{\"suite\":\"t\"}", false);
    assert_same_key("{\"suite\":\"s\"}", "{\"suite\":\"s\",\"packages\":[\"a\"]}", false);
    assert_same_key("{\"suite\":\"s\",\"files\":{\"/x\":{\"content\":\"1\"}}}",
                    "{\"suite\":\"s\",\"files\":{\"/x\":{\"content\":\"2\"}}}", false);
    assert_same_key("{\"suite\":\"s\",\"files\":{\"/x\":{\"content\":\"1\"}}}",
                    "{\"suite\":\"s\",\"files\":{\"/x\":{\"content\":\"1\",\"mode\":384}}}", false);
}

static const char *working_directory(void)
{
    static char path[4096];
    return getcwd(path, sizeof(path));
}

static char *with_copies(const char *target)
{
    return xasprintf("{\"suite\":\"b\",\"copy\":[{\"source\":\"%s/%s/src\",\"target\":\"%s\"}]}",
                     working_directory(), folder, target);
}

static void the_key_holds_copies_and_commands(void **state)
{
    (void)state;
    assert_same_key("{\"suite\":\"b\",\"run\":[\"a\",\"b\"]}",
                    "{\"suite\":\"b\",\"run\":[\"b\",\"a\"]}", false);
    assert_same_key("{\"suite\":\"b\",\"run\":[],\"copy\":[]}", "{\"suite\":\"b\"}", true);
    _cleanup_free_ char *path = xasprintf("%s/src/deep/file", folder);
    _cleanup_free_ char *parent = xasprintf("%s/src/deep", folder);
    _cleanup_free_ char *one = with_copies("/a"), *other = with_copies("/b/");
    _cleanup_error_ struct error err = {0};
    assert_ok(fs_make_directory(parent, 0755, &err), &err);
    assert_ok(fs_write_file_atomic(path, "1", 1, 0644, &err), &err);
    assert_same_key(one, one, true);
    assert_same_key(one, other, false);
    _cleanup_free_ char *before = key_of(one);
    assert_ok(fs_write_file_atomic(path, "2", 1, 0644, &err), &err);
    _cleanup_free_ char *after = key_of(one);
    assert_string_not_equal(before, after);
}

static void commands_find_what_they_need_and_leave_nothing(void **state)
{
    (void)state;
    _cleanup_(image_bootstrap_freep) struct image_bootstrap *bootstrap =
        parsed("{\"suite\":\"b\",\"run\":[\"true\"]}");
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *policy = xasprintf("%s/usr/sbin/policy-rc.d", folder);
    _cleanup_free_ char *servers = xasprintf("%s/etc/resolv.conf", folder);
    _cleanup_free_ char *etc = xasprintf("%s/etc", folder);
    assert_int_equal(mkdir(etc, 0755), 0);
    assert_int_equal(symlink("/run/nowhere", servers), 0); /* the image's own stays */
    assert_ok(image_bootstrap_enter(bootstrap, folder, &err), &err);
    struct stat status;
    assert_int_equal(stat(policy, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0755);
    assert_int_equal(lstat(servers, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_ok(image_bootstrap_leave(bootstrap, folder, &err), &err);
    assert_int_equal(stat(policy, &status), -1);
    assert_int_equal(lstat(servers, &status), 0);
}

static void the_key_holds_the_sources_content(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *real = realpath(folder, NULL), *source = xasprintf("%s/f", real);
    _cleanup_free_ char *spec =
        xasprintf("{\"suite\":\"s\",\"files\":{\"/x\":{\"source\":\"%s\"}}}", source);
    assert_ok(fs_write_file_atomic(source, "1", 1, 0600, &err), &err);
    _cleanup_free_ char *one = key_of(spec);
    /* A file and the same content written out are the same image. */
    _cleanup_free_ char *same = key_of("{\"suite\":\"s\",\"files\":{\"/x\":{\"content\":\"1\"}}}");
    assert_string_equal(one, same);
    assert_ok(fs_write_file_atomic(source, "2", 1, 0600, &err), &err);
    _cleanup_free_ char *two = key_of(spec);
    assert_string_not_equal(one, two);

    _cleanup_(image_bootstrap_freep) struct image_bootstrap *bootstrap = parsed(spec);
    char key[HASH_HEX_SIZE];
    unlink(source);
    assert_int_equal(image_bootstrap_key(bootstrap, key, &err), -ENOENT);
    assert_non_null(strstr(err.message, source));
    mkdir(source, 0700);
    error_done(&err);
    assert_int_equal(image_bootstrap_key(bootstrap, key, &err), -EINVAL);
}

/* --- mmdebstrap's command line -------------------------------------------------------------- */

static char *argv_text(const char *suite, const char *targets, const char *codename)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *spec =
        xasprintf("{\"suite\":\"%s\",\"packages\":[\"nginx\",\"curl\"]}", suite);
    _cleanup_(image_bootstrap_freep) struct image_bootstrap *bootstrap = parsed(spec);
    _cleanup_strv_ char **argv = NULL;
    if (image_bootstrap_argv(bootstrap, targets, codename, &argv, &err) < 0)
        return xstrdup(error_text(&err));
    return strv_join(argv, "|");
}

static const char targets[] =
    "bookworm|main|http://m.example/debian/|/nonexistent:1|Debian|\n"
    "bookworm|contrib|http://m.example/debian/|/nonexistent:1|Debian|\n"
    "bookworm|main|http://m.example/debian/|/nonexistent:1|Debian|\n"
    "bookworm-updates|main|http://m.example/debian/|/nonexistent:1|Debian|\n"
    "bookworm-backports|main|http://m.example/debian/|/nonexistent:1|Debian|\n"
    "bookworm-security|main|http://s.example/sec/|/nonexistent:2|Debian|\n"
    "bookworm|stable|http://other.example/|/nonexistent:3|Someone|\n";

static void the_hosts_own_mirrors_are_used(void **state)
{
    (void)state;
    _cleanup_free_ char *text = argv_text("bookworm", targets, "bookworm");
    assert_true(str_ends_with(text, "|--include=curl,nginx|bookworm|rootfs"
                                    "|deb http://m.example/debian/ bookworm main"
                                    "|deb http://m.example/debian/ bookworm contrib"
                                    "|deb http://m.example/debian/ bookworm-updates main"
                                    "|deb http://s.example/sec/ bookworm-security main"));
    assert_non_null(str_after_prefix(text, "mmdebstrap|--mode=root|--variant=minbase|"));
    assert_null(strstr(text, "--dpkgopt=path-exclude=")); /* a Python program for every package */
}

static void another_suite_comes_from_the_same_mirrors(void **state)
{
    (void)state;
    _cleanup_free_ char *trixie = argv_text("trixie", targets, "bookworm");
    assert_true(str_ends_with(trixie, "|deb http://m.example/debian/ trixie-updates main"
                                      "|deb http://s.example/sec/ trixie-security main"));
    _cleanup_free_ char *sid = argv_text("sid", targets, "bookworm");
    assert_true(str_ends_with(sid, "|rootfs|deb http://m.example/debian/ sid main"
                                   "|deb http://m.example/debian/ sid contrib"));
}

static void a_host_without_mirrors_is_told_so(void **state)
{
    (void)state;
    _cleanup_free_ char *none = argv_text("bookworm", "", "");
    assert_non_null(strstr(none, "/etc/apt/sources.list"));
    _cleanup_free_ char *broken = argv_text("bookworm", "bookworm|main\n||||\n", "bookworm");
    assert_non_null(strstr(broken, "/etc/apt/sources.list"));
    /* Lists that were never fetched have no origin. */
    _cleanup_free_ char *fresh =
        argv_text("bookworm", "bookworm|main|http://m.example/|/nonexistent:1||\n", "");
    assert_true(str_ends_with(fresh, "|deb http://m.example/ bookworm main"));
}

static void the_sources_keyring_is_taken_over(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    static const char *const entries[] = {
        "Types: deb\nURIs: http://m.example/\nSigned-By: /usr/share/keyrings/k.gpg\n",
        "deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://m.example/ s main\n"};
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        _cleanup_free_ char *path = xasprintf("%s/list", folder);
        _cleanup_free_ char *target = xasprintf("s|main|http://m.example/|%s:1|Debian|\n", path);
        assert_ok(fs_write_file_atomic(path, entries[i], strlen(entries[i]), 0600, &err), &err);
        _cleanup_free_ char *text = argv_text("s", target, "");
        assert_true(str_ends_with(
            text, "|deb [signed-by=/usr/share/keyrings/k.gpg] http://m.example/ s main"));
    }
}

/* --- files ---------------------------------------------------------------------------------- */

static int write_files(const char *files, struct error *err)
{
    _cleanup_free_ char *spec = xasprintf("{\"suite\":\"s\",\"files\":%s}", files);
    _cleanup_(image_bootstrap_freep) struct image_bootstrap *bootstrap = parsed(spec);
    return image_bootstrap_write_files(bootstrap, folder, err);
}

static char *read_below(const char *path, mode_t *mode)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *full = xasprintf("%s/%s", folder, path);
    struct stat status;
    char *content = NULL;
    assert_ok(fs_read_file(full, 4096, &content, NULL, &err), &err);
    assert_int_equal(lstat(full, &status), 0);
    *mode = status.st_mode;
    return content;
}

static void files_are_written_with_their_modes(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    mode_t mode;
    mode_t before = umask(0077);
    assert_ok(write_files("{\"/srv/app/run.sh\":{\"content\":\"hi\\n\",\"mode\":\"0755\"},"
                          "\"/srv/plain\":{\"content\":\"\"}}",
                          &err),
              &err);
    umask(before);
    _cleanup_free_ char *run = read_below("srv/app/run.sh", &mode);
    assert_string_equal(run, "hi\n");
    assert_int_equal(mode, S_IFREG | 0755);
    _cleanup_free_ char *plain = read_below("srv/plain", &mode);
    assert_int_equal(mode, S_IFREG | 0644);
    struct stat status;
    _cleanup_free_ char *app = xasprintf("%s/srv/app", folder);
    assert_int_equal(stat(app, &status), 0);
    assert_int_equal(status.st_mode, S_IFDIR | 0755);
}

/* As in the guest: an absolute link leads to the new root, and a link at the end is replaced. */
static void symlinks_do_not_lead_out(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *real = realpath(folder, NULL), *victim = xasprintf("%s.victim", real);
    _cleanup_free_ char *etc = xasprintf("%s/etc", folder), *up = xasprintf("%s/up", folder);
    _cleanup_free_ char *last = xasprintf("%s/last", folder);
    mode_t mode;
    assert_int_equal(mkdir(victim, 0700), 0);
    assert_int_equal(symlink(victim, etc), 0);
    assert_int_equal(symlink("../../../../../../../../tmp", up), 0);
    assert_int_equal(symlink("/etc/passwd", last), 0);
    /* The link's target does not exist in the new root: refused, not followed. */
    assert_true(write_files("{\"/etc/x\":{\"content\":\"1\"}}", &err) < 0);
    error_done(&err);
    assert_true(write_files("{\"/up/x/y\":{\"content\":\"1\"}}", &err) < 0);
    _cleanup_free_ char *inner = xasprintf("%s/x", victim);
    assert_false(fs_exists(inner));
    error_done(&err);
    assert_ok(write_files("{\"/last\":{\"content\":\"mine\"}}", &err), &err);
    _cleanup_free_ char *content = read_below("last", &mode);
    assert_string_equal(content, "mine");
    assert_int_equal(mode, S_IFREG | 0644);
    rmdir(victim);
}

static void the_host_is_forgotten(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *etc = xasprintf("%s/etc", folder), *host = xasprintf("%s/hostname", etc);
    assert_ok(fs_make_directory(etc, 0755, &err), &err);
    assert_ok(fs_write_file_atomic(host, "builder\n", 8, 0644, &err), &err);
    assert_ok(write_files("{}", &err), &err);
    assert_false(fs_exists(host));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(nonsense_is_refused),
        TEST(order_and_spelling_do_not_change_the_key),
        TEST(the_key_holds_the_sources_content),
        TEST(the_key_holds_copies_and_commands),
        TEST(commands_find_what_they_need_and_leave_nothing),
        TEST(the_hosts_own_mirrors_are_used),
        TEST(another_suite_comes_from_the_same_mirrors),
        TEST(a_host_without_mirrors_is_told_so),
        TEST(the_sources_keyring_is_taken_over),
        TEST(files_are_written_with_their_modes),
        TEST(symlinks_do_not_lead_out),
        TEST(the_host_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
