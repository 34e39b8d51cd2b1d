/* What `volume` and `network` have in common: named things of the daemon's, listed, shown and
 * removed one by one. */
#pragma once

#include "base/json.h"
#include "cmd/command.h"

struct resource_kind {
    const char *word; /* "volume": for people */
    const char *path; /* "/volumes" */
};
extern const struct resource_kind resource_volume, resource_network;

/* Each operand's JSON, in one array. */
int resource_inspect(const struct invocation *invocation, const struct resource_kind *kind,
                     struct error *err);
/* Prints what was removed. One that cannot be removed does not keep the others from it. force:
 * those that are not there are no error. */
int resource_remove(const struct invocation *invocation, const struct resource_kind *kind,
                    bool force, struct error *err);
/* {"Name":["x"],...} of KEY=VALUE texts; known ends with NULL, help says what is known. Owned by
 * the caller. */
int resource_filters(char *const *texts, const char *const *known, const char *help,
                     cJSON **ret_filters, struct error *err);
/* "NAME=VALUE" texts as an object; a bare NAME has "". Owned by the caller. */
cJSON *resource_pairs(char *const *texts);
/* GET kind's path with filters; {} where no daemon runs. */
int resource_list(const struct invocation *invocation, const struct resource_kind *kind,
                  const cJSON *filters, cJSON **ret_answer, struct error *err);
/* "a=b,c=d". Owned by the caller. */
char *resource_join_labels(const cJSON *labels);
