/* See dns_call.h. */
#include "network/dns_call.h"

#include "base/alloc.h"
#include "base/str.h"
#include "network/dns_message.h"

struct dns_call {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct strbuf query, received; /* each with two bytes of length before the message */
    dns_call_fn *on_end;           /* NULL: closing */
    void *userdata;
};

static void on_closed(uv_handle_t *handle)
{
    struct dns_call *call = handle->data;
    strbuf_done(&call->query);
    strbuf_done(&call->received);
    free(call);
}

void dns_call_cancel(struct dns_call *call)
{
    call->on_end = NULL;
    uv_close((uv_handle_t *)&call->tcp, on_closed);
}

static void call_end(struct dns_call *call, const void *data, size_t length)
{
    dns_call_fn *on_end = call->on_end;
    void *userdata = call->userdata;
    dns_call_cancel(call); /* what it has received lives on until the loop comes back */
    on_end(userdata, data, length);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct dns_call *call = handle->data;
    *buffer = uv_buf_init(strbuf_reserve(&call->received, DNS_MESSAGE_MAX), DNS_MESSAGE_MAX);
}

static void on_bytes(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)buffer;
    struct dns_call *call = stream->data;
    if (count < 0) {
        call_end(call, NULL, 0);
        return;
    }
    struct strbuf *received = &call->received;
    received->length += (size_t)count;
    const uint8_t *bytes = (const uint8_t *)received->data;
    size_t length = received->length < 2 ? DNS_MESSAGE_MAX : (size_t)(bytes[0] << 8 | bytes[1]);
    if (received->length < length + 2)
        return;
    const uint8_t *query = (const uint8_t *)call->query.data + 2;
    bool ours = length >= 2 && memcmp(bytes + 2, query, 2) == 0 &&
                dns_is_answer_to(bytes + 2, length, query, call->query.length - 2);
    call_end(call, ours ? bytes + 2 : NULL, ours ? length : 0);
}

static void on_written(uv_write_t *request, int status)
{
    struct dns_call *call = request->handle->data;
    if (call->on_end && status < 0)
        call_end(call, NULL, 0);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct dns_call *call = request->handle->data;
    if (!call->on_end)
        return;
    uv_buf_t message = uv_buf_init(call->query.data, (unsigned)call->query.length);
    uv_stream_t *stream = (uv_stream_t *)&call->tcp;
    if (status < 0 || uv_read_start(stream, on_room, on_bytes) < 0 ||
        uv_write(&call->write, stream, &message, 1, on_written) < 0)
        call_end(call, NULL, 0);
}

int dns_call_start(uv_loop_t *loop, const union dns_socket_address *server, const void *query,
                   size_t length, dns_call_fn *on_end, void *userdata, struct dns_call **ret_call)
{
    struct dns_call *call = new0(struct dns_call);
    const uint8_t size[2] = {(uint8_t)(length >> 8), (uint8_t)length};
    strbuf_add(&call->query, size, 2);
    strbuf_add(&call->query, query, length);
    call->on_end = on_end;
    call->userdata = userdata;
    uv_tcp_init(loop, &call->tcp);
    call->tcp.data = call;
    int r = uv_tcp_connect(&call->connect, &call->tcp, &server->any, on_connected);
    if (r < 0) {
        dns_call_cancel(call);
        return r;
    }
    *ret_call = call;
    return 0;
}
