/* See api_exec_registry.h. */
#include "orchestrator/api_exec_registry.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "orchestrator/exec_detached.h"
#include "orchestrator/exec_session.h"

#include <errno.h>

enum {
    KEEP_MS =
        5 * 60 * 1000, /* a description that was not started, and the outcome of one that ended */
    KEEP_COUNT = 1024,
};

void api_exec_free(struct api_exec *exec)
{
    if (!exec)
        return;
    if (exec->session)
        exec_session_free(exec->session);
    if (exec->detached)
        exec_detached_abandon(exec->detached);
    strv_free(exec->argv);
    strv_free(exec->environment);
    free(exec->user);
    free(exec->working_directory);
    free(exec->instance);
    free(exec->instance_id);
    free(exec);
}
void api_exec_remove(struct api_exec *exec)
{
    struct api_exec **link = &exec->api->execs;
    while (*link != exec)
        link = &(*link)->next;
    *link = exec->next;
    api_exec_free(exec);
}

void api_execs_close(struct api *api)
{
    while (api->execs)
        api_exec_remove(api->execs);
}

/* Drops what nobody asked for in time, and the oldest when there are too many. Newest come first.
 */
static void execs_expire(struct api *api)
{
    int64_t now_ms = clock_realtime_ms();
    size_t kept = 0;
    for (struct api_exec *exec = api->execs, *next; exec; exec = next) {
        next = exec->next;
        bool in_use = exec->session || exec->detached;
        bool expired = now_ms - exec->changed_ms > KEEP_MS || kept >= KEEP_COUNT;
        if (!in_use && expired)
            api_exec_remove(exec);
        else
            kept++;
    }
}

struct api_exec *api_exec_find(const struct api_call *call)
{
    struct api_exec *exec = call->api->execs;
    while (exec && (exec->own || !streq(exec->id, call->name)))
        exec = exec->next;
    if (!exec)
        http_respond_error(call->request, 404, ENOENT, "no such exec instance: %s", call->name);
    return exec;
}

void api_exec_tell(const struct api_exec *exec, const char *what)
{
    _cleanup_free_ char *command = strv_join(exec->argv, " ");
    _cleanup_free_ char *action = xasprintf("%s: %s", what, command);
    api_events_tell_exec(exec->api, exec->instance_id, exec->id, action, NULL);
}

void api_exec_register(struct api *api, struct api_exec *exec)
{
    execs_expire(api);
    exec->api = api;
    exec->changed_ms = clock_realtime_ms();
    hash_random_hex(exec->id);
    exec->next = api->execs;
    api->execs = exec;
    api_exec_tell(exec, "exec_create");
}
