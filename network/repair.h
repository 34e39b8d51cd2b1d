/* Puts back what somebody else takes away: when the watch says that something may be missing, the
 * queue of changes runs once more, without changes. Bursts are one, and who keeps at it is answered
 * after a while every two seconds only. */
#pragma once

#include "network/desired.h"

#include <uv.h>

struct repair;

/* on_due: now is the time for a run. */
struct repair *repair_new(uv_loop_t *loop, const char *root_id, void (*on_due)(void *userdata),
                          void *userdata);
void repair_free(struct repair *repair);

/* Around each run: what the watch sees in between is our own doing, or is seen by the look at the
 * end of it. any: there are networks to watch over. */
void repair_before_run(struct repair *repair);
void repair_after_run(struct repair *repair, bool any);
bool repair_is_due(const struct repair *repair);
/* Takes the wish for a run. Whether a look at the host is enough to know that nothing is missing.
 */
bool repair_take(struct repair *repair, bool *ret_look_is_enough);
/* A run has put back what was missing, or could not (error, not NULL): tells people once. */
void repair_report(struct repair *repair, const char *fault, const char *error);

/* --- when: pure ------------------------------------------------------------------------------- */

#define REPAIR_DELAY_MS 50      /* a burst of events is one */
#define REPAIR_INTERVAL_MS 2000 /* for who keeps at it ... */
#define REPAIR_BURST 10         /* ... more often than this */

struct repair_pace {
    uint64_t paid_until_ms; /* each repair costs an interval */
    bool is_exhausted;
};
enum repair_news { REPAIR_FIRST, REPAIR_AGAIN, REPAIR_ENDLESS };

/* How long to wait for the next repair. */
uint32_t repair_pace_delay(const struct repair_pace *pace, uint64_t now_ms);
/* One was needed. What people hear of: the first in a while, and once that it does not end. */
enum repair_news repair_pace_note(struct repair_pace *pace, uint64_t now_ms);
