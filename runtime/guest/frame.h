/* Frames of protocol.h: encoding, checking, and finding them in a stream of bytes that may have
 * holes. The lowest layer of the agent connection, on both ends; link.h is above it. */
#pragma once

#include "runtime/guest/protocol.h"

#include <stdbool.h>
#include <stddef.h>

struct frame_header {
    uint8_t type;
    uint8_t flags;
    uint32_t stream;
    uint32_t length;
    uint64_t sequence;
    uint64_t acknowledged;
    uint32_t payload_crc;
};

uint32_t frame_crc(const void *data, size_t length);
/* For payloads between those who understand it: a port does not change bytes, it loses them, and a
 * CRC of all there is costs a guest under emulation more than carrying it. */
uint32_t frame_sum(const void *data, size_t length);
void frame_encode_header(const struct frame_header *header, uint8_t bytes[FRAME_HEADER_SIZE]);
/* False: no magic, a bad CRC, or a length over FRAME_PAYLOAD_MAX. */
bool frame_decode_header(const uint8_t bytes[FRAME_HEADER_SIZE], struct frame_header *ret_header);

/* Finds frames. Zero-initialise; frame_scanner_done() frees. */
struct frame_scanner {
    uint8_t *buffer;
    size_t start, end;
    /* Only HELLO-sized frames of this type count (0: all do): a host that waits for WELCOME must
     * neither wait for the end of a frame that was cut off, nor compute CRCs of long payloads for a
     * guest that makes up headers. */
    uint8_t only_type;
    /* Nothing more is found after the first skipped byte: hunting through what a hostile peer sends
     * would cost the CRC of a whole frame for each of its bytes. */
    bool strict;
    uint64_t skipped; /* bytes that belonged to no frame */
    uint64_t damaged; /* frames with a good header and a bad payload */
};

void frame_scanner_done(struct frame_scanner *scanner);
/* Where the next bytes are to be put, and how many: some, once frame_scanner_next() has been called
 * until it found nothing more. Then frame_scanner_added(). */
void *frame_scanner_room(struct frame_scanner *scanner, size_t *ret_size);
void frame_scanner_added(struct frame_scanner *scanner, size_t length);
/* The next whole frame; its payload is valid until the next call. False: more bytes are needed. */
bool frame_scanner_next(struct frame_scanner *scanner, struct frame_header *ret_header,
                        const uint8_t **ret_payload);
