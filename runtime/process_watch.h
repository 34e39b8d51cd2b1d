/* Tells once when a process has ended, child or not (a pidfd in the loop). */
#pragma once

#include "base/error.h"
#include "base/process.h"

#include <uv.h>

struct process_watch;

/* -ESRCH where it has ended already. on_ended is not called from within, and not after _free. */
int process_watch_new(uv_loop_t *loop, const struct process_id *id,
                      void (*on_ended)(void *userdata), void *userdata,
                      struct process_watch **ret_watch, struct error *err);
void process_watch_free(struct process_watch *watch);
