/* See dns_respond.h. */
#include "network/dns_respond.h"

enum dns_outcome dns_respond(struct dns_names *names, const struct dns_asker *asker,
                             const void *data, size_t length, bool tcp,
                             struct dns_request *ret_request, uint8_t *reply,
                             size_t *ret_reply_length)
{
    enum dns_rcode rcode = DNS_NOERROR;
    struct dns_answer answer;
    const struct dns_answer *found = NULL;
    switch (dns_request_parse(data, length, ret_request, &rcode)) {
    case DNS_PARSED:
        break;
    case DNS_REJECTED:
        *ret_reply_length = dns_reply_error(data, length, rcode, reply);
        return DNS_ANSWERED;
    case DNS_DROPPED:
        return DNS_UNWORTHY;
    }
    switch (dns_names_lookup(names, asker, &ret_request->name, ret_request->type, &answer)) {
    case DNS_OURS:
        rcode = DNS_NOERROR;
        found = &answer;
        break;
    case DNS_ABSENT:
    case DNS_ISOLATED:
        rcode = DNS_NXDOMAIN;
        break;
    case DNS_REFUSE:
        rcode = DNS_REFUSED;
        break;
    case DNS_FORWARD:
        return DNS_ELSEWHERE;
    }
    size_t limit = tcp ? DNS_REPLY_MAX : ret_request->udp_limit;
    *ret_reply_length = dns_reply_build(ret_request, rcode, found, limit, reply);
    return DNS_ANSWERED;
}
