/* Docker's wording of times: "Up 5 seconds (healthy)", "Exited (0) 3 minutes ago". Pure. */
#pragma once

#include <stdint.h>

/* go-units' HumanDuration: "Less than a second", "1 second", "5 seconds", "About a minute",
 * "3 minutes", "About an hour", "5 hours", "2 days", "3 weeks", "4 months", "2 years". Owned by the
 * caller. */
char *api_status_duration(int64_t duration_ms);
/* state and health as in orchestrator_instances(); times in ms, 0: never. Owned by the caller. */
char *api_status_text(const char *state, const char *health, int exit_code, int64_t started_ms,
                      int64_t finished_ms, int64_t now_ms);
