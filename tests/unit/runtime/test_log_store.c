#include "runtime/log_store.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static char path[64];
static uv_loop_t loop;

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "log-test-%d", getpid());
    unlink(path);
    return uv_loop_init(&loop);
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    for (int i = 1; i < 2000; i++) {
        _cleanup_free_ char *older = xasprintf("%s.%d", path, i);
        unlink(older);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void append(struct log_store *log, uint64_t sequence, const char *text, bool partial)
{
    _cleanup_error_ struct error err = {0};
    struct log_record record = {.time_ns = 1700000000123456789 + (int64_t)sequence,
                                .stream = sequence % 2 ? EXEC_STDOUT : EXEC_STDERR,
                                .partial = partial,
                                .text = text,
                                .length = strlen(text)};
    log_store_append(log, sequence, &record, 0);
    assert_ok(log_store_flush(log, &err), &err);
}

static struct log_store *open_log(int64_t boot)
{
    _cleanup_error_ struct error err = {0};
    struct log_store *log = log_store_new(&loop, path);
    assert_ok(log_store_open(log, boot, &err), &err);
    return log;
}

static char *content(void)
{
    char *text = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(fs_read_file(path, 1 << 24, &text, NULL, &err), &err);
    return text;
}

static void add_raw(const char *text)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
}

/* --- the format ----------------------------------------------------------------------------- */

static void lines_are_in_the_cri_format(void **state)
{
    (void)state;
    struct log_store *log = open_log(3);
    append(log, 1, "hello", false);
    append(log, 2, "two\nlines", true);
    log_store_free(log);
    _cleanup_free_ char *text = content();
    assert_string_equal(text, "2023-11-14T22:13:20.123456790Z stdout F:boot=3:seq=1 hello\n"
                              "2023-11-14T22:13:20.123456791Z stderr P:boot=3:seq=2 two lines\n");
}

static void a_line_survives_the_round_trip(void **state)
{
    (void)state;
    static const char bytes[] = "a\0b \xff\r";
    struct log_line line = {.record = {.time_ns = 1700000000000000001,
                                       .stream = EXEC_STDERR,
                                       .partial = true,
                                       .text = bytes,
                                       .length = sizeof(bytes) - 1},
                            .boot = 7,
                            .sequence = 9};
    struct strbuf text = {0};
    log_line_format(&line, &text);
    struct log_line back;
    assert_true(log_line_parse(text.data, text.length - 1, &back));
    assert_true(back.record.time_ns == line.record.time_ns);
    assert_int_equal(back.record.stream, EXEC_STDERR);
    assert_true(back.record.partial);
    assert_int_equal(back.boot, 7);
    assert_int_equal(back.sequence, 9);
    assert_int_equal(back.record.length, sizeof(bytes) - 1);
    assert_memory_equal(back.record.text, bytes, sizeof(bytes) - 1);
    strbuf_done(&text);
}

static void other_lines_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "hello",
        "2023-11-14T22:13:20.1Z stdout",
        "2023-11-14T22:13:20.1Z stdout X text",
        "2023-11-14T22:13:20.1Z stdlog F text",
        "2023-11-14T22:13:20.1 stdout F text",
        "yesterday stdout F text",
        "2023-11-14T22:13:20.1Z stdout FP text",
    };
    struct log_line line;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_false(log_line_parse(lines[i], strlen(lines[i]), &line));
    const char *plain = "2023-11-14T22:13:20Z stdout F text";
    assert_true(log_line_parse(plain, strlen(plain), &line));
    assert_int_equal(line.boot, 0);
}

/* --- the writer ----------------------------------------------------------------------------- */

static void the_last_sequence_is_found_again(void **state)
{
    (void)state;
    struct log_store *log = open_log(1);
    assert_int_equal(log_store_last_sequence(log), 0);
    for (uint64_t i = 1; i <= 5000; i++)
        append(log, i, "a line of some length, so that the file is longer than a block", false);
    log_store_free(log);
    log = open_log(1);
    assert_int_equal(log_store_last_sequence(log), 5000);
    log_store_free(log);
    log = open_log(2); /* another boot counts from one */
    assert_int_equal(log_store_last_sequence(log), 0);
    log_store_free(log);
}

static void a_stored_record_is_not_stored_twice(void **state)
{
    (void)state;
    struct log_store *log = open_log(1);
    append(log, 1, "one", false);
    append(log, 2, "two", false);
    append(log, 2, "two", false);
    append(log, 1, "one", false);
    log_store_free(log);
    _cleanup_free_ char *text = content();
    int lines = 0;
    for (char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 2);
}

/* Every length that a crash can leave of the last line. */
static void a_torn_last_line_is_cut_off(void **state)
{
    (void)state;
    struct log_store *log = open_log(1);
    append(log, 1, "one", false);
    log_store_close(log);
    struct stat first;
    assert_int_equal(stat(path, &first), 0);
    _cleanup_error_ struct error err = {0};
    assert_ok(log_store_open(log, 1, &err), &err);
    append(log, 2, "two", false);
    log_store_free(log);
    struct stat both;
    assert_int_equal(stat(path, &both), 0);
    for (off_t length = both.st_size - 1; length > first.st_size; length--) {
        assert_int_equal(truncate(path, length), 0);
        log = open_log(1);
        assert_int_equal(log_store_last_sequence(log), 1);
        append(log, 2, "two", false);
        log_store_free(log);
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_size, both.st_size);
    }
}

static void a_file_of_one_torn_line_becomes_empty(void **state)
{
    (void)state;
    add_raw("2023-11-14T22:13:20.1Z std");
    struct log_store *log = open_log(1);
    assert_int_equal(log_store_last_sequence(log), 0);
    log_store_free(log);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 0);
}

static void lost_records_are_told_of(void **state)
{
    (void)state;
    struct log_store *log = open_log(1);
    _cleanup_error_ struct error err = {0};
    struct log_record record = {.time_ns = 1, .stream = EXEC_STDOUT, .text = "x", .length = 1};
    log_store_append(log, 10, &record, 9);
    assert_ok(log_store_flush(log, &err), &err);
    log_store_free(log);
    _cleanup_free_ char *text = content();
    assert_non_null(strstr(text, "9 records were lost"));
    log = open_log(1);
    assert_int_equal(log_store_last_sequence(log), 10);
    log_store_free(log);
}

/* --- rotation ------------------------------------------------------------------------------- */

static struct log_store *open_small_log(uint64_t max_bytes, uint64_t max_files)
{
    struct log_store *log = open_log(1);
    struct log_limits limits = {.max_bytes = max_bytes, .max_files = max_files, .kept = true};
    log_store_set_limits(log, &limits);
    return log;
}

/* Takes them all before they are written, as a guest that talks fast makes it. */
static void append_many(struct log_store *log, uint64_t from, uint64_t to)
{
    _cleanup_error_ struct error err = {0};
    for (uint64_t i = from; i <= to; i++) {
        char text[32];
        struct log_record record = {
            .time_ns = 1700000000000000000 + (int64_t)i * 1000000000,
            .stream = EXEC_STDOUT,
            .text = text,
            .length = (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)i)};
        log_store_append(log, i, &record, 0);
    }
    assert_ok(log_store_flush(log, &err), &err);
}

static int count_files(off_t *ret_largest)
{
    int count = 0;
    for (int i = 0; i < 2000; i++) {
        _cleanup_free_ char *name = i ? xasprintf("%s.%d", path, i) : xstrdup(path);
        struct stat status;
        if (stat(name, &status) < 0)
            continue;
        count++;
        if (status.st_size > *ret_largest)
            *ret_largest = status.st_size;
    }
    return count;
}

static void a_log_is_bounded(void **state)
{
    (void)state;
    off_t largest = 0;
    struct log_store *log = open_small_log(1000, 3);
    for (uint64_t i = 1; i < 5000; i += 100)
        append_many(log, i, i + 99);
    assert_int_equal(count_files(&largest), 3);
    assert_in_range(largest, 800, 1000);
    struct log_limits limits = {.max_bytes = 10, .max_files = 1, .kept = true};
    log_store_set_limits(log, &limits); /* less than a line: one line a file */
    append_many(log, 5001, 5010);
    largest = 0;
    assert_int_equal(count_files(&largest), 1);
    assert_in_range(largest, 40, 80);
    log_store_free(log);
}

/* The file before it is looked at where the current one was just begun. */
static void the_last_sequence_survives_a_rotation(void **state)
{
    (void)state;
    struct log_store *log = open_small_log(1000, 3);
    append_many(log, 1, 100);
    log_store_free(log);
    assert_int_equal(truncate(path, 0), 0);
    log = open_log(1);
    uint64_t last = log_store_last_sequence(log);
    assert_in_range(last, 80, 100);
    log_store_free(log);
    unlink(path); /* between the two steps of a rotation */
    log = open_log(1);
    assert_int_equal(log_store_last_sequence(log), last);
    log_store_free(log);
}

static void what_a_full_disk_lost_is_told_of(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct log_store *log = open_small_log(1000, 3);
    append_many(log, 1, 2);
    _cleanup_free_ char *blocker = xasprintf("%s.1", path);
    log_store_close(log);
    assert_ok(log_store_open(log, 1, &err), &err);
    assert_int_equal(mkdir(blocker, 0700), 0); /* rename() cannot replace it */
    for (uint64_t i = 3; i <= 30; i++) {
        struct log_record record = {
            .time_ns = 1, .stream = EXEC_STDOUT, .text = "lost", .length = 4};
        log_store_append(log, i, &record, 0);
    }
    assert_true(log_store_flush(log, &err) < 0);
    assert_int_equal(rmdir(blocker), 0);
    append_many(log, 31, 31);
    log_store_free(log);
    _cleanup_free_ char *text = content();
    assert_non_null(strstr(text, "[vmstead: 28 records were lost here"));
}

/* --- readers -------------------------------------------------------------------------------- */

struct audience {
    struct strbuf heard; /* texts, each with "/" behind it, "+" where the line goes on */
    int room;            /* pauses when it is used up; -1: endless */
    int ends;
    struct log_reader *reader;
    bool leaves; /* frees the reader from within the first record */
};

static bool on_record(void *userdata, const struct log_record *record)
{
    struct audience *audience = userdata;
    strbuf_add(&audience->heard, record->text, record->length);
    strbuf_add_char(&audience->heard, record->partial ? '+' : '/');
    if (audience->leaves) {
        log_reader_free(TAKE_PTR(audience->reader));
        return false;
    }
    return audience->room < 0 || --audience->room > 0;
}

static void on_end(void *userdata, const struct error *err)
{
    struct audience *audience = userdata;
    assert_null(err);
    audience->ends++;
}

static void open_reader(struct log_store *log, int64_t tail, bool follow, struct audience *audience)
{
    _cleanup_error_ struct error err = {0};
    struct log_query query = {.tail = tail, .follow = follow};
    assert_ok(log_reader_new(log, &query, 0, on_record, on_end, audience, &audience->reader, &err),
              &err);
    assert_int_equal(audience->heard.length, 0);
}

static void run(void)
{
    for (int i = 0; i < 20; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static void check_tail(int64_t tail, const char *expected)
{
    struct log_store *log = log_store_new(&loop, path);
    struct audience audience = {.room = -1};
    open_reader(log, tail, false, &audience);
    run();
    assert_string_equal(strbuf_text(&audience.heard), expected);
    assert_int_equal(audience.ends, 1);
    log_reader_free(audience.reader);
    log_store_free(log);
    strbuf_done(&audience.heard);
}

static void the_tail_counts_lines_not_pieces(void **state)
{
    (void)state;
    check_tail(5, "");
    struct log_store *log = open_log(1);
    append(log, 1, "a", false);
    append(log, 3, "b1", true);
    append(log, 5, "b2", false);
    append(log, 7, "c", false);
    log_store_free(log);
    check_tail(-1, "a/b1+b2/c/");
    check_tail(0, "");
    check_tail(1, "c/");
    check_tail(2, "b1+b2/c/");
    check_tail(3, "a/b1+b2/c/");
    check_tail(100, "a/b1+b2/c/");
}

static void the_tail_of_a_long_log(void **state)
{
    (void)state;
    struct log_store *log = open_log(1);
    _cleanup_free_ char *wide = xmalloc(3001);
    memset(wide, 'w', 3000);
    wide[3000] = '\0';
    for (uint64_t i = 1; i <= 300; i++)
        append(log, i, wide, false);
    append(log, 301, "last", false);
    struct audience audience = {.room = -1};
    open_reader(log, 101, false, &audience);
    run();
    assert_int_equal(audience.heard.length, 100 * 3001 + 5);
    log_reader_free(audience.reader);
    log_store_free(log);
    strbuf_done(&audience.heard);
}

static void a_follower_hears_what_comes_and_over_restarts(void **state)
{
    (void)state;
    struct log_store *log = log_store_new(&loop, path);
    struct audience audience = {.room = -1};
    open_reader(log, -1, true, &audience); /* before the first start: there is no file */
    run();
    _cleanup_error_ struct error err = {0};
    assert_ok(log_store_open(log, 1, &err), &err);
    append(log, 1, "a", false);
    run();
    assert_string_equal(strbuf_text(&audience.heard), "a/");
    log_store_close(log);
    assert_ok(log_store_open(log, 2, &err), &err);
    append(log, 1, "b", false);
    run();
    assert_string_equal(strbuf_text(&audience.heard), "a/b/");
    assert_int_equal(audience.ends, 0);
    append(log, 2, "c", false);
    log_store_free(log); /* the instance is removed */
    run();
    assert_string_equal(strbuf_text(&audience.heard), "a/b/c/");
    assert_int_equal(audience.ends, 1);
    log_reader_free(audience.reader);
    strbuf_done(&audience.heard);
}

static void a_paused_reader_loses_nothing(void **state)
{
    (void)state;
    struct log_store *log = open_log(1);
    append(log, 1, "a", false);
    append(log, 2, "b", false);
    struct audience audience = {.room = 1};
    open_reader(log, -1, true, &audience);
    run();
    assert_string_equal(strbuf_text(&audience.heard), "a/");
    append(log, 3, "c", false);
    run();
    assert_string_equal(strbuf_text(&audience.heard), "a/");
    audience.room = -1;
    log_reader_resume(audience.reader);
    run();
    assert_string_equal(strbuf_text(&audience.heard), "a/b/c/");
    log_reader_free(audience.reader);
    log_store_free(log);
    strbuf_done(&audience.heard);
}

static void a_reader_may_leave_from_within(void **state)
{
    (void)state;
    struct log_store *log = open_log(1);
    append(log, 1, "a", false);
    append(log, 2, "b", false);
    struct audience audience = {.leaves = true};
    open_reader(log, -1, true, &audience);
    run();
    append(log, 3, "c", false);
    run();
    assert_string_equal(strbuf_text(&audience.heard), "a/");
    assert_int_equal(audience.ends, 0);
    log_store_free(log);
    strbuf_done(&audience.heard);
}

static void expect_numbers(const struct audience *audience, uint64_t from, uint64_t to)
{
    struct strbuf expected = {0};
    for (uint64_t i = from; i <= to; i++)
        strbuf_addf(&expected, "%llu/", (unsigned long long)i);
    assert_string_equal(strbuf_text(&audience->heard), strbuf_text(&expected));
    strbuf_done(&expected);
}

static void a_follower_goes_on_over_rotations(void **state)
{
    (void)state;
    struct log_store *log = open_small_log(1000, 4);
    struct audience audience = {.room = -1};
    append_many(log, 1, 20);
    open_reader(log, -1, true, &audience);
    run();
    for (uint64_t i = 21; i < 400; i += 10) {
        append_many(log, i, i + 9);
        for (int round = 0; round < 5; round++)
            run();
    }
    expect_numbers(&audience, 1, 400);
    log_reader_free(audience.reader);
    log_store_free(log);
    strbuf_done(&audience.heard);
}

/* It misses what is no more, and gets what is. */
static void a_reader_that_is_too_slow_goes_on_with_what_is_left(void **state)
{
    (void)state;
    struct log_store *log = open_small_log(1000, 2);
    struct audience audience = {.room = 1};
    append_many(log, 1, 5);
    open_reader(log, -1, true, &audience);
    run();
    append_many(log, 6, 500);
    audience.room = -1;
    log_reader_resume(audience.reader);
    for (int round = 0; round < 5; round++)
        run();
    const char *heard = strbuf_text(&audience.heard);
    assert_ptr_equal(strstr(heard, "1/2/3/4/5/"), heard);
    assert_true(str_ends_with(heard, "498/499/500/"));
    assert_null(strstr(heard, "/300/"));
    log_reader_free(audience.reader);
    log_store_free(log);
    strbuf_done(&audience.heard);
}

static void the_tail_goes_back_over_files(void **state)
{
    (void)state;
    struct log_store *log = open_small_log(1000, 9);
    append_many(log, 1, 99);
    for (int64_t tail = 0; tail < 99; tail += 7) {
        struct audience audience = {.room = -1};
        open_reader(log, tail, false, &audience);
        for (int round = 0; round < 3; round++)
            run();
        expect_numbers(&audience, (uint64_t)(100 - tail), 99);
        assert_int_equal(audience.ends, 1);
        log_reader_free(audience.reader);
        strbuf_done(&audience.heard);
    }
    log_store_free(log);
}

static void records_are_chosen_by_time(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct log_store *log = open_small_log(1000, 9);
    append_many(log, 1, 99);
    struct audience audience = {.room = -1};
    struct log_query query = {
        .tail = -1, .since_ns = 1700000040000000000, .until_ns = 1700000060000000000};
    assert_ok(log_reader_new(log, &query, 0, on_record, on_end, &audience, &audience.reader, &err),
              &err);
    run();
    expect_numbers(&audience, 40, 59);
    assert_int_equal(audience.ends, 1);
    log_reader_free(audience.reader);
    strbuf_done(&audience.heard);
    /* A follower up to a time that has passed ends by itself. */
    audience = (struct audience){.room = -1};
    query.follow = true;
    assert_ok(log_reader_new(log, &query, 0, on_record, on_end, &audience, &audience.reader, &err),
              &err);
    for (int round = 0; round < 3; round++)
        run();
    expect_numbers(&audience, 40, 59);
    assert_int_equal(audience.ends, 1);
    log_reader_free(audience.reader);
    strbuf_done(&audience.heard);
    log_store_free(log);
}

static void only_one_boot_where_that_is_asked_for(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct log_store *log = open_log(1);
    append(log, 1, "old", false);
    log_store_close(log);
    assert_ok(log_store_open(log, 2, &err), &err);
    append(log, 1, "new", false);
    struct audience audience = {.room = -1};
    struct log_query query = {.tail = -1};
    assert_ok(log_reader_new(log, &query, 2, on_record, on_end, &audience, &audience.reader, &err),
              &err);
    run();
    assert_string_equal(strbuf_text(&audience.heard), "new/");
    log_reader_free(audience.reader);
    log_store_free(log);
    strbuf_done(&audience.heard);
}

static void what_is_not_kept_reaches_followers_only(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *logging = cJSON_CreateObject();
    json_set_string(logging, "driver", "none");
    struct log_limits limits = log_limits_read(logging);
    struct log_store *log = open_log(1);
    log_store_set_limits(log, &limits);
    assert_false(log_store_is_kept(log));
    struct audience audience = {.room = -1};
    open_reader(log, -1, true, &audience);
    append_many(log, 1, 10);
    log_store_close(log);
    run();
    expect_numbers(&audience, 1, 10);
    log_reader_free(audience.reader);
    log_store_free(log);
    strbuf_done(&audience.heard);
    off_t largest = 0;
    assert_int_equal(count_files(&largest), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(lines_are_in_the_cri_format),
        TEST(a_line_survives_the_round_trip),
        TEST(other_lines_are_refused),
        TEST(the_last_sequence_is_found_again),
        TEST(a_stored_record_is_not_stored_twice),
        TEST(a_torn_last_line_is_cut_off),
        TEST(a_file_of_one_torn_line_becomes_empty),
        TEST(lost_records_are_told_of),
        TEST(a_log_is_bounded),
        TEST(the_last_sequence_survives_a_rotation),
        TEST(what_a_full_disk_lost_is_told_of),
        TEST(a_follower_goes_on_over_rotations),
        TEST(a_reader_that_is_too_slow_goes_on_with_what_is_left),
        TEST(the_tail_goes_back_over_files),
        TEST(records_are_chosen_by_time),
        TEST(only_one_boot_where_that_is_asked_for),
        TEST(what_is_not_kept_reaches_followers_only),
        TEST(the_tail_counts_lines_not_pieces),
        TEST(the_tail_of_a_long_log),
        TEST(a_follower_hears_what_comes_and_over_restarts),
        TEST(a_paused_reader_loses_nothing),
        TEST(a_reader_may_leave_from_within),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
