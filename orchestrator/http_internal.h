/* What http.c, http_request.c, http_stream.c, http_tunnel.c and http_peer.c share; nobody else
 * includes it. A request is the anchor of everything that hangs on one connection: libmicrohttpd
 * says "completed" once for each, also after an upgrade; from then on nothing touches the
 * connection, and after MHD_run() has returned (it may hold locks in that callback) the request is
 * taken down with its stream or tunnel. */
#pragma once

#include "base/str.h"
#include "orchestrator/http.h"

#include <microhttpd.h>

struct http_request {
    struct http_server *server;
    struct MHD_Connection *connection;
    char *method, *path;
    struct strbuf body;
    bool too_large;
    size_t discarded; /* bytes beyond the limit */
    bool answered;
    bool deferred;                /* the answer comes from outside of on_access() */
    bool suspended;               /* by us, until the answer, or until more of the body is wanted */
    bool gone;                    /* the client has left */
    enum MHD_Result result;       /* of queueing the answer */
    struct MHD_Response *pending; /* a deferred answer on its way */
    unsigned pending_status;
    char **headers; /* of the answer: name, value, name... */
    struct http_peer *peer;
    void (*on_leave)(void *userdata);
    void *on_leave_userdata;
    const struct http_body_callbacks *body_callbacks; /* NULL: the body is collected */
    void *body_userdata;
    struct http_stream *stream;
    struct http_tunnel *tunnel;
    void (*on_sent)(void *userdata);
    void *on_sent_userdata;
    struct http_request *previous, *next; /* in server->requests, or server->finished */
};

/* Bytes waiting for a client: appended behind, taken from the front, moved seldom. */
struct http_queue {
    struct strbuf bytes;
    size_t offset;
};
const char *http_queue_peek(const struct http_queue *queue, size_t *ret_length);
void http_queue_drop(struct http_queue *queue, size_t length);
void http_queue_clear(struct http_queue *queue);

/* Calls on_gone once, from the loop. NULL where there is no descriptor left. */
struct http_peer;
struct http_peer *http_peer_watch(uv_loop_t *loop, int fd, void (*on_gone)(void *userdata),
                                  void *userdata);
void http_peer_unwatch(struct http_peer *peer); /* NULL does nothing */

/* Queues a response with the server's headers; gives up our reference. */
void http_request_queue(struct http_request *request, unsigned status, const char *content_type,
                        struct MHD_Response *response);
/* From within on_access(): the answer of a deferred request. */
void http_request_queue_pending(struct http_request *request);
/* A piece of the body for the handler that has taken it; *length is left with what it did not take.
 */
enum MHD_Result http_request_feed(struct http_request *request, const char *data, size_t *length);
int http_request_socket(const struct http_request *request);
/* For every answer; ends with a NULL name, may be NULL. */
const struct http_header *http_server_headers(const struct http_server *server);
uv_loop_t *http_server_loop(const struct http_server *server);
/* libmicrohttpd notices a resumed or handed back connection only when it runs: soon, not now. */
void http_server_kick(struct http_server *server);
/* The other end is gone altogether; after a half-close it is not. */
bool http_socket_hung_up(int fd);

/* The connection is over: nothing is sent or resumed any more. */
void http_request_detach(struct http_request *request);
void http_stream_detach(struct http_stream *stream);
void http_tunnel_detach(struct http_tunnel *tunnel);
/* Gives the last callback and frees. */
void http_stream_free(struct http_stream *stream);
void http_tunnel_free(struct http_tunnel *tunnel);
/* The server leaves: hands the connection back to libmicrohttpd. */
void http_request_abort(struct http_request *request);
void http_stream_abort(struct http_stream *stream);
void http_tunnel_abort(struct http_tunnel *tunnel);
