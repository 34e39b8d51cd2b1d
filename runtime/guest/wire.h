/* Little-endian numbers and tagged fields: how the payloads of protocol.h are written and read.
 * Shared by the agent and the daemon. The reader never goes out of its bounds: what is missing
 * reads as zero and sets `bad`, which is looked at once, at the end. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void wire_put_u16(struct strbuf *buffer, uint16_t value);
void wire_put_u32(struct strbuf *buffer, uint32_t value);
void wire_put_u64(struct strbuf *buffer, uint64_t value);
/* The same in place, for headers of a fixed shape. */
void wire_store_u32(uint8_t *bytes, uint32_t value);
void wire_store_u64(uint8_t *bytes, uint64_t value);
uint32_t wire_load_u32(const uint8_t *bytes);
uint64_t wire_load_u64(const uint8_t *bytes);

/* Tagged fields. */
void wire_put_field(struct strbuf *buffer, uint16_t tag, const void *data, size_t length);
void wire_put_text(struct strbuf *buffer, uint16_t tag, const char *text);
void wire_put_field_u32(struct strbuf *buffer, uint16_t tag, uint32_t value);
void wire_put_field_u64(struct strbuf *buffer, uint16_t tag, uint64_t value);

struct wire_reader {
    const uint8_t *data;
    size_t left;
    bool bad; /* something was cut short */
};

struct wire_reader wire_read(const void *data, size_t length);
uint8_t wire_get_u8(struct wire_reader *reader);
uint16_t wire_get_u16(struct wire_reader *reader);
uint32_t wire_get_u32(struct wire_reader *reader);
uint64_t wire_get_u64(struct wire_reader *reader);
/* NULL where fewer bytes are left. */
const uint8_t *wire_get_bytes(struct wire_reader *reader, size_t length);
/* The next tagged field; false at the end, or where it is cut short. */
bool wire_get_field(struct wire_reader *reader, uint16_t *ret_tag, struct wire_reader *ret_field);
/* What is left, as a string the caller owns; -> NULL and bad where it holds a NUL. */
char *wire_get_text(struct wire_reader *reader);
