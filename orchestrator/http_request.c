/* One request of http.h as its handler sees it: what it reads, the answers, and the two ways to
 * take one's time: to answer later, and to take a long body as it comes. For both, the connection
 * is suspended, and its socket watched for the client's leaving meanwhile. */
#include "base/alloc.h"
#include "orchestrator/http_internal.h"

#include <stdio.h>

/* --- waiting --------------------------------------------------------------------------------- */

static void request_wake(struct http_request *request)
{
    if (!request->suspended)
        return;
    request->suspended = false;
    http_peer_unwatch(TAKE_PTR(request->peer));
    MHD_resume_connection(request->connection);
    http_server_kick(request->server);
}

/* on_access() refuses to go on, so that libmicrohttpd closes the connection. */
static void on_peer_gone(void *userdata)
{
    struct http_request *request = userdata;
    request->gone = true;
    request_wake(request);
}

static void request_suspend(struct http_request *request)
{
    request->suspended = true;
    MHD_suspend_connection(request->connection);
    request->peer = http_peer_watch(http_server_loop(request->server), http_request_socket(request),
                                    on_peer_gone, request);
}

void http_request_defer(struct http_request *request, void (*on_leave)(void *userdata),
                        void *userdata)
{
    request->deferred = true;
    request->on_leave = on_leave;
    request->on_leave_userdata = userdata;
    request->result = MHD_YES;
    request_suspend(request);
}

void http_request_take_body(struct http_request *request,
                            const struct http_body_callbacks *callbacks, void *userdata)
{
    request->body_callbacks = callbacks;
    request->body_userdata = userdata;
}

enum MHD_Result http_request_feed(struct http_request *request, const char *data, size_t *length)
{
    *length -= request->body_callbacks->on_data(request->body_userdata, data, *length);
    if (*length > 0)
        request_suspend(request);
    return MHD_YES;
}

void http_request_resume_body(struct http_request *request)
{
    if (!request->deferred)
        request_wake(request);
}

void http_request_detach(struct http_request *request)
{
    request->connection = NULL;
    request->suspended = false;
    request->gone = true;
    http_peer_unwatch(TAKE_PTR(request->peer));
}

void http_request_abort(struct http_request *request)
{
    if (request->suspended)
        on_peer_gone(request);
}

/* --- what a handler reads -------------------------------------------------------------------- */

const char *http_request_method(const struct http_request *request)
{
    return request->method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->path;
}

const char *http_request_query(const struct http_request *request, const char *name)
{
    const char *value = NULL;
    if (MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name,
                                      strlen(name), &value, NULL) != MHD_YES)
        return NULL;
    return value ? value : "";
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

bool http_request_flag(const struct http_request *request, const char *name)
{
    const char *value = http_request_query(request, name);
    return value && (streq(value, "1") || streq(value, "true") || streq(value, "True"));
}

const char *http_request_body(const struct http_request *request, size_t *ret_length)
{
    *ret_length = request->body.length;
    return strbuf_text(&request->body);
}

bool http_request_wants_upgrade(const struct http_request *request)
{
    const char *protocol = http_request_header(request, "Upgrade");
    return protocol && strcasecmp(protocol, "tcp") == 0;
}

int http_request_socket(const struct http_request *request)
{
    return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
        ->connect_fd;
}

/* --- answers --------------------------------------------------------------------------------- */

void http_request_add_header(struct http_request *request, const char *name, const char *value)
{
    strv_add(&request->headers, xstrdup(name));
    strv_add(&request->headers, xstrdup(value));
}

static void add_headers(const struct http_request *request, const char *content_type,
                        struct MHD_Response *response)
{
    if (content_type)
        MHD_add_response_header(response, "Content-Type", content_type);
    const struct http_header *header = http_server_headers(request->server);
    for (; header && header->name; header++)
        MHD_add_response_header(response, header->name, header->value);
    for (size_t i = 0; request->headers && request->headers[i]; i += 2)
        MHD_add_response_header(response, request->headers[i], request->headers[i + 1]);
}

/* libmicrohttpd takes an answer only from within on_access(): a deferred one waits for the turn
 * that request_wake() asks for. */
void http_request_queue(struct http_request *request, unsigned status, const char *content_type,
                        struct MHD_Response *response)
{
    add_headers(request, content_type, response);
    request->answered = true;
    request->pending = response;
    request->pending_status = status;
    if (request->deferred)
        request_wake(request);
    else
        http_request_queue_pending(request);
}

void http_request_queue_pending(struct http_request *request)
{
    struct MHD_Response *response = TAKE_PTR(request->pending);
    request->result = MHD_queue_response(request->connection, request->pending_status, response);
    MHD_destroy_response(response);
}

void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  const char *text)
{
    char *copy = xstrdup(text);
    http_request_queue(request, status, content_type,
                       MHD_create_response_from_buffer(strlen(copy), copy, MHD_RESPMEM_MUST_FREE));
}

void http_respond_json(struct http_request *request, unsigned status, const cJSON *value)
{
    char *text = json_print(value);
    http_request_queue(request, status, "application/json",
                       MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}

void http_respond_error(struct http_request *request, unsigned status, int code, const char *format,
                        ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *message = xvasprintf(format, args);
    va_end(args);
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    json_set_string(body, "message", message);
    if (code)
        json_set_int(body, "code", code);
    http_respond_json(request, status, body);
}

void http_request_notify_sent(struct http_request *request, void (*on_sent)(void *userdata),
                              void *userdata)
{
    request->on_sent = on_sent;
    request->on_sent_userdata = userdata;
}
