/* Execs on the host: runtime.h's functions on struct exec, see exec.h. */
#include "runtime/exec.h"

#include "base/alloc.h"
#include "runtime/guest/wire.h"

#include <errno.h>

/* Output bytes that the reader has taken before they go back as credit. */
#define CREDIT_STEP (64u << 10)

struct exec {
    struct exec *next, **list;
    struct link *link;
    void (*on_queued)(void *userdata); /* there is something to write */
    void *on_queued_userdata;
    struct exec_callbacks callbacks;
    void *userdata;
    uint32_t stream;
    bool stdin_open;
    size_t window;       /* stdin bytes that may be sent */
    size_t in_flight;    /* output bytes the reader has not given back */
    size_t to_give_back; /* given back by the reader, not yet sent as credit */
};

static void exec_send(struct exec *exec, enum message_type type, const void *data, size_t length)
{
    link_send(exec->link, type, exec->stream, data, length);
    exec->on_queued(exec->on_queued_userdata);
}

static void exec_free(struct exec *exec)
{
    for (struct exec **link = exec->list; *link; link = &(*link)->next) {
        if (*link != exec)
            continue;
        *link = exec->next;
        break;
    }
    free(exec);
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
    if (options->tty) {
        uint8_t size[4] = {(uint8_t)options->rows, (uint8_t)(options->rows >> 8),
                           (uint8_t)options->columns, (uint8_t)(options->columns >> 8)};
        wire_put_field(buffer, EXEC_TTY, size, sizeof(size));
    }
}

struct exec *exec_new(struct exec **list, struct link *link, void (*on_queued)(void *userdata),
                      void *on_queued_userdata, uint32_t stream, const struct exec_options *options,
                      const struct exec_callbacks *callbacks, void *userdata)
{
    _cleanup_strbuf_ struct strbuf request = {0};
    struct exec *exec = new0(struct exec);
    *exec = (struct exec){.next = *list,
                          .list = list,
                          .link = link,
                          .on_queued = on_queued,
                          .on_queued_userdata = on_queued_userdata,
                          .callbacks = *callbacks,
                          .userdata = userdata,
                          .stream = stream,
                          .stdin_open = options->attach_stdin,
                          .window = STREAM_WINDOW};
    *list = exec;
    put_options(&request, options);
    exec_send(exec, MESSAGE_EXEC_START, request.data, request.length);
    return exec;
}

struct exec *exec_find(struct exec *list, uint32_t stream)
{
    while (list && list->stream != stream)
        list = list->next;
    return list;
}

/* --- end ------------------------------------------------------------------------------------ */

static void exec_end(struct exec *exec, int exit_code, const struct error *err)
{
    struct exec_callbacks callbacks = exec->callbacks;
    void *userdata = exec->userdata;
    exec_free(exec);
    callbacks.on_exit(userdata, exit_code, err);
}

void exec_fail_all(struct exec **list, const struct error *err)
{
    while (*list) {
        exec_send(*list, MESSAGE_EXEC_ABANDON, NULL, 0); /* where there still is a link */
        exec_end(*list, -1, err);
    }
}

/* --- from the guest ------------------------------------------------------------------------- */

static void exec_break(struct exec *exec, const char *reason)
{
    _cleanup_error_ struct error err = {0};
    error_set(&err, EPROTO, "the guest broke the exec's protocol: %s", reason);
    exec_send(exec, MESSAGE_EXEC_ABANDON, NULL, 0);
    exec_end(exec, -1, &err);
}

static void exec_take_output(struct exec *exec, enum exec_stream stream,
                             const struct message *message)
{
    if (message->length > STREAM_WINDOW - exec->in_flight)
        return exec_break(exec, "more output than it has credit for");
    exec->in_flight += message->length;
    exec->callbacks.on_output(exec->userdata, stream, message->data, message->length);
}

static void exec_take_credit(struct exec *exec, uint32_t credit)
{
    if (credit > STREAM_WINDOW - exec->window)
        return exec_break(exec, "more credit than there is");
    exec->window += credit;
    if (exec->stdin_open && exec->callbacks.on_writable)
        exec->callbacks.on_writable(exec->userdata, exec->window);
}

void exec_take_message(struct exec *exec, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length);
    if (message->type == MESSAGE_EXEC_STDOUT)
        exec_take_output(exec, EXEC_STDOUT, message);
    else if (message->type == MESSAGE_EXEC_STDERR)
        exec_take_output(exec, EXEC_STDERR, message);
    else if (message->type == MESSAGE_CREDIT)
        exec_take_credit(exec, wire_get_u32(&reader));
    else if (message->type == MESSAGE_EXEC_EXIT)
        exec_end(exec, (int)(wire_get_u32(&reader) & 0xff), NULL);
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
    if (length > exec->in_flight - exec->to_give_back)
        length = exec->in_flight - exec->to_give_back;
    exec->to_give_back += length;
    if (exec->to_give_back < CREDIT_STEP)
        return;
    uint8_t credit[4];
    wire_store_u32(credit, (uint32_t)exec->to_give_back);
    exec->in_flight -= exec->to_give_back;
    exec->to_give_back = 0;
    exec_send(exec, MESSAGE_CREDIT, credit, sizeof(credit));
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
    exec_send(exec, MESSAGE_EXEC_ABANDON, NULL, 0);
    exec_free(exec);
}
