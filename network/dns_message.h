/* The wire format of DNS, by libldns: bytes -> question, answer -> bytes. Pure; every byte that
 * comes in is hostile. RFC 1035; NODATA and NXDOMAIN: RFC 2308; EDNS0: RFC 6891. */
#pragma once

#include "base/str.h"
#include "network/dns_names.h"

#include <stdint.h>

/* The largest UDP answer of ours (DNS Flag Day 2020: fits every path unfragmented). */
#define DNS_UDP_SIZE 1232
#define DNS_TTL_SECONDS 1

struct dns_request {
    struct ldns_struct_pkt *packet;
    char *name; /* "web." */
    unsigned type;
    size_t udp_limit; /* what the asker takes over UDP: 512, or what it said, up to DNS_UDP_SIZE */
};

enum dns_parse_result {
    DNS_PARSED,
    DNS_REJECTED, /* reply holds the error answer */
    DNS_DROPPED,  /* not worth an answer: too short, or itself an answer */
};
enum dns_parse_result dns_request_parse(const void *data, size_t length,
                                        struct dns_request *ret_request, struct strbuf *reply);
void dns_request_done(struct dns_request *request);

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
};
/* answer may be NULL. A record is put in only where the question's type asks for it; limit: longer
 * answers are cut to their question, with TC set. */
void dns_reply_build(const struct dns_request *request, enum dns_rcode rcode,
                     const struct dns_answer *answer, size_t limit, struct strbuf *reply);
/* Header and question of the request itself with this code: works for what cannot be parsed. */
void dns_reply_error(const void *data, size_t length, enum dns_rcode rcode, struct strbuf *reply);
/* Whether data can be an upstream's answer to the query: same question, QR set. Ids are compared by
 * the caller, who chose its own. */
bool dns_is_answer_to(const void *data, size_t length, const void *query, size_t query_length);
