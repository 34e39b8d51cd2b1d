/* Copies between the daemon and the agent, both ways; tar(1) has the archives' other ends. */
#include "agent_service.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUIET_SERVICE "while :; do sleep 1000; done"

static char folder[64], target[PATH_MAX + 128];
static struct fixture *fixture;

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *script = xvasprintf(format, args);
    va_end(args);
    char *argv[] = {(char *)"sh", (char *)"-c", script, NULL};
    pid_t pid;
    int status = -1;
    assert_int_equal(posix_spawnp(&pid, "sh", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int set_up(void **state)
{
    char here[PATH_MAX];
    (void)state;
    snprintf(folder, sizeof(folder), "copy-test-%d", getpid());
    assert_non_null(getcwd(here, sizeof(here)));
    snprintf(target, sizeof(target), "%s/%s/target", here, folder);
    assert_int_equal(run("mkdir -p %s/source/sub %s/target", folder, folder), 0);
    fixture = fixture_start(QUIET_SERVICE, false, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_finish(fixture);
    return run("rm -rf %s", folder);
}

/* A tree with one of each. */
static void make_source(void)
{
    assert_int_equal(run("cd %s/source && echo hello >file && chmod 640 file && : >empty &&"
                         " ln file sub/again && ln -s ../nowhere sub/link && mkfifo pipe &&"
                         " head -c 3000000 /dev/urandom >sub/big && touch -d @1700000000 file sub"
                         " && chmod 2755 sub && n=$(printf '%%0200d' 7) && mkdir $n &&"
                         " echo deep >$n/$n",
                         folder),
                     0);
}

/* --- in ------------------------------------------------------------------------------------- */

struct feed {
    struct copy_in *copy;
    char *archive;
    size_t length, sent;
    bool finished, done;
    struct error err;
};

static void feed_more(struct feed *feed)
{
    size_t window = runtime_copy_in_window(feed->copy), left = feed->length - feed->sent;
    size_t part = left < window ? left : window;
    runtime_copy_in_write(feed->copy, feed->archive + feed->sent, part);
    feed->sent += part;
    if (feed->sent == feed->length && !feed->finished) {
        feed->finished = true;
        runtime_copy_in_finish(feed->copy);
    }
}

static void on_writable(void *userdata, size_t window)
{
    assert_true(window > 0);
    feed_more(userdata);
}

static void on_in_end(void *userdata, const struct error *err)
{
    struct feed *feed = userdata;
    assert_false(feed->done);
    feed->done = true;
    if (err)
        error_copy(&feed->err, err);
}

/* 0 or the error's code; *ret_text is the caller's. */
static int copy_in(const char *archive, const struct copy_in_options *options, char **ret_text)
{
    static const struct copy_in_callbacks callbacks = {.on_writable = on_writable,
                                                       .on_end = on_in_end};
    _cleanup_error_ struct error err = {0};
    struct feed feed = {0};
    assert_ok(fs_read_file(archive, 64 << 20, &feed.archive, &feed.length, &err), &err);
    assert_ok(channel_copy_in_start(fixture->harness.channel, options, &callbacks, &feed,
                                    &feed.copy, &err),
              &err);
    feed_more(&feed);
    assert_true(harness_wait(&fixture->harness, &feed.done, 30000));
    free(feed.archive);
    int code = feed.err.code;
    *ret_text = xstrdup(code ? error_text(&feed.err) : "");
    error_done(&feed.err);
    return code;
}

static int copy_in_quietly(const char *archive, bool no_overwrite)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ char *path = xasprintf("%s/%s", folder, archive);
    return copy_in(path,
                   &(struct copy_in_options){
                       .path = target, .no_overwrite = no_overwrite, .keep_owners = true},
                   &text);
}

static void a_tree_goes_in(void **state)
{
    static const char *const forms[] = {"--format=gnu", "--format=posix", "--format=ustar", "-z",
                                        "-J"};
    (void)state;
    make_source();
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        int made = run("cd %s && tar %s -cf a.tar -C source . 2>/dev/null", folder, forms[i]);
        if (made != 0) /* ustar has no room for such names */
            continue;
        assert_int_equal(copy_in_quietly("a.tar", true), 0);
        /* tar -d: contents, modes, owners, times, links; the root's own are left as they were */
        assert_int_equal(run("cd %s && tar -tf a.tar | grep -v '^./$' >names &&"
                             " tar -d -f a.tar -C target --no-recursion -T names",
                             folder),
                         0);
        assert_int_equal(run("cd %s/target && [ file -ef sub/again ] && cd .. && rm -rf target &&"
                             " mkdir target",
                             folder),
                         0);
    }
}

static void parents_are_made(void **state)
{
    (void)state;
    assert_int_equal(run("cd %s && mkdir -p source/a/b/c && echo x >source/a/b/c/d &&"
                         " tar -cf a.tar -C source a/b/c/d",
                         folder),
                     0);
    assert_int_equal(copy_in_quietly("a.tar", true), 0);
    assert_int_equal(run("[ \"$(cat %s/target/a/b/c/d)\" = x ]", folder), 0);
}

/* What tar -P packs, and a link that the archive itself brings. */
static void nothing_gets_out(void **state)
{
    (void)state;
    assert_int_equal(run("cd %s && echo evil >source/evil && cd source &&"
                         " tar -P -cf ../up.tar --transform 's,^,../,' evil &&"
                         " ln -s ../.. out && mkdir in && ln -s /tmp abs &&"
                         " tar -cf ../through.tar out &&"
                         " tar -rf ../through.tar --transform 's,^,out/,' evil &&"
                         " tar -cf ../abs.tar abs &&"
                         " tar -rf ../abs.tar --transform 's,^,abs/p5-,' evil &&"
                         " echo 1 >in/evil && ln in/evil in/two && tar -P -cf ../hard.tar"
                         " --transform 'flags=h;s,^.*,../../../etc/passwd,' in",
                         folder),
                     0);
    assert_int_equal(copy_in_quietly("up.tar", false), EINVAL);
    assert_int_equal(copy_in_quietly("through.tar", false), EXDEV);
    assert_int_equal(copy_in_quietly("abs.tar", false), EXDEV);
    assert_int_equal(copy_in_quietly("hard.tar", false), EINVAL);
    assert_int_equal(run("[ ! -e %s/evil ] && [ ! -e /tmp/p5-evil ]", folder), 0);
}

static void links_that_stay_inside_are_followed(void **state)
{
    (void)state;
    assert_int_equal(
        run("cd %s && mkdir target/real && ln -s real target/way && mkdir source/way &&"
            " echo x >source/way/file && tar -cf a.tar -C source way/file",
            folder),
        0);
    assert_int_equal(copy_in_quietly("a.tar", true), 0);
    assert_int_equal(run("[ \"$(cat %s/target/real/file)\" = x ]", folder), 0);
}

static void folders_and_files_do_not_replace_each_other(void **state)
{
    (void)state;
    assert_int_equal(run("cd %s && mkdir target/thing target/full && echo 1 >target/full/file &&"
                         " echo new >source/thing && tar -cf file.tar -C source thing &&"
                         " rm source/thing && mkdir source/thing && tar -cf dir.tar -C source thing"
                         " && echo 2 >source/full && tar -cf full.tar -C source full",
                         folder),
                     0);
    assert_int_equal(copy_in_quietly("file.tar", true), EEXIST);
    assert_int_equal(copy_in_quietly("file.tar", false), 0);
    assert_int_equal(run("[ \"$(cat %s/target/thing)\" = new ]", folder), 0);
    assert_int_equal(copy_in_quietly("file.tar", true), 0);
    assert_int_equal(copy_in_quietly("dir.tar", true), EEXIST);
    assert_int_equal(copy_in_quietly("full.tar", false), ENOTEMPTY);
    assert_int_equal(run("[ -f %s/target/thing ]", folder), 0);
}

static void what_is_no_archive_is_refused(void **state)
{
    _cleanup_free_ char *text = NULL, *missing = NULL;
    _cleanup_free_ char *path = xasprintf("%s/junk", folder);
    (void)state;
    assert_int_equal(run("cd %s && head -c 100000 /dev/urandom >junk && : >nothing &&"
                         " head -c 2000000 /dev/zero >source/z && tar -cf z.tar -C source z &&"
                         " head -c 1000000 z.tar >cut.tar",
                         folder),
                     0);
    struct copy_in_options options = {.path = target};
    assert_int_equal(copy_in(path, &options, &text), EINVAL);
    assert_ptr_equal(strstr(text, "what came is no archive"), text);
    assert_int_equal(copy_in_quietly("nothing", false), 0);
    assert_int_equal(copy_in_quietly("cut.tar", false), EINVAL);
    options.path = "/no/such/folder";
    _cleanup_free_ char *good = xasprintf("%s/z.tar", folder);
    assert_int_equal(copy_in(good, &options, &missing), ENOENT);
    assert_string_equal(missing, "cannot copy to \"/no/such/folder\": No such file or directory");
}

static void a_copy_in_may_be_left(void **state)
{
    static const struct copy_in_callbacks callbacks = {.on_end = on_in_end};
    struct feed feed = {0};
    (void)state;
    struct copy_in_options options = {.path = target};
    assert_int_equal(channel_copy_in_start(fixture->harness.channel, &options, &callbacks, &feed,
                                           &feed.copy, NULL),
                     0);
    harness_idle(&fixture->harness, 50);
    runtime_copy_in_abandon(feed.copy);
    harness_idle(&fixture->harness, 50);
    assert_false(feed.done);
}

/* --- out ------------------------------------------------------------------------------------ */

struct catch
{
    struct copy_out *copy;
    FILE *file;
    size_t length, stop_at; /* 0: never */
    int stats;
    char name[256], link[256];
    uint32_t mode;
    uint64_t size;
    bool done;
    struct error err;
};

static void on_stat(void *userdata, const struct copy_stat *stat)
{
    struct catch *catch = userdata;
    catch->stats++;
    catch->mode = stat->mode;
    catch->size = stat->size;
    snprintf(catch->name, sizeof(catch->name), "%s", stat->name);
    snprintf(catch->link, sizeof(catch->link), "%s", stat->link_target);
}

static void on_data(void *userdata, const void *data, size_t length)
{
    struct catch *catch = userdata;
    assert_int_equal(catch->stats, 1);
    assert_int_equal(fwrite(data, 1, length, catch->file), length);
    catch->length += length;
    if (!catch->stop_at || catch->length < catch->stop_at)
        runtime_copy_out_consumed(catch->copy, length);
}

static void on_out_end(void *userdata, const struct error *err)
{
    struct catch *catch = userdata;
    catch->done = true;
    if (err)
        error_copy(&catch->err, err);
}

static void begin_out(struct catch *catch, const struct copy_out_options *options)
{
    static const struct copy_out_callbacks callbacks = {
        .on_stat = on_stat, .on_data = on_data, .on_end = on_out_end};
    _cleanup_free_ char *path = xasprintf("%s/out.tar", folder);
    catch->file = fopen(path, "we");
    assert_int_equal(channel_copy_out_start(fixture->harness.channel, options, &callbacks, catch,
                                            &catch->copy, NULL),
                     0);
}

static int copy_out(struct catch *catch, struct copy_out_options options)
{
    begin_out(catch, &options);
    assert_true(harness_wait(&fixture->harness, &catch->done, 30000));
    fclose(catch->file);
    int code = catch->err.code;
    error_done(&catch->err);
    return code;
}

static char *in_source(const char *name)
{
    return xasprintf("%.*s/source%s", (int)(strlen(target) - strlen("/target")), target, name);
}

static void a_tree_comes_out(void **state)
{
    struct catch catch = {0}, contents = {0};
    _cleanup_free_ char *path = in_source("/"), *dot = in_source("/.");
    (void)state;
    make_source();
    assert_int_equal(copy_out(&catch, (struct copy_out_options){.path = path}), 0);
    assert_string_equal(catch.name, "source");
    assert_true(S_ISDIR(catch.mode));
    assert_int_equal(
        run("cd %s && tar -d -f out.tar && tar -tf out.tar | grep -c . >count &&"
            " [ $(cat count) = $(find source | wc -l) ] && tar -xf out.tar -C target &&"
            " [ target/source/file -ef target/source/sub/again ]",
            folder),
        0);
    assert_int_equal(copy_out(&contents, (struct copy_out_options){.path = dot, .contents = true}),
                     0);
    assert_int_equal(run("cd %s && tar -d -f out.tar -C source && tar -tf out.tar | grep -qx"
                         " './sub/big'",
                         folder),
                     0);
}

static void links_are_followed_where_that_is_asked_for(void **state)
{
    struct catch link = {0}, followed = {0}, stat = {0};
    _cleanup_free_ char *path = in_source("/way"), *real = in_source("/file");
    (void)state;
    assert_int_equal(run("cd %s/source && echo twelve bytes >file && ln -s file way", folder), 0);
    assert_int_equal(copy_out(&link, (struct copy_out_options){.path = path}), 0);
    assert_true(S_ISLNK(link.mode));
    assert_string_equal(link.link, real);
    assert_int_equal(run("cd %s && tar -tvf out.tar | grep -q 'way -> file'", folder), 0);
    assert_int_equal(copy_out(&followed, (struct copy_out_options){.path = path, .follow = true}),
                     0);
    assert_true(S_ISREG(followed.mode));
    assert_int_equal(followed.size, 13);
    assert_int_equal(run("cd %s && [ \"$(tar -xOf out.tar way)\" = 'twelve bytes' ]", folder), 0);
    assert_int_equal(copy_out(&stat, (struct copy_out_options){.path = real, .only_stat = true}),
                     0);
    assert_int_equal(stat.stats, 1);
    assert_int_equal(stat.length, 0);
}

static void what_is_missing_is_named(void **state)
{
    struct catch catch = {0};
    (void)state;
    begin_out(&catch, &(struct copy_out_options){.path = "no/such/file"});
    assert_true(harness_wait(&fixture->harness, &catch.done, 10000));
    fclose(catch.file);
    assert_int_equal(catch.stats, 0);
    assert_int_equal(catch.err.code, ENOENT);
    assert_string_equal(error_text(&catch.err),
                        "cannot find \"/no/such/file\": No such file or directory");
    error_done(&catch.err);
}

/* Nothing more comes than the windows allow; then the rest does. */
static void a_slow_reader_is_waited_for(void **state)
{
    struct catch catch = {.stop_at = 1};
    _cleanup_free_ char *path = in_source("");
    (void)state;
    make_source();
    begin_out(&catch, &(struct copy_out_options){.path = path});
    harness_idle(&fixture->harness, 500);
    assert_false(catch.done);
    assert_in_range(catch.length, 500000, 1200000);
    catch.stop_at = 0;
    runtime_copy_out_consumed(catch.copy, catch.length);
    assert_true(harness_wait(&fixture->harness, &catch.done, 10000));
    fclose(catch.file);
    assert_int_equal(catch.err.code, 0);
    assert_int_equal(run("cd %s && tar -d -f out.tar", folder), 0);
}

/* The daemon dies: the copy fails clearly, and the agent goes on. */
static void copies_end_with_their_channel(void **state)
{
    struct catch catch = {.stop_at = 1};
    _cleanup_free_ char *path = in_source("");
    (void)state;
    make_source();
    begin_out(&catch, &(struct copy_out_options){.path = path});
    harness_idle(&fixture->harness, 300);
    harness_done(&fixture->harness);
    fclose(catch.file);
    assert_true(catch.done);
    assert_int_equal(catch.err.code, ECONNRESET);
    error_done(&catch.err);
    harness_init(&fixture->harness, fixture->peer.path, 0);
    assert_true(harness_wait(&fixture->harness, &fixture->harness.started, 10000));
    struct catch again = {0};
    assert_int_equal(copy_out(&again, (struct copy_out_options){.path = path}), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_tree_goes_in),
        TEST(parents_are_made),
        TEST(nothing_gets_out),
        TEST(links_that_stay_inside_are_followed),
        TEST(folders_and_files_do_not_replace_each_other),
        TEST(what_is_no_archive_is_refused),
        TEST(a_copy_in_may_be_left),
        TEST(a_tree_comes_out),
        TEST(links_are_followed_where_that_is_asked_for),
        TEST(what_is_missing_is_named),
        TEST(a_slow_reader_is_waited_for),
        TEST(copies_end_with_their_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
