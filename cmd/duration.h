/* Spans of time as people read them, in Docker's words. Pure. */
#pragma once

#include <stdint.h>

#define DURATION_TEXT_SIZE 32

/* "Less than a second", "1 second", "42 seconds", "About a minute", "5 minutes", "About an hour",
 * "3 hours", "4 days", "2 weeks"...: the steps and roundings of Docker's go-units HumanDuration.
 * Negative spans (a clock that was set back) count as none. buffer has room for DURATION_TEXT_SIZE
 * bytes; returns it. */
char *duration_format(int64_t span_ms, char *buffer);
/* "0.4s", "12.3s", "2m03s": for the progress block. */
char *duration_format_elapsed(int64_t span_ms, char *buffer);
