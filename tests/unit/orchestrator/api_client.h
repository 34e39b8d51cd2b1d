/* A blocking HTTP client on a Unix socket, for tests of the API: as dumb as can be, so that what
 * arrives on the wire is what the tests see. */
#pragma once

#include "base/json.h"
#include "base/str.h"

struct answer {
    int status;
    struct strbuf head, body; /* body without its chunk headers */
    bool complete;            /* the body's end was seen */
};

/* A connected socket; reads and writes time out after 20 s. */
int client_connect(const char *path);
/* The request as text; body may be NULL; headers is "" or lines ending in CRLF. */
void client_send(int fd, const char *method, const char *target, const char *headers,
                 const char *body);
/* Only up to the blank line; what came behind it is in body. */
void client_read_head(int fd, struct answer *answer);
void client_read(int fd, struct answer *answer);
/* connect, send, read, close. */
void client_ask(const char *path, const char *method, const char *target, const char *headers,
                const char *body, struct answer *answer);
/* The same, for JSON; checks the status. Owned by the caller. */
cJSON *client_ask_json(const char *path, const char *method, const char *target, const char *body,
                       int status);
/* Reads exactly length bytes: first what answer holds, then the socket. false at the end. */
bool client_read_exactly(int fd, struct answer *answer, void *data, size_t length);
void answer_done(struct answer *answer);
