/* The log ring, see ring.h. Records lie in it in their wire form. */
#include "runtime/guest/ring.h"

#include "base/alloc.h"
#include "runtime/guest/protocol.h"
#include "runtime/guest/wire.h"

#include <stdlib.h>

void ring_init(struct ring *ring)
{
    *ring = (struct ring){.bytes = xmalloc(RING_BYTES), .oldest = 1};
}

void ring_done(struct ring *ring)
{
    free(ring->bytes);
    *ring = (struct ring){0};
}

size_t ring_room(const struct ring *ring)
{
    return RING_BYTES - (size_t)(ring->head - ring->tail);
}

size_t ring_in_flight(const struct ring *ring)
{
    return (size_t)(ring->cursor - ring->tail);
}

bool ring_has_unsent(const struct ring *ring)
{
    return ring->cursor < ring->head;
}

static void ring_copy_in(struct ring *ring, const void *data, size_t length)
{
    size_t at = (size_t)(ring->head % RING_BYTES);
    size_t first = RING_BYTES - at < length ? RING_BYTES - at : length;
    if (length) {
        memcpy(ring->bytes + at, data, first);
        memcpy(ring->bytes, (const uint8_t *)data + first, length - first);
    }
    ring->head += length;
}

static void ring_copy_out(const struct ring *ring, uint64_t position, void *data, size_t length)
{
    size_t at = (size_t)(position % RING_BYTES);
    size_t first = RING_BYTES - at < length ? RING_BYTES - at : length;
    memcpy(data, ring->bytes + at, first);
    memcpy((uint8_t *)data + first, ring->bytes, length - first);
}

/* The whole record's size, and its sequence. */
static size_t ring_peek(const struct ring *ring, uint64_t position, uint64_t *ret_sequence)
{
    uint8_t header[LOG_RECORD_HEADER_SIZE];
    ring_copy_out(ring, position, header, sizeof(header));
    *ret_sequence = wire_load_u64(header);
    return LOG_RECORD_HEADER_SIZE + wire_load_u32(header + 16);
}

static void ring_drop_oldest(struct ring *ring)
{
    uint64_t sequence;
    ring->tail += ring_peek(ring, ring->tail, &sequence);
    ring->oldest = sequence + 1;
    if (ring->cursor < ring->tail)
        ring->cursor = ring->tail;
}

void ring_add(struct ring *ring, int64_t time_ns, uint8_t stream, bool partial, const void *text,
              size_t length)
{
    while (ring_room(ring) < LOG_RECORD_HEADER_SIZE + length)
        ring_drop_oldest(ring);
    uint8_t header[LOG_RECORD_HEADER_SIZE];
    wire_store_u64(header, ++ring->newest);
    wire_store_u64(header + 8, (uint64_t)time_ns);
    wire_store_u32(header + 16, (uint32_t)length);
    header[20] = stream;
    header[21] = partial;
    ring_copy_in(ring, header, sizeof(header));
    ring_copy_in(ring, text, length);
}

bool ring_take(struct ring *ring, struct strbuf *buffer, size_t limit)
{
    bool moved = false;
    while (ring_has_unsent(ring)) {
        uint64_t sequence;
        size_t size = ring_peek(ring, ring->cursor, &sequence);
        if (buffer->length + size > limit)
            break;
        ring_copy_out(ring, ring->cursor, strbuf_reserve(buffer, size), size);
        buffer->length += size;
        ring->cursor += size;
        moved = true;
    }
    return moved;
}

void ring_acknowledge(struct ring *ring, uint64_t sequence)
{
    while (ring->tail < ring->cursor && ring->oldest <= sequence)
        ring_drop_oldest(ring);
}

void ring_rewind(struct ring *ring, uint64_t stored)
{
    ring->cursor = ring->head;
    if (stored <= ring->newest)
        ring_acknowledge(ring, stored);
    ring->cursor = ring->tail;
}
