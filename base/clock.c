/* See clock.h. */
#include "base/clock.h"

#include "base/fs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t clock_monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int64_t clock_realtime_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_realtime_ms(void)
{
    return clock_realtime_ns() / 1000000;
}

char *clock_format_ns(int64_t realtime_ns, char *buffer)
{
    time_t seconds = (time_t)(realtime_ns / 1000000000);
    struct tm calendar;
    gmtime_r(&seconds, &calendar);
    size_t length = strftime(buffer, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &calendar);
    snprintf(buffer + length, CLOCK_TEXT_SIZE - length, ".%09dZ", (int)(realtime_ns % 1000000000));
    return buffer;
}

const char *clock_boot_id(void)
{
    static char boot_id[64];
    if (!boot_id[0]) {
        _cleanup_free_ char *text = NULL;
        if (fs_read_file("/proc/sys/kernel/random/boot_id", 63, &text, NULL, NULL) == 0)
            snprintf(boot_id, sizeof(boot_id), "%.*s", (int)strcspn(text, "\n"), text);
    }
    return boot_id;
}
