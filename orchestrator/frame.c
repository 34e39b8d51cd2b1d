/* See frame.h. */
#include "orchestrator/frame.h"

void frame_write_header(unsigned char *header, unsigned type, size_t length)
{
    header[0] = (unsigned char)type;
    header[1] = header[2] = header[3] = 0;
    header[4] = (unsigned char)(length >> 24);
    header[5] = (unsigned char)(length >> 16);
    header[6] = (unsigned char)(length >> 8);
    header[7] = (unsigned char)length;
}

bool frame_read_header(const unsigned char *bytes, struct frame_header *ret_header)
{
    if (bytes[1] || bytes[2] || bytes[3])
        return false;
    ret_header->type = bytes[0];
    ret_header->length =
        (size_t)bytes[4] << 24 | (size_t)bytes[5] << 16 | (size_t)bytes[6] << 8 | bytes[7];
    return true;
}
