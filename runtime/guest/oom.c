/* The kernel's log, see oom.h. One record a read: "LEVEL,SEQUENCE,MICROSECONDS,FLAGS;TEXT" (the
 * kernel's Documentation/ABI/testing/dev-kmsg). */
#include "runtime/guest/oom.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Between a child's death and that of who waited for it. */
#define SHORTLY_US 2000000

int oom_watch(void)
{
    int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        lseek(fd, 0, SEEK_END);
    return fd;
}

static int64_t since_boot_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* "Out of memory: Killed process 123 (name) ...", "Memory cgroup out of memory: Killed ...". */
static bool record_tells(const char *record, pid_t pid)
{
    long long time_us = 0;
    const char *text = strchr(record, ';');
    const char *killed = text ? strstr(text, "ut of memory: Killed process ") : NULL;
    if (!killed || sscanf(record, "%*u,%*u,%lld", &time_us) != 1)
        return false;
    long victim = strtol(killed + strlen("ut of memory: Killed process "), NULL, 10);
    return victim == pid || since_boot_us() - time_us < SHORTLY_US;
}

bool oom_killed(int fd, pid_t pid)
{
    char record[8192];
    bool killed = false;
    ssize_t length;
    if (fd < 0)
        return false;
    /* EPIPE: records were overwritten before we came; the next read goes on behind them. */
    while ((length = read(fd, record, sizeof(record) - 1)) > 0 || (length < 0 && errno == EPIPE)) {
        record[length > 0 ? length : 0] = '\0';
        killed = killed || record_tells(record, pid);
    }
    return killed;
}
