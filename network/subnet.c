/* See subnet.h. */
#include "network/subnet.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

static uint32_t mask_of(unsigned prefix)
{
    return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

int subnet_parse_address(const char *text, uint32_t *ret_address)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return -EINVAL;
    *ret_address = ntohl(address.s_addr);
    return 0;
}

int subnet_parse(const char *text, struct subnet *ret_subnet)
{
    char address_text[INET_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof(address_text))
        return -EINVAL;
    memcpy(address_text, text, (size_t)(slash - text));
    address_text[slash - text] = '\0';
    uint32_t address, prefix;
    if (subnet_parse_address(address_text, &address) < 0 || str_to_u32(slash + 1, &prefix) < 0 ||
        prefix > 32 || (address & ~mask_of(prefix)) != 0)
        return -EINVAL;
    *ret_subnet = (struct subnet){.address = address, .prefix = prefix};
    return 0;
}

char *subnet_format_address(uint32_t address, char *buffer)
{
    snprintf(buffer, SUBNET_TEXT_SIZE, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
             address >> 8 & 255, address & 255);
    return buffer;
}

char *subnet_format(struct subnet subnet, char *buffer)
{
    size_t length = strlen(subnet_format_address(subnet.address, buffer));
    snprintf(buffer + length, SUBNET_TEXT_SIZE - length, "/%u", subnet.prefix);
    return buffer;
}

uint32_t subnet_broadcast(struct subnet subnet)
{
    return subnet.address | ~mask_of(subnet.prefix);
}

bool subnet_contains(struct subnet subnet, uint32_t address)
{
    return (address & mask_of(subnet.prefix)) == subnet.address;
}

bool subnet_overlaps(struct subnet a, struct subnet b)
{
    return subnet_contains(a, b.address) || subnet_contains(b, a.address);
}

bool subnet_has_host(struct subnet subnet, uint32_t address)
{
    return subnet_contains(subnet, address) && address != subnet.address &&
           address != subnet_broadcast(subnet);
}
