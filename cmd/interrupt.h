/* Ctrl-C and its kin on the command's loop: counts, and tells. */
#pragma once

#include <uv.h>

struct interrupt {
    uv_signal_t handles[3]; /* SIGINT, SIGTERM, SIGHUP */
    unsigned count;
    void (*on_interrupt)(void *userdata, unsigned count); /* 1 for the first */
    void *userdata;
};

/* Watches until interrupt_done(). The handles do not keep the loop alive. */
void interrupt_init(struct interrupt *interrupt, uv_loop_t *loop,
                    void (*on_interrupt)(void *userdata, unsigned count), void *userdata);
/* The handles close at the loop's next turn; the struct must live until then. */
void interrupt_done(struct interrupt *interrupt);

#define INTERRUPT_EXIT_STATUS 130 /* 128 + SIGINT, as shells and Compose have it */
