/* See deadline.h. */
#include "runtime/deadline.h"

#include "base/alloc.h"

struct deadline {
    uv_timer_t timer;
    void (*on_reached)(void *userdata);
    void *userdata;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_timer(uv_timer_t *timer)
{
    struct deadline *deadline = timer->data;
    deadline->on_reached(deadline->userdata);
}

struct deadline *deadline_new(uv_loop_t *loop, void (*on_reached)(void *userdata), void *userdata)
{
    struct deadline *deadline = new0(struct deadline);
    uv_timer_init(loop, &deadline->timer);
    deadline->timer.data = deadline;
    deadline->on_reached = on_reached;
    deadline->userdata = userdata;
    return deadline;
}

void deadline_free(struct deadline *deadline)
{
    if (deadline)
        uv_close((uv_handle_t *)&deadline->timer, on_closed);
}

void deadline_set(struct deadline *deadline, uint64_t timeout_ms)
{
    /* uv_now() is the time of this round of the loop, which may have begun long ago. */
    uv_update_time(deadline->timer.loop);
    uv_timer_start(&deadline->timer, on_timer, timeout_ms, 0);
}

void deadline_clear(struct deadline *deadline)
{
    uv_timer_stop(&deadline->timer);
}
