/* Execs on the host: runtime.h's functions on struct exec. A stream of the channel with its
 * credits; its process is a task in the guest (guest/task.h). */
#include "runtime/channel.h"

#include "base/alloc.h"
#include "runtime/guest/wire.h"
#include "runtime/stream.h"

#include <errno.h>

struct exec {
    struct stream stream; /* first */
    struct exec_callbacks callbacks;
    void *userdata;
    bool stdin_open;
    size_t window; /* stdin bytes that may be sent */
};

static void exec_send(struct exec *exec, enum message_type type, const void *data, size_t length)
{
    stream_send(&exec->stream, type, data, length);
}

/* --- start ---------------------------------------------------------------------------------- */

static void put_texts(struct strbuf *buffer, enum exec_tag tag, const char *const *texts)
{
    for (; texts && *texts; texts++)
        wire_put_text(buffer, (uint16_t)tag, *texts);
}

static void put_options(struct strbuf *buffer, const struct exec_options *options)
{
    put_texts(buffer, EXEC_ARGUMENT, options->argv);
    put_texts(buffer, EXEC_ENVIRONMENT, options->environment);
    if (options->user)
        wire_put_text(buffer, EXEC_USER, options->user);
    if (options->working_directory)
        wire_put_text(buffer, EXEC_WORKING_DIR, options->working_directory);
    if (options->attach_stdin)
        wire_put_field(buffer, EXEC_ATTACH_STDIN, NULL, 0);
    if (options->detach)
        wire_put_field(buffer, EXEC_DETACH, NULL, 0);
    if (options->tty) {
        uint8_t size[4] = {(uint8_t)options->rows, (uint8_t)(options->rows >> 8),
                           (uint8_t)options->columns, (uint8_t)(options->columns >> 8)};
        wire_put_field(buffer, EXEC_TTY, size, sizeof(size));
    }
}

/* --- end ------------------------------------------------------------------------------------ */

/* Of a stream that is closed. */
static void exec_end(struct exec *exec, int exit_code, const struct error *err)
{
    struct exec_callbacks callbacks = exec->callbacks;
    void *userdata = exec->userdata;
    free(exec);
    callbacks.on_exit(userdata, exit_code, err);
}

static void exec_fail(struct stream *stream, const struct error *err)
{
    exec_end((struct exec *)stream, -1, err);
}

/* --- from the guest ------------------------------------------------------------------------- */

static void exec_take_output(struct exec *exec, enum exec_stream stream,
                             const struct message *message)
{
    if (!stream_count_received(&exec->stream, message->length))
        return stream_break(&exec->stream, "an exec has more output than it has credit for");
    exec->callbacks.on_output(exec->userdata, stream, message->data, message->length);
}

static void exec_take_credit(struct exec *exec, uint32_t credit)
{
    if (credit > STREAM_WINDOW - exec->window)
        return stream_break(&exec->stream, "it gives an exec more credit than there is");
    exec->window += credit;
    if (exec->stdin_open && exec->callbacks.on_writable)
        exec->callbacks.on_writable(exec->userdata, exec->window);
}

static void exec_take(struct stream *stream, const struct message *message)
{
    struct exec *exec = (struct exec *)stream;
    struct wire_reader reader = wire_read(message->data, message->length);
    if (message->type == MESSAGE_EXEC_STDOUT) {
        exec_take_output(exec, EXEC_STDOUT, message);
    } else if (message->type == MESSAGE_EXEC_STDERR) {
        exec_take_output(exec, EXEC_STDERR, message);
    } else if (message->type == MESSAGE_CREDIT) {
        exec_take_credit(exec, wire_get_u32(&reader));
    } else if (message->type == MESSAGE_EXEC_EXIT) {
        stream_close(stream);
        exec_end(exec, (int)(wire_get_u32(&reader) & 0xff), NULL);
    }
}

int channel_exec_start(struct channel *channel, const struct exec_options *options,
                       const struct exec_callbacks *callbacks, void *userdata,
                       struct exec **ret_exec, struct error *err)
{
    static const struct stream_type type = {.take = exec_take, .fail = exec_fail};
    _cleanup_strbuf_ struct strbuf request = {0};
    if (!options->argv || !options->argv[0])
        return error_set(err, EINVAL, "exec: no command was given");
    struct exec *exec = new0(struct exec);
    *exec = (struct exec){.callbacks = *callbacks,
                          .userdata = userdata,
                          .stdin_open = options->attach_stdin && !options->detach,
                          .window = STREAM_WINDOW};
    put_options(&request, options);
    int r = channel_open_stream(channel, &exec->stream, &type, MESSAGE_EXEC_START, &request, err);
    if (r < 0) {
        free(exec);
        return error_prefix(err, "exec");
    }
    *ret_exec = exec;
    return 0;
}

/* --- from our side (runtime.h) -------------------------------------------------------------- */

size_t runtime_exec_window(struct exec *exec)
{
    return exec->stdin_open ? exec->window : 0;
}

void runtime_exec_write(struct exec *exec, const void *data, size_t length)
{
    if (!exec->stdin_open || !length)
        return;
    if (length > exec->window)
        length = exec->window;
    exec->window -= length;
    exec_send(exec, MESSAGE_EXEC_STDIN, data, length);
}

void runtime_exec_close_stdin(struct exec *exec)
{
    if (!exec->stdin_open)
        return;
    exec->stdin_open = false;
    exec_send(exec, MESSAGE_EXEC_EOF, NULL, 0);
}

void runtime_exec_consumed(struct exec *exec, size_t length)
{
    stream_give_back(&exec->stream, length);
}

void runtime_exec_resize(struct exec *exec, uint16_t rows, uint16_t columns)
{
    uint8_t size[4] = {(uint8_t)rows, (uint8_t)(rows >> 8), (uint8_t)columns,
                       (uint8_t)(columns >> 8)};
    exec_send(exec, MESSAGE_EXEC_RESIZE, size, sizeof(size));
}

void runtime_exec_signal(struct exec *exec, int signal_number)
{
    uint8_t bytes[4];
    wire_store_u32(bytes, (uint32_t)signal_number);
    exec_send(exec, MESSAGE_EXEC_SIGNAL, bytes, sizeof(bytes));
}

void runtime_exec_abandon(struct exec *exec)
{
    stream_abandon(&exec->stream);
    free(exec);
}
