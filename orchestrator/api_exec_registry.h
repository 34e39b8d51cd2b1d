/* The execs that clients can ask for by their ID: those that run, those that were only described,
 * and for five minutes those that have ended. */
#pragma once

#include "base/hash.h"
#include "orchestrator/api_internal.h"

struct api_exec {
    struct api *api;
    char id[HASH_HEX_SIZE];
    char *instance, *instance_id;
    char **argv, **environment;
    char *user, *working_directory;
    bool tty, attach_stdin;
    uint16_t rows, columns;
    bool own; /* of /vmstead/exec: nobody asks for the outcome */
    struct exec_session *session;
    struct exec_detached *detached; /* until it is known whether it was started */
    struct http_request *waiting;   /* for that; NULL once the client has left */
    bool started, running;
    bool on_its_own; /* detached: nobody hears of its end */
    int exit_code;
    int64_t changed_ms;
    struct api_exec *next;
};

void api_exec_free(struct api_exec *exec);
DEFINE_FREEP(struct api_exec *, api_exec_free)
/* Gives it an ID; it is the registry's from here on. Drops what has been kept for too long. */
void api_exec_register(struct api *api, struct api_exec *exec);
void api_exec_remove(struct api_exec *exec);
/* The one that the call names; NULL: 404 was answered. */
struct api_exec *api_exec_find(const struct api_call *call);
/* An event "WHAT: COMMAND". */
void api_exec_tell(const struct api_exec *exec, const char *what);
