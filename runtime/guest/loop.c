/* epoll and deadlines, see loop.h. */
#include "runtime/guest/loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

uint64_t loop_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int loop_init(struct loop *loop)
{
    *loop = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_done(struct loop *loop)
{
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    loop->epoll_fd = -1;
}

void loop_watch(struct loop *loop, struct watch *watch, uint32_t events)
{
    if (watch->events == events)
        return;
    int change = !events ? EPOLL_CTL_DEL : watch->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    struct epoll_event event = {.events = events, .data.ptr = watch};
    watch->events = epoll_ctl(loop->epoll_fd, change, watch->fd, &event) < 0 ? 0 : events;
}

void loop_clear_timer(struct loop *loop, struct timer *timer)
{
    for (struct timer **link = &loop->timers; *link; link = &(*link)->next) {
        if (*link != timer)
            continue;
        *link = timer->next;
        break;
    }
    timer->deadline_ms = 0;
}

void loop_set_timer(struct loop *loop, struct timer *timer, uint64_t delay_ms)
{
    loop_clear_timer(loop, timer);
    timer->deadline_ms = loop_now_ms() + delay_ms;
    struct timer **link = &loop->timers;
    while (*link && (*link)->deadline_ms <= timer->deadline_ms)
        link = &(*link)->next;
    timer->next = *link;
    *link = timer;
}

static int loop_timeout_ms(const struct loop *loop)
{
    if (!loop->timers)
        return -1;
    uint64_t now = loop_now_ms();
    uint64_t deadline = loop->timers->deadline_ms;
    return deadline <= now ? 0 : deadline - now > 3600000 ? 3600000 : (int)(deadline - now);
}

void loop_run_once(struct loop *loop)
{
    struct epoll_event event;
    int count = epoll_wait(loop->epoll_fd, &event, 1, loop_timeout_ms(loop));
    if (count > 0) {
        struct watch *watch = event.data.ptr;
        watch->on_ready(watch->userdata, event.events);
    }
    struct timer *timer = loop->timers;
    if (timer && timer->deadline_ms <= loop_now_ms()) {
        loop_clear_timer(loop, timer);
        timer->on_deadline(timer->userdata);
    }
}
