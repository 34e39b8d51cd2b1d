/* See dns_message.h. */
#include "network/dns_message.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>

#define HEADER_SIZE 12
#define FLAG_QR 0x80 /* third byte of the header */
#define FLAG_OPCODE 0x78
#define FLAG_RD 0x01

static void set_up_reply_header(const uint8_t *query, enum dns_rcode rcode, uint8_t *header)
{
    memset(header, 0, HEADER_SIZE);
    memcpy(header, query, 2);
    header[2] = (uint8_t)(FLAG_QR | (query[2] & (FLAG_OPCODE | FLAG_RD)));
    header[3] = (uint8_t)(0x80 | rcode); /* RA */
}

/* The length of the first question behind the header, or 0. Questions hold no compression. */
static size_t question_length(const uint8_t *data, size_t length)
{
    size_t at = HEADER_SIZE;
    while (at < length && data[at] && data[at] < 64)
        at += (size_t)data[at] + 1;
    at += 5; /* the root label, type, class */
    return at <= length && data[at - 5] == 0 ? at - HEADER_SIZE : 0;
}

void dns_reply_error(const void *data, size_t length, enum dns_rcode rcode, struct strbuf *reply)
{
    if (length < HEADER_SIZE)
        return;
    uint8_t header[HEADER_SIZE];
    set_up_reply_header(data, rcode, header);
    const uint8_t *query = data;
    bool one_question = query[4] == 0 && query[5] == 1;
    size_t question = one_question ? question_length(query, length) : 0;
    header[5] = question ? 1 : 0;
    strbuf_add(reply, header, sizeof(header));
    strbuf_add(reply, query + HEADER_SIZE, question);
}

static enum dns_parse_result reject(const void *data, size_t length, enum dns_rcode rcode,
                                    struct strbuf *reply)
{
    dns_reply_error(data, length, rcode, reply);
    return DNS_REJECTED;
}

static void take_question(ldns_pkt *packet, struct dns_request *ret_request)
{
    const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(packet), 0);
    char *name = ldns_rdf2str(ldns_rr_owner(question));
    size_t offered = ldns_pkt_edns(packet) ? ldns_pkt_edns_udp_size(packet) : 512;
    *ret_request = (struct dns_request){
        .packet = packet,
        .name = name ? name : xstrdup(""),
        .type = ldns_rr_get_type(question),
        .udp_limit = offered < 512            ? 512
                     : offered > DNS_UDP_SIZE ? DNS_UDP_SIZE
                                              : offered,
    };
}

enum dns_parse_result dns_request_parse(const void *data, size_t length,
                                        struct dns_request *ret_request, struct strbuf *reply)
{
    const uint8_t *bytes = data;
    if (length < HEADER_SIZE || bytes[2] & FLAG_QR)
        return DNS_DROPPED;
    if (bytes[2] & FLAG_OPCODE)
        return reject(data, length, DNS_NOTIMP, reply);
    ldns_pkt *packet = NULL;
    if (bytes[4] != 0 || bytes[5] != 1 || ldns_wire2pkt(&packet, data, length) != LDNS_STATUS_OK ||
        !packet)
        return reject(data, length, DNS_FORMERR, reply);
    const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(packet), 0);
    if (!question || ldns_rr_get_class(question) != LDNS_RR_CLASS_IN) {
        ldns_pkt_free(packet);
        return reject(data, length, question ? DNS_REFUSED : DNS_FORMERR, reply);
    }
    take_question(packet, ret_request);
    return DNS_PARSED;
}

void dns_request_done(struct dns_request *request)
{
    if (request->packet)
        ldns_pkt_free(request->packet);
    free(request->name);
    *request = (struct dns_request){0};
}

static void push_record(ldns_pkt *packet, const ldns_rr *question, ldns_rr_type type,
                        ldns_rdf *data)
{
    ldns_rr *record = ldns_rr_new();
    ldns_rr_set_owner(record, ldns_rdf_clone(ldns_rr_owner(question))); /* the asker's spelling */
    ldns_rr_set_type(record, type);
    ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(record, DNS_TTL_SECONDS);
    ldns_rr_push_rdf(record, data);
    ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, record);
}

static void push_answer(ldns_pkt *packet, const ldns_rr *question, const struct dns_answer *answer)
{
    unsigned type = ldns_rr_get_type(question);
    bool any = type == LDNS_RR_TYPE_ANY;
    for (size_t i = 0; (any || type == LDNS_RR_TYPE_A) && i < answer->address_count; i++)
        push_record(packet, question, LDNS_RR_TYPE_A,
                    ldns_rdf_new_frm_data(LDNS_RDF_TYPE_A, 4, &answer->addresses[i]));
    if ((any || type == LDNS_RR_TYPE_PTR) && answer->instance) {
        ldns_rdf *name = ldns_dname_new_frm_str(answer->instance);
        if (name)
            push_record(packet, question, LDNS_RR_TYPE_PTR, name);
    }
}

void dns_reply_build(const struct dns_request *request, enum dns_rcode rcode,
                     const struct dns_answer *answer, size_t limit, struct strbuf *reply)
{
    const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(request->packet), 0);
    ldns_pkt *packet = ldns_pkt_new();
    ldns_pkt_set_id(packet, ldns_pkt_id(request->packet));
    ldns_pkt_set_qr(packet, true);
    ldns_pkt_set_aa(packet, rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN);
    ldns_pkt_set_rd(packet, ldns_pkt_rd(request->packet));
    ldns_pkt_set_ra(packet, true);
    ldns_pkt_set_rcode(packet, (ldns_pkt_rcode)rcode);
    ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION, ldns_rr_clone(question));
    if (ldns_pkt_edns(request->packet))
        ldns_pkt_set_edns_udp_size(packet, DNS_UDP_SIZE);
    if (answer)
        push_answer(packet, question, answer);

    uint8_t *wire = NULL;
    size_t wire_length = 0;
    bool fits =
        ldns_pkt2wire(&wire, packet, &wire_length) == LDNS_STATUS_OK && wire_length <= limit;
    if (!fits && wire) { /* RFC 1035 section 4.1.1: TC, and the asker comes again over TCP */
        free(wire);
        wire = NULL;
        ldns_rr_list_deep_free(ldns_pkt_answer(packet));
        ldns_pkt_set_answer(packet, ldns_rr_list_new());
        ldns_pkt_set_ancount(packet, 0);
        ldns_pkt_set_tc(packet, true);
        if (ldns_pkt2wire(&wire, packet, &wire_length) != LDNS_STATUS_OK)
            wire_length = 0;
    }
    strbuf_add(reply, wire, wire_length);
    free(wire);
    ldns_pkt_free(packet);
}

bool dns_is_answer_to(const void *data, size_t length, const void *query, size_t query_length)
{
    const uint8_t *answer = data, *asked = query;
    if (length < HEADER_SIZE || query_length < HEADER_SIZE || !(answer[2] & FLAG_QR))
        return false;
    size_t question = question_length(asked, query_length);
    if (question_length(answer, length) != question)
        return answer[5] == 0 && length == HEADER_SIZE; /* an error with nothing but a header */
    /* Upstreams may answer in another case (RFC 4343): labels compare without it. Length bytes are
     * below 64 and no letters, so folding case leaves them as they are. */
    for (size_t i = 0; i < question; i++) {
        uint8_t a = answer[HEADER_SIZE + i], b = asked[HEADER_SIZE + i];
        if (a != b && !(i + 4 < question && (a | 0x20) == (b | 0x20) && (a | 0x20) >= 'a' &&
                        (a | 0x20) <= 'z'))
            return false;
    }
    return true;
}
