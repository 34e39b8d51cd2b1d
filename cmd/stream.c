/* JSON lines and frames; see stream.h. */
#include "cmd/stream.h"

#include <errno.h>

int stream_feed_lines(struct strbuf *pending, const char *data, size_t length,
                      void (*on_line)(void *userdata, char *line, size_t length), void *userdata,
                      struct error *err)
{
    strbuf_add(pending, data, length);
    size_t used = 0;
    char *newline;
    while ((newline = memchr(pending->data + used, '\n', pending->length - used))) {
        char *line = pending->data + used;
        *newline = '\0';
        used = (size_t)(newline - pending->data) + 1;
        on_line(userdata, line, (size_t)(newline - line));
    }
    strbuf_drop_front(pending, used);
    if (pending->length > STREAM_LIMIT)
        return error_set(err, EPROTO, "the daemon sent a line that does not end");
    return 0;
}

static uint32_t payload_length(const char *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    return (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 | (uint32_t)bytes[6] << 8 | bytes[7];
}

int stream_feed_frames(struct strbuf *pending, const char *data, size_t length,
                       void (*on_frame)(void *userdata, unsigned type, const char *payload,
                                        size_t length),
                       void *userdata, struct error *err)
{
    strbuf_add(pending, data, length);
    size_t used = 0;
    int r = 0;
    while (pending->length - used >= STREAM_HEADER_SIZE) {
        const char *header = pending->data + used;
        size_t payload = payload_length(header);
        if (payload > STREAM_LIMIT) {
            r = error_set(err, EPROTO, "the daemon sent a frame of %zu bytes", payload);
            break;
        }
        if (pending->length - used - STREAM_HEADER_SIZE < payload)
            break;
        used += STREAM_HEADER_SIZE + payload;
        on_frame(userdata, (unsigned char)header[0], header + STREAM_HEADER_SIZE, payload);
    }
    strbuf_drop_front(pending, used);
    return r;
}

void stream_add_frame(struct strbuf *out, enum stream_frame_type type, const void *payload,
                      size_t length)
{
    const unsigned char header[STREAM_HEADER_SIZE] = {
        (unsigned char)type,
        0,
        0,
        0,
        (unsigned char)(length >> 24),
        (unsigned char)(length >> 16),
        (unsigned char)(length >> 8),
        (unsigned char)length,
    };
    strbuf_add(out, header, sizeof(header));
    strbuf_add(out, payload, length);
}
