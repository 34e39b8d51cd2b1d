/* `up`: what its files share.
 *
 *   up.c         options -> the request
 *   up_run.c     the course: the job, then the logs until all have ended, Ctrl-C or an exit that
 * counts up_attach.c  whose logs are shown: who is there, who comes, who is started again up_exit.c
 * who has ended, and what that means for the command */
#pragma once

#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/up_request.h"
#include "compose/model.h"

struct up_values {
    struct up_choices choices;
    bool detach, no_color, no_log_prefix, timestamps, quiet_pull, yes, attach_dependencies;
    bool abort_on_exit, abort_on_failure;
    const char *exit_code_from; /* NULL: none */
    char **attach, **no_attach; /* services */
};

/* Brings the project up by its job and, unless detached, stays. body: the request's. Returns the
 * exit status, or -errno with err set. *ret_asked: the job ended because of a question. */
int up_run(const struct invocation *invocation, struct client *client, const struct model *model,
           const char *body, bool detach, bool *ret_asked, struct error *err);
