/* Line splitting, see splitter.h. */
#include "runtime/guest/splitter.h"

#include <string.h>

char *splitter_room(struct splitter *splitter, size_t *ret_size)
{
    *ret_size = sizeof(splitter->text) - splitter->length;
    return splitter->text + splitter->length;
}

void splitter_added(struct splitter *splitter, struct ring *ring, int64_t time_ns, size_t length)
{
    char *fresh = splitter->text + splitter->length;
    const char *newline = length ? memrchr(fresh, '\n', length) : NULL;
    splitter->length += length;
    if (newline) {
        size_t lines = (size_t)(newline - splitter->text);
        ring_add(ring, time_ns, splitter->stream, false, splitter->text, lines);
        splitter->length -= lines + 1;
        memmove(splitter->text, newline + 1, splitter->length);
    } else if (splitter->length == sizeof(splitter->text)) {
        ring_add(ring, time_ns, splitter->stream, true, splitter->text, splitter->length);
        splitter->length = 0;
    }
}

void splitter_finish(struct splitter *splitter, struct ring *ring, int64_t time_ns)
{
    if (splitter->length)
        ring_add(ring, time_ns, splitter->stream, false, splitter->text, splitter->length);
    splitter->length = 0;
}
