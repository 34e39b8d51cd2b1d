/* The client against a real socket: a child process accepts one connection after the other, keeps
 * what was asked, and answers from a script. */
#include "cmd/client.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/vec.h"
#include "cmd/remote_job.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

struct server {
    char folder[64];
    char *path, *log;
    pid_t pid;
};

/* Reads head and body of one request: ours are small and end with "\r\n\r\n" or a JSON object. */
static void serve_one(int listener, const char *answer, int log_fd)
{
    char request[8192];
    int fd = accept(listener, NULL, NULL);
    ssize_t length = read(fd, request, sizeof(request) - 1);
    if (length > 0)
        (void)!write(log_fd, request, (size_t)length);
    for (const char *at = answer; *at;) { /* in small pieces, as a slow daemon would */
        size_t piece = strlen(at) < 7 ? strlen(at) : 7;
        if (send(fd, at, piece, MSG_NOSIGNAL) < 0)
            break;
        at += piece;
    }
    close(fd);
}

static struct server server_start(const char *const *answers, size_t count)
{
    struct server server = {.folder = "client-XXXXXX"};
    assert_non_null(mkdtemp(server.folder));
    server.path = xasprintf("%s/s", server.folder);
    server.log = xasprintf("%s/log", server.folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, server.path, strlen(server.path));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 8), 0);
    server.pid = fork();
    if (server.pid == 0) {
        alarm(20);
        FILE *log = fopen(server.log, "w");
        for (size_t i = 0; i < count; i++)
            serve_one(listener, answers[i], fileno(log));
        _exit(0);
    }
    close(listener);
    return server;
}

/* Waits for the child; what it was asked, owned by the caller. */
static char *server_done(struct server *server)
{
    char *log = NULL;
    waitpid(server->pid, NULL, 0);
    assert_int_equal(fs_read_file(server->log, 65536, &log, NULL, NULL), 0);
    assert_int_equal(fs_remove_tree(server->folder, NULL), 0);
    free(server->path);
    free(server->log);
    return log;
}

#define START(...)                                                                                 \
    server_start((const char *const[]){__VA_ARGS__},                                               \
                 ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static void a_call_brings_json(void **state)
{
    (void)state;
    struct server server = START("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
    _cleanup_error_ struct error err = {0};
    _cleanup_json_ cJSON *answer = NULL;
    struct client *client;
    assert_ok(client_new(server.path, &client, &err), &err);
    assert_ok(client_call(client, "GET", "/x", NULL, 5000, &answer, &err), &err);
    assert_int_equal(json_int(answer, "a", 0), 1);
    client_free(client);
    _cleanup_free_ char *log = server_done(&server);
    assert_non_null(strstr(log, "GET /x HTTP/1.1\r\n"));
    assert_non_null(strstr(log, "Vmstead-Version: " VMSTEAD_VERSION "\r\n"));
    assert_non_null(strstr(log, "Vmstead-Netns: "));
}

static void errors_carry_the_daemons_words(void **state)
{
    (void)state;
    struct server server = START(
        "HTTP/1.1 409 Conflict\r\nContent-Length: 29\r\n\r\n{\"message\":\"busy\",\"code\":16}\r\n",
        "HTTP/1.1 412 Precondition Failed\r\n\r\nnot JSON", "HTTP/1.1 200 OK\r\n");
    _cleanup_error_ struct error err = {0};
    struct client *client;
    assert_ok(client_new(server.path, &client, &err), &err);
    assert_int_equal(client_call(client, "GET", "/x", NULL, 5000, NULL, &err), -EBUSY);
    assert_string_equal(error_text(&err), "busy");
    assert_int_equal(client_call(client, "GET", "/x", NULL, 5000, NULL, &err), -EREMCHG);
    assert_int_equal(client_call(client, "GET", "/x", NULL, 5000, NULL, &err), -ECONNRESET);
    client_free(client);
    free(server_done(&server));
}

/* A daemon that is killed has taken the connection and says nothing. */
static void an_unanswered_call_may_be_repeated(void **state)
{
    (void)state;
    struct server server = START("", "HTTP");
    _cleanup_error_ struct error err = {0};
    struct client *client;
    assert_ok(client_new(server.path, &client, &err), &err);
    assert_int_equal(client_call(client, "GET", "/x", NULL, 5000, NULL, &err), -ERESTART);
    assert_int_equal(client_call(client, "GET", "/x", NULL, 5000, NULL, &err), -ECONNRESET);
    client_free(client);
    free(server_done(&server));
}

static void nobody_there_is_an_error_at_once(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct client *client;
    assert_ok(client_new("no-such-socket", &client, &err), &err);
    assert_int_equal(client_call(client, "GET", "/x", NULL, 5000, NULL, &err), -ENOENT);
    client_free(client);
    char path[200];
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    int fd;
    assert_int_equal(client_connect(path, &fd, &err), -ENAMETOOLONG);
}

struct outcome {
    bool ended;
    struct error err;
};

static void on_end(void *userdata, const struct error *err)
{
    struct outcome *outcome = userdata;
    outcome->ended = true;
    if (err->code)
        error_copy(&outcome->err, err);
}

static struct outcome run_job(const char *path, bool cancel)
{
    struct outcome outcome = {0};
    struct client *client;
    struct remote_job *job;
    _cleanup_error_ struct error err = {0};
    assert_ok(client_new(path, &client, &err), &err);
    assert_ok(remote_job_start(client, "/vmstead/projects/p/down", "{}", NULL, on_end, &outcome,
                               &job, &err),
              &err);
    if (cancel)
        remote_job_cancel(job);
    while (!outcome.ended)
        uv_run(client_loop(client), UV_RUN_ONCE);
    remote_job_free(job);
    client_free(client);
    return outcome;
}

#define JOB_HEAD "HTTP/1.1 200 OK\r\n\r\n{\"type\":\"job\",\"id\":7}\n"

static void a_job_ends_as_its_last_line_says(void **state)
{
    (void)state;
    struct server server = START(JOB_HEAD "{\"type\":\"end\",\"error\":null}\n");
    struct outcome outcome = run_job(server.path, false);
    assert_int_equal(outcome.err.code, 0);
    free(server_done(&server));
    server =
        START(JOB_HEAD "{\"type\":\"end\",\"error\":{\"code\":98,\"message\":\"port taken\"}}\n");
    outcome = run_job(server.path, false);
    assert_int_equal(outcome.err.code, 98);
    assert_string_equal(outcome.err.message, "port taken");
    error_done(&outcome.err);
    free(server_done(&server));
}

static void a_job_without_last_line_is_lost(void **state)
{
    (void)state;
    struct server server = START(JOB_HEAD "{\"type\":\"mess");
    struct outcome outcome = run_job(server.path, false);
    assert_int_equal(outcome.err.code, ECONNRESET);
    assert_non_null(strstr(outcome.err.message, "went away in the middle"));
    error_done(&outcome.err);
    free(server_done(&server));
}

/* Asked for before the job's number is known: sent when it is. */
static void a_job_can_be_cancelled(void **state)
{
    (void)state;
    struct server server = START(JOB_HEAD "{\"type\":\"message\",\"text\":\"x\"}\n",
                                 "HTTP/1.1 204 No Content\r\n\r\n");
    struct outcome outcome = run_job(server.path, true);
    error_done(&outcome.err);
    _cleanup_free_ char *log = server_done(&server);
    assert_non_null(strstr(log, "POST /vmstead/jobs/7/cancel HTTP/1.1\r\n"));
}

static void parts_of_paths_are_escaped(void **state)
{
    (void)state;
    _cleanup_free_ char *escaped = client_escape("a b/c?{\"x\"}-_.~ü");
    assert_string_equal(escaped, "a%20b%2Fc%3F%7B%22x%22%7D-_.~%C3%BC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_brings_json),
        cmocka_unit_test(errors_carry_the_daemons_words),
        cmocka_unit_test(an_unanswered_call_may_be_repeated),
        cmocka_unit_test(nobody_there_is_an_error_at_once),
        cmocka_unit_test(a_job_ends_as_its_last_line_says),
        cmocka_unit_test(a_job_without_last_line_is_lost),
        cmocka_unit_test(a_job_can_be_cancelled),
        cmocka_unit_test(parts_of_paths_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
