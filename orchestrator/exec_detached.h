/* A process that is started in a guest and then runs on without a listener (Docker's Detach).
 * Whether it could be started is known a moment later. */
#pragma once

#include "runtime/runtime.h"

struct exec_detached;

/* on_done comes once, never from within, and the object is gone after it: err->code is 0, ENOENT
 * (no such command), EACCES (it cannot be executed), or why the guest did not say. Errors as
 * runtime_exec_start()'s. */
int exec_detached_start(struct runtime *runtime, const char *instance,
                        const struct exec_options *options,
                        void (*on_done)(void *userdata, const struct error *err), void *userdata,
                        struct exec_detached **ret_detached, struct error *err);
/* No callback comes. */
void exec_detached_abandon(struct exec_detached *detached);
