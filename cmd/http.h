/* HTTP/1.1 as a client of our own daemon needs it: requests as text, and an incremental reader of
 * responses (RFC 9112: Content-Length, chunked, until close, and 101). Pure: bytes in, bytes out;
 * sockets are client.c's.
 *
 * Own code rather than libcurl: loading that library takes 5 ms, half of what `vmstead ps` may take
 * in all, and one server over a Unix socket needs none of what it can do. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request {
    const char *method, *path;
    const char *body;    /* JSON; NULL: none */
    const char *headers; /* further lines, each with its "\r\n"; NULL: none */
    bool upgrade;        /* asks to turn the connection into a stream */
    bool chunked;        /* the body follows in chunks, a tar; `body` is NULL */
};
void http_print_request(const struct http_request *request, struct strbuf *out);

enum http_phase {
    HTTP_HEAD,
    HTTP_BODY_LENGTH, /* `left` bytes to come */
    HTTP_BODY_CLOSE,  /* until the server closes */
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_DATA, /* `left` bytes to come */
    HTTP_CHUNK_END,  /* the line end behind a chunk */
    HTTP_TRAILER,
    HTTP_DONE,
    HTTP_UPGRADED, /* 101: everything further is the stream */
    HTTP_PHASE_COUNT
};

/* Zero-initialise. */
struct http_reader {
    enum http_phase phase;
    int status; /* 0 until the head is there */
    bool chunked, has_length;
    uint64_t left;
    struct strbuf line; /* a line that is not complete yet */
    bool no_body;       /* the answer to a HEAD: nothing comes behind its head */
    char *path_stat;    /* of an archive: X-Docker-Container-Path-Stat; NULL: not there */
};

typedef void http_body_fn(void *userdata, const char *data, size_t length);

/* Takes what came; on_body is called for the pieces of the body (and of the stream after 101).
 * -EPROTO where it is not HTTP. */
int http_reader_feed(struct http_reader *reader, const char *data, size_t length,
                     http_body_fn *on_body, void *userdata, struct error *err);
/* The connection was closed: 0 where the response was complete, else -ECONNRESET. */
int http_reader_finish(const struct http_reader *reader, struct error *err);
void http_reader_done(struct http_reader *reader);
