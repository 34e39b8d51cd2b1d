/* The two clocks, in milliseconds, and their spelling. Pure modules take `now` as an argument and
 * never call these. */
#pragma once

#include <stdint.h>

uint64_t clock_monotonic_ms(void);
/* Since 1970-01-01 UTC. */
int64_t clock_realtime_ms(void);
int64_t clock_realtime_ns(void);
/* RFC 3339 with nanoseconds in UTC, as Docker prints them: "2026-01-02T03:04:05.123456789Z".
 * buffer has room for CLOCK_TEXT_SIZE bytes; returns it. */
#define CLOCK_TEXT_SIZE 40
char *clock_format_ns(int64_t realtime_ns, char *buffer);
/* /proc/sys/kernel/random/boot_id without the newline; "" where it cannot be read. A static
 * buffer, read once. */
const char *clock_boot_id(void);
