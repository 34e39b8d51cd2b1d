/* Inside of the planners that work from the store alone: who is stopped, and what goes when nothing
 * stands on it any more. */
#pragma once

#include "orchestrator/plan_order.h"

/* A service that has rows in the store. -ENOENT "no such service: NAME". */
int remove_check_services(const struct observed *observed, char *const *names, struct error *err);

struct stopping {
    int64_t timeout_ms; /* -1: each one's own */
    bool kill;
};
/* Stops those chosen (per observed instance) that may run, dependents first. ret_stops has room for
 * every instance: its step, or NO_STEP. */
void remove_add_stops(struct plan *plan, const struct observed *observed, const bool *chosen,
                      const struct stopping *how, size_t *ret_stops);
/* VM, ports and endpoints, whichever there are, after its stop (or NO_STEP). */
void remove_instance(struct plan *plan, const struct observed *observed, const char *instance,
                     size_t stop);
/* Those that no endpoint will be left on; the others are named in a warning. */
void remove_networks(struct plan *plan, const struct observed *observed);
/* After all VMs that go. */
void remove_volume(struct plan *plan, const struct observed_resource *volume);
