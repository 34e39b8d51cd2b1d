/* See compose/ip.h. */
#include "compose/ip.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>

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
