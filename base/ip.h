/* IP addresses, subnets and MACs of both families: pure. Texts are what Docker's engine takes (Go's
 * netip): dotted quads without leading zeros, IPv6 without zones. A size or prefix of 0 is no
 * address and no subnet, which is what `{0}` makes. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_TEXT_SIZE INET6_ADDRSTRLEN
#define IP_SUBNET_TEXT_SIZE (IP_TEXT_SIZE + 4) /* "/128" */
#define IP_MAC_TEXT_SIZE 18

struct ip_address {
    unsigned char bytes[16];
    unsigned size; /* 4 or 16, the rest of bytes is 0; 0: none */
};

/* To index what there is once per family. */
enum ip_family { IP_V4, IP_V6, IP_FAMILY_COUNT };

static inline enum ip_family ip_family_of(const struct ip_address *address)
{
    return address->size == 16 ? IP_V6 : IP_V4;
}

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

static inline bool ip_address_is_set(const struct ip_address *address)
{
    return address->size != 0;
}

/* 0.0.0.0 or :: */
bool ip_address_is_any(const struct ip_address *address);
/* 127.0.0.0/8 or ::1 */
bool ip_address_is_loopback(const struct ip_address *address);
/* IPv4 first, then by value. */
int ip_address_compare(const struct ip_address *a, const struct ip_address *b);
char *ip_address_format(const struct ip_address *address, char buffer[IP_TEXT_SIZE]);
struct ip_address ip_address_next(struct ip_address address);
/* Behind the last address comes the first. */
struct ip_address ip_address_add(struct ip_address address, uint64_t offset);
/* Room for sockaddr_in and sockaddr_in6; returns the length. */
socklen_t ip_address_to_socket(const struct ip_address *address, uint16_t port,
                               struct sockaddr_storage *ret_socket);
/* Of AF_INET and AF_INET6; anything else is no address. A mapped one (::ffff:1.2.3.4) is IPv4. */
struct ip_address ip_address_from_socket(const struct sockaddr *socket);
char *ip_mac_format(const unsigned char mac[6], char buffer[IP_MAC_TEXT_SIZE]);

static inline bool ip_subnet_is_set(const struct ip_subnet *subnet)
{
    return subnet->address.size != 0;
}

bool ip_subnet_has_host_bits(const struct ip_subnet *subnet);
/* The network's own address, and the broadcast address. */
struct ip_address ip_subnet_first(const struct ip_subnet *subnet);
struct ip_address ip_subnet_last(const struct ip_subnet *subnet);
bool ip_subnet_contains(const struct ip_subnet *subnet, const struct ip_address *address);
bool ip_subnet_overlaps(const struct ip_subnet *a, const struct ip_subnet *b);
/* May be given to a machine: inside, and neither the network's own nor IPv4's broadcast address
 * (RFC 4291 section 2.6.1: IPv6 has none, but the first is every router's). */
bool ip_subnet_has_host(const struct ip_subnet *subnet, const struct ip_address *address);
char *ip_subnet_format(const struct ip_subnet *subnet, char buffer[IP_SUBNET_TEXT_SIZE]);
