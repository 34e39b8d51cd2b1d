/* Durations in Docker's words; see duration.h. */
#include "cmd/duration.h"

#include <stddef.h>
#include <stdio.h>

#define SECOND_MS 1000LL
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_HOURS 24LL

/* Up to which span a unit is used, and what the span is divided by. Hours round to the nearest, all
 * else down, as go-units does. */
static const struct {
    int64_t below_hours, divisor_hours;
    const char *unit;
} long_units[] = {
    {48, 1, "hours"},
    {DAY_HOURS * 7 * 2, DAY_HOURS, "days"},
    {DAY_HOURS * 30 * 2, DAY_HOURS * 7, "weeks"},
    {DAY_HOURS * 365 * 2, DAY_HOURS * 30, "months"},
    {INT64_MAX, DAY_HOURS * 365, "years"},
};

static void format_hours(int64_t hours, char *buffer)
{
    size_t i = 0;
    while (hours >= long_units[i].below_hours)
        i++;
    snprintf(buffer, DURATION_TEXT_SIZE, "%lld %s",
             (long long)(hours / long_units[i].divisor_hours), long_units[i].unit);
}

char *duration_format(int64_t span_ms, char *buffer)
{
    int64_t seconds = span_ms / SECOND_MS;
    int64_t minutes = span_ms / MINUTE_MS;
    int64_t hours = (span_ms + HOUR_MS / 2) / HOUR_MS;
    if (seconds < 1)
        snprintf(buffer, DURATION_TEXT_SIZE, "Less than a second");
    else if (seconds == 1)
        snprintf(buffer, DURATION_TEXT_SIZE, "1 second");
    else if (seconds < 60)
        snprintf(buffer, DURATION_TEXT_SIZE, "%lld seconds", (long long)seconds);
    else if (minutes == 1)
        snprintf(buffer, DURATION_TEXT_SIZE, "About a minute");
    else if (minutes < 60)
        snprintf(buffer, DURATION_TEXT_SIZE, "%lld minutes", (long long)minutes);
    else if (hours == 1)
        snprintf(buffer, DURATION_TEXT_SIZE, "About an hour");
    else
        format_hours(hours, buffer);
    return buffer;
}

char *duration_format_elapsed(int64_t span_ms, char *buffer)
{
    if (span_ms < 0)
        span_ms = 0;
    if (span_ms < MINUTE_MS)
        snprintf(buffer, DURATION_TEXT_SIZE, "%lld.%llds", (long long)(span_ms / SECOND_MS),
                 (long long)(span_ms % SECOND_MS / 100));
    else
        snprintf(buffer, DURATION_TEXT_SIZE, "%lldm%02llds", (long long)(span_ms / MINUTE_MS),
                 (long long)(span_ms % MINUTE_MS / SECOND_MS));
    return buffer;
}
