/* One process run in a guest for one client: the bridge between runtime's exec and an HTTP tunnel,
 * in both directions, with flow control in both. Sits below api_exec.c, which knows Docker's and
 * our requests.
 *
 * Output: at most what runtime allows in flight waits in the tunnel; it is given back as it leaves.
 * Input: what the guest has no room for stays in the tunnel, and then in the client's socket. */
#pragma once

#include "orchestrator/http.h"
#include "runtime/runtime.h"

struct exec_session;

enum exec_wire {
    EXEC_WIRE_RAW,    /* Docker's with Tty: bytes in, bytes out */
    EXEC_WIRE_DOCKER, /* Docker's without: bytes in, frames out */
    EXEC_WIRE_OWN,    /* /vmstead/exec: frames in both directions and an end frame */
};

struct exec_session_callbacks {
    /* The process has ended; -1 with err where the VM or the connection went away, or the client
     * broke the protocol or left. */
    void (*on_exit)(void *userdata, int exit_code, const struct error *err);
    /* Last call: the client is gone, too. The session frees itself after it. */
    void (*on_close)(void *userdata);
};

/* Starts the process; errors as runtime_exec_start()'s. Then either exec_session_attach() or
 * exec_session_discard() must follow. callbacks live as long as the session. */
int exec_session_new(struct runtime *runtime, const char *instance,
                     const struct exec_options *options, enum exec_wire wire,
                     const struct exec_session_callbacks *callbacks, void *userdata,
                     struct exec_session **ret_session, struct error *err);
/* Answers the request with a tunnel. A client that leaves before the end: the process gets SIGHUP.
 */
void exec_session_attach(struct exec_session *session, struct http_request *request);
/* Nobody listens (Docker's Detach): output is dropped. */
void exec_session_discard(struct exec_session *session);
/* Does nothing after the end. */
void exec_session_resize(struct exec_session *session, uint16_t rows, uint16_t columns);
/* The server is gone: lets the process go and frees; no callback comes. */
void exec_session_free(struct exec_session *session);
