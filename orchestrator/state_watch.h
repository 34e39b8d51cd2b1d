/* What the supervisor keeps of instances in their table, and of the host in its own. err is never
 * NULL here. */
#pragma once

#include "base/json.h"
#include "base/store.h"

struct state_watched {
    char *project;
    cJSON *vm_spec; /* NULL: the VM was not made whole */
    int64_t restarts;
    char *health; /* "", "starting"... */
};
void state_watched_done(struct state_watched *watched);
/* 1, or 0 where there is no such instance. */
int state_find_watched(struct store *store, const char *instance, struct state_watched *ret_watched,
                       struct error *err);

/* 1: it is there, and is to run as far as people said. */
int state_is_wanted(struct store *store, const char *instance, struct error *err);
int state_set_health(struct store *store, const char *instance, const char *health,
                     struct error *err);
int state_set_restarts(struct store *store, const char *instance, int64_t restarts,
                       struct error *err);
/* Whether its last end was for lack of memory in the guest. */
int state_set_oom(struct store *store, const char *instance, bool oom, struct error *err);

/* The boot of the host in which the instances were last looked after: "" where they were stopped
 * since for the host's sake, NULL where it is not known. Owned by the caller. */
int state_read_boot(struct store *store, char **ret_boot_id, struct error *err);
int state_write_boot(struct store *store, const char *boot_id, struct error *err);
