/* Answers of the daemon as they may arrive: in any pieces, well-formed or not. */
#include "cmd/http.h"

#include "../unit.h"

#include "base/vec.h"

#include <errno.h>

struct answer {
    struct http_reader reader;
    struct strbuf body;
    struct error err;
    int r;
};

static void on_body(void *userdata, const char *data, size_t length)
{
    strbuf_add(userdata, data, length);
}

static struct answer read_pieces(const char *text, size_t piece)
{
    struct answer answer = {0};
    size_t length = strlen(text);
    for (size_t at = 0; at < length && answer.r == 0; at += piece)
        answer.r =
            http_reader_feed(&answer.reader, text + at, length - at < piece ? length - at : piece,
                             on_body, &answer.body, &answer.err);
    return answer;
}

static void done(struct answer *answer)
{
    http_reader_done(&answer->reader);
    strbuf_done(&answer->body);
    error_done(&answer->err);
}

/* In every size of piece the same. */
static void assert_answer(const char *text, int status, enum http_phase phase, const char *body)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct answer answer = read_pieces(text, piece);
        assert_int_equal(answer.r, 0);
        assert_int_equal(answer.reader.status, status);
        assert_int_equal(answer.reader.phase, phase);
        assert_string_equal(strbuf_text(&answer.body), body);
        done(&answer);
    }
}

static void bodies_end_in_three_ways(void **state)
{
    (void)state;
    assert_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloEXTRA", 200, HTTP_DONE,
                  "hello");
    assert_answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                  "5\r\nhello\r\nB;x=y\r\n, the world\r\n0\r\nTrailer: x\r\n\r\n",
                  200, HTTP_DONE, "hello, the world");
    assert_answer("HTTP/1.0 404 Not Found\r\n\r\nno such thing", 404, HTTP_BODY_CLOSE,
                  "no such thing");
    assert_answer("HTTP/1.1 204 No Content\r\n\r\n", 204, HTTP_DONE, "");
    assert_answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, HTTP_DONE, "");
}

static void an_upgrade_is_a_stream(void **state)
{
    (void)state;
    assert_answer("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw\r\n\r\n",
                  101, HTTP_UPGRADED, "raw\r\n\r\n");
    assert_answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                  200, HTTP_DONE, "ok");
}

static void assert_refused(const char *text)
{
    struct answer answer = read_pieces(text, strlen(text));
    assert_int_equal(answer.r, -EPROTO);
    assert_non_null(answer.err.message);
    done(&answer);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    assert_refused("SSH-2.0-OpenSSH_9.2\r\n");
    assert_refused("HTTP/1.1 2x0 OK\r\n\r\n");
    assert_refused("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n");
    assert_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    assert_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n");
    char *line = xcalloc(20000, 1);
    memset(line, 'a', 19999);
    assert_refused(line);
    free(line);
}

static void an_answer_that_stops_is_noticed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct answer answer = read_pieces(texts[i], 7);
        assert_int_equal(answer.r, 0);
        assert_int_equal(http_reader_finish(&answer.reader, &answer.err), -ECONNRESET);
        done(&answer);
    }
}

static void requests_are_complete(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf out = {0};
    struct http_request request = {
        .method = "POST", .path = "/x", .body = "{}", .headers = "A: b\r\n", .upgrade = true};
    http_print_request(&request, &out);
    assert_string_equal(strbuf_text(&out),
                        "POST /x HTTP/1.1\r\nHost: vmstead\r\nConnection: Upgrade\r\n"
                        "Upgrade: tcp\r\nA: b\r\nContent-Type: application/json\r\n"
                        "Content-Length: 2\r\n\r\n{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_end_in_three_ways),
        cmocka_unit_test(an_upgrade_is_a_stream),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(an_answer_that_stops_is_noticed),
        cmocka_unit_test(requests_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
