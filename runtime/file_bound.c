/* See file_bound.h: inotify tells of every write, so that nothing wakes up while there is none. */
#include "runtime/file_bound.h"

#include "base/alloc.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_bound {
    uv_fs_event_t event;
    uint64_t limit;
    char *path;
};

static void on_closed(uv_handle_t *handle)
{
    struct file_bound *bound = handle->data;
    free(bound->path);
    free(bound);
}

static void cut(const struct file_bound *bound)
{
    struct stat status;
    if (stat(bound->path, &status) < 0 || (uint64_t)status.st_size <= bound->limit)
        return;
    log_warning("'%s' has grown over %llu bytes: begun anew", bound->path,
                (unsigned long long)bound->limit);
    if (truncate(bound->path, 0) < 0)
        log_warning("cannot cut '%s': %s", bound->path, strerror(errno));
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    (void)name, (void)events;
    if (status == 0)
        cut(event->data);
}

struct file_bound *file_bound_new(uv_loop_t *loop, const char *path, uint64_t limit)
{
    struct file_bound *bound = new0(struct file_bound);
    bound->path = xstrdup(path);
    bound->limit = limit;
    bound->event.data = bound;
    uv_fs_event_init(loop, &bound->event);
    if (uv_fs_event_start(&bound->event, on_event, path, 0) < 0) {
        file_bound_free(bound);
        return NULL;
    }
    cut(bound); /* what came while nobody looked */
    return bound;
}

void file_bound_free(struct file_bound *bound)
{
    if (bound)
        uv_close((uv_handle_t *)&bound->event, on_closed);
}
