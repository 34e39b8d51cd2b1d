/* Line splitting, see splitter.h. */
#include "runtime/guest/splitter.h"

#include <string.h>

static void splitter_flush(struct splitter *splitter, struct ring *ring, int64_t time_ns,
                           bool partial)
{
    ring_add(ring, time_ns, splitter->stream, partial, splitter->line, splitter->length);
    splitter->length = 0;
}

void splitter_add(struct splitter *splitter, struct ring *ring, int64_t time_ns, const char *data,
                  size_t length)
{
    while (length) {
        const char *newline = memchr(data, '\n', length);
        size_t text = newline ? (size_t)(newline - data) : length;
        if (text > LOG_TEXT_MAX - splitter->length) {
            text = LOG_TEXT_MAX - splitter->length;
            newline = NULL;
        }
        memcpy(splitter->line + splitter->length, data, text);
        splitter->length += text;
        data += text;
        length -= text;
        if (newline) {
            splitter_flush(splitter, ring, time_ns, false);
            data++;
            length--;
        } else if (length) {
            splitter_flush(splitter, ring, time_ns, true);
        }
    }
}

void splitter_finish(struct splitter *splitter, struct ring *ring, int64_t time_ns)
{
    if (splitter->length)
        splitter_flush(splitter, ring, time_ns, false);
}
