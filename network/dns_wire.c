/* See dns_wire.h. */
#include "network/dns_wire.h"

#include <arpa/inet.h>
#include <string.h>

#define LABEL_MAX 63

static uint8_t lower_case(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
}

bool dns_name_from_text(const char *text, struct dns_name *ret_name)
{
    struct dns_name name = {0};
    while (*text) {
        size_t label = strcspn(text, ".");
        if (label == 0 || label > LABEL_MAX || name.length + 1 + label > DNS_NAME_MAX)
            return false;
        name.bytes[name.length++] = (uint8_t)label;
        for (size_t i = 0; i < label; i++)
            name.bytes[name.length++] = lower_case((uint8_t)text[i]);
        text += label + (text[label] == '.');
    }
    *ret_name = name;
    return true;
}

size_t dns_name_read(const uint8_t *data, size_t length, struct dns_name *ret_name)
{
    size_t at = 0;
    for (;;) {
        if (at >= length)
            return 0;
        size_t label = data[at];
        if (label > LABEL_MAX || at + 1 + label > length || at + 1 + label > DNS_NAME_MAX + 1)
            return 0;
        if (label == 0)
            break;
        ret_name->bytes[at] = (uint8_t)label;
        for (size_t i = at + 1; i <= at + label; i++)
            ret_name->bytes[i] = lower_case(data[i]);
        at += 1 + label;
    }
    if (at > DNS_NAME_MAX)
        return 0;
    ret_name->bytes[at] = 0;
    ret_name->length = at;
    return at + 1;
}

char *dns_name_format(const struct dns_name *name, char *buffer)
{
    size_t at = 0, written = 0;
    while (at < name->length) {
        size_t label = name->bytes[at++];
        if (written)
            buffer[written++] = '.';
        for (size_t end = at + label; at < end; at++) {
            uint8_t byte = name->bytes[at];
            buffer[written++] = byte > ' ' && byte < 0x7f ? (char)byte : '?';
        }
    }
    if (written == 0)
        buffer[written++] = '.';
    buffer[written] = '\0';
    return buffer;
}

bool dns_name_is_within(const struct dns_name *name, const char *zone)
{
    size_t length = strlen(zone), at = 0;
    while (name->length - at > length)
        at += (size_t)name->bytes[at] + 1;
    return name->length - at == length && memcmp(name->bytes + at, zone, length) == 0;
}

/* --- addresses ------------------------------------------------------------------------------ */

static void map_ipv4(const uint8_t bytes[4], struct in6_addr *ret_address)
{
    *ret_address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(ret_address->s6_addr + 12, bytes, 4);
}

bool dns_address_from_text(const char *text, struct in6_addr *ret_address)
{
    uint8_t bytes[4];
    if (inet_pton(AF_INET6, text, ret_address) == 1)
        return true;
    if (inet_pton(AF_INET, text, bytes) != 1)
        return false;
    map_ipv4(bytes, ret_address);
    return true;
}

char *dns_address_format(const struct in6_addr *address, char *buffer)
{
    if (IN6_IS_ADDR_V4MAPPED(address))
        inet_ntop(AF_INET, address->s6_addr + 12, buffer, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, address, buffer, INET6_ADDRSTRLEN);
    return buffer;
}

/* One label "0" to "255", no leading zeros. */
static bool read_byte(const uint8_t *label, uint8_t *ret_byte)
{
    unsigned value = 0;
    if (label[0] > 3 || (label[0] > 1 && label[1] == '0'))
        return false;
    for (size_t i = 1; i <= label[0]; i++) {
        if (label[i] < '0' || label[i] > '9')
            return false;
        value = value * 10 + (label[i] - '0');
    }
    *ret_byte = (uint8_t)value;
    return value <= 255;
}

static bool read_nibble(const uint8_t *label, uint8_t *ret_nibble)
{
    if (label[0] != 1)
        return false;
    if (label[1] >= '0' && label[1] <= '9')
        *ret_nibble = (uint8_t)(label[1] - '0');
    else if (label[1] >= 'a' && label[1] <= 'f')
        *ret_nibble = (uint8_t)(label[1] - 'a' + 10);
    else
        return false;
    return true;
}

static bool read_ipv4(const struct dns_name *name, struct in6_addr *ret_address)
{
    static const char zone[] = "\7in-addr\4arpa";
    uint8_t bytes[4];
    size_t at = 0;
    for (size_t i = 0; i < 4; at += (size_t)name->bytes[at] + 1, i++)
        if (at >= name->length || !read_byte(name->bytes + at, &bytes[3 - i]))
            return false;
    if (strcmp((const char *)name->bytes + at, zone) != 0 || name->length != at + sizeof(zone) - 1)
        return false;
    map_ipv4(bytes, ret_address);
    return true;
}

static bool read_ipv6(const struct dns_name *name, struct in6_addr *ret_address)
{
    static const char zone[] = "\3ip6\4arpa";
    struct in6_addr address = {0};
    if (name->length != 64 + sizeof(zone) - 1 ||
        memcmp(name->bytes + 64, zone, sizeof(zone) - 1) != 0)
        return false;
    for (size_t i = 0; i < 32; i++) {
        uint8_t nibble;
        if (!read_nibble(name->bytes + 2 * i, &nibble))
            return false;
        address.s6_addr[15 - i / 2] |= (uint8_t)(i % 2 ? nibble << 4 : nibble);
    }
    *ret_address = address;
    return true;
}

bool dns_name_to_address(const struct dns_name *name, struct in6_addr *ret_address)
{
    return read_ipv4(name, ret_address) || read_ipv6(name, ret_address);
}
