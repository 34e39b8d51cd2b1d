/* What the channel's streams share, see stream.h. */
#include "runtime/stream.h"

#include "runtime/guest/wire.h"

#include <errno.h>

void stream_open(struct stream *stream, struct stream_set *set, const struct stream_type *type)
{
    *stream = (struct stream){
        .next = set->first, .set = set, .type = type, .id = ++set->last_id, .limit = STREAM_WINDOW};
    set->first = stream;
}

void stream_close(struct stream *stream)
{
    for (struct stream **link = &stream->set->first; *link; link = &(*link)->next) {
        if (*link != stream)
            continue;
        *link = stream->next;
        return;
    }
}

void stream_send(struct stream *stream, enum message_type type, const void *data, size_t length)
{
    link_send(stream->set->link, type, stream->id, data, length);
    stream->set->on_queued(stream->set->userdata);
}

void stream_abandon(struct stream *stream)
{
    stream_close(stream);
    stream_send(stream, MESSAGE_ABANDON, NULL, 0);
}

struct stream *stream_find(const struct stream_set *set, uint32_t id)
{
    struct stream *stream = set->first;
    while (stream && stream->id != id)
        stream = stream->next;
    return stream;
}

static struct stream *stream_find_until(const struct stream_set *set, uint32_t last_id)
{
    struct stream *stream = set->first;
    while (stream && stream->id > last_id)
        stream = stream->next;
    return stream;
}

/* Not those that an owner opens on hearing the news. */
void stream_fail_all(struct stream_set *set, const struct error *err)
{
    uint32_t last_id = set->last_id;
    struct stream *stream;
    while ((stream = stream_find_until(set, last_id))) {
        stream_abandon(stream); /* where there still is a link */
        stream->type->fail(stream, err);
    }
}

bool stream_count_received(struct stream *stream, size_t length)
{
    if (length > stream->limit - stream->in_flight)
        return false;
    stream->in_flight += length;
    return true;
}

void stream_give_back(struct stream *stream, size_t length)
{
    if (length > stream->in_flight - stream->to_give_back)
        length = stream->in_flight - stream->to_give_back;
    stream->to_give_back += length;
    if (stream->to_give_back < STREAM_CREDIT_STEP)
        return;
    uint8_t credit[4];
    wire_store_u32(credit, (uint32_t)stream->to_give_back);
    stream->in_flight -= stream->to_give_back;
    stream->to_give_back = 0;
    stream_send(stream, MESSAGE_CREDIT, credit, sizeof(credit));
}

void stream_break(struct stream *stream, const char *reason)
{
    _cleanup_error_ struct error err = {0};
    error_set(&err, EPROTO, "the guest broke the agent's protocol: %s", reason);
    stream_abandon(stream);
    stream->type->fail(stream, &err);
}
