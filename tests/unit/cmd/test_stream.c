#include "cmd/stream.h"

#include "../unit.h"

#include <errno.h>

static void on_line(void *userdata, char *line, size_t length)
{
    assert_int_equal(strlen(line), length);
    strbuf_addf(userdata, "[%s]", line);
}

static void lines_are_found_in_any_pieces(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":1}\n\n{\"b\":2}\npartial";
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        _cleanup_strbuf_ struct strbuf pending = {0}, lines = {0};
        for (size_t at = 0; at < strlen(text); at += piece) {
            size_t length = strlen(text) - at < piece ? strlen(text) - at : piece;
            assert_int_equal(stream_feed_lines(&pending, text + at, length, on_line, &lines, NULL),
                             0);
        }
        assert_string_equal(strbuf_text(&lines), "[{\"a\":1}][][{\"b\":2}]");
        assert_string_equal(strbuf_text(&pending), "partial");
    }
}

static void on_frame(void *userdata, unsigned type, const char *payload, size_t length)
{
    strbuf_addf(userdata, "%u:%.*s;", type, (int)length, payload);
}

static void frames_are_found_in_any_pieces(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf text = {0};
    stream_add_frame(&text, STREAM_STDOUT, "out", 3);
    stream_add_frame(&text, STREAM_STDIN, "", 0);
    stream_add_frame(&text, STREAM_END, "{\"ExitCode\":0}", 14);
    assert_memory_equal(text.data, "\1\0\0\0\0\0\0\3out", 11);
    for (size_t piece = 1; piece <= text.length; piece++) {
        _cleanup_strbuf_ struct strbuf pending = {0}, frames = {0};
        for (size_t at = 0; at < text.length; at += piece) {
            size_t length = text.length - at < piece ? text.length - at : piece;
            assert_int_equal(
                stream_feed_frames(&pending, text.data + at, length, on_frame, &frames, NULL), 0);
        }
        assert_string_equal(strbuf_text(&frames), "1:out;0:;3:{\"ExitCode\":0};");
    }
}

static void a_frame_has_a_limit(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf pending = {0}, frames = {0};
    _cleanup_error_ struct error err = {0};
    static const char header[STREAM_HEADER_SIZE] = {1, 0, 0, 0, 0x7f, 0, 0, 0};
    assert_int_equal(stream_feed_frames(&pending, header, sizeof(header), on_frame, &frames, &err),
                     -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_found_in_any_pieces),
        cmocka_unit_test(frames_are_found_in_any_pieces),
        cmocka_unit_test(a_frame_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
