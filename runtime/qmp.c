/* See qmp.h: the connection. A closed or freed qmp stays in memory until its pipe has closed. */
#include "runtime/qmp.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>

struct qmp_request {
    int64_t id;
    void (*on_reply)(void *userdata, const cJSON *result, const struct error *err);
    void *userdata;
};

struct qmp {
    uv_pipe_t pipe;
    uv_connect_t connect;
    struct qmp_parser *parser;
    struct qmp_callbacks callbacks;
    void *userdata;
    char buffer[4096];
    struct strbuf unsent; /* commands given before QEMU was ready */
    VEC(struct qmp_request) requests;
    int64_t last_id;
    bool ready, closed;
    bool freed; /* by its owner; callbacks are over */
    bool handle_closed;
};

struct qmp_write {
    uv_write_t request;
    char text[];
};

static void release(struct qmp *qmp)
{
    if (!qmp->freed || !qmp->handle_closed)
        return;
    qmp_parser_free(qmp->parser);
    strbuf_done(&qmp->unsent);
    vec_done(&qmp->requests);
    free(qmp);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct qmp *qmp = handle->data;
    qmp->handle_closed = true;
    release(qmp);
}

static void close_pipe(struct qmp *qmp)
{
    if (!qmp->closed)
        uv_close((uv_handle_t *)&qmp->pipe, on_handle_closed);
    qmp->closed = true;
}

static void fail(struct qmp *qmp, const struct error *err)
{
    close_pipe(qmp);
    if (!qmp->freed && qmp->callbacks.on_closed)
        qmp->callbacks.on_closed(qmp->userdata, err);
}

static void fail_uv(struct qmp *qmp, int code)
{
    _cleanup_error_ struct error err = {0};
    error_set(&err, code == UV_EOF ? EPIPE : -code, "QEMU's monitor: %s",
              code == UV_EOF ? "the connection closed" : uv_strerror(code));
    fail(qmp, &err);
}

static void on_written(uv_write_t *request, int status)
{
    (void)status; /* a broken connection shows when reading */
    free(request->data);
}

static void send_text(struct qmp *qmp, const char *text, size_t length)
{
    if (qmp->closed)
        return;
    struct qmp_write *write = xmalloc(sizeof(*write) + length);
    write->request.data = write;
    memcpy(write->text, text, length);
    uv_buf_t buffer = uv_buf_init(write->text, (unsigned)length);
    if (uv_write(&write->request, (uv_stream_t *)&qmp->pipe, &buffer, 1, on_written) < 0)
        free(write);
}

static void handle_greeting(struct qmp *qmp)
{
    static const char hello[] = "{\"execute\":\"qmp_capabilities\",\"id\":0}\n";
    send_text(qmp, hello, sizeof(hello) - 1);
}

static void handle_ready(struct qmp *qmp)
{
    qmp->ready = true;
    if (qmp->unsent.length)
        send_text(qmp, qmp->unsent.data, qmp->unsent.length);
    strbuf_clear(&qmp->unsent);
    if (qmp->callbacks.on_ready)
        qmp->callbacks.on_ready(qmp->userdata);
}

static void handle_reply(struct qmp *qmp, const cJSON *message)
{
    int64_t id = json_int(message, "id", -1);
    if (id == 0 && !qmp->ready) {
        handle_ready(qmp);
        return;
    }
    for (size_t i = 0; i < qmp->requests.count; i++) {
        struct qmp_request request = qmp->requests.items[i];
        if (request.id != id)
            continue;
        qmp->requests.items[i] = qmp->requests.items[--qmp->requests.count];
        const cJSON *problem = json_object(message, "error");
        _cleanup_error_ struct error err = {0};
        if (problem)
            error_set(&err, EIO, "QEMU refused: %s", json_string(problem, "desc", "no reason"));
        if (request.on_reply)
            request.on_reply(request.userdata,
                             problem ? NULL : cJSON_GetObjectItemCaseSensitive(message, "return"),
                             problem ? &err : NULL);
        return;
    }
}

static void on_message(void *userdata, const cJSON *message)
{
    struct qmp *qmp = userdata;
    if (qmp->freed || qmp->closed)
        return;
    if (json_object(message, "QMP"))
        handle_greeting(qmp);
    else if (json_string(message, "event", NULL)) {
        if (qmp->ready && qmp->callbacks.on_event)
            qmp->callbacks.on_event(qmp->userdata, message);
    } else
        handle_reply(qmp, message);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct qmp *qmp = handle->data;
    *buffer = uv_buf_init(qmp->buffer, sizeof(qmp->buffer));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct qmp *qmp = stream->data;
    if (count < 0) {
        fail_uv(qmp, (int)count);
        return;
    }
    _cleanup_error_ struct error err = {0};
    if (qmp_parser_feed(qmp->parser, buffer->base, (size_t)count, &err) < 0)
        fail(qmp, &err);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct qmp *qmp = request->data;
    if (status == UV_ECANCELED || qmp->closed)
        return;
    if (status < 0)
        fail_uv(qmp, status);
    else
        uv_read_start((uv_stream_t *)&qmp->pipe, on_room, on_read);
}

int qmp_new(uv_loop_t *loop, const char *socket_path, const struct qmp_callbacks *callbacks,
            void *userdata, struct qmp **ret_qmp, struct error *err)
{
    struct qmp *qmp = new0(struct qmp);
    int r = uv_pipe_init(loop, &qmp->pipe, 0);
    if (r < 0) {
        free(qmp);
        return error_set(err, -r, "cannot connect to '%s': %s", socket_path, uv_strerror(r));
    }
    qmp->pipe.data = qmp->connect.data = qmp;
    qmp->parser = qmp_parser_new(on_message, qmp);
    qmp->callbacks = *callbacks;
    qmp->userdata = userdata;
    uv_pipe_connect(&qmp->connect, &qmp->pipe, socket_path, on_connected);
    *ret_qmp = qmp;
    return 0;
}

void qmp_free(struct qmp *qmp)
{
    if (!qmp)
        return;
    qmp->freed = true;
    close_pipe(qmp);
    release(qmp);
}

void qmp_execute(struct qmp *qmp, const char *command, cJSON *arguments,
                 void (*on_reply)(void *userdata, const cJSON *result, const struct error *err),
                 void *userdata)
{
    _cleanup_json_ cJSON *message = cJSON_CreateObject();
    json_set_string(message, "execute", command);
    if (arguments)
        json_set(message, "arguments", arguments);
    json_set_int(message, "id", ++qmp->last_id);
    vec_add(&qmp->requests, (struct qmp_request){qmp->last_id, on_reply, userdata});
    _cleanup_free_ char *text = json_print(message);
    struct strbuf line = {0};
    strbuf_addf(&line, "%s\n", text);
    if (qmp->ready)
        send_text(qmp, line.data, line.length);
    else
        strbuf_add(&qmp->unsent, line.data, line.length);
    strbuf_done(&line);
}
