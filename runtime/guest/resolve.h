/* Names to addresses without the C library's resolver, which a static program does not have:
 * literal addresses, "localhost", /etc/hosts, and A queries for the first nameserver of
 * /etc/resolv.conf, whose packets the caller carries. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESOLVE_PACKET_MAX 512

/* True where it needs no question; the port is the caller's to set. */
bool resolve_locally(const char *host, struct sockaddr_storage *ret_address);
/* Where to ask. False: /etc/resolv.conf names nobody. */
bool resolve_nameserver(struct sockaddr_storage *ret_address);
/* The query's length; 0: no name that DNS could know. */
size_t resolve_encode_query(const char *host, uint16_t id, uint8_t packet[RESOLVE_PACKET_MAX]);
enum resolve_answer { RESOLVE_FOUND, RESOLVE_NOT_FOUND, RESOLVE_NO_ANSWER };
/* NO_ANSWER: not an answer to that query. */
enum resolve_answer resolve_decode_answer(const uint8_t *packet, size_t length, uint16_t id,
                                          struct sockaddr_storage *ret_address);
