/* Volumes as `volumes` and `volume ls` print them, in Docker's columns and JSON. Pure. */
#pragma once

#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>

/* volumes: an array of docs/api.md's VOLUME. format: "table" or "json" (a line each); quiet: names.
 */
void volume_list_print(const cJSON *volumes, const char *format, bool quiet, struct strbuf *out);
