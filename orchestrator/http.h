/* HTTP/1.1 on the loop: libmicrohttpd behind an interface without its types. Sits between the Unix
 * socket and the API's handlers (api.h): whole requests go up, answers, streams and tunnels go
 * down.
 *
 * Every request gets exactly one answer, given from within on_request, or later by a handler that
 * has called http_request_defer(): http_respond*(), or a stream (chunked, as long as the handler
 * likes), or a tunnel (101: the connection's bytes in both directions).
 *
 * Flow: what is written to a stream or tunnel waits in a queue until the client takes it. Nothing
 * blocks; the writer looks at http_stream_queued() / http_tunnel_queued() and pauses its source
 * until on_drain. A client that leaves is noticed at once, also in silence; on_close is the last
 * call in any case, comes exactly once, and never from within a call of ours.
 *
 * Peers other than root, allowed_uid and members of allowed_gid get 403 (SO_PEERCRED and
 * SO_PEERGROUPS, unix(7), socket(7)); bodies over
 * HTTP_BODY_LIMIT get 413, but for those that a handler takes as they come
 * (http_request_take_body()). */
#pragma once

#include "base/json.h"

#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

enum {
    HTTP_BODY_LIMIT = 16 << 20,
    HTTP_CONNECTION_LIMIT = 1024,
    HTTP_IDLE_SECONDS = 60,      /* a connection without a request */
    HTTP_QUEUE_LOW = 64 << 10,   /* on_drain: no more than this is queued */
    HTTP_QUEUE_HIGH = 256 << 10, /* from here on a writer should pause */
};

struct http_server;
struct http_request;
struct http_stream;
struct http_tunnel;

struct http_header {
    const char *name, *value;
};

struct http_server_options {
    uv_loop_t *loop;
    int listen_fd;                     /* listening; stays the caller's */
    uid_t allowed_uid;                 /* beside root */
    gid_t allowed_gid;                 /* members of this group, too; 0: none */
    const struct http_header *headers; /* for every answer; ends with a NULL name */
    /* The headers are here, the body is not: may answer, or take the body. May be NULL. */
    void (*on_headers)(void *userdata, struct http_request *request);
    /* All of it is here. Not for a request that on_headers has answered or taken. */
    void (*on_request)(void *userdata, struct http_request *request);
    /* A request with its stream, or a connection, has ended; may be NULL. */
    void (*on_request_end)(void *userdata);
    void *userdata;
};

/* The headers' texts must live as long as the server. */
int http_server_new(const struct http_server_options *options, struct http_server **ret_server,
                    struct error *err);
/* Ends streams and tunnels (their on_close comes), closes connections. The handles close on the
 * loop: run it once more. */
void http_server_free(struct http_server *server);
/* Connections that are open, idle ones too. */
unsigned http_server_connections(const struct http_server *server);

/* --- the request: valid until it has been answered ------------------------------------------- */

const char *http_request_method(const struct http_request *request);
const char *http_request_path(const struct http_request *request); /* percent-decoded */
/* NULL where it is not there; "" for a name without value. */
const char *http_request_query(const struct http_request *request, const char *name);
const char *http_request_header(const struct http_request *request, const char *name);
/* "1", "true" and "True" are true, as Docker's clients write them; everything else is false. */
bool http_request_flag(const struct http_request *request, const char *name);
const char *http_request_body(const struct http_request *request, size_t *ret_length);
/* The client asks for `Upgrade: tcp`. */
bool http_request_wants_upgrade(const struct http_request *request);

/* --- bodies of any size ------------------------------------------------------------------------
 */

struct http_body_callbacks {
    /* Returns how many bytes were taken. If not all: the rest is kept and nothing is read until
     * http_request_resume_body(). */
    size_t (*on_data)(void *userdata, const void *data, size_t length);
    /* That was all: answer, or defer. */
    void (*on_end)(void *userdata);
    /* Last call, in any case: the request is over, answered or not. */
    void (*on_close)(void *userdata);
};
/* From within on_headers. An answer before on_end is not possible: what cannot be used any more is
 * to be taken and dropped. */
void http_request_take_body(struct http_request *request,
                            const struct http_body_callbacks *callbacks, void *userdata);
/* From outside of on_data. */
void http_request_resume_body(struct http_request *request);

/* --- answers --------------------------------------------------------------------------------- */

/* The answer comes later, from outside of on_request, and must come exactly once; the request is
 * valid until then. on_leave, if the client leaves before (or the server): it comes instead of
 * anybody's answer, and the request is gone. */
void http_request_defer(struct http_request *request, void (*on_leave)(void *userdata),
                        void *userdata);
/* A header of the answer to come; both are copied. */
void http_request_add_header(struct http_request *request, const char *name, const char *value);
void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  const char *text);
void http_respond_json(struct http_request *request, unsigned status, const cJSON *value);
/* {"message": ...}; code (errno, positive; 0: none) goes along as "code". */
void http_respond_error(struct http_request *request, unsigned status, int code, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));
/* Called once when the answer has left (or its client). */
void http_request_notify_sent(struct http_request *request, void (*on_sent)(void *userdata),
                              void *userdata);

struct http_stream_callbacks {
    void (*on_drain)(void *userdata); /* may be NULL */
    void (*on_close)(void *userdata);
};
struct http_stream *http_respond_stream(struct http_request *request, const char *content_type,
                                        const struct http_stream_callbacks *callbacks,
                                        void *userdata);
/* Does nothing after the client has left. */
void http_stream_write(struct http_stream *stream, const void *data, size_t length);
size_t http_stream_queued(const struct http_stream *stream);
/* Sends what is queued, then the end; on_close follows. */
void http_stream_end(struct http_stream *stream);
/* Breaks off, so that the client sees that it is not the whole; on_close follows. */
void http_stream_break(struct http_stream *stream);

struct http_tunnel_callbacks {
    /* Returns how many bytes were taken. If not all: the rest is kept and nothing is read until
     * http_tunnel_resume(). */
    size_t (*on_data)(void *userdata, const void *data, size_t length);
    /* The client has half-closed and everything it sent was taken. */
    void (*on_end_of_data)(void *userdata);
    void (*on_drain)(void *userdata); /* some of the queue has left since http_tunnel_write() */
    void (*on_close)(void *userdata);
};
/* Before the 101 has left, writes are queued and nothing is read. */
struct http_tunnel *http_respond_tunnel(struct http_request *request, const char *content_type,
                                        const struct http_tunnel_callbacks *callbacks,
                                        void *userdata);
void http_tunnel_write(struct http_tunnel *tunnel, const void *data, size_t length);
size_t http_tunnel_queued(const struct http_tunnel *tunnel);
void http_tunnel_resume(struct http_tunnel *tunnel);
/* Sends what is queued, half-closes, discards what still comes, closes; on_close follows. No
 * on_data, on_end_of_data or on_drain after this. */
void http_tunnel_end(struct http_tunnel *tunnel);
