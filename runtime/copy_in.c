/* Copies into a guest on the host: runtime.h's functions on struct copy_in. The archive is read by
 * a tar_reader; its messages go to the agent (guest/receiver.h) as far as there is credit. */
#include "runtime/channel.h"

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/guest/wire.h"
#include "runtime/stream.h"
#include "runtime/tar_reader.h"

#include <errno.h>

struct copy_in {
    struct stream stream; /* first */
    struct copy_in_callbacks callbacks;
    void *userdata;
    struct tar_reader *reader;
    size_t window; /* bytes that may be sent */
    bool end_sent;
};

static void copy_in_free(struct copy_in *copy)
{
    tar_reader_free(copy->reader);
    free(copy);
}

/* Of a stream that is closed. */
static void copy_in_end(struct copy_in *copy, const struct error *err)
{
    struct copy_in_callbacks callbacks = copy->callbacks;
    void *userdata = copy->userdata;
    copy_in_free(copy);
    callbacks.on_end(userdata, err);
}

static void copy_in_fail(struct stream *stream, const struct error *err)
{
    copy_in_end((struct copy_in *)stream, err);
}

static void send_messages(struct copy_in *copy)
{
    struct tar_message *message;
    while ((message = tar_reader_take(copy->reader, copy->window))) {
        copy->window -= message->length;
        stream_send(&copy->stream, message->type, message->data, message->length);
        free(message);
    }
}

/* The callbacks may free the copy: nothing is touched after one. */
static void copy_in_advance(struct copy_in *copy)
{
    _cleanup_error_ struct error err = {0};
    send_messages(copy);
    if (!copy->end_sent && tar_reader_ended(copy->reader, &err)) {
        if (err.code) {
            stream_abandon(&copy->stream);
            return copy_in_end(copy, &err);
        }
        copy->end_sent = true;
        return stream_send(&copy->stream, MESSAGE_COPY_END, NULL, 0);
    }
    size_t room = tar_reader_room(copy->reader);
    if (room && copy->callbacks.on_writable)
        copy->callbacks.on_writable(copy->userdata, room);
}

static void on_reader_change(void *userdata)
{
    copy_in_advance(userdata);
}

static void take_done(struct copy_in *copy, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length);
    _cleanup_error_ struct error err = {0};
    uint32_t code = wire_get_u32(&reader);
    _cleanup_free_ char *text = wire_get_text(&reader);
    stream_close(&copy->stream);
    if (code)
        error_set(&err, code < 4096 ? (int)code : EIO, "%s", text && *text ? text : "it failed");
    else if (!copy->end_sent)
        error_set(&err, EPROTO, "the guest ended the copy before it had all");
    copy_in_end(copy, err.code ? &err : NULL);
}

static void copy_in_take(struct stream *stream, const struct message *message)
{
    struct copy_in *copy = (struct copy_in *)stream;
    struct wire_reader reader = wire_read(message->data, message->length);
    if (message->type == MESSAGE_COPY_DONE)
        return take_done(copy, message);
    if (message->type != MESSAGE_CREDIT)
        return;
    uint32_t credit = wire_get_u32(&reader);
    if (credit > COPY_WINDOW - copy->window)
        return stream_break(stream, "it gives a copy more credit than there is");
    copy->window += credit;
    copy_in_advance(copy);
}

static void put_options(struct strbuf *request, const struct copy_in_options *options)
{
    _cleanup_free_ char *path =
        xasprintf("%s%s", options->path[0] == '/' ? "" : "/", options->path);
    wire_put_text(request, COPY_PATH, path);
    if (options->no_overwrite)
        wire_put_field(request, COPY_NO_OVERWRITE, NULL, 0);
    if (options->keep_owners)
        wire_put_field(request, COPY_KEEP_OWNERS, NULL, 0);
}

int channel_copy_in_start(struct channel *channel, const struct copy_in_options *options,
                          const struct copy_in_callbacks *callbacks, void *userdata,
                          struct copy_in **ret_copy, struct error *err)
{
    static const struct stream_type type = {.take = copy_in_take, .fail = copy_in_fail};
    _cleanup_strbuf_ struct strbuf request = {0};
    struct copy_in *copy = new0(struct copy_in);
    *copy = (struct copy_in){.callbacks = *callbacks, .userdata = userdata, .window = COPY_WINDOW};
    put_options(&request, options);
    int r = tar_reader_new(channel_loop(channel), on_reader_change, copy, &copy->reader, err);
    if (r == 0)
        r = channel_open_stream(channel, &copy->stream, &type, MESSAGE_COPY_IN_START, &request,
                                err);
    if (r < 0) {
        copy_in_free(copy);
        return r;
    }
    *ret_copy = copy;
    return 0;
}

size_t runtime_copy_in_window(struct copy_in *copy)
{
    return tar_reader_room(copy->reader);
}

void runtime_copy_in_write(struct copy_in *copy, const void *data, size_t length)
{
    tar_reader_write(copy->reader, data, length);
}

void runtime_copy_in_finish(struct copy_in *copy)
{
    tar_reader_finish(copy->reader);
}

void runtime_copy_in_abandon(struct copy_in *copy)
{
    stream_abandon(&copy->stream);
    copy_in_free(copy);
}
