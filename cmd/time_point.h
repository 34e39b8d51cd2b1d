/* Moments as --since and --until take them, in Docker's spellings. Pure. */
#pragma once

#include "base/error.h"

#include <stdint.h>

/* "2026-01-02T03:04:05.5Z", "2026-01-02T03:04" (our time zone), "2026-01-02", seconds since 1970
 * with a fraction, or a span before now: "42m", "1h30m", "1.5h". Nanoseconds since 1970. */
int time_point_parse(const char *text, int64_t now_ns, int64_t *ret_ns, struct error *err);
/* "1700000000.123456789", as the API takes it. buffer has room for TIME_POINT_SIZE bytes. */
#define TIME_POINT_SIZE 40
char *time_point_format(int64_t ns, char *buffer);
/* The same from a text, for a query: "" for NULL. */
int time_point_query(const char *text, int64_t now_ns, char *buffer, struct error *err);
