/* Progress on stderr, in one of four ways: a block that is redrawn (terminals), one line per change
 * (plain), the events themselves (json), nothing (quiet). Fed with the events of a job stream or of
 * an image store; knows no loop: the caller calls progress_tick() about every PROGRESS_TICK_MS
 * while work goes on. */
#pragma once

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

#define PROGRESS_TICK_MS 100

struct progress;

/* mode: the value of --progress ("auto": the block on a terminal, else plain). title: what the
 * header says, "Running". */
struct progress *progress_new(const char *mode, const char *title);
/* progress_finish() where it was not called, then frees. */
void progress_free(struct progress *progress);
DEFINE_FREEP(struct progress *, progress_free)

/* --quiet-pull: images are shown only where they fail. */
void progress_hide_images(struct progress *progress, bool hide);
void progress_event(struct progress *progress, const cJSON *event, uint64_t now_ms);
void progress_tick(struct progress *progress, uint64_t now_ms);
/* The last picture, complete; the cursor is back. Other output may follow. */
void progress_finish(struct progress *progress, uint64_t now_ms);
/* Takes the block away so that another line can be written; the next tick draws it below. */
void progress_clear(struct progress *progress);
