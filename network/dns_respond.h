/* A question's whole way through the pure part of the DNS server: parsed, looked up, answered. */
#pragma once

#include "network/dns_message.h"

enum dns_outcome {
    DNS_ANSWERED,  /* reply holds it */
    DNS_UNWORTHY,  /* gets no answer at all */
    DNS_ELSEWHERE, /* is for the host's resolvers */
};

/* reply has room for DNS_REPLY_MAX bytes. ELSEWHERE: *ret_request is the question. */
enum dns_outcome dns_respond(struct dns_names *names, const struct dns_asker *asker,
                             const void *data, size_t length, bool tcp,
                             struct dns_request *ret_request, uint8_t *reply,
                             size_t *ret_reply_length);
