/* The agent's store of log records: the service's lines, numbered, from the pipe until the host has
 * said that it has them on disk. A record holds one or more of them. Fixed memory; when it is full
 * the oldest go, and the gap in the numbers tells the host how many.
 *
 *   tail ..... sent, not acknowledged ..... cursor ..... not sent ..... head */
#pragma once

#include "base/str.h"
#include "runtime/guest/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_BYTES (2u << 20)
#define RING_OVERHEAD (4 + LOG_RECORD_HEADER_SIZE) /* u32 count of the lines, header */

struct ring {
    uint8_t *bytes;
    uint64_t head, tail, cursor; /* positions that only grow; modulo RING_BYTES in the buffer */
    uint64_t newest;             /* number of the newest line; 0: none was ever added */
    uint64_t oldest;             /* of the first line of the record at tail */
};

void ring_init(struct ring *ring);
void ring_done(struct ring *ring);
/* Lines with newlines between them, at most LOG_TEXT_MAX bytes. Drops the oldest records where
 * there is no room. */
void ring_add(struct ring *ring, int64_t time_ns, uint8_t stream, bool partial, const void *text,
              size_t length);
/* Bytes that fit without dropping anything; a record takes RING_OVERHEAD + its text. */
size_t ring_room(const struct ring *ring);
/* Sent and not acknowledged. */
size_t ring_in_flight(const struct ring *ring);
bool ring_has_unsent(const struct ring *ring);
/* Copies records after the cursor, in their wire form (protocol.h), as many as fit; how many bytes:
 * 0 where there was nothing to move. */
size_t ring_take(struct ring *ring, uint8_t *buffer, size_t size);
/* Everything up to this line is stored by the host. */
void ring_acknowledge(struct ring *ring, uint64_t sequence);
/* Goes back: what comes after this line is sent (again), as far as it is still there; whole records
 * of which the host knows a part. */
void ring_rewind(struct ring *ring, uint64_t stored);
