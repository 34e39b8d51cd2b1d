/* See process_watch.h. */
#include "runtime/process_watch.h"

#include "base/alloc.h"

#include <errno.h>
#include <string.h>

struct process_watch {
    uv_poll_t poll;
    int fd;
    void (*on_ended)(void *userdata);
    void *userdata;
};

static void on_closed(uv_handle_t *handle)
{
    struct process_watch *watch = handle->data;
    close(watch->fd);
    free(watch);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    struct process_watch *watch = poll->data;
    uv_poll_stop(poll);
    watch->on_ended(watch->userdata);
}

int process_watch_new(uv_loop_t *loop, const struct process_id *id,
                      void (*on_ended)(void *userdata), void *userdata,
                      struct process_watch **ret_watch, struct error *err)
{
    int fd = process_open(id);
    if (fd < 0)
        return error_set(err, -fd, "cannot watch process %d: %s", id->pid, strerror(-fd));
    struct process_watch *watch = new0(struct process_watch);
    watch->fd = fd;
    watch->on_ended = on_ended;
    watch->userdata = userdata;
    int r = uv_poll_init(loop, &watch->poll, fd);
    if (r < 0) {
        close(fd);
        free(watch);
        return error_set(err, -r, "cannot watch process %d: %s", id->pid, uv_strerror(r));
    }
    watch->poll.data = watch;
    uv_poll_start(&watch->poll, UV_READABLE, on_readable);
    *ret_watch = watch;
    return 0;
}

void process_watch_free(struct process_watch *watch)
{
    if (watch)
        uv_close((uv_handle_t *)&watch->poll, on_closed);
}
