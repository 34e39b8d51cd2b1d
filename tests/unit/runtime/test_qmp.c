#include "runtime/qmp.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

/* --- the parser ----------------------------------------------------------------------------- */

static void count_message(void *userdata, const cJSON *message)
{
    (void)message;
    ++*(int *)userdata;
}

static void messages_come_whole_however_they_are_cut(void **state)
{
    (void)state;
    static const char text[] = "{\"QMP\":{}}\r\n\r\n{\"event\":\"SHUTDOWN\"}\r\n{\"return\":{}}\n";
    for (size_t step = 1; step < sizeof(text); step++) {
        int count = 0;
        _cleanup_error_ struct error err = {0};
        struct qmp_parser *parser = qmp_parser_new(count_message, &count);
        for (size_t i = 0; i < sizeof(text) - 1; i += step) {
            size_t rest = sizeof(text) - 1 - i;
            assert_ok(qmp_parser_feed(parser, text + i, rest < step ? rest : step, &err), &err);
        }
        assert_int_equal(count, 3);
        qmp_parser_free(parser);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"hello\n",    "[1]\n",        "{\"a\":\n",    "{} {}\n",
                                        "\"text\"\n", "\xff\xfe{}\n", "{\"a\":1}}\n", "nul\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int count = 0;
        _cleanup_error_ struct error err = {0};
        struct qmp_parser *parser = qmp_parser_new(count_message, &count);
        assert_int_equal(qmp_parser_feed(parser, texts[i], strlen(texts[i]), &err), -EPROTO);
        assert_int_equal(count, 0);
        qmp_parser_free(parser);
    }
}

static void an_endless_line_is_refused(void **state)
{
    (void)state;
    int count = 0, r = 0;
    _cleanup_error_ struct error err = {0};
    struct qmp_parser *parser = qmp_parser_new(count_message, &count);
    char block[65536];
    memset(block, '[', sizeof(block));
    size_t fed = 0;
    for (; r == 0 && fed < 4 * QMP_LINE_LIMIT; fed += sizeof(block))
        r = qmp_parser_feed(parser, block, sizeof(block), &err);
    assert_int_equal(r, -EPROTO);
    assert_true(fed <= QMP_LINE_LIMIT + sizeof(block));
    qmp_parser_free(parser);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    int count = 0;
    _cleanup_error_ struct error err = {0};
    struct qmp_parser *parser = qmp_parser_new(count_message, &count);
    struct strbuf text = {0};
    for (int i = 0; i < 100000; i++)
        strbuf_add_str(&text, "{\"a\":");
    strbuf_add_char(&text, '\n');
    assert_int_equal(qmp_parser_feed(parser, text.data, text.length, &err), -EPROTO);
    strbuf_done(&text);
    qmp_parser_free(parser);
}

/* --- the connection, against a monitor that says what the test wants ------------------------- */

struct monitor {
    uv_loop_t loop;
    uv_pipe_t server, peer;
    char path[108];
    char room[4096];
    struct strbuf heard;
    bool mute;
    int ready, closed, replies;
    struct error closed_because;
    char last_error[128];
    struct qmp *qmp;
};

static void on_peer_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct monitor *monitor = handle->data;
    *buffer = uv_buf_init(monitor->room, sizeof(monitor->room));
}

static void say(struct monitor *monitor, const char *text)
{
    uv_buf_t buffer = uv_buf_init((char *)text, (unsigned)strlen(text));
    assert_int_equal(uv_try_write((uv_stream_t *)&monitor->peer, &buffer, 1), (int)buffer.len);
}

static void on_peer_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct monitor *monitor = stream->data;
    if (count <= 0)
        return;
    strbuf_add(&monitor->heard, buffer->base, (size_t)count);
    if (strstr(buffer->base, "qmp_capabilities"))
        say(monitor, "{\"return\":{},\"id\":0}\n");
    if (strstr(strbuf_text(&monitor->heard), "\"execute\":\"quit\""))
        say(monitor, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"not now\"},\"id\":1}\n");
}

static void on_peer(uv_stream_t *server, int status)
{
    struct monitor *monitor = server->data;
    assert_int_equal(status, 0);
    uv_pipe_init(&monitor->loop, &monitor->peer, 0);
    monitor->peer.data = monitor;
    assert_int_equal(uv_accept(server, (uv_stream_t *)&monitor->peer), 0);
    uv_read_start((uv_stream_t *)&monitor->peer, on_peer_room, on_peer_read);
    say(monitor, monitor->mute ? "garbage\n" : "{\"QMP\":{\"version\":{}}}\r\n");
}

static void on_ready(void *userdata)
{
    ((struct monitor *)userdata)->ready++;
}

static void on_closed(void *userdata, const struct error *err)
{
    struct monitor *monitor = userdata;
    monitor->closed++;
    error_copy(&monitor->closed_because, err);
    uv_stop(&monitor->loop);
}

static void on_reply(void *userdata, const cJSON *result, const struct error *err)
{
    struct monitor *monitor = userdata;
    assert_null(result);
    monitor->replies++;
    snprintf(monitor->last_error, sizeof(monitor->last_error), "%s", error_text(err));
    uv_stop(&monitor->loop);
}

static void open_monitor(struct monitor *monitor)
{
    static const struct qmp_callbacks callbacks = {on_ready, NULL, on_closed};
    _cleanup_error_ struct error err = {0};
    uv_loop_init(&monitor->loop);
    snprintf(monitor->path, sizeof(monitor->path), "qmp-%d.sock", getpid());
    unlink(monitor->path);
    uv_pipe_init(&monitor->loop, &monitor->server, 0);
    monitor->server.data = monitor;
    assert_int_equal(uv_pipe_bind(&monitor->server, monitor->path), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&monitor->server, 1, on_peer), 0);
    assert_ok(qmp_new(&monitor->loop, monitor->path, &callbacks, monitor, &monitor->qmp, &err),
              &err);
}

static void close_monitor(struct monitor *monitor)
{
    qmp_free(monitor->qmp);
    uv_close((uv_handle_t *)&monitor->peer, NULL);
    uv_close((uv_handle_t *)&monitor->server, NULL);
    uv_run(&monitor->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&monitor->loop), 0);
    strbuf_done(&monitor->heard);
    error_done(&monitor->closed_because);
    unlink(monitor->path);
}

static void a_command_given_early_goes_out_once_ready(void **state)
{
    (void)state;
    struct monitor monitor = {0};
    open_monitor(&monitor);
    qmp_execute(monitor.qmp, "quit", NULL, on_reply, &monitor);
    uv_run(&monitor.loop, UV_RUN_DEFAULT);
    assert_int_equal(monitor.ready, 1);
    assert_int_equal(monitor.replies, 1);
    assert_non_null(strstr(monitor.last_error, "not now"));
    close_monitor(&monitor);
}

static void garbage_closes_the_connection_once(void **state)
{
    (void)state;
    struct monitor monitor = {.mute = true};
    open_monitor(&monitor);
    uv_run(&monitor.loop, UV_RUN_DEFAULT);
    assert_int_equal(monitor.closed, 1);
    assert_int_equal(monitor.closed_because.code, EPROTO);
    close_monitor(&monitor);
    assert_int_equal(monitor.closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_whole_however_they_are_cut),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(an_endless_line_is_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_command_given_early_goes_out_once_ready),
        cmocka_unit_test(garbage_closes_the_connection_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
