/* What `up`, `create`, `scale` and `plan` ask of the daemon: their options, checked, as the body of
 * one request (docs/api.md, POST .../up). */
#pragma once

#include "base/error.h"
#include "compose/model.h"

#include <stddef.h>

struct up_choices {
    bool build, no_build;
    bool force_recreate, no_recreate, always_recreate_deps;
    bool no_deps, no_start, remove_orphans, renew_anon_volumes;
    bool wait, dry_run;
    int64_t timeout_ms;     /* -1: each service's own */
    int64_t wait_timeout_s; /* 0: none */
    const char *pull;       /* NULL or "policy": as the file says */
    char **scale;           /* "SERVICE=NUMBER" */
    /* What to do with volumes that are not as the file describes them: "ask" (NULL), "keep",
     * "recreate". */
    const char *changed_volumes;
};

/* -EINVAL where options exclude each other, or a scale is none or of no service of the model. The
 * body is owned by the caller. */
int up_request_print(const struct up_choices *choices, const struct model *model,
                     char *const *services, size_t count, char **ret_body, struct error *err);
