/* The supervisor looks after the instances that are there: probes their health, starts again who
 * has ended and should run, tells DNS who may be named, and everybody what happens.
 *
 *   VM states, probes' results, time -> health.h, restart.h -> probes, jobs (orchestrator_revive)
 *
 * One watch per instance, made when it is first heard of, gone with the instance. What must be
 * known after the daemon's death (health, restarts, whether it is to run) is in the store's
 * instances.
 *
 * A restart by policy is a job of its own beside the project's: an `up` that waits for the very
 * instance that has ended must not keep it from coming back. Where a job has work of its own on the
 * instance the restart is put off, and looked at again until that has been done. */
#pragma once

#include "orchestrator/context.h"
#include "orchestrator/health.h"
#include "orchestrator/restart.h"

struct supervisor;

struct supervisor *supervisor_new(struct orchestrator *orchestrator);
/* Probes are given up; jobs are the orchestrator's. */
void supervisor_free(struct supervisor *supervisor);
/* Every change of a VM's state, and at adoption the state that was found (adopting). */
void supervisor_vm_event(struct supervisor *supervisor, const struct vm_status *status,
                         bool adopting);
/* After the adoption's events: who should run and does not is started, after a boot of the host all
 * at once and in order, else by its policy. */
void supervisor_begin(struct supervisor *supervisor);
/* The instance was removed. */
void supervisor_forget(struct supervisor *supervisor, const char *instance);
/* A user wants it stopped, or started by another hand: no restart is pending any more. */
void supervisor_let_be(struct supervisor *supervisor, const char *instance);
/* A job that should have started it has failed: its policy decides. */
void supervisor_retry(struct supervisor *supervisor, const char *instance);
/* From now on nothing is probed or started: the host is going down. */
void supervisor_retire(struct supervisor *supervisor);
/* A restart is waited for somewhere. */
bool supervisor_is_busy(const struct supervisor *supervisor);

/* All is looked at again in the loop's next turn. */
void supervisor_kick(struct supervisor *supervisor);

struct supervision {
    enum vm_state state; /* as last told; VM_CREATED where nothing was */
    bool has_check;
    enum health_state health;
    int64_t failures, retries; /* of the probes; failures do not go beyond retries */
    const char *output;        /* of the latest probe, one line; "": none */
    bool restarting;           /* has ended, and will be started again */
    int64_t restarts;
};
/* False where it is not known. Strings live until the loop's next turn. */
bool supervisor_look(const struct supervisor *supervisor, const char *instance,
                     struct supervision *ret_supervision);
/* {"Status","FailingStreak","Log":[{"Start","End","ExitCode","Output"}...]}, the latest five, as
 * Docker has it; NULL where there is no check. Owned by the caller. */
cJSON *supervisor_describe_health(const struct supervisor *supervisor, const char *instance);
