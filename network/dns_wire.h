/* Names as DNS messages have them (RFC 1035 section 3.1): labels, each behind its length. Pure.
 *
 * Ours are kept without the root label and in lower case, so they hold no NUL and are C strings:
 * "\3web\4shop\2vm". What others ask for may hold any byte, so it comes with its length. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX 254 /* bytes, without the root label */

struct dns_name {
    size_t length;
    uint8_t bytes[DNS_NAME_MAX + 1]; /* and a NUL */
};

/* "web.shop.vm", with or without a final dot. false for what cannot be a name: an empty or too long
 * label, too long in all. */
bool dns_name_from_text(const char *text, struct dns_name *ret_name);
/* The uncompressed name at the beginning of data, in lower case. The bytes it takes there, root
 * label included; 0 where there is none. */
size_t dns_name_read(const uint8_t *data, size_t length, struct dns_name *ret_name);
/* For people: "web.shop.vm", "." for the root; what is not printable becomes '?'. buffer has room
 * for DNS_NAME_MAX + 1 bytes; returns it. */
char *dns_name_format(const struct dns_name *name, char *buffer);
/* Whether the name is below this one (of ours), or is it. */
bool dns_name_is_within(const struct dns_name *name, const char *zone);

/* Addresses of both families are one kind of thing here: IPv4 as ::ffff:A.B.C.D. */
bool dns_address_from_text(const char *text, struct in6_addr *ret_address);
/* buffer has room for INET6_ADDRSTRLEN bytes; returns it. */
char *dns_address_format(const struct in6_addr *address, char *buffer);
/* "4.3.2.1.in-addr.arpa" (RFC 1035 section 3.5), 32 nibbles and "ip6.arpa" (RFC 3596). */
bool dns_name_to_address(const struct dns_name *name, struct in6_addr *ret_address);
