/* Attachments on the host: runtime.h's functions on struct attach. Input goes to the agent on a
 * stream of the channel. Output is the log, from a reader of its own, or, of a terminal, what comes
 * on the stream. The end is that of the VM (vm_end_attachments()), once the output is through. */
#include "runtime/vm.h"

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/guest/wire.h"
#include "runtime/stream.h"

#include <errno.h>

struct attach {
    struct stream stream; /* first */
    struct attach *next;  /* the VM's */
    struct vm *vm;
    struct exec_callbacks callbacks;
    void *userdata;
    bool stream_open, stdin_open;
    size_t window; /* stdin bytes that may be sent */
    struct log_reader *reader;
    size_t unread; /* bytes of the log that were not given back */
    bool reader_waits;
    int exit_code;
};

static void attach_free(struct attach *attach)
{
    for (struct attach **link = &attach->vm->attaches; *link; link = &(*link)->next) {
        if (*link != attach)
            continue;
        *link = attach->next;
        break;
    }
    if (attach->stream_open)
        stream_abandon(&attach->stream);
    log_reader_free(attach->reader);
    free(attach);
}

static void attach_end(struct attach *attach, int exit_code, const struct error *err)
{
    struct exec_callbacks callbacks = attach->callbacks;
    void *userdata = attach->userdata;
    attach_free(attach);
    callbacks.on_exit(userdata, exit_code, err);
}

/* --- the stream ----------------------------------------------------------------------------- */

/* Where the channel has closed, the VM's end is near, and says more. */
static void attach_fail(struct stream *stream, const struct error *err)
{
    struct attach *attach = (struct attach *)stream;
    attach->stream_open = attach->stdin_open = false;
    if (err->code != ECONNRESET)
        attach_end(attach, -1, err);
}

static void attach_take_credit(struct attach *attach, uint32_t credit)
{
    if (credit > STREAM_WINDOW - attach->window)
        return stream_break(&attach->stream, "it gives an attachment more credit than there is");
    attach->window += credit;
    if (attach->stdin_open && attach->callbacks.on_writable)
        attach->callbacks.on_writable(attach->userdata, attach->window);
}

static void attach_take(struct stream *stream, const struct message *message)
{
    struct attach *attach = (struct attach *)stream;
    struct wire_reader reader = wire_read(message->data, message->length);
    if (message->type == MESSAGE_EXEC_STDOUT) {
        if (!stream_count_received(stream, message->length))
            return stream_break(stream, "an attachment has more output than it has credit for");
        attach->callbacks.on_output(attach->userdata, EXEC_STDOUT, message->data, message->length);
    } else if (message->type == MESSAGE_CREDIT) {
        attach_take_credit(attach, wire_get_u32(&reader));
    } else if (message->type == MESSAGE_EXEC_EXIT) { /* the VM's end follows */
        stream_close(stream);
        attach->stream_open = attach->stdin_open = false;
    }
}

static int open_stream(struct attach *attach, const struct attach_options *options, bool terminal,
                       struct error *err)
{
    static const struct stream_type type = {.take = attach_take, .fail = attach_fail};
    _cleanup_strbuf_ struct strbuf request = {0};
    if (terminal)
        wire_put_field(&request, ATTACH_OUTPUT, NULL, 0);
    if (terminal && options->replay)
        wire_put_field(&request, ATTACH_REPLAY, NULL, 0);
    int r = channel_open_stream(attach->vm->channel, &attach->stream, &type, MESSAGE_ATTACH_START,
                                &request, err);
    attach->stream_open = r == 0;
    attach->stdin_open = r == 0 && options->attach_stdin;
    return r;
}

/* --- the log -------------------------------------------------------------------------------- */

static bool on_record(void *userdata, const struct log_record *record)
{
    struct attach *attach = userdata;
    _cleanup_strbuf_ struct strbuf line = {0};
    strbuf_add(&line, record->text, record->length);
    if (!record->partial)
        strbuf_add_char(&line, '\n');
    attach->unread += line.length;
    attach->reader_waits = attach->unread >= STREAM_WINDOW;
    bool more = !attach->reader_waits; /* the callback may free us */
    attach->callbacks.on_output(attach->userdata, record->stream, line.data, line.length);
    return more;
}

/* The VM has ended, and that was its last line. */
static void on_log_end(void *userdata, const struct error *err)
{
    struct attach *attach = userdata;
    attach_end(attach, err ? -1 : attach->exit_code, err);
}

static int open_reader(struct attach *attach, const struct attach_options *options, bool follow,
                       struct error *err)
{
    struct vm *vm = attach->vm;
    struct log_query query = {.tail = options->replay ? -1 : 0, .follow = follow};
    return log_reader_new(vm->log, &query, vm->boot, on_record, on_log_end, attach, &attach->reader,
                          err);
}

/* --- life ----------------------------------------------------------------------------------- */

static int begin(struct attach *attach, const struct attach_options *options, bool runs,
                 struct error *err)
{
    bool terminal = runs && attach->vm->status.tty;
    int r = 0;
    if (terminal || (runs && options->attach_stdin))
        r = open_stream(attach, options, terminal, err);
    if (r == 0 && !terminal)
        r = open_reader(attach, options, runs, err);
    if (r == 0 && terminal && (options->rows || options->columns))
        runtime_attach_resize(attach, options->rows, options->columns);
    return r;
}

int runtime_attach_start(struct runtime *runtime, const char *instance,
                         const struct attach_options *options,
                         const struct exec_callbacks *callbacks, void *userdata,
                         struct attach **ret_attach, struct error *err)
{
    struct vm *vm = vm_find(runtime, instance);
    bool ended = vm && vm->status.state == VM_EXITED && options->replay;
    int r = ended ? 0 : vm_find_running(runtime, instance, &vm, err);
    if (r < 0)
        return r;
    if (options->attach_stdin && !ended && !vm->stdin_open && !vm->status.tty)
        return error_set(err, EINVAL, "'%s' reads no stdin: give its service `stdin_open: true`",
                         instance);
    struct attach *attach = new0(struct attach);
    *attach = (struct attach){.next = vm->attaches,
                              .vm = vm,
                              .callbacks = *callbacks,
                              .userdata = userdata,
                              .window = STREAM_WINDOW,
                              .exit_code = vm->status.exit_code};
    vm->attaches = attach;
    r = begin(attach, options, !ended, err);
    if (r < 0) {
        attach_free(attach);
        return r;
    }
    *ret_attach = attach;
    return 0;
}

/* What has come by the log is read to its end first. */
void vm_end_attachments(struct vm *vm)
{
    for (struct attach *attach = vm->attaches, *next; attach; attach = next) {
        next = attach->next;
        attach->exit_code = vm->status.exit_code;
        if (attach->reader)
            log_reader_stop_following(attach->reader);
        else
            attach_end(attach, attach->exit_code, NULL);
    }
}

void vm_fail_attachments(struct vm *vm)
{
    _cleanup_error_ struct error err = {0};
    error_set(&err, ENOTCONN, "'%s' is gone, or the daemon is ending", vm->status.instance);
    while (vm->attaches)
        attach_end(vm->attaches, -1, &err);
}

/* --- from our side (runtime.h) -------------------------------------------------------------- */

size_t runtime_attach_window(struct attach *attach)
{
    return attach->stdin_open ? attach->window : 0;
}

void runtime_attach_write(struct attach *attach, const void *data, size_t length)
{
    if (!attach->stdin_open || !length)
        return;
    if (length > attach->window)
        length = attach->window;
    attach->window -= length;
    stream_send(&attach->stream, MESSAGE_EXEC_STDIN, data, length);
}

void runtime_attach_close_stdin(struct attach *attach)
{
    if (!attach->stdin_open)
        return;
    attach->stdin_open = false;
    stream_send(&attach->stream, MESSAGE_EXEC_EOF, NULL, 0);
}

void runtime_attach_consumed(struct attach *attach, size_t length)
{
    if (!attach->reader) {
        if (attach->stream_open)
            stream_give_back(&attach->stream, length);
        return;
    }
    attach->unread -= length < attach->unread ? length : attach->unread;
    if (!attach->reader_waits || attach->unread >= STREAM_WINDOW)
        return;
    attach->reader_waits = false;
    log_reader_resume(attach->reader);
}

void runtime_attach_resize(struct attach *attach, uint16_t rows, uint16_t columns)
{
    uint8_t size[4] = {(uint8_t)rows, (uint8_t)(rows >> 8), (uint8_t)columns,
                       (uint8_t)(columns >> 8)};
    if (attach->stream_open)
        stream_send(&attach->stream, MESSAGE_EXEC_RESIZE, size, sizeof(size));
}

void runtime_attach_abandon(struct attach *attach)
{
    attach_free(attach);
}
