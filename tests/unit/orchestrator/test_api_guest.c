/* What reaches into a guest beside exec: attach, resize, top, archive; with bodies and answers that
 * take their time. */
#include "api_stage.h"
#include "base/alloc.h"
#include "base/fs.h"
#include "base/vec.h"
#include "orchestrator/frame.h"
#include "unit.h"

#include <sys/socket.h>

#define UPGRADE "Connection: Upgrade\r\nUpgrade: tcp\r\n"

/* --- attach ---------------------------------------------------------------------------------- */

static int attach(const char *instance, const char *query, struct answer *answer)
{
    _cleanup_free_ char *target = xasprintf("/containers/%s/attach?stream=1&%s", instance, query);
    int fd = client_connect(path);
    client_send(fd, "POST", target, UPGRADE, NULL);
    client_read_head(fd, answer);
    return fd;
}

static void expect(int fd, struct answer *answer, const void *bytes, size_t length)
{
    _cleanup_free_ char *got = xcalloc(1, length);
    assert_true(client_read_exactly(fd, answer, got, length));
    assert_memory_equal(got, bytes, length);
}

static void expect_end(int fd, struct answer *answer)
{
    char byte;
    assert_false(client_read_exactly(fd, answer, &byte, 1));
}

static void test_attach_in_frames(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_close_ int fd = attach("shop-job-1", "stdout=1&stderr=1&logs=1", &answer);
    assert_int_equal(answer.status, 101);
    assert_non_null(
        strstr(answer.head.data, "Content-Type: application/vnd.docker.multiplexed-stream"));
    expect(fd, &answer, "\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n", 24);
    expect_end(fd, &answer);
    answer_done(&answer);
}

static void test_attach_to_one_stream(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_close_ int fd = attach("shop-job-1", "stderr=1&logs=1", &answer);
    expect(fd, &answer, "\2\0\0\0\0\0\0\4err\n", 12);
    expect_end(fd, &answer);
    answer_done(&answer);
}

static void test_attach_to_terminal(void **state)
{
    (void)state;
    struct answer answer = {0}, resized = {0};
    _cleanup_close_ int fd = attach("shop-cache-1", "stdin=1&stdout=1&stderr=1", &answer);
    assert_int_equal(answer.status, 101);
    assert_non_null(strstr(answer.head.data, "Content-Type: application/vnd.docker.raw-stream"));
    assert_int_equal(fs_write_all(fd, "hello", 5), 0);
    expect(fd, &answer, "hello", 5);
    client_ask(path, "POST", "/containers/shop-cache-1/resize?h=40&w=100", "", NULL, &resized);
    assert_int_equal(resized.status, 200);
    assert_int_equal(fakes.resized_rows, 40);
    answer_done(&resized);
    answer_done(&answer);
}

/* A client's end of file is not the end of a service that others use. */
static void test_attached_client_ends_its_input(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_close_ int fd = attach("shop-cache-1", "stdin=1&stdout=1&stderr=1", &answer);
    shutdown(fd, SHUT_WR);
    struct answer ping = {0};
    client_ask(path, "GET", "/_ping", "", NULL, &ping);
    assert_int_equal(fakes.stdin_closed, 0);
    assert_int_equal(fakes.attaches_open, 1);
    answer_done(&ping);
    answer_done(&answer);
}

static void test_attach_without_input(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_close_ int fd = attach("shop-web-1", "stdin=1&stdout=1&stderr=1", &answer);
    assert_int_equal(answer.status, 101);
    assert_int_equal(fs_write_all(fd, "dropped", 7), 0);
    expect(fd, &answer, "\1\0\0\0\0\0\0\4out\n", 12);
    answer_done(&answer);
}

static void test_attached_client_leaves(void **state)
{
    (void)state;
    struct answer answer = {0};
    int fd = attach("shop-cache-1", "stdin=1&stdout=1", &answer);
    assert_int_equal(fakes.attaches_open, 1);
    close(fd);
    fake_wait(&fakes.attaches_open, 0);
    assert_int_equal(fakes.stdin_closed, 0);
    answer_done(&answer);
}

static void test_attach_refuses(void **state)
{
    (void)state;
    check_error("POST", "/containers/shop-web-1/attach?stream=1", NULL, 400,
                "this request needs the headers 'Connection: Upgrade' and 'Upgrade: tcp'");
    check_error("POST", "/containers/ghost/attach?stream=1", NULL, 404, "no such container: ghost");
    check_error("POST", "/containers/shop-job-1/resize?h=1&w=1", NULL, 409,
                "container shop-job-1 is not running");
    struct answer answer = {0};
    client_ask(path, "POST", "/containers/shop-job-1/attach?stream=1&stdout=1", UPGRADE, NULL,
               &answer);
    assert_int_equal(answer.status, 409);
    answer_done(&answer);
    client_ask(path, "POST", "/containers/shop-web-1/attach?logs=1", UPGRADE, NULL, &answer);
    assert_int_equal(answer.status, 400);
    answer_done(&answer);
}

/* --- top ------------------------------------------------------------------------------------- */

static void test_top(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *top =
        client_ask_json(path, "GET", "/containers/shop-web-1/top", NULL, 200);
    _cleanup_free_ char *text = json_print(top);
    assert_string_equal(
        text, "{\"Titles\":[\"UID\",\"PID\",\"PPID\",\"C\",\"STIME\",\"TTY\",\"TIME\",\"CMD\"],"
              "\"Processes\":[[\"root\",\"41\",\"1\",\"3\",\"Jan01\",\"?\",\"01:02:05\","
              "\"nginx: master process\"]]}");
    check_error("GET", "/containers/shop-job-1/top", NULL, 409,
                "container shop-job-1 is not running");
    check_error("GET", "/containers/shop-web-1/top?ps_args=aux", NULL, 400,
                "ps_args 'aux' is not supported: there is no ps, only the columns of -ef");
}

static void test_client_leaves_top(void **state)
{
    (void)state;
    int fd = client_connect(path);
    client_send(fd, "GET", "/containers/shop-cache-1/top", "", NULL);
    fake_wait(&fakes.tops_open, 1);
    close(fd);
    fake_wait(&fakes.tops_open, 0);
}

/* --- doctor ---------------------------------------------------------------------------------- */

/* "ok tap, error held"; owned by the caller. */
static char *walk(const char *target, const char *broken)
{
    _cleanup_json_ cJSON *answer = client_ask_json(path, "GET", target, NULL, 200);
    struct strbuf hops = {0};
    const cJSON *hop;
    assert_int_equal(json_bool(answer, "healthy", false), broken == NULL);
    assert_true(streq_null(json_string(answer, "broken", NULL), broken));
    cJSON_ArrayForEach(hop, json_array(answer, "hops"))
    {
        strbuf_addf(&hops, "%s%s %s", hops.length ? ", " : "", json_string(hop, "status", ""),
                    json_string(hop, "check", ""));
    }
    return strbuf_take(&hops);
}

static void test_doctor_ends_at_the_first_broken_hop(void **state)
{
    (void)state;
    static const char guest[] =
        "ok instance, ok tap, ok agent, ok address, ok gateway, ok dns, ok listener";
    _cleanup_free_ char *held = xasprintf("%s, error held", guest);
    _cleanup_free_ char *connected = xasprintf("%s, ok connection", guest);
    _cleanup_free_ char *published = walk("/vmstead/instances/shop-web-1/doctor", "held");
    _cleanup_free_ char *same = walk("/vmstead/instances/shop-web-1/doctor?port=80", "held");
    _cleanup_free_ char *host = walk("/vmstead/instances/shop-web-1/doctor?port=8080", "held");
    _cleanup_free_ char *direct =
        walk("/vmstead/instances/shop-web-1/doctor?port=53&protocol=udp", NULL);
    _cleanup_free_ char *silent = walk("/vmstead/instances/shop-web-1/doctor?port=81", "listener");
    _cleanup_free_ char *stopped = walk("/vmstead/instances/shop-job-1/doctor", "instance");
    assert_string_equal(published, held);
    assert_string_equal(same, held);
    assert_string_equal(host, held);
    assert_string_equal(direct, connected);
    assert_non_null(strstr(silent, "ok dns, error listener"));
    assert_string_equal(stopped, "error instance");
    check_error("GET", "/vmstead/instances/shop-web-1/doctor?protocol=sctp", NULL, 400,
                "protocol 'sctp' is neither tcp nor udp");
    check_error("GET", "/vmstead/instances/nobody/doctor", NULL, 404, "no such container: nobody");
}

static void test_client_leaves_doctor(void **state)
{
    (void)state;
    int fd = client_connect(path);
    client_send(fd, "GET", "/vmstead/instances/shop-cache-1/doctor", "", NULL);
    fake_wait(&fakes.inspections_open, 1);
    close(fd);
    fake_wait(&fakes.inspections_open, 0);
}

/* --- archive --------------------------------------------------------------------------------- */

static void test_archive_out(void **state)
{
    (void)state;
    struct answer answer = {0};
    client_ask(path, "GET", "/containers/shop-web-1/archive?path=%2Fetc%2Ffile", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer.complete);
    assert_int_equal(answer.body.length, FAKE_FILE_SIZE);
    assert_non_null(strstr(answer.head.data, "\r\nContent-Type: application/x-tar\r\n"));
    assert_non_null(strstr(answer.head.data, "\r\nX-Docker-Container-Path-Stat: eyJuYW1lIjoiZmls"));
    answer_done(&answer);
}

static int ask_stat(const char *file, struct answer *answer)
{
    _cleanup_free_ char *target = xasprintf("/containers/shop-web-1/archive?path=%s", file);
    _cleanup_close_ int fd = client_connect(path);
    client_send(fd, "HEAD", target, "Connection: close\r\n", NULL);
    client_read_head(fd, answer);
    expect_end(fd, answer);
    return answer->status;
}

static void test_archive_stat(void **state)
{
    (void)state;
    struct answer answer = {0};
    assert_int_equal(ask_stat("/etc/file", &answer), 200);
    assert_non_null(strstr(answer.head.data, "\r\nX-Docker-Container-Path-Stat: eyJuYW1lIjoiZmls"));
    answer_done(&answer);
    assert_int_equal(ask_stat("/missing", &answer), 404);
    answer_done(&answer);
}

static void test_archive_refuses(void **state)
{
    (void)state;
    check_error("GET", "/containers/shop-web-1/archive?path=/missing", NULL, 404,
                "could not find the file /missing: no such file or directory");
    check_error("GET", "/containers/shop-web-1/archive", NULL, 400,
                "bad parameter: 'path' must not be empty");
    check_error("PUT", "/containers/shop-web-1/archive?path=", NULL, 400,
                "bad parameter: 'path' must not be empty");
    check_error("GET", "/containers/shop-job-1/archive?path=/", NULL, 409,
                "container shop-job-1 is not running");
    check_error("PUT", "/containers/ghost/archive?path=/", NULL, 404, "no such container: ghost");
}

/* An archive that is not whole does not end as one that is. */
static void test_archive_breaks_off(void **state)
{
    (void)state;
    struct answer answer = {0};
    client_ask(path, "GET", "/containers/shop-web-1/archive?path=/broken", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_false(answer.complete);
    answer_done(&answer);
}

/* What waits for a client that does not read is bounded: here and in the guest. */
static void test_slow_reader_of_an_archive(void **state)
{
    (void)state;
    _cleanup_close_ int fd = client_connect(path);
    int small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    client_send(fd, "GET", "/containers/shop-web-1/archive?path=/file", "", NULL);
    struct answer answer = {0}, ping = {0};
    client_read_head(fd, &answer);
    for (int i = 0; i < 20; i++) {
        client_ask(path, "GET", "/_ping", "", NULL, &ping);
        answer_done(&ping);
    }
    assert_int_equal(fakes.copies_open, 1); /* it has not come to its end */
    assert_true(fakes.copy_max_in_flight <= 256 << 10);
    answer_done(&answer);
}

/* A body of size bytes of dots. */
static void send_archive(int fd, const char *target, size_t size)
{
    static char dots[64 << 10];
    memset(dots, '.', sizeof(dots));
    _cleanup_free_ char *length = xasprintf("Content-Length: %zu\r\n", size);
    client_send(fd, "PUT", target, length, NULL);
    while (size > 0) {
        size_t part = size < sizeof(dots) ? size : sizeof(dots);
        assert_int_equal(fs_write_all(fd, dots, part), 0);
        size -= part;
    }
}

static void test_archive_in(void **state)
{
    (void)state;
    /* Larger than bodies may be elsewhere. */
    static const size_t sizes[] = {0, 1, 100000, 20 << 20};
    _cleanup_close_ int fd = client_connect(path);
    size_t total = 0;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct answer answer = {0};
        send_archive(fd, "/containers/shop-web-1/archive?path=/etc", sizes[i]);
        client_read(fd, &answer);
        assert_int_equal(answer.status, 200);
        total += sizes[i];
        assert_int_equal(fakes.copied_in, total);
        answer_done(&answer);
    }
}

static void test_chunked_archive_in(void **state)
{
    (void)state;
    struct answer answer = {0};
    _cleanup_close_ int fd = client_connect(path);
    client_send(fd, "PUT", "/containers/shop-web-1/archive?path=/etc",
                "Transfer-Encoding: chunked\r\n", NULL);
    assert_int_equal(fs_write_all(fd, "5\r\nhello\r\n", 10), 0);
    fake_wait(&fakes.copies_open, 1);
    assert_int_equal(fs_write_all(fd, "6\r\n world\r\n0\r\n\r\n", 16), 0);
    client_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(fakes.copied_in, 11);
    answer_done(&answer);
}

static void check_archive_fails(const char *target, int status)
{
    struct answer answer = {0};
    _cleanup_close_ int fd = client_connect(path);
    send_archive(fd, target, 4 << 20);
    client_read(fd, &answer);
    assert_int_equal(answer.status, status);
    answer_done(&answer);
}

/* The answer comes behind the body. */
static void test_archive_in_fails(void **state)
{
    (void)state;
    check_archive_fails("/containers/shop-web-1/archive?path=/full", 500);
    check_archive_fails("/containers/shop-web-1/archive?path=/missing", 404);
}

static void test_client_leaves_archive(void **state)
{
    (void)state;
    int fd = client_connect(path);
    client_send(fd, "PUT", "/containers/shop-web-1/archive?path=/etc", "Content-Length: 100\r\n",
                NULL);
    assert_int_equal(fs_write_all(fd, "some", 4), 0);
    fake_wait(&fakes.copies_open, 1);
    close(fd);
    fake_wait(&fakes.copies_open, 0);
    fd = client_connect(path);
    client_send(fd, "GET", "/containers/shop-web-1/archive?path=/file", "", NULL);
    fake_wait(&fakes.copies_open, 1);
    close(fd);
    fake_wait(&fakes.copies_open, 0);
}

/* The server goes in the middle of all of it. */
static void test_server_leaves(void **state)
{
    (void)state;
    struct answer answer = {0};
    int fd = attach("shop-cache-1", "stdin=1&stdout=1", &answer);
    answer_done(&answer);
    client_send(client_connect(path), "GET", "/containers/shop-cache-1/top", "", NULL);
    client_send(client_connect(path), "GET", "/containers/shop-web-1/archive?path=/file", "", NULL);
    client_send(client_connect(path), "PUT", "/containers/shop-web-1/archive?path=/file",
                "Content-Length: 9\r\n", NULL);
    client_send(client_connect(path), "GET", "/vmstead/instances/shop-cache-1/doctor", "", NULL);
    fake_wait(&fakes.tops_open, 1);
    fake_wait(&fakes.inspections_open, 1);
    fake_wait(&fakes.copies_open, 2);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(test_attach_in_frames),
        API_TEST(test_attach_to_one_stream),
        API_TEST(test_attach_to_terminal),
        API_TEST(test_attached_client_ends_its_input),
        API_TEST(test_attach_without_input),
        API_TEST(test_attached_client_leaves),
        API_TEST(test_attach_refuses),
        API_TEST(test_top),
        API_TEST(test_doctor_ends_at_the_first_broken_hop),
        API_TEST(test_client_leaves_doctor),
        API_TEST(test_client_leaves_top),
        API_TEST(test_archive_out),
        API_TEST(test_archive_stat),
        API_TEST(test_archive_refuses),
        API_TEST(test_archive_breaks_off),
        API_TEST(test_slow_reader_of_an_archive),
        API_TEST(test_archive_in),
        API_TEST(test_chunked_archive_in),
        API_TEST(test_archive_in_fails),
        API_TEST(test_client_leaves_archive),
        API_TEST(test_server_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
