/* One request over a blocking connection of its own, for what does not fit on a loop: upgraded
 * streams (exec, attach) and tars (cp).
 *
 *     connection_open -> [connection_send...] -> connection_answer -> [connection_receive...] */
#pragma once

#include "base/str.h"
#include "cmd/client.h"
#include "cmd/http.h"

struct connection {
    int fd;
    struct http_reader reader;
    struct strbuf early; /* what came behind the answer's head */
};
#define CONNECTION_NONE                                                                            \
    (struct connection)                                                                            \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Connects and sends the request's head and body; our identity is added. */
int connection_open(const char *socket_path, const struct http_request *request,
                    struct connection *ret_connection, struct error *err);
/* A piece of a chunked body (http_request.chunked); length 0 ends it. -EPIPE where the daemon does
 * not want more: its answer says why. */
int connection_send(struct connection *connection, const void *data, size_t length,
                    struct error *err);
/* Reads the answer's head. An answer that is no success is an error with what its body says. */
int connection_answer(struct connection *connection, struct error *err);
/* What of the body (or, after an upgrade, of the stream) is there: *ret_length 0 at its end. */
int connection_receive(struct connection *connection, struct strbuf *ret_data, struct error *err);
void connection_done(struct connection *connection);
#define _cleanup_connection_ _cleanup_(connection_done)
