/* IP addresses, subnets and MACs of Compose files, of both families: pure. Texts are what Docker's
 * engine takes (Go's netip): dotted quads without leading zeros, IPv6 without zones. compose/ only.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_TEXT_SIZE INET6_ADDRSTRLEN

struct ip_address {
    unsigned char bytes[16];
    unsigned size; /* 4 or 16, the rest of bytes is 0 */
};

struct ip_subnet {
    struct ip_address address; /* as written: bits behind the prefix may be set */
    unsigned prefix;
};

/* 0 or -EINVAL, all of them. */
int ip_address_parse(const char *text, struct ip_address *ret_address);
/* "ADDRESS/PREFIX" */
int ip_subnet_parse(const char *text, struct ip_subnet *ret_subnet);
/* Six bytes in hex with colons or dashes between, or "0242.ac11.0002". */
int ip_mac_parse(const char *text, unsigned char ret_mac[6]);

/* IPv4 first, then by value. */
int ip_address_compare(const struct ip_address *a, const struct ip_address *b);
char *ip_address_format(const struct ip_address *address, char buffer[IP_TEXT_SIZE]);
struct ip_address ip_address_next(struct ip_address address);

bool ip_subnet_has_host_bits(const struct ip_subnet *subnet);
/* The network's own address, and the broadcast address. */
struct ip_address ip_subnet_first(const struct ip_subnet *subnet);
struct ip_address ip_subnet_last(const struct ip_subnet *subnet);
bool ip_subnet_contains(const struct ip_subnet *subnet, const struct ip_address *address);
