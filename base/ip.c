/* See base/ip.h. */
#include "base/ip.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

int ip_address_parse(const char *text, struct ip_address *ret_address)
{
    struct ip_address address = {.size = strchr(text, ':') ? 16 : 4};
    if (inet_pton(address.size == 16 ? AF_INET6 : AF_INET, text, address.bytes) != 1)
        return -EINVAL;
    *ret_address = address;
    return 0;
}

int ip_subnet_parse(const char *text, struct ip_subnet *ret_subnet)
{
    char address[IP_TEXT_SIZE];
    const char *slash = strchr(text, '/');
    struct ip_subnet subnet;
    uint16_t prefix = 0;
    if (!slash || (size_t)(slash - text) >= sizeof(address) ||
        (slash[1] == '0' && slash[2] != '\0'))
        return -EINVAL;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (ip_address_parse(address, &subnet.address) < 0 || str_to_u16(slash + 1, &prefix) < 0 ||
        prefix > subnet.address.size * 8)
        return -EINVAL;
    subnet.prefix = prefix;
    *ret_subnet = subnet;
    return 0;
}

/* How many hexadecimal digits stand between two separators: 2, or 4 in "0242.ac11.0002". */
int ip_mac_parse(const char *text, unsigned char ret_mac[6])
{
    size_t group = strlen(text) > 4 && text[4] == '.' ? 4 : 2, digits = 0;
    char separator = group == 4 ? '.' : strlen(text) > 2 && text[2] == '-' ? '-' : ':';
    unsigned char mac[6] = {0};
    for (size_t i = 0; text[i]; i++) {
        if (i % (group + 1) == group) {
            if (text[i] != separator)
                return -EINVAL;
            continue;
        }
        if (!isxdigit((unsigned char)text[i]) || digits == 12)
            return -EINVAL;
        int c = tolower((unsigned char)text[i]);
        int value = isdigit(c) ? c - '0' : c - 'a' + 10;
        mac[digits / 2] = (unsigned char)(mac[digits / 2] << 4 | value);
        digits++;
    }
    if (digits != 12 || strlen(text) != 12 + 12 / group - 1)
        return -EINVAL;
    memcpy(ret_mac, mac, sizeof(mac));
    return 0;
}

bool ip_address_is_any(const struct ip_address *address)
{
    static const struct ip_address none;
    return ip_address_is_set(address) &&
           memcmp(address->bytes, none.bytes, sizeof(none.bytes)) == 0;
}

bool ip_address_is_loopback(const struct ip_address *address)
{
    static const struct ip_address six = {.size = 16, .bytes = {[15] = 1}};
    return (address->size == 4 && address->bytes[0] == 127) ||
           ip_address_compare(address, &six) == 0;
}

int ip_address_compare(const struct ip_address *a, const struct ip_address *b)
{
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return memcmp(a->bytes, b->bytes, a->size);
}

char *ip_address_format(const struct ip_address *address, char buffer[IP_TEXT_SIZE])
{
    inet_ntop(address->size == 16 ? AF_INET6 : AF_INET, address->bytes, buffer, IP_TEXT_SIZE);
    return buffer;
}

struct ip_address ip_address_next(struct ip_address address)
{
    for (unsigned i = address.size; i-- > 0;)
        if (++address.bytes[i] != 0)
            break;
    return address;
}

struct ip_address ip_address_add(struct ip_address address, uint64_t offset)
{
    unsigned carry = 0;
    for (unsigned i = address.size; i-- > 0; offset >>= 8) {
        unsigned sum = address.bytes[i] + (unsigned)(offset & 0xff) + carry;
        address.bytes[i] = (unsigned char)sum;
        carry = sum >> 8;
    }
    return address;
}

socklen_t ip_address_to_socket(const struct ip_address *address, uint16_t port,
                               struct sockaddr_storage *ret_socket)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    *ret_socket = (struct sockaddr_storage){0};
    if (address->size == 16) {
        memcpy(&six.sin6_addr, address->bytes, 16);
        memcpy(ret_socket, &six, sizeof(six));
        return sizeof(six);
    }
    memcpy(&four.sin_addr, address->bytes, 4);
    memcpy(ret_socket, &four, sizeof(four));
    return sizeof(four);
}

struct ip_address ip_address_from_socket(const struct sockaddr *socket)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct ip_address address = {0};
    if (socket->sa_family == AF_INET) {
        address.size = 4;
        memcpy(address.bytes, &((const struct sockaddr_in *)socket)->sin_addr, 4);
    } else if (socket->sa_family == AF_INET6) {
        const unsigned char *bytes = ((const struct sockaddr_in6 *)socket)->sin6_addr.s6_addr;
        bool is_mapped = memcmp(bytes, mapped, sizeof(mapped)) == 0;
        address.size = is_mapped ? 4 : 16;
        memcpy(address.bytes, is_mapped ? bytes + 12 : bytes, address.size);
    }
    return address;
}

char *ip_mac_format(const unsigned char mac[6], char buffer[IP_MAC_TEXT_SIZE])
{
    snprintf(buffer, IP_MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
             mac[3], mac[4], mac[5]);
    return buffer;
}

/* The address with all bits behind the prefix 0, or 1. */
static struct ip_address fill_host(const struct ip_subnet *subnet, bool ones)
{
    struct ip_address address = subnet->address;
    for (unsigned i = 0; i < address.size; i++) {
        unsigned kept = subnet->prefix > i * 8 ? subnet->prefix - i * 8 : 0;
        unsigned char host = kept >= 8 ? 0 : (unsigned char)(0xff >> kept);
        address.bytes[i] = (unsigned char)((address.bytes[i] & ~host) | (ones ? host : 0));
    }
    return address;
}

struct ip_address ip_subnet_first(const struct ip_subnet *subnet)
{
    return fill_host(subnet, false);
}

struct ip_address ip_subnet_last(const struct ip_subnet *subnet)
{
    return fill_host(subnet, true);
}

bool ip_subnet_has_host_bits(const struct ip_subnet *subnet)
{
    struct ip_address first = ip_subnet_first(subnet);
    return ip_address_compare(&first, &subnet->address) != 0;
}

bool ip_subnet_contains(const struct ip_subnet *subnet, const struct ip_address *address)
{
    struct ip_address first = ip_subnet_first(subnet), last = ip_subnet_last(subnet);
    return address->size == subnet->address.size && ip_address_compare(&first, address) <= 0 &&
           ip_address_compare(address, &last) <= 0;
}

bool ip_subnet_overlaps(const struct ip_subnet *a, const struct ip_subnet *b)
{
    return ip_subnet_contains(a, &b->address) || ip_subnet_contains(b, &a->address);
}

bool ip_subnet_has_host(const struct ip_subnet *subnet, const struct ip_address *address)
{
    struct ip_address first = ip_subnet_first(subnet), last = ip_subnet_last(subnet);
    return ip_subnet_contains(subnet, address) && ip_address_compare(address, &first) != 0 &&
           (address->size == 16 || ip_address_compare(address, &last) != 0);
}

char *ip_subnet_format(const struct ip_subnet *subnet, char buffer[IP_SUBNET_TEXT_SIZE])
{
    size_t length = strlen(ip_address_format(&subnet->address, buffer));
    snprintf(buffer + length, IP_SUBNET_TEXT_SIZE - length, "/%u", subnet->prefix);
    return buffer;
}
