/* See daemon_memory.h. */
#include "orchestrator/daemon_memory.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/str.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/mman.h>

enum {
    MAPS_LIMIT = 4 << 20,
    SMALL_PAGES = (8 << 20) / 4096, /* below this the next request would pay more than we gain */
};

void daemon_memory_set_policy(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 256 << 10);
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
}

/* One entry of /proc/PID/smaps (proc(5)): a line "START-END PERMISSIONS OFFSET DEVICE INODE PATH",
 * then "Name: N kB" lines. */
struct mapping {
    char *start, *end;
    bool from_file; /* private, of a file, not writable */
};

static bool parse_mapping(const char *line, struct mapping *ret_mapping)
{
    char permissions[5], path[2] = "";
    struct mapping mapping;
    if (sscanf(line, "%p-%p %4s %*s %*s %*s %1s", (void **)&mapping.start, (void **)&mapping.end,
               permissions, path) < 3)
        return false;
    mapping.from_file = permissions[1] == '-' && permissions[3] == 'p' && path[0] == '/';
    *ret_mapping = mapping;
    return true;
}

/* A mapping without anonymous pages holds nothing that is not in its file: relocated read-only
 * data, which would be lost, counts as anonymous. */
static void give_back_files(char *text)
{
    struct mapping mapping = {0};
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n"))) {
        unsigned long anonymous_kb;
        if (parse_mapping(line, &mapping) || !mapping.from_file ||
            sscanf(line, "Anonymous: %lu kB", &anonymous_kb) != 1 || anonymous_kb > 0)
            continue;
        madvise(mapping.start, (size_t)(mapping.end - mapping.start), MADV_DONTNEED);
    }
}

/* statm's second field: resident pages. */
static bool is_small(void)
{
    _cleanup_free_ char *text = NULL;
    unsigned long pages = 0;
    return fs_read_file("/proc/self/statm", 4096, &text, NULL, NULL) == 0 &&
           sscanf(text, "%*s %lu", &pages) == 1 && pages < SMALL_PAGES;
}

void daemon_memory_give_back(void)
{
    malloc_trim(0);
    if (is_small())
        return;
    _cleanup_free_ char *text = NULL;
    if (fs_read_file("/proc/self/smaps", MAPS_LIMIT, &text, NULL, NULL) == 0)
        give_back_files(text);
}
