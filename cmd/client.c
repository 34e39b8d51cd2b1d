/* HTTP requests over a Unix socket on a uv loop; see client.h. */
#include "cmd/client.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/version.h"
#include "cmd/http.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define ERROR_BODY_LIMIT 65536
#define UNANSWERED "the daemon went away before it had answered"

struct client {
    uv_loop_t loop;
    char *socket_path;
    bool anonymous;
};

struct client_request {
    uv_pipe_t pipe;
    uv_write_t write;
    char *text; /* the request on its way */
    struct http_reader reader;
    struct strbuf error_body;
    struct client_handlers handlers;
    void *userdata;
    bool ended;
};

int client_new(const char *socket_path, struct client **ret_client, struct error *err)
{
    struct client *client = new0(struct client);
    int r = uv_loop_init(&client->loop);
    if (r < 0) {
        free(client);
        return error_set(err, -r, "cannot make an event loop: %s", uv_strerror(r));
    }
    client->socket_path = xstrdup(socket_path);
    *ret_client = client;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct client_request *request = handle->data;
    http_reader_done(&request->reader);
    strbuf_done(&request->error_body);
    free(request->text);
    free(request);
}

static void close_any(uv_handle_t *handle, void *userdata)
{
    (void)userdata;
    if (!uv_is_closing(handle))
        uv_close(handle, handle->type == UV_NAMED_PIPE ? on_closed : NULL);
}

void client_free(struct client *client)
{
    if (!client)
        return;
    uv_walk(&client->loop, close_any, NULL);
    uv_run(&client->loop, UV_RUN_DEFAULT);
    uv_loop_close(&client->loop);
    free(client->socket_path);
    free(client);
}

uv_loop_t *client_loop(struct client *client)
{
    return &client->loop;
}

void client_set_anonymous(struct client *client)
{
    client->anonymous = true;
}

const char *client_socket_path(const struct client *client)
{
    return client->socket_path;
}

int client_connect(const char *socket_path, int *ret_fd, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof(address.sun_path))
        return error_set(err, ENAMETOOLONG,
                         "the daemon's socket '%s' has a path of over %zu bytes: choose a shorter "
                         "VMSTEAD_ROOT",
                         socket_path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(err, errno, "cannot make a socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set(err, errno, "cannot connect to the daemon at '%s': %s", socket_path,
                         strerror(errno));
    *ret_fd = TAKE_FD(fd);
    return 0;
}

uint64_t client_network_namespace(void)
{
    struct stat status;
    return stat("/proc/self/ns/net", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

char *client_identity_headers(void)
{
    return xasprintf("Vmstead-Version: %s\r\nVmstead-Netns: %llu\r\n", vmstead_version,
                     (unsigned long long)client_network_namespace());
}

static int status_errno(int status)
{
    static const struct {
        int status, code;
    } codes[] = {{400, EINVAL}, {403, EACCES},  {404, ENOENT},   {405, EINVAL},
                 {409, EBUSY},  {412, EREMCHG}, {413, EMSGSIZE}, {503, EAGAIN}};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].status == status)
            return codes[i].code;
    return EIO;
}

int client_set_error(struct error *err, int status, const char *body, size_t length)
{
    _cleanup_json_ cJSON *answer = NULL;
    (void)json_parse(body, length, &answer, NULL);
    const char *message = json_string(answer, "message", NULL);
    int64_t code = json_int(answer, "code", 0);
    if (code <= 0 || code > 4095)
        code = status_errno(status);
    if (message)
        return error_set(err, (int)code, "%s", message);
    return error_set(err, (int)code, "the daemon answered with HTTP status %d", status);
}

static void end_request(struct client_request *request, const struct error *err)
{
    if (request->ended)
        return;
    request->ended = true;
    request->handlers.on_end(request->userdata, err);
    if (!uv_is_closing((uv_handle_t *)&request->pipe))
        uv_close((uv_handle_t *)&request->pipe, on_closed);
}

/* The answer is complete, or as complete as it will get: err tells. */
static void conclude(struct client_request *request, struct error *err)
{
    int status = request->reader.status;
    if (err->code == 0 && (status < 200 || status > 299))
        client_set_error(err, status, strbuf_text(&request->error_body),
                         request->error_body.length);
    end_request(request, err);
}

static void on_body(void *userdata, const char *data, size_t length)
{
    struct client_request *request = userdata;
    if (request->ended)
        return;
    if (request->reader.status < 200 || request->reader.status > 299) {
        if (request->error_body.length + length <= ERROR_BODY_LIMIT)
            strbuf_add(&request->error_body, data, length);
    } else if (request->handlers.on_data) {
        request->handlers.on_data(request->userdata, data, length);
    }
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    static char shared[65536]; /* each read is used up before the next one starts */
    (void)suggested;
    *buffer = uv_buf_init(shared, sizeof(shared));
}

/* A daemon that is killed takes connections until the last moment. */
static bool is_unanswered(const struct client_request *request)
{
    return request->reader.status == 0 && request->reader.line.length == 0;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct client_request *request = stream->data;
    _cleanup_error_ struct error err = {0};
    if (count == 0 || request->ended)
        return;
    if (is_unanswered(request) && (count == UV_EOF || count == UV_ECONNRESET))
        error_set(&err, ERESTART, UNANSWERED);
    else if (count == UV_EOF)
        http_reader_finish(&request->reader, &err);
    else if (count < 0)
        error_set(&err, (int)-count, "lost the daemon: %s", uv_strerror((int)count));
    else if (http_reader_feed(&request->reader, buffer->base, (size_t)count, on_body, request,
                              &err) == 0 &&
             request->reader.phase != HTTP_DONE)
        return;
    conclude(request, &err);
}

static void on_written(uv_write_t *write, int status)
{
    struct client_request *request = write->data;
    if (status == 0 || request->ended)
        return;
    _cleanup_error_ struct error err = {0};
    if (status == UV_EPIPE && is_unanswered(request))
        error_set(&err, ERESTART, UNANSWERED);
    else
        error_set(&err, -status, "cannot send to the daemon: %s", uv_strerror(status));
    end_request(request, &err);
}

int client_start(struct client *client, const char *method, const char *path, const char *body,
                 const struct client_handlers *handlers, void *userdata,
                 struct client_request **ret_request, struct error *err)
{
    _cleanup_close_ int fd = -1;
    int r = client_connect(client->socket_path, &fd, err);
    if (r < 0)
        return r;
    struct client_request *request = new0(struct client_request);
    request->handlers = *handlers;
    request->userdata = userdata;
    request->pipe.data = request->write.data = request;
    uv_pipe_init(&client->loop, &request->pipe, 0);
    r = uv_pipe_open(&request->pipe, fd);
    if (r < 0) {
        uv_close((uv_handle_t *)&request->pipe, on_closed);
        return error_set(err, -r, "cannot watch the daemon's socket: %s", uv_strerror(r));
    }
    (void)TAKE_FD(fd);
    _cleanup_free_ char *identity = client->anonymous ? NULL : client_identity_headers();
    _cleanup_strbuf_ struct strbuf text = {0};
    struct http_request head = {.method = method, .path = path, .body = body, .headers = identity};
    http_print_request(&head, &text);
    uv_buf_t buffer = uv_buf_init(NULL, (unsigned)text.length);
    buffer.base = request->text = strbuf_take(&text);
    uv_write(&request->write, (uv_stream_t *)&request->pipe, &buffer, 1, on_written);
    uv_read_start((uv_stream_t *)&request->pipe, on_allocate, on_read);
    *ret_request = request;
    return 0;
}

void client_request_cancel(struct client_request *request)
{
    if (!request || request->ended)
        return;
    request->ended = true;
    if (!uv_is_closing((uv_handle_t *)&request->pipe))
        uv_close((uv_handle_t *)&request->pipe, on_closed);
}

void client_request_pause(struct client_request *request, bool pause)
{
    if (!request || request->ended)
        return;
    if (pause)
        uv_read_stop((uv_stream_t *)&request->pipe);
    else
        uv_read_start((uv_stream_t *)&request->pipe, on_allocate, on_read);
}

struct call {
    struct strbuf body;
    struct error err;
    bool ended, timed_out;
};

static void on_call_data(void *userdata, const char *data, size_t length)
{
    strbuf_add(&((struct call *)userdata)->body, data, length);
}

static void on_call_end(void *userdata, const struct error *err)
{
    struct call *call = userdata;
    call->ended = true;
    if (err->code)
        error_copy(&call->err, err);
}

static void on_call_timeout(uv_timer_t *timer)
{
    ((struct call *)timer->data)->timed_out = true;
}

static void run_call(struct client *client, struct client_request *request, uint64_t timeout_ms,
                     struct call *call)
{
    uv_timer_t timer;
    uv_timer_init(&client->loop, &timer);
    timer.data = call;
    uv_timer_start(&timer, on_call_timeout, timeout_ms, 0);
    while (!call->ended && !call->timed_out)
        uv_run(&client->loop, UV_RUN_ONCE);
    if (!call->ended) {
        client_request_cancel(request);
        error_set(&call->err, ETIMEDOUT, "the daemon did not answer within %llu s",
                  (unsigned long long)timeout_ms / 1000);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&client->loop, UV_RUN_NOWAIT); /* the timer leaves the loop before the stack */
}

int client_call(struct client *client, const char *method, const char *path, const char *body,
                uint64_t timeout_ms, cJSON **ret_answer, struct error *err)
{
    static const struct client_handlers handlers = {on_call_data, on_call_end};
    struct call call = {0};
    struct client_request *request;
    int r = client_start(client, method, path, body, &handlers, &call, &request, err);
    if (r < 0)
        return r;
    run_call(client, request, timeout_ms, &call);
    if (call.err.code)
        r = error_move(err, &call.err);
    else if (ret_answer && call.body.length)
        r = json_parse(strbuf_text(&call.body), call.body.length, ret_answer, err);
    else if (ret_answer)
        *ret_answer = NULL;
    strbuf_done(&call.body);
    return r;
}

char *client_escape(const char *text)
{
    struct strbuf escaped = {0};
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (isalnum(byte) || strchr("-._~", byte))
            strbuf_add_char(&escaped, *text);
        else
            strbuf_addf(&escaped, "%%%02X", byte);
    }
    return strbuf_take(&escaped);
}
