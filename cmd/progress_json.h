/* Events of a job -> the lines of `--progress json`, in the shape of Docker Compose's. Pure. */
#pragma once

#include "base/json.h"

/* {"id":"VM shop-web-1","status":"Working","text":"Starting","current":N,"total":N,"percent":N};
 * NULL for events that say nothing to others. Owned by the caller. */
cJSON *progress_json(const cJSON *event);
