/* One process in a guest and one client: the bridge between runtime's exec, or attach, and an HTTP
 * tunnel, in both directions, with flow control in both. Sits below api_exec.c and api_attach.c,
 * which know Docker's and our requests.
 *
 * Output: at most what runtime allows in flight waits in the tunnel; it is given back as it leaves.
 * Input: what the guest has no room for stays in the tunnel, and then in the client's socket. */
#pragma once

#include "orchestrator/exec_process.h"
#include "orchestrator/http.h"

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

/* Starts the process; errors as runtime_exec_start()'s. exec_session_attach() must
 * follow. callbacks live as long as the session. */
int exec_session_new(struct runtime *runtime, const char *instance,
                     const struct exec_options *options, enum exec_wire wire,
                     const struct exec_session_callbacks *callbacks, void *userdata,
                     struct exec_session **ret_session, struct error *err);
struct exec_join_options {
    struct attach_options attach;
    bool wants_stdout, wants_stderr;
    bool keeps_stdin; /* the client's end-of-file is not the service's */
};
/* The service's own process, which lives on when the client leaves; errors as
 * runtime_attach_start()'s. exec_session_attach() must follow. */
int exec_session_join(struct runtime *runtime, const char *instance,
                      const struct exec_join_options *options, enum exec_wire wire,
                      const struct exec_session_callbacks *callbacks, void *userdata,
                      struct exec_session **ret_session, struct error *err);
/* Answers the request with a tunnel. A client that leaves before the end: the process of an exec
 * gets SIGHUP. */
void exec_session_attach(struct exec_session *session, struct http_request *request);
/* Does nothing after the end. */
void exec_session_resize(struct exec_session *session, uint16_t rows, uint16_t columns);
/* The server is gone: lets the process go and frees; no callback comes. */
void exec_session_free(struct exec_session *session);
