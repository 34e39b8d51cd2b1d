/* Signals that ask a command to end; see interrupt.h. */
#include "cmd/interrupt.h"

#include "base/vec.h"

#include <signal.h>

static const int watched[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(uv_signal_t *handle, int signal_number)
{
    (void)signal_number;
    struct interrupt *interrupt = handle->data;
    interrupt->count++;
    interrupt->on_interrupt(interrupt->userdata, interrupt->count);
}

void interrupt_init(struct interrupt *interrupt, uv_loop_t *loop,
                    void (*on_interrupt)(void *userdata, unsigned count), void *userdata)
{
    *interrupt = (struct interrupt){.on_interrupt = on_interrupt, .userdata = userdata};
    for (size_t i = 0; i < ARRAY_SIZE(watched); i++) {
        uv_signal_init(loop, &interrupt->handles[i]);
        interrupt->handles[i].data = interrupt;
        uv_signal_start(&interrupt->handles[i], on_signal, watched[i]);
        uv_unref((uv_handle_t *)&interrupt->handles[i]);
    }
}

void interrupt_done(struct interrupt *interrupt)
{
    for (size_t i = 0; i < ARRAY_SIZE(watched); i++)
        uv_close((uv_handle_t *)&interrupt->handles[i], NULL);
}
