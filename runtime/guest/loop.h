/* The agent's event loop: descriptors by epoll, deadlines by its timeout. An idle agent sleeps in
 * epoll_wait() without one: a guest that does nothing must cost the host next to nothing.
 *
 * One event is taken per epoll_wait(), so that a callback may remove (and free) any watch. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct watch {
    int fd;
    uint32_t events; /* EPOLL...; 0: known to nobody */
    void (*on_ready)(void *userdata, uint32_t events);
    void *userdata;
};

struct timer {
    uint64_t deadline_ms; /* 0: not set */
    void (*on_deadline)(void *userdata);
    void *userdata;
    struct timer *next;
};

struct loop {
    int epoll_fd;
    struct timer *timers;
};

/* 0 or -errno. */
int loop_init(struct loop *loop);
void loop_done(struct loop *loop);
/* Changes what is waited for; 0 removes the watch. The descriptor is closed after that, not before.
 */
void loop_watch(struct loop *loop, struct watch *watch, uint32_t events);
/* Starts (or moves) a deadline; once. */
void loop_set_timer(struct loop *loop, struct timer *timer, uint64_t delay_ms);
void loop_clear_timer(struct loop *loop, struct timer *timer);
/* Waits for one event or deadline and handles it. */
void loop_run_once(struct loop *loop);
/* Monotonic. */
uint64_t loop_now_ms(void);
