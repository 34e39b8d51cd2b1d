/* See agent_harness.h. */
#include "agent_harness.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>

static void on_ready(void *userdata, bool fresh)
{
    struct harness *harness = userdata;
    harness->ready = true;
    harness->fresh = fresh;
    if (fresh)
        harness->last_sequence = 0;
}

static void on_started(void *userdata)
{
    ((struct harness *)userdata)->started = true;
}

static void on_failed(void *userdata, int exit_code, const char *message)
{
    struct harness *harness = userdata;
    harness->failed = true;
    harness->exit_code = exit_code;
    free(harness->failure);
    harness->failure = xstrdup(message);
}

static void on_exited(void *userdata, int exit_code, bool oom)
{
    struct harness *harness = userdata;
    harness->oom = oom;
    harness->exited = true;
    harness->exit_code = exit_code;
}

static void on_log(void *userdata, uint64_t sequence, const struct log_record *record,
                   uint64_t dropped)
{
    struct harness *harness = userdata;
    harness->log_dropped += dropped;
    harness->log_count++;
    if (harness->on_log)
        harness->on_log(harness, sequence, record);
    harness->last_sequence = sequence;
    if (harness->keep_logs) {
        strbuf_addf(&harness->logs, "%d%c", (int)record->stream, record->partial ? '+' : ' ');
        strbuf_add(&harness->logs, record->text, record->length);
        strbuf_add_char(&harness->logs, '\n');
    }
    if (!harness->withhold_log_acks)
        channel_ack_log(harness->channel, sequence);
}

static void on_closed(void *userdata, const struct error *err)
{
    (void)err;
    ((struct harness *)userdata)->closed = true;
}

void harness_init(struct harness *harness, const char *socket_path, uint64_t last_sequence)
{
    static const struct channel_callbacks callbacks = {.on_ready = on_ready,
                                                       .on_service_started = on_started,
                                                       .on_service_failed = on_failed,
                                                       .on_service_exited = on_exited,
                                                       .on_log = on_log,
                                                       .on_closed = on_closed};
    struct channel_options options = {.socket_path = socket_path,
                                      .last_log_sequence = last_sequence};
    *harness = (struct harness){.last_sequence = last_sequence};
    uv_loop_init(&harness->loop);
    if (channel_new(&harness->loop, &options, &callbacks, harness, &harness->channel, NULL) < 0)
        abort();
}

void harness_done(struct harness *harness)
{
    channel_free(harness->channel);
    while (uv_run(&harness->loop, UV_RUN_DEFAULT))
        ;
    if (uv_loop_close(&harness->loop) < 0)
        abort();
    free(harness->failure);
    strbuf_done(&harness->logs);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

bool harness_wait(struct harness *harness, const bool *flag, uint64_t timeout_ms)
{
    uint64_t deadline = clock_monotonic_ms() + timeout_ms;
    uv_timer_t tick; /* so that uv_run() comes back */
    uv_timer_init(&harness->loop, &tick);
    uv_timer_start(&tick, on_tick, 20, 20);
    while (!*flag && clock_monotonic_ms() < deadline)
        uv_run(&harness->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&harness->loop, UV_RUN_NOWAIT);
    return *flag;
}

void harness_idle(struct harness *harness, uint64_t ms)
{
    const bool never = false;
    harness_wait(harness, &never, ms);
}

/* --- execs ---------------------------------------------------------------------------------- */

static void exec_feed(struct harness_exec *exec)
{
    size_t window = runtime_exec_window(exec->exec);
    size_t left = exec->input_length - exec->input_sent;
    size_t part = left < window ? left : window;
    runtime_exec_write(exec->exec, exec->input + exec->input_sent, part);
    exec->input_sent += part;
    if (exec->input_sent == exec->input_length)
        runtime_exec_close_stdin(exec->exec);
}

static void on_output(void *userdata, enum exec_stream stream, const void *data, size_t length)
{
    struct harness_exec *exec = userdata;
    strbuf_add(stream == EXEC_STDERR ? &exec->errors : &exec->output, data, length);
    if (!exec->stuck)
        runtime_exec_consumed(exec->exec, length);
}

static void on_writable(void *userdata, size_t window)
{
    struct harness_exec *exec = userdata;
    (void)window;
    if (exec->input)
        exec_feed(exec);
}

static void on_exit_(void *userdata, int exit_code, const struct error *err)
{
    struct harness_exec *exec = userdata;
    exec->exec = NULL;
    exec->done = true;
    exec->lost = err && err->code;
    exec->exit_code = exit_code;
}

void harness_exec_start(struct harness *harness, struct harness_exec *exec,
                        const struct exec_options *options)
{
    static const struct exec_callbacks callbacks = {
        .on_output = on_output, .on_writable = on_writable, .on_exit = on_exit_};
    struct exec_options with = *options;
    exec->harness = harness;
    with.attach_stdin = with.attach_stdin || exec->input;
    if (exec->input && !exec->input_length)
        exec->input_length = strlen(exec->input);
    if (channel_exec_start(harness->channel, &with, &callbacks, exec, &exec->exec, NULL) < 0)
        abort();
    if (exec->input)
        exec_feed(exec);
}

bool harness_exec(struct harness *harness, struct harness_exec *exec, const char *const *argv,
                  const char *input)
{
    *exec = (struct harness_exec){.input = input};
    harness_exec_start(harness, exec, &(struct exec_options){.argv = argv});
    return harness_wait(harness, &exec->done, 20000);
}

void harness_exec_done(struct harness_exec *exec)
{
    strbuf_done(&exec->output);
    strbuf_done(&exec->errors);
}
