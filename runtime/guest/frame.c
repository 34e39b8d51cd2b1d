/* Frame codec and scanner, see frame.h. */
#include "runtime/guest/frame.h"

#include "base/alloc.h"
#include "runtime/guest/wire.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Some frames: moving what is left to the front is then rare. */
#define SCANNER_SIZE (8 * FRAME_SIZE_MAX)

uint32_t frame_crc(const void *data, size_t length)
{
    return length ? (uint32_t)crc32(0, data, (uInt)length) : 0;
}

/* Fletcher's way, on words of 64 bits. */
uint32_t frame_sum(const void *data, size_t length)
{
    const uint8_t *bytes = data;
    uint64_t sum = length, sums = 0, word = 0;
    for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        sums += sum += word;
    }
    word = 0;
    for (size_t i = 0; i < length; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    sums += sum += word;
    /* Both halves of both, so that no bit of the one makes up for one of the other. */
    uint64_t mixed = sum * 0x9e3779b97f4a7c15u;
    mixed = ((mixed ^ mixed >> 32) + sums) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)(mixed >> 32);
}

void frame_encode_header(const struct frame_header *header, uint8_t bytes[FRAME_HEADER_SIZE])
{
    wire_store_u32(bytes, FRAME_MAGIC);
    bytes[4] = header->type;
    bytes[5] = header->flags;
    bytes[6] = bytes[7] = 0;
    wire_store_u32(bytes + 8, header->stream);
    wire_store_u32(bytes + 12, header->length);
    wire_store_u64(bytes + 16, header->sequence);
    wire_store_u64(bytes + 24, header->acknowledged);
    wire_store_u32(bytes + 32, header->payload_crc);
    wire_store_u32(bytes + 36, frame_crc(bytes, 36));
}

bool frame_decode_header(const uint8_t bytes[FRAME_HEADER_SIZE], struct frame_header *ret_header)
{
    if (wire_load_u32(bytes) != FRAME_MAGIC || wire_load_u32(bytes + 36) != frame_crc(bytes, 36))
        return false;
    struct frame_header header = {
        .type = bytes[4],
        .flags = bytes[5],
        .stream = wire_load_u32(bytes + 8),
        .length = wire_load_u32(bytes + 12),
        .sequence = wire_load_u64(bytes + 16),
        .acknowledged = wire_load_u64(bytes + 24),
        .payload_crc = wire_load_u32(bytes + 32),
    };
    if (header.length > FRAME_PAYLOAD_MAX)
        return false;
    *ret_header = header;
    return true;
}

void frame_scanner_done(struct frame_scanner *scanner)
{
    free(scanner->buffer);
    *scanner = (struct frame_scanner){0};
}

void *frame_scanner_room(struct frame_scanner *scanner, size_t *ret_size)
{
    if (!scanner->buffer)
        scanner->buffer = xmalloc(SCANNER_SIZE);
    if (scanner->start == scanner->end) {
        scanner->start = scanner->end = 0;
    } else if (SCANNER_SIZE - scanner->end < FRAME_SIZE_MAX) {
        memmove(scanner->buffer, scanner->buffer + scanner->start, scanner->end - scanner->start);
        scanner->end -= scanner->start;
        scanner->start = 0;
    }
    *ret_size = SCANNER_SIZE - scanner->end;
    return scanner->buffer + scanner->end;
}

void frame_scanner_added(struct frame_scanner *scanner, size_t length)
{
    scanner->end += length;
}

static void scanner_skip(struct frame_scanner *scanner, size_t length)
{
    scanner->start += length;
    scanner->skipped += length;
}

/* Moves to the next byte that may begin a frame. False: there is none with a whole header. */
static bool scanner_find_magic(struct frame_scanner *scanner)
{
    size_t left = scanner->end - scanner->start;
    if (!left)
        return false;
    const uint8_t *from = scanner->buffer + scanner->start;
    const uint8_t *found = memchr(from, FRAME_MAGIC & 0xff, left);
    scanner_skip(scanner, found ? (size_t)(found - from) : left);
    return scanner->end - scanner->start >= FRAME_HEADER_SIZE;
}

static bool payload_is_whole(const struct frame_header *header, const uint8_t *payload)
{
    uint32_t expected = header->flags & FRAME_SUM ? frame_sum(payload, header->length)
                                                  : frame_crc(payload, header->length);
    return expected == header->payload_crc;
}

bool frame_scanner_next(struct frame_scanner *scanner, struct frame_header *ret_header,
                        const uint8_t **ret_payload)
{
    while (!(scanner->strict && scanner->skipped) && scanner_find_magic(scanner)) {
        if (scanner->strict && scanner->skipped)
            return false;
        const uint8_t *bytes = scanner->buffer + scanner->start;
        struct frame_header header;
        if (!frame_decode_header(bytes, &header) ||
            (scanner->only_type &&
             (header.type != scanner->only_type || header.length != LINK_HELLO_SIZE))) {
            scanner_skip(scanner, 1);
            continue;
        }
        if (scanner->end - scanner->start < FRAME_HEADER_SIZE + header.length)
            return false;
        if (!payload_is_whole(&header, bytes + FRAME_HEADER_SIZE)) {
            scanner->damaged++;
            scanner_skip(scanner, 1);
            continue;
        }
        scanner->start += FRAME_HEADER_SIZE + header.length;
        *ret_header = header;
        *ret_payload = bytes + FRAME_HEADER_SIZE;
        return true;
    }
    return false;
}
