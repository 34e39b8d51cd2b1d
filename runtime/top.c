/* The list of a guest's processes on the host: runtime.h's functions on struct top. Read from /proc
 * by the agent (guest/top.h). */
#include "runtime/channel.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/deadline.h"
#include "runtime/guest/wire.h"
#include "runtime/stream.h"

#include <errno.h>

#define DEADLINE_MS 15000
/* More than a guest has use for: it must not fill the daemon's memory. */
#define PROCESSES_MAX 8192

struct top {
    struct stream stream; /* first */
    struct deadline *deadline;
    VEC(struct top_process) processes;
    void (*on_done)(void *userdata, const struct top_process *processes, size_t count,
                    const struct error *err);
    void *userdata;
};

static void process_done(struct top_process *process)
{
    free(process->user);
    free(process->tty);
    free(process->command);
}

static void top_free(struct top *top)
{
    for (size_t i = 0; i < top->processes.count; i++)
        process_done(&top->processes.items[i]);
    vec_done(&top->processes);
    deadline_free(top->deadline);
    free(top);
}

static void top_fail(struct stream *stream, const struct error *err)
{
    struct top *top = (struct top *)stream;
    top->on_done(top->userdata, NULL, 0, err);
    top_free(top);
}

static void top_on_deadline(void *userdata)
{
    struct top *top = userdata;
    _cleanup_error_ struct error err = {0};
    error_set(&err, ETIMEDOUT, "the guest's agent does not answer");
    stream_abandon(&top->stream);
    top_fail(&top->stream, &err);
}

/* Text for people: what would move their cursor becomes blanks. */
static void set_text(char **member, struct wire_reader *field)
{
    free(*member);
    *member = wire_get_text(field);
    for (char *c = *member; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}

static void take_field(struct top_process *process, uint16_t tag, struct wire_reader *field)
{
    switch ((enum top_tag)tag) {
    case TOP_PID:
        process->pid = wire_get_u32(field);
        break;
    case TOP_PARENT:
        process->ppid = wire_get_u32(field);
        break;
    case TOP_USER:
        set_text(&process->user, field);
        break;
    case TOP_TTY:
        set_text(&process->tty, field);
        break;
    case TOP_STARTED_MS:
        process->started_at_ms = (int64_t)(wire_get_u64(field) & INT64_MAX);
        break;
    case TOP_CPU_MS:
        process->cpu_ms = wire_get_u64(field);
        break;
    case TOP_COMMAND:
        set_text(&process->command, field);
        break;
    }
}

static void fill_in(struct top_process *process)
{
    if (!process->user)
        process->user = xstrdup("?");
    if (!process->tty)
        process->tty = xstrdup("?");
    if (!process->command)
        process->command = xstrdup("?");
    int64_t life_ms = clock_realtime_ms() - process->started_at_ms;
    if (life_ms > 0 && process->cpu_ms < (uint64_t)INT64_MAX / 100)
        process->cpu_percent = (uint32_t)(process->cpu_ms * 100 / (uint64_t)life_ms);
}

static void take_process(struct top *top, const struct message *message)
{
    struct top_process process = {0};
    struct wire_reader reader = wire_read(message->data, message->length), field;
    uint16_t tag;
    if (top->processes.count == PROCESSES_MAX)
        return stream_break(&top->stream, "it claims to have too many processes");
    while (wire_get_field(&reader, &tag, &field))
        take_field(&process, tag, &field);
    fill_in(&process);
    vec_add(&top->processes, process);
}

static int compare_pids(const void *a, const void *b)
{
    uint32_t x = ((const struct top_process *)a)->pid, y = ((const struct top_process *)b)->pid;
    return x < y ? -1 : x > y;
}

static void top_take(struct stream *stream, const struct message *message)
{
    struct top *top = (struct top *)stream;
    if (message->type == MESSAGE_TOP_PROCESS)
        return take_process(top, message);
    if (message->type != MESSAGE_TOP_END)
        return;
    stream_close(stream);
    if (top->processes.count)
        qsort(top->processes.items, top->processes.count, sizeof(*top->processes.items),
              compare_pids);
    top->on_done(top->userdata, top->processes.items, top->processes.count, NULL);
    top_free(top);
}

int channel_top_start(struct channel *channel,
                      void (*on_done)(void *userdata, const struct top_process *processes,
                                      size_t count, const struct error *err),
                      void *userdata, struct top **ret_top, struct error *err)
{
    static const struct stream_type type = {.take = top_take, .fail = top_fail};
    struct strbuf nothing = {0};
    struct top *top = new0(struct top);
    top->on_done = on_done;
    top->userdata = userdata;
    int r = channel_open_stream(channel, &top->stream, &type, MESSAGE_TOP_START, &nothing, err);
    if (r < 0) {
        free(top);
        return r;
    }
    top->deadline = deadline_new(channel_loop(channel), top_on_deadline, top);
    deadline_set(top->deadline, DEADLINE_MS);
    *ret_top = top;
    return 0;
}

void runtime_top_abandon(struct top *top)
{
    stream_abandon(&top->stream);
    top_free(top);
}
