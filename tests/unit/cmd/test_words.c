/* Small parsers of what is typed: --entrypoint, --detach-keys. */
#include "cmd/attach_stream.h"
#include "cmd/shell_words.h"

#include "../unit.h"

#include "base/str.h"

#include <errno.h>

static void assert_words(const char *text, const char *joined)
{
    _cleanup_strv_ char **words = NULL;
    assert_int_equal(shell_words_split(text, &words, NULL), 0);
    _cleanup_free_ char *result = strv_join(words, "|");
    assert_string_equal(result, joined);
}

static void words_are_split_as_by_a_shell(void **state)
{
    (void)state;
    assert_words("sh -c 'echo a b'", "sh|-c|echo a b");
    assert_words("  a\\ b \"c 'd' \\\" e\"f  ", "a b|c 'd' \" ef");
    assert_words("'a\\b'", "a\\b");
    assert_words("run ''", "run|");
    assert_words("", "");
}

static void an_open_quote_is_refused(void **state)
{
    (void)state;
    _cleanup_strv_ char **words = NULL;
    assert_int_equal(shell_words_split("sh -c 'x", &words, NULL), -EINVAL);
    assert_null(words);
}

static void detach_keys_are_control_letters(void **state)
{
    (void)state;
    _cleanup_free_ char *keys = NULL, *single = NULL, *wrong = NULL;
    assert_int_equal(attach_parse_keys("ctrl-p,ctrl-q", &keys, NULL), 0);
    assert_string_equal(keys, "\x10\x11");
    assert_int_equal(attach_parse_keys("ctrl-],x", &single, NULL), 0);
    assert_string_equal(single, "\x1dx");
    assert_int_equal(attach_parse_keys("alt-p", &wrong, NULL), -EINVAL);
    assert_int_equal(attach_parse_keys("ctrl-p,,x", &wrong, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_as_by_a_shell),
        cmocka_unit_test(an_open_quote_is_refused),
        cmocka_unit_test(detach_keys_are_control_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
