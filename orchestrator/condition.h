/* The provider of kind "condition": a step of a plan that is done when an instance is as somebody
 * needs it. Changes nothing; the journal does not know it.
 *
 * name = INSTANCE, verb OPERATION_WAIT
 *   spec: {"instance":S, "service":S,
 *          "condition":"started"             its service was started, whatever has become of it
 *                     |"healthy"             its check says so; fails where it has none
 *                     |"completed"           it has ended with 0, and is not started again
 *                     |"running_or_healthy", runs; healthy where it has a check
 *          "timeout_ms":N (0: none),
 *          "for":S (who waits: an instance or service; "" where a person does, `up --wait`)}
 *   progress: "waiting for db to be healthy: 3 of 5 probes failed: connection refused"
 *   fails as soon as the condition cannot come true by itself any more (unhealthy, ended for good),
 *   with the instance's name, how it ended and its last ten log lines.
 *
 * What runs is asked of the world and the supervisor, which calls conditions_advance() whenever one
 * of its watches may have changed. */
#pragma once

#include "orchestrator/context.h"

struct conditions;

struct conditions *conditions_new(struct orchestrator *orchestrator);
/* Waits that are left end as cancelled. */
void conditions_free(struct conditions *conditions);
struct provider *conditions_provider(struct conditions *conditions);
void conditions_advance(struct conditions *conditions, uint64_t now_ms);
/* When the next one is out of time, or wants to be looked at again; UINT64_MAX: none does. */
uint64_t conditions_deadline(const struct conditions *conditions);
