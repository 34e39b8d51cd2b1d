/* A guest's disk: a sparse file with an empty ext4 (facts: made in milliseconds, 168 KB of it
 * real). An instance's writable layer, which the guest stacks over the read-only root, or a volume.
 * It has a journal: a guest that was killed finds it whole, and in it all that it had fsynced. */
#pragma once

#include "base/error.h"
#include "base/machine.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define DISK_DEFAULT_BYTES (4ULL << 30)

struct disk_request;

/* Makes `path` (0600) unless it is there; on_done is called once, never from within. A disk that is
 * there keeps its size and content. */
int disk_ensure(uv_loop_t *loop, const char *path, uint64_t bytes,
                void (*on_done)(void *userdata, const struct error *err), void *userdata,
                struct disk_request **ret_request, struct error *err);
/* on_done still comes, with -ECANCELED. */
void disk_request_cancel(struct disk_request *request);
/* Cancels, and on_done does not come. */
void disk_request_abandon(struct disk_request *request);
