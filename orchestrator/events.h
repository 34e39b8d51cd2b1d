/* The event log: what has happened to instances, in Docker's words, kept in the store (at least
 * the latest EVENTS_KEPT) and told to whoever listens. Actions: create, start, die, stop, kill,
 * restart, pause, unpause, oom, destroy, "health_status: healthy", and those that the API adds
 * (exec_create...).
 *
 * Attributes are strings, as Docker has them: {"exitCode":"1"}, {"signal":"15"}. Never a value from
 * an environment or a secret. */
#pragma once

#include "orchestrator/context.h"
#include "orchestrator/plan.h"

/* Old events go in batches: every statement that changes something is a commit that waits for the
 * disk. */
enum { EVENTS_KEPT = 1000, EVENTS_PER_SWEEP = 64 };

/* attributes: may be NULL. Nothing happens where there is no such instance: it must still be in the
 * store. */
void events_note(struct orchestrator *orchestrator, const char *instance, const char *action,
                 const cJSON *attributes);
/* A step of a plan was carried out: create, kill, stop, destroy. Before the journal learns of it,
 * which forgets who was destroyed. */
void events_note_step(struct orchestrator *orchestrator, const struct plan_step *step);
