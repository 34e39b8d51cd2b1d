/* A timer that can be freed at any moment: the one kind of wait that runtime/'s state machines
 * have. Set again, it starts over; freed, it never fires. 0 ms is "in the loop's next round", which
 * is how callbacks hand over to an x_advance(). */
#pragma once

#include "base/cleanup.h"

#include <stdint.h>
#include <uv.h>

struct deadline;

struct deadline *deadline_new(uv_loop_t *loop, void (*on_reached)(void *userdata), void *userdata);
void deadline_free(struct deadline *deadline);
void deadline_set(struct deadline *deadline, uint64_t timeout_ms);
void deadline_clear(struct deadline *deadline);
