/* exec over the API's socket, with a fake process below: Docker's two requests and our one, flow in
 * both directions, every way to end. */
#include "api_stage.h"
#include "base/alloc.h"
#include "base/fs.h"
#include "base/vec.h"
#include "orchestrator/frame.h"
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#define UPGRADE "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n"

/* --- helpers ---------------------------------------------------------------------------------- */

/* A tunnel to our exec; what came behind the 101 stays in answer->body. */
static int open_exec(const char *argv, bool with_stdin, struct answer *answer)
{
    _cleanup_free_ char *body =
        xasprintf("{\"container\":\"shop-web-1\",\"argv\":[%s],\"stdin\":%s}", argv,
                  with_stdin ? "true" : "false");
    int fd = client_connect(path);
    client_send(fd, "POST", "/vmstead/exec", UPGRADE, body);
    client_read_head(fd, answer);
    if (answer->status != 101)
        fail_msg("%s%s", answer->head.data, strbuf_text(&answer->body));
    return fd;
}

static void send_frame(int fd, unsigned type, const void *data, size_t length)
{
    unsigned char header[FRAME_HEADER_SIZE];
    frame_write_header(header, type, length);
    assert_int_equal(fs_write_all(fd, header, sizeof(header)), 0);
    assert_int_equal(fs_write_all(fd, data, length), 0);
}

/* The payload's type; -1 at the end of the stream. */
static int read_frame(int fd, struct answer *answer, struct strbuf *payload)
{
    unsigned char header[FRAME_HEADER_SIZE];
    struct frame_header frame;
    strbuf_clear(payload);
    if (!client_read_exactly(fd, answer, header, sizeof(header)))
        return -1;
    assert_true(frame_read_header(header, &frame));
    if (!client_read_exactly(fd, answer, strbuf_reserve(payload, frame.length + 1), frame.length))
        return -1;
    payload->length = frame.length;
    payload->data[payload->length] = '\0';
    return (int)frame.type;
}

static void check_end(int fd, struct answer *answer, const char *wanted)
{
    _cleanup_strbuf_ struct strbuf payload = {0};
    assert_int_equal(read_frame(fd, answer, &payload), FRAME_END);
    assert_string_equal(payload.data, wanted);
    assert_int_equal(read_frame(fd, answer, &payload), -1);
}

static void check_refusal(const char *target, const char *headers, const char *body, int status,
                          const char *message)
{
    struct answer answer = {0};
    client_ask(path, "POST", target, headers, body, &answer);
    assert_int_equal(answer.status, status);
    _cleanup_json_ cJSON *value = cJSON_Parse(answer.body.data);
    assert_string_equal(json_string(value, "message", "(none)"), message);
    answer_done(&answer);
}

/* --- ours ------------------------------------------------------------------------------------- */

static void test_exit_code(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_close_ int fd = open_exec("\"exit\",\"42\"", false, &answer);
    assert_non_null(strcasestr(answer.head.data, "\r\nUpgrade: tcp\r\n"));
    assert_non_null(strcasestr(answer.head.data, "\r\nConnection: Upgrade\r\n"));
    check_end(fd, &answer, "{\"ExitCode\":42}");
    answer_done(&answer);
}

static void test_lost_vm(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_close_ int fd = open_exec("\"lost\"", false, &answer);
    check_end(fd, &answer, "{\"error\":\"the VM is gone\",\"code\":104}");
    answer_done(&answer);
}

static void test_stdin_comes_back(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_strbuf_ struct strbuf payload = {0};
    _cleanup_close_ int fd = open_exec("\"cat\"", true, &answer);
    send_frame(fd, FRAME_STDIN, "hello", 5);
    assert_int_equal(read_frame(fd, &answer, &payload), FRAME_STDOUT);
    assert_string_equal(payload.data, "hello");
    send_frame(fd, FRAME_STDIN, "world", 5);
    assert_int_equal(read_frame(fd, &answer, &payload), FRAME_STDERR);
    assert_string_equal(payload.data, "world");
    send_frame(fd, FRAME_STDIN, "", 0);
    check_end(fd, &answer, "{\"ExitCode\":0}");
    assert_int_equal(fakes.stdin_closed, 1);
    answer_done(&answer);
}

/* Without a frame of length 0: the client shuts its side down. */
static void test_half_close_is_end_of_file(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_strbuf_ struct strbuf payload = {0};
    _cleanup_close_ int fd = open_exec("\"cat\"", true, &answer);
    send_frame(fd, FRAME_STDIN, "bye", 3);
    shutdown(fd, SHUT_WR);
    assert_int_equal(read_frame(fd, &answer, &payload), FRAME_STDOUT);
    check_end(fd, &answer, "{\"ExitCode\":0}");
    answer_done(&answer);
}

static void test_resize_and_signal(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_strbuf_ struct strbuf payload = {0};
    _cleanup_close_ int fd = open_exec("\"size\"", false, &answer);
    const char *resize = "{\"resize\":[50,132]}";
    send_frame(fd, FRAME_CONTROL, resize, strlen(resize));
    assert_int_equal(read_frame(fd, &answer, &payload), FRAME_STDOUT);
    assert_string_equal(payload.data, "50 132");
    answer_done(&answer);
    static const struct {
        const char *message, *end;
    } cases[] = {
        {"{\"signal\":\"INT\"}", "{\"ExitCode\":130}"},
        {"{\"signal\":\"SIGTERM\"}", "{\"ExitCode\":143}"},
        {"{\"signal\":9}", "{\"ExitCode\":137}"},
        {"{\"signal\":\"1\"}", "{\"ExitCode\":129}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_close_ int sleeper = open_exec("\"sleep\"", false, &answer);
        send_frame(sleeper, FRAME_CONTROL, cases[i].message, strlen(cases[i].message));
        check_end(sleeper, &answer, cases[i].end);
        answer_done(&answer);
    }
}

static void test_broken_frames(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {"\1\0\0\0\0\0\0\1x", 9},                      /* stdout from the client */
        {"\0\1\0\0\0\0\0\1x", 9},                      /* padding is not zero */
        {"\0\0\0\0\0\1\0\1x", 9},                      /* 64 KiB and one byte */
        {"\4\0\0\0\0\0\0\2{]", 10},                    /* no JSON */
        {"\4\0\0\0\0\0\0\0", 8},                       /* nothing */
        {"\4\0\0\0\0\0\0\x10{\"signal\":\"NO\"}", 24}, /* no such signal */
        {"\4\0\0\0\0\0\0\x10{\"signal\":99999}", 24},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct answer answer = {0};
        _cleanup_strbuf_ struct strbuf payload = {0};
        _cleanup_close_ int fd = open_exec("\"sleep\"", true, &answer);
        assert_int_equal(fs_write_all(fd, cases[i].bytes, cases[i].length), 0);
        assert_int_equal(read_frame(fd, &answer, &payload), FRAME_END);
        assert_non_null(strstr(payload.data, "\"code\":71"));
        assert_int_equal(read_frame(fd, &answer, &payload), -1);
        assert_int_equal(fakes.exec_abandoned, (int)i + 1);
        answer_done(&answer);
    }
}

static void test_client_leaves(void **state)
{
    (void)state;
    struct answer answer = {0};
    int fd = open_exec("\"sleep\"", true, &answer);
    close(fd);
    fake_wait(&fakes.exec_abandoned, 1);
    answer_done(&answer);
    /* after a half-close, too */
    fd = open_exec("\"sleep\"", true, &answer);
    shutdown(fd, SHUT_WR);
    fake_wait(&fakes.stdin_closed, 1);
    poll(NULL, 0, 50);
    assert_int_equal(fakes.exec_abandoned, 1);
    close(fd);
    fake_wait(&fakes.exec_abandoned, 2);
    answer_done(&answer);
}

/* And with the queue towards it full. */
static void test_client_leaves_a_flood(void **state)
{
    (void)state;
    struct answer answer = {0};
    int fd = open_exec("\"flood\",\"100000000\"", false, &answer);
    poll(NULL, 0, 100);
    assert_true(fakes.exec_max_in_flight <= 256 << 10);
    close(fd);
    fake_wait(&fakes.exec_abandoned, 1);
    answer_done(&answer);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const page = "/vmstead/exec";
    check_refusal(page, "", "{\"container\":\"shop-web-1\",\"argv\":[\"true\"]}", 400,
                  "this request needs the headers 'Connection: Upgrade' and 'Upgrade: tcp'");
    check_refusal(page, UPGRADE, "{\"container\":\"shop-web-1\"}", 400,
                  "the request's body has no 'argv'");
    check_refusal(page, UPGRADE, "{\"argv\":[\"true\"]}", 400,
                  "name a 'container', or a 'project' and its 'service'");
    check_refusal(page, UPGRADE, "{\"container\":\"ghost\",\"argv\":[\"true\"]}", 404,
                  "no such container: ghost");
    check_refusal(page, UPGRADE, "{\"container\":\"shop-job-1\",\"argv\":[\"true\"]}", 409,
                  "container shop-job-1 is not running");
    check_refusal(page, UPGRADE, "{\"project\":\"shop\",\"service\":\"job\",\"argv\":[\"true\"]}",
                  409, "service \"job\" is not running");
    check_refusal(page, UPGRADE,
                  "{\"project\":\"shop\",\"service\":\"web\",\"argv\":[\"refused\"]}", 409,
                  "the instance does not run");
    assert_int_equal(fakes.exec_started, 0);
}

/* --- 50 MB through a process ------------------------------------------------------------------ */

enum { TOTAL = 50 << 20, BLOCK = 60000 };

static unsigned char byte_at(size_t offset)
{
    return (unsigned char)(offset * 31 + (offset >> 12));
}

static void *send_much(void *fd)
{
    static unsigned char block[BLOCK];
    for (size_t sent = 0; sent < TOTAL;) {
        size_t length = TOTAL - sent < BLOCK ? TOTAL - sent : BLOCK;
        for (size_t i = 0; i < length; i++)
            block[i] = byte_at(sent + i);
        send_frame(*(int *)fd, FRAME_STDIN, block, length);
        sent += length;
    }
    send_frame(*(int *)fd, FRAME_STDIN, "", 0);
    return NULL;
}

static void test_much_data(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_strbuf_ struct strbuf payload = {0};
    int fd = open_exec("\"cat\"", true, &answer);
    pthread_t sender;
    assert_int_equal(pthread_create(&sender, NULL, send_much, &fd), 0);
    size_t received = 0, wrong = 0;
    int type;
    while ((type = read_frame(fd, &answer, &payload)) == FRAME_STDOUT || type == FRAME_STDERR) {
        for (size_t i = 0; i < payload.length; i++)
            wrong += (unsigned char)payload.data[i] != byte_at(received + i);
        received += payload.length;
    }
    pthread_join(sender, NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(received, TOTAL);
    assert_int_equal(type, FRAME_END);
    assert_string_equal(payload.data, "{\"ExitCode\":0}");
    assert_true(fakes.exec_max_in_flight <= 256 << 10);
    close(fd);
    answer_done(&answer);
}

/* --- Docker's --------------------------------------------------------------------------------- */

static char *create_docker_exec(const char *body)
{
    _cleanup_json_ cJSON *answer =
        client_ask_json(path, "POST", "/v1.47/containers/shop-web-1/exec", body, 201);
    return xstrdup(json_string(answer, "Id", ""));
}

static int start_docker_exec(const char *id, struct answer *answer)
{
    _cleanup_free_ char *target = xasprintf("/v1.47/exec/%s/start", id);
    int fd = client_connect(path);
    client_send(fd, "POST", target, UPGRADE, "{\"Detach\":false,\"Tty\":false}");
    client_read_head(fd, answer);
    assert_int_equal(answer->status, 101);
    return fd;
}

static cJSON *inspect_docker_exec(const char *id)
{
    _cleanup_free_ char *target = xasprintf("/exec/%s/json", id);
    return client_ask_json(path, "GET", target, NULL, 200);
}

static void test_docker_frames(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_strbuf_ struct strbuf payload = {0};
    _cleanup_free_ char *id = create_docker_exec("{\"Cmd\":[\"cat\"],\"AttachStdin\":true}");
    _cleanup_json_ cJSON *before = inspect_docker_exec(id);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(before, "ExitCode")));
    _cleanup_close_ int fd = start_docker_exec(id, &answer);
    assert_int_equal(fs_write_all(fd, "raw bytes", 9), 0);
    assert_int_equal(read_frame(fd, &answer, &payload), FRAME_STDOUT);
    assert_string_equal(payload.data, "raw bytes");
    _cleanup_json_ cJSON *during = inspect_docker_exec(id);
    assert_true(json_bool(during, "Running", false));
    shutdown(fd, SHUT_WR);
    assert_int_equal(read_frame(fd, &answer, &payload), -1);
    _cleanup_json_ cJSON *after = inspect_docker_exec(id);
    assert_false(json_bool(after, "Running", true));
    assert_int_equal(json_int(after, "ExitCode", -1), 0);
    _cleanup_free_ char *target = xasprintf("/exec/%s/start", id);
    _cleanup_free_ char *message = xasprintf("exec %s has already run", id);
    check_refusal(target, UPGRADE, "{}", 409, message);
    answer_done(&answer);
}

static void test_docker_terminal(void **state)
{
    (void)state;
    struct answer answer = {0};
    char text[6] = "";
    _cleanup_free_ char *id = create_docker_exec("{\"Cmd\":[\"size\"],\"Tty\":true}");
    _cleanup_close_ int fd = start_docker_exec(id, &answer);
    _cleanup_free_ char *target = xasprintf("/exec/%s/resize?h=24&w=80", id);
    struct answer resized = {0};
    client_ask(path, "POST", target, "", "", &resized);
    assert_int_equal(resized.status, 201);
    assert_true(client_read_exactly(fd, &answer, text, 5));
    assert_string_equal(text, "24 80");
    assert_false(client_read_exactly(fd, &answer, text, 1));
    answer_done(&resized);
    answer_done(&answer);
}

/* Up to the text; what comes behind it stays in the answer. */
static void read_up_to(int fd, struct answer *answer, const char *text)
{
    _cleanup_strbuf_ struct strbuf seen = {0};
    while (!strstr(strbuf_text(&seen), text)) {
        char byte;
        assert_true(client_read_exactly(fd, answer, &byte, 1));
        strbuf_add_char(&seen, byte);
    }
}

static void test_exec_events(void **state)
{
    (void)state;
    struct answer events = {0}, answer = {0};
    _cleanup_close_ int listener = client_connect(path);
    client_send(listener, "GET", "/events", "", NULL);
    client_read_head(listener, &events);
    _cleanup_close_ int fd = client_connect(path);
    client_send(fd, "POST", "/vmstead/exec", UPGRADE,
                "{\"container\":\"shop-web-1\",\"argv\":[\"exit\",\"5\"]}");
    client_read_head(fd, &answer);
    read_up_to(listener, &events, "\"Action\":\"exec_create: exit 5\"");
    read_up_to(listener, &events, "\"Action\":\"exec_start: exit 5\"");
    read_up_to(listener, &events, "\"Action\":\"exec_die\"");
    read_up_to(listener, &events, "\"exitCode\":\"5\"");
    answer_done(&answer);
    answer_done(&events);
}

/* It runs as long as nobody knows better, and says nothing. */
static void test_docker_detached(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_free_ char *id = create_docker_exec("{\"Cmd\":[\"flood\",\"5000000\"]}");
    _cleanup_free_ char *target = xasprintf("/exec/%s/start", id);
    client_ask(path, "POST", target, "", "{\"Detach\":true}", &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    _cleanup_json_ cJSON *exec = inspect_docker_exec(id);
    assert_true(json_bool(exec, "Running", false));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(exec, "ExitCode")));
    client_ask(path, "POST", target, "", "{\"Detach\":true}", &answer);
    assert_int_equal(answer.status, 409);
    answer_done(&answer);
}

static void test_detached(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *made = client_ask_json(
        path, "POST", "/vmstead/exec",
        "{\"container\":\"shop-web-1\",\"argv\":[\"sleep\",\"9\"],\"detach\":true}", 200);
    _cleanup_json_ cJSON *exec = inspect_docker_exec(json_string(made, "Id", ""));
    assert_true(json_bool(exec, "Running", false));
    _cleanup_json_ cJSON *failed = client_ask_json(
        path, "POST", "/vmstead/exec",
        "{\"container\":\"shop-web-1\",\"argv\":[\"absent\"],\"detach\":true}", 400);
    assert_string_equal(json_string(failed, "message", ""), "absent: not found");
}

static void test_client_leaves_detached(void **state)
{
    (void)state;
    int fd = client_connect(path);
    client_send(fd, "POST", "/vmstead/exec", "",
                "{\"container\":\"shop-web-1\",\"argv\":[\"hangs\"],\"detach\":true}");
    fake_wait(&fakes.exec_started, 1);
    close(fd);
    fake_wait(&fakes.activity, 1);
    assert_int_equal(fakes.exec_abandoned, 0);
}

static void test_docker_refusals(void **state)
{
    (void)state;
    check_refusal("/containers/shop-web-1/exec", "", "{\"Cmd\":[]}", 400,
                  "no exec command specified");
    check_refusal("/containers/shop-job-1/exec", "", "{\"Cmd\":[\"true\"]}", 409,
                  "container shop-job-1 is not running");
    check_refusal("/exec/123/start", UPGRADE, "{}", 404, "no such exec instance: 123");
}

/* tear_down() frees the API with these open: one that is silent, one with a full queue. */
static void test_server_leaves_first(void **state)
{
    (void)state;
    struct answer answer = {0};
    open_exec("\"sleep\"", true, &answer);
    answer_done(&answer);
    open_exec("\"flood\",\"100000000\"", true, &answer);
    answer_done(&answer);
    fake_wait(&fakes.exec_started, 2);
}

static void *run_execs(void *failures)
{
    for (int i = 0; i < 5; i++) {
        struct answer answer = {0};
        _cleanup_strbuf_ struct strbuf payload = {0};
        _cleanup_close_ int fd = open_exec("\"exit\",\"7\"", false, &answer);
        if (read_frame(fd, &answer, &payload) != FRAME_END ||
            !strstr(payload.data, "{\"ExitCode\":7}"))
            atomic_fetch_add((atomic_int *)failures, 1);
        answer_done(&answer);
    }
    return NULL;
}

static void test_parallel_execs(void **state)
{
    (void)state;
    pthread_t threads[60];
    atomic_int failures = 0;
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_execs, &failures), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(failures, 0);
    assert_int_equal(fakes.exec_started, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(test_exit_code),         API_TEST(test_lost_vm),
        API_TEST(test_stdin_comes_back),  API_TEST(test_half_close_is_end_of_file),
        API_TEST(test_resize_and_signal), API_TEST(test_broken_frames),
        API_TEST(test_client_leaves),     API_TEST(test_client_leaves_a_flood),
        API_TEST(test_refusals),          API_TEST(test_much_data),
        API_TEST(test_docker_frames),     API_TEST(test_docker_terminal),
        API_TEST(test_exec_events),       API_TEST(test_docker_detached),
        API_TEST(test_detached),          API_TEST(test_client_leaves_detached),
        API_TEST(test_docker_refusals),   API_TEST(test_server_leaves_first),
        API_TEST(test_parallel_execs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
