/* See log.h. */
#include "base/log.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum log_level current_level = LOG_LEVEL_WARNING;
static const char *program_name = "vmstead";

static const struct {
    const char *name;
    int syslog_priority; /* sd-daemon(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};
static_assert(sizeof(levels) / sizeof(levels[0]) == LOG_LEVEL_DEBUG + 1, "a name for each level");

void log_set_level(enum log_level level)
{
    current_level = level;
}

void log_set_level_from_environment(void)
{
    const char *wanted = getenv("VMSTEAD_LOG");
    for (size_t i = 0; wanted && i < sizeof(levels) / sizeof(levels[0]); i++)
        if (!strcmp(levels[i].name, wanted))
            current_level = (enum log_level)i;
}

void log_set_name(const char *name)
{
    program_name = name;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level > current_level)
        return;
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *message = xvasprintf(format, args);
    va_end(args);
    if (getenv("JOURNAL_STREAM")) {
        fprintf(stderr, "<%d>%s\n", levels[level].syslog_priority, message);
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm calendar;
    gmtime_r(&now.tv_sec, &calendar);
    char stamp[32];
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &calendar);
    fprintf(stderr, "%s.%03ldZ %s: %s: %s\n", stamp, now.tv_nsec / 1000000, program_name,
            levels[level].name, message);
}
