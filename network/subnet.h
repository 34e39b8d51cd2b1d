/* IPv4 arithmetic for network/: pure. Addresses are uint32_t in host byte order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct subnet {
    uint32_t address; /* the network's first address */
    unsigned prefix;
};

#define SUBNET_TEXT_SIZE 20 /* "255.255.255.255/32" and a NUL */

/* "A.B.C.D", nothing before or behind; 0 or -EINVAL. */
int subnet_parse_address(const char *text, uint32_t *ret_address);
/* "A.B.C.D/N" with no bit set behind the prefix; 0 or -EINVAL. */
int subnet_parse(const char *text, struct subnet *ret_subnet);
/* buffer has room for SUBNET_TEXT_SIZE bytes; return it. */
char *subnet_format_address(uint32_t address, char *buffer);
char *subnet_format(struct subnet subnet, char *buffer);
uint32_t subnet_broadcast(struct subnet subnet);
bool subnet_contains(struct subnet subnet, uint32_t address);
bool subnet_overlaps(struct subnet a, struct subnet b);
/* May be given to a machine: inside, and neither the network's own nor the broadcast address. */
bool subnet_has_host(struct subnet subnet, uint32_t address);
