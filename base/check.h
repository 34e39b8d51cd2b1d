/* One look at one thing of the host, for `vmstead doctor`: whoever may see the thing has a table of
 * such looks (network/host_checks.c, runtime/host_checks.c, orchestrator/doctor.c), whoever gathers
 * them runs the tables in order. A look changes nothing on the host and has a bound in time. */
#pragma once

#include "base/json.h"
#include "base/paths.h"

enum check_status { CHECK_OK, CHECK_WARNING, CHECK_ERROR, CHECK_SKIPPED, CHECK_STATUS_COUNT };
const char *check_status_name(enum check_status status); /* "ok", "warning", "error", "skipped" */

struct finding {
    enum check_status status;
    char *evidence; /* one line: what was seen */
    char *remedy; /* one line, the exact command where there is one; NULL: nothing is to be done */
};
void finding_done(struct finding *finding);
#define _cleanup_finding_ _cleanup_(finding_done)
/* Takes remedy; replaces what was found before. */
void finding_set(struct finding *finding, enum check_status status, char *remedy,
                 const char *evidence, ...) __attribute__((format(printf, 4, 5)));

struct check {
    const char *name;
    void (*look)(const struct paths *paths, struct finding *finding);
};

/* {"check","status","evidence","remedy" (or absent)}, owned by the caller. */
cJSON *finding_describe(const char *name, const struct finding *finding);
/* Appends the description to the array. False: it is an error, and a walk ends here. */
bool finding_add(cJSON *findings, const char *name, const struct finding *finding);
/* Runs them all; tell gets each description as soon as it is there, and owns it. */
void checks_run(const struct check *checks, size_t count, const struct paths *paths,
                void (*tell)(void *userdata, cJSON *description), void *userdata);
