/* One event as `events` prints it, in Compose's two forms. Pure. */
#pragma once

#include "base/json.h"
#include "base/str.h"

/* "2026-01-02 03:04:05.123456 container start ID (image=nginx, name=shop-web-1)": local time. */
void event_line_print(const cJSON *event, struct strbuf *out);
/* {"action","attributes","id","service","time","type"}, a line. */
void event_line_json(const cJSON *event, struct strbuf *out);
