#include "cmd/log_merge.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/str.h"

static void push(struct log_merge *merge, size_t source, const char *time)
{
    log_merge_push(
        merge, (struct log_line){
                   .time = xstrdup(time), .text = xstrdup("text"), .length = 4, .source = source});
}

/* The times that can be taken now, joined. */
static void assert_taken(struct log_merge *merge, bool force, const char *expected)
{
    _cleanup_strbuf_ struct strbuf times = {0};
    struct log_line line;
    while (log_merge_take(merge, force, &line)) {
        strbuf_add_str(&times, line.time);
        log_line_done(&line);
    }
    assert_string_equal(strbuf_text(&times), expected);
}

static void a_line_waits_for_the_others(void **state)
{
    (void)state;
    struct log_merge *merge = log_merge_new();
    size_t a = log_merge_add_source(merge), b = log_merge_add_source(merge);
    push(merge, a, "1");
    push(merge, a, "4");
    assert_taken(merge, false, "");
    push(merge, b, "2");
    push(merge, b, "3");
    assert_taken(merge, false, "123");
    assert_int_equal(log_merge_waiting(merge, a), 1);
    push(merge, b, "5");
    assert_taken(merge, false, "4");
    log_merge_end_source(merge, a);
    assert_taken(merge, false, "5");
    log_merge_end_source(merge, b);
    assert_taken(merge, false, "");
    log_merge_free(merge);
}

static void following_gives_what_is_there(void **state)
{
    (void)state;
    struct log_merge *merge = log_merge_new();
    size_t a = log_merge_add_source(merge), b = log_merge_add_source(merge);
    (void)b;
    push(merge, a, "3");
    assert_taken(merge, true, "3");
    push(merge, b, "2");
    push(merge, a, "1");
    assert_taken(merge, true, "12");
    push(merge, a, "9"); /* freed with the merge */
    log_merge_free(merge);
}

static void equal_times_keep_their_source_order(void **state)
{
    (void)state;
    struct log_merge *merge = log_merge_new();
    size_t a = log_merge_add_source(merge);
    log_merge_push(merge, (struct log_line){xstrdup("1"), xstrdup("x"), 1, false, a});
    log_merge_push(merge, (struct log_line){xstrdup("1"), xstrdup("y"), 1, true, a});
    struct log_line line;
    assert_true(log_merge_take(merge, true, &line));
    assert_string_equal(line.text, "x");
    log_line_done(&line);
    assert_true(log_merge_take(merge, true, &line));
    assert_true(line.is_stderr);
    log_line_done(&line);
    log_merge_free(merge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_waits_for_the_others),
        cmocka_unit_test(following_gives_what_is_there),
        cmocka_unit_test(equal_times_keep_their_source_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
