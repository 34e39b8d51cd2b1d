/* The 8-byte frames of logs and exec (docs/api.md, "Multiplexed"; Docker's Engine API, "Attach to a
 * container", stream format): type, three zeros, length (big-endian), payload. Pure. */
#pragma once

#include "base/str.h"

enum frame_type {
    FRAME_STDIN = 0,
    FRAME_STDOUT = 1,
    FRAME_STDERR = 2,
    FRAME_END = 3,     /* JSON, to the client: how it ended */
    FRAME_CONTROL = 4, /* JSON, from the client: resize, signal */
};
enum {
    FRAME_HEADER_SIZE = 8,
    FRAME_PAYLOAD_LIMIT = 64 << 10, /* of the client's frames */
};

struct frame_header {
    unsigned type;
    size_t length; /* of the payload */
};

/* header has room for FRAME_HEADER_SIZE bytes. */
void frame_write_header(unsigned char *header, unsigned type, size_t length);
/* false: that is no header of ours. */
bool frame_read_header(const unsigned char *bytes, struct frame_header *ret_header);
