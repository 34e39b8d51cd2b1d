/* Payload encoding and decoding, see wire.h. */
#include "runtime/guest/wire.h"

#include "base/alloc.h"

void wire_store_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

void wire_store_u64(uint8_t *bytes, uint64_t value)
{
    wire_store_u32(bytes, (uint32_t)value);
    wire_store_u32(bytes + 4, (uint32_t)(value >> 32));
}

uint32_t wire_load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

uint64_t wire_load_u64(const uint8_t *bytes)
{
    return (uint64_t)wire_load_u32(bytes) | (uint64_t)wire_load_u32(bytes + 4) << 32;
}

void wire_put_u16(struct strbuf *buffer, uint16_t value)
{
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    strbuf_add(buffer, bytes, sizeof(bytes));
}

void wire_put_u32(struct strbuf *buffer, uint32_t value)
{
    uint8_t bytes[4];
    wire_store_u32(bytes, value);
    strbuf_add(buffer, bytes, sizeof(bytes));
}

void wire_put_u64(struct strbuf *buffer, uint64_t value)
{
    uint8_t bytes[8];
    wire_store_u64(bytes, value);
    strbuf_add(buffer, bytes, sizeof(bytes));
}

void wire_put_field(struct strbuf *buffer, uint16_t tag, const void *data, size_t length)
{
    wire_put_u16(buffer, tag);
    wire_put_u32(buffer, (uint32_t)length);
    if (length)
        strbuf_add(buffer, data, length);
}

void wire_put_text(struct strbuf *buffer, uint16_t tag, const char *text)
{
    wire_put_field(buffer, tag, text, strlen(text));
}

void wire_put_field_u32(struct strbuf *buffer, uint16_t tag, uint32_t value)
{
    uint8_t bytes[4];
    wire_store_u32(bytes, value);
    wire_put_field(buffer, tag, bytes, sizeof(bytes));
}

void wire_put_field_u64(struct strbuf *buffer, uint16_t tag, uint64_t value)
{
    uint8_t bytes[8];
    wire_store_u64(bytes, value);
    wire_put_field(buffer, tag, bytes, sizeof(bytes));
}

struct wire_reader wire_read(const void *data, size_t length)
{
    return (struct wire_reader){.data = data, .left = length};
}

const uint8_t *wire_get_bytes(struct wire_reader *reader, size_t length)
{
    if (length > reader->left) {
        reader->bad = true;
        reader->left = 0;
        return NULL;
    }
    const uint8_t *bytes = reader->data;
    reader->left -= length;
    if (length)
        reader->data += length;
    return bytes;
}

uint8_t wire_get_u8(struct wire_reader *reader)
{
    const uint8_t *bytes = wire_get_bytes(reader, 1);
    return bytes ? bytes[0] : 0;
}

uint16_t wire_get_u16(struct wire_reader *reader)
{
    const uint8_t *bytes = wire_get_bytes(reader, 2);
    return bytes ? (uint16_t)(bytes[0] | bytes[1] << 8) : 0;
}

uint32_t wire_get_u32(struct wire_reader *reader)
{
    const uint8_t *bytes = wire_get_bytes(reader, 4);
    return bytes ? wire_load_u32(bytes) : 0;
}

uint64_t wire_get_u64(struct wire_reader *reader)
{
    const uint8_t *bytes = wire_get_bytes(reader, 8);
    return bytes ? wire_load_u64(bytes) : 0;
}

bool wire_get_field(struct wire_reader *reader, uint16_t *ret_tag, struct wire_reader *ret_field)
{
    if (reader->left == 0)
        return false;
    uint16_t tag = wire_get_u16(reader);
    uint32_t length = wire_get_u32(reader);
    const uint8_t *bytes = wire_get_bytes(reader, length);
    if (reader->bad)
        return false;
    *ret_tag = tag;
    *ret_field = wire_read(bytes, length);
    return true;
}

char *wire_get_text(struct wire_reader *reader)
{
    size_t length = reader->left;
    const uint8_t *bytes = wire_get_bytes(reader, length);
    if (length && memchr(bytes, 0, length)) {
        reader->bad = true;
        return NULL;
    }
    return xstrndup(length ? (const char *)bytes : "", length);
}
