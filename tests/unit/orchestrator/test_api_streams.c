/* What the API streams: jobs, logs, events, ends that are waited for; slow clients, and clients
 * that leave. */
#include "api_stage.h"
#include "base/alloc.h"
#include "base/fs.h"
#include "compose/compose.h"
#include "unit.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

/* --- jobs ------------------------------------------------------------------------------------- */

static void ask_job(const char *project, struct answer *answer)
{
    _cleanup_free_ char *target = xasprintf("/vmstead/projects/%s/down", project);
    client_ask(path, "POST", target, "", NULL, answer);
    assert_int_equal(answer->status, 200);
    assert_true(answer->complete);
}

static void test_job_stream(void **state)
{
    (void)state;
    struct answer answer = {0};
    ask_job("shop", &answer);
    assert_string_equal(answer.body.data, "{\"type\":\"job\",\"id\":1}\n"
                                          "{\"type\":\"step\",\"state\":\"working\",\"number\":1}\n"
                                          "{\"type\":\"step\",\"state\":\"working\",\"number\":2}\n"
                                          "{\"type\":\"step\",\"state\":\"done\",\"number\":3}\n"
                                          "{\"type\":\"end\",\"error\":null}\n");
    answer_done(&answer);
    ask_job("early", &answer);
    assert_string_equal(answer.body.data, "{\"type\":\"job\",\"id\":2}\n"
                                          "{\"type\":\"message\",\"number\":1}\n"
                                          "{\"type\":\"end\",\"error\":null}\n");
    answer_done(&answer);
    ask_job("broken", &answer);
    assert_true(str_ends_with(answer.body.data, "{\"type\":\"end\",\"error\":{\"code\":98,"
                                                "\"message\":\"port 80 is \\\"busy\\\"\"}}\n"));
    answer_done(&answer);
    check_error("POST", "/vmstead/projects/nobody/stop", NULL, 404, "no such project: nobody");
}

/* The body of an `up`, made as the CLI makes it. */
static char *describe_up(const char *folder)
{
    static const char text[] = "name: shop\nservices:\n  web:\n    image: nginx\n";
    _cleanup_free_ char *file = xasprintf("%s/compose.yaml", folder);
    char *files[] = {file, NULL};
    const struct compose_options options = {.files = files, .working_directory = folder};
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(fs_write_file_atomic(file, text, strlen(text), 0600, &err), &err);
    assert_ok(compose_load(&options, diagnostics, &model, &err), &err);
    unlink(file);
    _cleanup_free_ char *wire = compose_serialize(model);
    return xasprintf("{\"model\":%s,\"services\":[\"web\"]}", wire);
}

static void test_up_reads_the_model(void **state)
{
    (void)state;
    _cleanup_free_ char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    _cleanup_free_ char *body = describe_up(folder);
    struct answer answer = {0};
    client_ask(path, "POST", "/vmstead/projects/shop/up", "", body, &answer);
    if (answer.status != 200)
        fail_msg("%s", strbuf_text(&answer.body));
    assert_true(str_ends_with(answer.body.data, "{\"type\":\"end\",\"error\":null}\n"));
    answer_done(&answer);
    check_error("POST", "/vmstead/projects/other/up", body, 400,
                "the model is of project 'shop', the request for 'other'");
    client_ask(path, "POST", "/vmstead/projects/shop/up", "", "{\"model\":{\"name\":\"shop\"}}",
               &answer);
    assert_int_equal(answer.status, 400);
    answer_done(&answer);
}

/* Progress is dropped for a client that does not read; what matters is not. */
static void test_slow_reader_of_a_job(void **state)
{
    (void)state;
    _cleanup_close_ int fd = client_connect(path);
    client_send(fd, "POST", "/vmstead/projects/chatty/down", "", "{}");
    fake_wait(&fakes.jobs_ended, 1);
    struct answer answer = {0};
    client_read(fd, &answer);
    assert_true(answer.complete);
    assert_true(answer.body.length < 4 << 20);
    assert_true(str_ends_with(answer.body.data, "\n{\"type\":\"warning\",\"number\":0}\n"
                                                "{\"type\":\"end\",\"error\":null}\n"));
    answer_done(&answer);
}

static void test_cancel(void **state)
{
    (void)state;
    _cleanup_close_ int fd = client_connect(path);
    client_send(fd, "POST", "/vmstead/projects/endless/down", "", "{}");
    struct answer stream = {0}, answer = {0};
    client_read_head(fd, &stream);
    client_ask(path, "POST", "/vmstead/jobs/1/cancel", "", NULL, &answer);
    assert_int_equal(answer.status, 204);
    assert_int_equal(fakes.jobs_cancelled, 1);
    answer_done(&answer);
    answer_done(&stream);
    check_error("POST", "/vmstead/jobs/1/cancel", NULL, 404, "no such job: 1 (it may have ended)");
    check_error("POST", "/vmstead/jobs/x/cancel", NULL, 404, "no such job: x (it may have ended)");
}

/* A client that leaves detaches: the job goes on and can still be cancelled. */
static void test_client_leaves_job(void **state)
{
    (void)state;
    int fd = client_connect(path);
    client_send(fd, "POST", "/vmstead/projects/endless/down", "", "{}");
    struct answer stream = {0}, answer = {0};
    client_read_head(fd, &stream);
    close(fd);
    fake_wait(&fakes.activity, 1);
    assert_int_equal(fakes.jobs_ended, 0);
    client_ask(path, "POST", "/vmstead/jobs/1/cancel", "", NULL, &answer);
    assert_int_equal(answer.status, 204);
    fake_wait(&fakes.jobs_ended, 1);
    answer_done(&answer);
    answer_done(&stream);
}

/* --- logs ------------------------------------------------------------------------------------- */

static void test_logs(void **state)
{
    (void)state;
    struct answer answer = {0};
    client_ask(path, "GET", "/containers/shop-web-1/logs?stdout=1&stderr=1&tail=2&timestamps=1", "",
               NULL, &answer);
    static const char wanted[] = "\1\0\0\0\0\0\0\x26"
                                 "1970-01-01T00:00:09.000000000Z line 9\n"
                                 "\2\0\0\0\0\0\0\x27"
                                 "1970-01-01T00:00:10.000000000Z line 10\n";
    assert_int_equal(answer.body.length, sizeof(wanted) - 1);
    assert_memory_equal(answer.body.data, wanted, sizeof(wanted) - 1);
    answer_done(&answer);
    client_ask(path, "GET", "/containers/shop-web-1/logs?stdout=1", "", NULL, &answer);
    static const char partial[] = "\1\0\0\0\0\0\0\7line 1\n\1\0\0\0\0\0\0\7line 3\n"
                                  "\1\0\0\0\0\0\0\6line 5\1\0\0\0\0\0\0\7line 7\n"
                                  "\1\0\0\0\0\0\0\7line 9\n";
    assert_int_equal(answer.body.length, sizeof(partial) - 1);
    assert_memory_equal(answer.body.data, partial, sizeof(partial) - 1);
    answer_done(&answer);
}

static void test_bad_log_queries(void **state)
{
    (void)state;
    check_error("GET", "/containers/shop-web-1/logs", NULL, 400,
                "choose at least one stream: stdout=1 or stderr=1");
    check_error("GET", "/containers/shop-web-1/logs?stdout=1&tail=many", NULL, 400,
                "invalid tail 'many': 'all' or a number");
    check_error("GET", "/containers/shop-web-1/logs?stdout=1&since=5m", NULL, 400,
                "invalid since '5m': seconds since 1970, with a fraction if need be");
    check_error("GET", "/containers/ghost/logs?stdout=1", NULL, 404, "no such container: ghost");
    check_error("GET", "/containers/shop-job-1/logs?stdout=1", NULL, 500, "the log cannot be read");
}

/* The reader behind a client that does not read stands still; it goes on when the client does; it
 * is freed when the client leaves, in the middle of everything. */
static void test_log_times(void **state)
{
    (void)state;
    struct answer answer = {0};
    client_ask(
        path, "GET",
        "/containers/shop-web-1/logs?stdout=1&since=1700000000.5&until=1700000001.0000000019", "",
        NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(fakes.log_since_ns, 1700000000500000000);
    assert_int_equal(fakes.log_until_ns, 1700000001000000001);
    answer_done(&answer);
}

static void test_log_backpressure(void **state)
{
    (void)state;
    int fd = client_connect(path);
    client_send(fd, "GET", "/containers/shop-cache-1/logs?stdout=1&stderr=1&follow=1", "", NULL);
    fake_wait(&fakes.readers_open, 1);
    size_t before = 0, after = 1;
    for (int i = 0; i < 200 && before != after; i++) {
        before = fakes.log_records;
        poll(NULL, 0, 100);
        after = fakes.log_records;
    }
    assert_int_equal(before, after);
    assert_true(after > 100 && after < 2000);
    static char block[1 << 20];
    for (int i = 0; i < 8; i++)
        assert_int_equal(recv(fd, block, sizeof(block), MSG_WAITALL), sizeof(block));
    assert_true(fakes.log_records > 8000);
    close(fd);
    fake_wait(&fakes.readers_open, 0);
}

/* In silence there is no write that could fail. */
static void test_silent_client_leaves(void **state)
{
    (void)state;
    int fd = client_connect(path);
    client_send(fd, "GET", "/containers/shop-web-1/logs?stdout=1&follow=1", "", NULL);
    struct answer answer = {0};
    client_read_head(fd, &answer);
    fake_wait(&fakes.readers_open, 1);
    shutdown(fd, SHUT_WR); /* only half: it still reads */
    poll(NULL, 0, 100);
    assert_int_equal(fakes.readers_open, 1);
    close(fd);
    fake_wait(&fakes.readers_open, 0);
    answer_done(&answer);
}

/* tear_down() frees the API with this stream open. */
static void test_server_leaves_first(void **state)
{
    (void)state;
    static int fd;
    fd = client_connect(path);
    client_send(fd, "GET", "/containers/shop-web-1/logs?stdout=1&follow=1", "", NULL);
    client_send(client_connect(path), "POST", "/vmstead/projects/endless/down", "", "{}");
    fake_wait(&fakes.readers_open, 1);
}

/* --- events ----------------------------------------------------------------------------------- */

static void read_line(int fd, struct answer *answer, char *line, size_t room)
{
    memset(line, 0, room);
    for (size_t i = 0; i < room - 1 && !strchr(line, '\n'); i++)
        assert_true(client_read_exactly(fd, answer, line + i, 1));
}

static void test_events(void **state)
{
    (void)state;
    _cleanup_close_ int fd = client_connect(path);
    client_send(fd, "GET",
                "/events?filters=%7B%22label%22%3A%5B%22com.docker.compose.project%3Dshop%22%5D%7D",
                "", NULL);
    struct answer answer = {0};
    client_read_head(fd, &answer);
    fake_server_event(server);
    char line[600];
    read_line(fd, &answer, line, sizeof(line)); /* the chunk's size */
    read_line(fd, &answer, line, sizeof(line));
    assert_non_null(
        str_after_prefix(line, "{\"Type\":\"container\",\"Action\":\"die\",\"id\":"
                               "\"cccc\",\"status\":\"die\",\"from\":\"nginx:1.25\","
                               "\"Actor\":{\"ID\":\"cccc\",\"Attributes\":{\"exitCode\":\"3\""));
    assert_non_null(strstr(line, "\"name\":\"shop-job-1\""));
    answer_done(&answer);
}

/* How many events the query gives, all of which are over. */
static int count_events(const char *query)
{
    _cleanup_free_ char *target = xasprintf("/events?%s", query);
    struct answer answer = {0};
    client_ask(path, "GET", target, "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer.complete);
    int count = 0;
    for (const char *at = strbuf_text(&answer.body); (at = strstr(at, "\"Type\"")); at++)
        count++;
    answer_done(&answer);
    return count;
}

static void test_past_events(void **state)
{
    (void)state;
    assert_int_equal(count_events("until=3000"), 2);
    assert_int_equal(count_events("since=1000&until=3000"), 2);
    assert_int_equal(count_events("since=1000.000000001&until=3000"), 1);
    assert_int_equal(count_events("since=1&until=1999.9"), 1);
    assert_int_equal(count_events("since=1&until=2"), 0);
    assert_int_equal(count_events("until=3000&filters=%7B%22event%22%3A%5B%22exec_create%22%5D%7D"),
                     1);
    assert_int_equal(count_events("until=3000&filters=%7B%22event%22%3A%5B%22exec%22%5D%7D"), 0);
    assert_int_equal(count_events("until=3000&filters=%7B%22type%22%3A%5B%22network%22%5D%7D"), 0);
    assert_int_equal(count_events("until=3000&filters=%7B%22container%22%3A%5B%22bbbb%22%5D%7D"),
                     2);
    assert_int_equal(
        count_events("until=3000&filters=%7B%22container%22%3A%5B%22shop-job-1%22%5D%7D"), 0);
    check_error("GET", "/events?since=yesterday", NULL, 400,
                "invalid since 'yesterday': seconds since 1970, with a fraction if need be");
    check_error("GET", "/events?filters=%7B%22colour%22%3A%5B%5D%7D", NULL, 400,
                "invalid filter 'colour': known are label, type, event, container");
}

/* History, then what happens, then the end that was asked for. */
static void test_events_until_later(void **state)
{
    (void)state;
    _cleanup_free_ char *target =
        xasprintf("/events?since=1500&until=%lld", (long long)time(NULL) + 2);
    _cleanup_close_ int fd = client_connect(path);
    client_send(fd, "GET", target, "", NULL);
    struct answer answer = {0}, ping = {0};
    client_ask(path, "GET", "/_ping", "", NULL, &ping); /* the other request was taken before */
    fake_server_event(server);
    client_read(fd, &answer);
    assert_true(answer.complete);
    const char *past = strstr(answer.body.data, "exec_create: ls");
    assert_non_null(past);
    assert_non_null(strstr(past, "\"Action\":\"die\""));
    answer_done(&answer);
    answer_done(&ping);
}

/* --- wait ------------------------------------------------------------------------------------ */

static void check_wait(const char *target, const char *expected)
{
    struct answer answer = {0};
    client_ask(path, "POST", target, "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer.complete);
    assert_string_equal(strbuf_text(&answer.body), expected);
    answer_done(&answer);
}

static void test_wait(void **state)
{
    (void)state;
    check_wait("/containers/shop-job-1/wait", "{\"StatusCode\":3}\n");
    check_wait("/containers/shop-web-1/wait?condition=not-running", "{\"StatusCode\":0}\n");
    check_error("POST", "/containers/shop-web-1/wait?condition=bored", NULL, 400,
                "invalid condition 'bored': not-running, next-exit or removed");
    check_error("POST", "/containers/ghost/wait", NULL, 404, "no such container: ghost");
}

/* The headers come before the end does; who leaves waits no longer. */
static void test_client_leaves_wait(void **state)
{
    (void)state;
    int fd = client_connect(path);
    client_send(fd, "POST", "/containers/shop-web-1/wait?condition=next-exit", "", NULL);
    struct answer answer = {0};
    client_read_head(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(fakes.waits_open, 1);
    close(fd);
    fake_wait(&fakes.waits_open, 0);
    answer_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(test_job_stream),
        API_TEST(test_up_reads_the_model),
        API_TEST(test_slow_reader_of_a_job),
        API_TEST(test_cancel),
        API_TEST(test_client_leaves_job),
        API_TEST(test_logs),
        API_TEST(test_bad_log_queries),
        API_TEST(test_log_times),
        API_TEST(test_log_backpressure),
        API_TEST(test_silent_client_leaves),
        API_TEST(test_server_leaves_first),
        API_TEST(test_events),
        API_TEST(test_past_events),
        API_TEST(test_events_until_later),
        API_TEST(test_wait),
        API_TEST(test_client_leaves_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
