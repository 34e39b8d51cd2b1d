/* Bytes of one output stream of the service -> records. What one read brings becomes one record of
 * whole lines: the host takes them apart, which is dear for a guest under emulation. A line longer
 * than LOG_TEXT_MAX goes on in the next record (partial), as Docker's json-file driver does. */
#pragma once

#include "runtime/guest/protocol.h"
#include "runtime/guest/ring.h"

struct splitter {
    uint8_t stream; /* 1 stdout, 2 stderr */
    size_t length;  /* of the line that has no end yet */
    char text[LOG_TEXT_MAX];
};

/* Where the next bytes go, and how many there may be: at least one. */
char *splitter_room(struct splitter *splitter, size_t *ret_size);
/* So many have come there. */
void splitter_added(struct splitter *splitter, struct ring *ring, int64_t time_ns, size_t length);
/* End of the stream: what has no newline is a line too. */
void splitter_finish(struct splitter *splitter, struct ring *ring, int64_t time_ns);
