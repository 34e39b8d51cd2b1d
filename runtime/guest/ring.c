/* The log ring, see ring.h. Records lie in it in their wire form, behind the count of their lines.
 */
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

struct peeked {
    size_t size;   /* in the ring */
    uint64_t last; /* line */
};

static struct peeked ring_peek(const struct ring *ring, uint64_t position)
{
    uint8_t head[RING_OVERHEAD];
    ring_copy_out(ring, position, head, sizeof(head));
    return (struct peeked){.size = sizeof(head) + wire_load_u32(head + 4 + 16),
                           .last = wire_load_u64(head + 4) + wire_load_u32(head) - 1};
}

static void ring_drop_oldest(struct ring *ring)
{
    struct peeked peeked = ring_peek(ring, ring->tail);
    ring->tail += peeked.size;
    ring->oldest = peeked.last + 1;
    if (ring->cursor < ring->tail)
        ring->cursor = ring->tail;
}

static uint32_t count_lines(const char *text, size_t length)
{
    uint32_t count = 1;
    for (const char *end = text + length; length && (text = memchr(text, '\n', length)); count++) {
        text++;
        length = (size_t)(end - text);
    }
    return count;
}

void ring_add(struct ring *ring, int64_t time_ns, uint8_t stream, bool partial, const void *text,
              size_t length)
{
    while (ring_room(ring) < RING_OVERHEAD + length)
        ring_drop_oldest(ring);
    uint8_t head[RING_OVERHEAD];
    uint32_t lines = count_lines(text, length);
    wire_store_u32(head, lines);
    wire_store_u64(head + 4, ring->newest + 1);
    wire_store_u64(head + 4 + 8, (uint64_t)time_ns);
    wire_store_u32(head + 4 + 16, (uint32_t)length);
    head[4 + 20] = stream;
    head[4 + 21] = partial;
    ring_copy_in(ring, head, sizeof(head));
    ring_copy_in(ring, text, length);
    ring->newest += lines;
}

size_t ring_take(struct ring *ring, uint8_t *buffer, size_t size)
{
    size_t length = 0;
    while (ring_has_unsent(ring)) {
        size_t stored = ring_peek(ring, ring->cursor).size, wire = stored - 4;
        if (wire > size - length)
            break;
        ring_copy_out(ring, ring->cursor + 4, buffer + length, wire);
        length += wire;
        ring->cursor += stored;
    }
    return length;
}

/* A record of which the host has a part stays until it has it all. */
void ring_acknowledge(struct ring *ring, uint64_t sequence)
{
    while (ring->tail < ring->cursor && ring_peek(ring, ring->tail).last <= sequence)
        ring_drop_oldest(ring);
}

void ring_rewind(struct ring *ring, uint64_t stored)
{
    ring->cursor = ring->head;
    if (stored <= ring->newest)
        ring_acknowledge(ring, stored);
    ring->cursor = ring->tail;
}
