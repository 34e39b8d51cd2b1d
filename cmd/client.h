/* Requests to the daemon over its Unix socket, on the command's own uv loop. One connection per
 * request (connecting to a Unix socket costs less than keeping one open in order); any number at a
 * time.
 *
 * Every request says which version and which network namespace it comes from; a daemon that differs
 * answers 412 and does nothing (docs/api.md). daemon_start.h opens a client to the right daemon. */
#pragma once

#include "base/json.h"
#include "base/paths.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct client;
struct client_request;

struct client_handlers {
    /* The body of a 2xx answer, as it comes; may be NULL. */
    void (*on_data)(void *userdata, const char *data, size_t length);
    /* Once, never from within client_start(), and not after client_request_cancel(). err->code 0
     * for a complete 2xx answer; else what the daemon's error says. ERESTART: the daemon ended
     * before it said a word. */
    void (*on_end)(void *userdata, const struct error *err);
};

/* A client of this socket; does not connect yet. Owns a loop. */
int client_new(const char *socket_path, struct client **ret_client, struct error *err);
/* Cancels what still runs. */
void client_free(struct client *client);
DEFINE_FREEP(struct client *, client_free)
uv_loop_t *client_loop(struct client *client);
/* Requests do not say who we are, so that a daemon of another version or namespace answers them
 * too. */
void client_set_anonymous(struct client *client);

/* body: JSON text or NULL. */
int client_start(struct client *client, const char *method, const char *path, const char *body,
                 const struct client_handlers *handlers, void *userdata,
                 struct client_request **ret_request, struct error *err);
/* Closes the connection; no handler is called any more. NULL is fine. */
void client_request_cancel(struct client_request *request);
/* Stops reading the answer, or goes on: the daemon then waits. NULL is fine. */
void client_request_pause(struct client_request *request, bool pause);

/* A whole request: runs the loop until the answer is there, at most timeout_ms. *ret_answer is the
 * JSON (NULL for an empty body); ret_answer may be NULL. */
int client_call(struct client *client, const char *method, const char *path, const char *body,
                uint64_t timeout_ms, cJSON **ret_answer, struct error *err);

/* For exec's raw connection: a connected, blocking, close-on-exec socket. -ENOENT or -ECONNREFUSED
 * where no daemon listens. */
int client_connect(const char *socket_path, int *ret_fd, struct error *err);
const char *client_socket_path(const struct client *client);
/* The header lines that name our version and network namespace. Owned by the caller. */
char *client_identity_headers(void);
uint64_t client_network_namespace(void);
/* An answer that is no success -> error: the message of its JSON body; code as the body or the HTTP
 * status says. */
int client_set_error(struct error *err, int status, const char *body, size_t length);

/* "a b/c" -> "a%20b%2Fc", for one part of a path or a query. Owned by the caller. */
char *client_escape(const char *text);
