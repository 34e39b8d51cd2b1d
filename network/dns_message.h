/* The wire format of DNS: bytes -> question, answer -> bytes. Pure; every byte that comes in is
 * hostile. RFC 1035; NODATA and NXDOMAIN: RFC 2308; EDNS0: RFC 6891.
 *
 * A question as everybody asks it (one name, perhaps an OPT record) is read and answered here, in
 * the buffers given and without allocating; libldns reads what is unusual, and what the host's
 * resolvers send. */
#pragma once

#include "network/dns_names.h"

/* The largest UDP answer of ours (DNS Flag Day 2020: fits every path unfragmented). */
#define DNS_UDP_SIZE 1232
/* What any answer of ours fits into: DNS_MAX_ADDRESSES of both families, or one name. */
#define DNS_REPLY_MAX 2048
#define DNS_HEADER_SIZE 12
#define DNS_MESSAGE_MAX 65535

struct dns_request {
    const uint8_t *data; /* the message; borrowed */
    size_t length;
    size_t question_length; /* behind the header: name, type and class */
    struct dns_name name;   /* in lower case */
    unsigned type;
    bool has_edns;
    bool dnssec_ok;      /* RFC 3225 section 3: comes back */
    size_t edns_size_at; /* where the message says its UDP size; 0: not known */
    size_t udp_limit; /* what the asker takes over UDP: 512, or what it said, up to DNS_UDP_SIZE */
};

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
    DNS_BADVERS = 16,
};

enum dns_parse_result {
    DNS_PARSED,
    DNS_REJECTED, /* *ret_rcode is the answer (dns_reply_error) */
    DNS_DROPPED,  /* not worth an answer: too short, or itself an answer */
};
enum dns_parse_result dns_request_parse(const void *data, size_t length,
                                        struct dns_request *ret_request, enum dns_rcode *ret_rcode);

/* Replies go to a buffer of DNS_REPLY_MAX bytes; their length is returned. answer may be NULL. A
 * record is put in only where the question's type asks for it. limit: what would be longer is cut,
 * with TC set. */
size_t dns_reply_build(const struct dns_request *request, enum dns_rcode rcode,
                       const struct dns_answer *answer, size_t limit, uint8_t *reply);
/* Header and question of the message itself with this code, no records: works for what cannot be
 * parsed, and for upstream answers that are too long (DNS_TRUNCATED). 0 where there is no header.
 */
size_t dns_reply_error(const void *data, size_t length, enum dns_rcode rcode, uint8_t *reply);
size_t dns_reply_truncated(const void *data, size_t length, uint8_t *reply);

/* --- answers of others ------------------------------------------------------------------------ */

/* Whether two messages ask the same; names compare without case (RFC 4343). */
bool dns_is_same_question(const void *a, size_t a_length, const void *b, size_t b_length);
/* Whether data can be an upstream's answer to the query: same question, QR set. Ids are compared by
 * the caller, who chose its own. */
bool dns_is_answer_to(const void *data, size_t length, const void *query, size_t query_length);
enum dns_rcode dns_answer_rcode(const void *data);

enum dns_answer_kind {
    DNS_ANSWER_GOOD,
    DNS_ANSWER_BROKEN,   /* no DNS message */
    DNS_ANSWER_POINTS_IN /* one of its addresses is in a subnet of ours */
};
/* POINTS_IN: *ret_address is the address. */
enum dns_answer_kind dns_answer_inspect(const void *data, size_t length,
                                        const struct dns_names *names,
                                        struct in6_addr *ret_address);
