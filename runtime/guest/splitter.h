/* Bytes of one output stream of the service -> lines. A line longer than LOG_TEXT_MAX goes on in
 * the next record (partial), as Docker's json-file driver does. */
#pragma once

#include "runtime/guest/protocol.h"
#include "runtime/guest/ring.h"

struct splitter {
    uint8_t stream; /* 1 stdout, 2 stderr */
    size_t length;
    char line[LOG_TEXT_MAX];
};

void splitter_add(struct splitter *splitter, struct ring *ring, int64_t time_ns, const char *data,
                  size_t length);
/* End of the stream: what has no newline is a line too. */
void splitter_finish(struct splitter *splitter, struct ring *ring, int64_t time_ns);
