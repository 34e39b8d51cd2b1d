/* The journal: before a provider begins with a step its intent is committed, after it the outcome,
 * with what it means for the table `resources`, in one transaction. Between the two a crash may
 * come at any point; journal_settle() then turns what was left into what is known: such a resource
 * may be there, in whole or in part, so the store lists it (down finds it) without a hash (up makes
 * it anew). err is never NULL here. */
#pragma once

#include "base/store.h"
#include "orchestrator/plan.h"

/* Intents and outcomes that come together are committed together: between open and close. Close
 * takes everything back where it fails. */
int journal_open(struct store *store, struct error *err);
int journal_close(struct store *store, struct error *err);
/* Inside of that. Also writes the instance's row where the step makes a VM. */
int journal_begin(struct store *store, const char *project, const struct plan_step *step,
                  int64_t *ret_entry, struct error *err);
int journal_finish(struct store *store, const char *project, int64_t entry,
                   const struct plan_step *step, bool success, struct error *err);
/* For entries that nobody is working on: at the daemon's start (project NULL: all), and before a
 * job. */
int journal_settle(struct store *store, const char *project, struct error *err);
