/* See dns_message.h: questions, and our answers to them. */
#include "network/dns_message.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>

#define FLAG_QR 0x80 /* third byte of the header */
#define FLAG_OPCODE 0x78
#define FLAG_AA 0x04
#define FLAG_TC 0x02
#define FLAG_RD 0x01
#define FLAG_RA 0x80 /* fourth byte */
#define FLAG_CD 0x10

#define QUESTION_TAIL 4 /* type and class */
#define CLASS_IN 1
#define TYPE_SOA 6
#define TYPE_OPT 41
#define OPT_SIZE 11 /* without options */
#define FLAG_DO 0x80

static unsigned get_u16(const uint8_t *bytes)
{
    return (unsigned)(bytes[0] << 8 | bytes[1]);
}

/* --- questions ------------------------------------------------------------------------------ */

/* The length of the first question behind the header, or 0. Questions hold no compression. */
static size_t question_length(const uint8_t *data, size_t length, struct dns_name *ret_name)
{
    if (length < DNS_HEADER_SIZE)
        return 0;
    size_t name = dns_name_read(data + DNS_HEADER_SIZE, length - DNS_HEADER_SIZE, ret_name);
    return name && DNS_HEADER_SIZE + name + QUESTION_TAIL <= length ? name + QUESTION_TAIL : 0;
}

static size_t limit_of(size_t offered)
{
    return offered < 512 ? 512 : offered > DNS_UDP_SIZE ? DNS_UDP_SIZE : offered;
}

/* What else a question can bring along (TSIG, several records): libldns says whether it is well
 * formed. */
static enum dns_parse_result parse_unusual(struct dns_request *request, enum dns_rcode *ret_rcode)
{
    ldns_pkt *packet = NULL;
    if (ldns_wire2pkt(&packet, request->data, request->length) != LDNS_STATUS_OK) {
        *ret_rcode = DNS_FORMERR;
        return DNS_REJECTED;
    }
    if (ldns_pkt_edns(packet)) {
        request->has_edns = true;
        request->dnssec_ok = ldns_pkt_edns_do(packet);
        request->udp_limit = limit_of(ldns_pkt_edns_udp_size(packet));
    }
    bool is_newer = ldns_pkt_edns(packet) && ldns_pkt_edns_version(packet) != 0;
    ldns_pkt_free(packet);
    *ret_rcode = DNS_BADVERS;
    return is_newer ? DNS_REJECTED : DNS_PARSED;
}

/* A single OPT record, to the end of the message: root, type, size, code, version, flags, options.
 */
static bool is_plain_opt(const uint8_t *record, size_t length)
{
    return length >= OPT_SIZE && record[0] == 0 && get_u16(record + 1) == TYPE_OPT &&
           get_u16(record + 9) == length - OPT_SIZE;
}

static enum dns_parse_result parse_rest(struct dns_request *request, enum dns_rcode *ret_rcode)
{
    const uint8_t *data = request->data;
    size_t end = DNS_HEADER_SIZE + request->question_length;
    unsigned answers = get_u16(data + 6), authorities = get_u16(data + 8);
    unsigned additional = get_u16(data + 10);
    if (answers == 0 && authorities == 0 && additional == 0 && end == request->length)
        return DNS_PARSED;
    if (answers || authorities || additional != 1 ||
        !is_plain_opt(data + end, request->length - end))
        return parse_unusual(request, ret_rcode);
    request->has_edns = true;
    request->edns_size_at = end + 3;
    request->udp_limit = limit_of(get_u16(data + end + 3));
    request->dnssec_ok = data[end + 7] & FLAG_DO;
    *ret_rcode = DNS_BADVERS;
    return data[end + 6] == 0 ? DNS_PARSED : DNS_REJECTED;
}

enum dns_parse_result dns_request_parse(const void *data, size_t length,
                                        struct dns_request *ret_request, enum dns_rcode *ret_rcode)
{
    const uint8_t *bytes = data;
    if (length < DNS_HEADER_SIZE || bytes[2] & FLAG_QR)
        return DNS_DROPPED;
    *ret_rcode = DNS_NOTIMP;
    if (bytes[2] & FLAG_OPCODE)
        return DNS_REJECTED;
    ret_request->data = data;
    ret_request->length = length;
    ret_request->has_edns = ret_request->dnssec_ok = false;
    ret_request->edns_size_at = 0;
    ret_request->udp_limit = 512;
    *ret_rcode = DNS_FORMERR;
    if (get_u16(bytes + 4) != 1)
        return DNS_REJECTED;
    size_t question = question_length(bytes, length, &ret_request->name);
    if (question == 0)
        return DNS_REJECTED;
    ret_request->question_length = question;
    ret_request->type = get_u16(bytes + DNS_HEADER_SIZE + question - 4);
    *ret_rcode = DNS_REFUSED;
    if (get_u16(bytes + DNS_HEADER_SIZE + question - 2) != CLASS_IN)
        return DNS_REJECTED;
    return parse_rest(ret_request, ret_rcode);
}

/* --- answers -------------------------------------------------------------------------------- */

/* A message being written; nothing is put in that would go beyond the limit. */
struct writer {
    uint8_t *data;
    size_t length, limit;
    bool cut;
};

static uint8_t *put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static uint8_t *put_u32(uint8_t *at, uint32_t value)
{
    return put_u16(put_u16(at, value >> 16), value & 0xffff);
}

/* Room for a record and its fixed part; NULL where it does not fit. The owner is a pointer to
 * `owner` (RFC 1035 section 4.1.4); 0: the root. */
static uint8_t *begin_record(struct writer *writer, size_t owner, unsigned type, size_t data_size)
{
    size_t size = (owner ? 2U : 1U) + 10 + data_size;
    if (writer->length + size > writer->limit) {
        writer->cut = true;
        return NULL;
    }
    uint8_t *at = writer->data + writer->length;
    writer->length += size;
    if (owner)
        at = put_u16(at, 0xc000 | (unsigned)owner);
    else
        *at++ = 0;
    return put_u16(put_u32(put_u16(put_u16(at, type), CLASS_IN), DNS_TTL_SECONDS),
                   (unsigned)data_size);
}

static unsigned write_addresses(struct writer *writer, unsigned type, const void *addresses,
                                size_t size, size_t count)
{
    unsigned written = 0;
    for (; written < count; written++) {
        uint8_t *data = begin_record(writer, DNS_HEADER_SIZE, type, size);
        if (!data)
            break;
        memcpy(data, (const uint8_t *)addresses + written * size, size);
    }
    return written;
}

static unsigned write_pointer(struct writer *writer, const struct dns_name *name)
{
    uint8_t *data = begin_record(writer, DNS_HEADER_SIZE, DNS_TYPE_PTR, name->length + 1);
    if (data)
        memcpy(data, name->bytes, name->length + 1); /* the NUL is the root */
    return data != NULL;
}

static unsigned write_answer(struct writer *writer, const struct dns_request *request,
                             const struct dns_answer *answer)
{
    bool any = request->type == DNS_TYPE_ANY;
    unsigned count = 0;
    if (any || request->type == DNS_TYPE_A)
        count += write_addresses(writer, DNS_TYPE_A, answer->ipv4, sizeof(answer->ipv4[0]),
                                 answer->ipv4_count);
    if (any || request->type == DNS_TYPE_AAAA)
        count += write_addresses(writer, DNS_TYPE_AAAA, answer->ipv6, sizeof(answer->ipv6[0]),
                                 answer->ipv6_count);
    if ((any || request->type == DNS_TYPE_PTR) && answer->pointer.length)
        count += write_pointer(writer, &answer->pointer);
    return count;
}

/* RFC 2308 section 3: what is not there is remembered as long as the SOA says. Its zone is taken to
 * be the name's parent, which exists for what does not exist itself. */
static unsigned write_soa(struct writer *writer, const struct dns_request *request)
{
    static const uint8_t names[] = "\11localhost\0\6nobody\7invalid"; /* the final NUL counts */
    uint8_t first = request->name.length ? request->name.bytes[0] : 0;
    size_t parent = request->name.length > first + 1U ? DNS_HEADER_SIZE + first + 1U : 0;
    uint8_t *data = begin_record(writer, parent, TYPE_SOA, sizeof(names) + 20);
    if (!data)
        return 0;
    memcpy(data, names, sizeof(names));
    data += sizeof(names);
    data = put_u32(data, 1);                   /* serial */
    data = put_u32(put_u32(data, 3600), 1200); /* refresh, retry */
    put_u32(put_u32(data, 604800), DNS_TTL_SECONDS);
    return 1;
}

static void write_opt(struct writer *writer, bool dnssec_ok, enum dns_rcode rcode)
{
    uint8_t *at = writer->data + writer->length;
    *at++ = 0;
    at = put_u16(put_u16(at, TYPE_OPT), DNS_UDP_SIZE);
    *at++ = (uint8_t)(rcode >> 4);
    *at++ = 0; /* version */
    put_u16(put_u16(at, dnssec_ok ? FLAG_DO << 8 : 0), 0);
    writer->length += OPT_SIZE;
}

/* Header and question; the asker's letters come back as they are. */
static void begin_reply(struct writer *writer, const uint8_t *query, size_t question,
                        enum dns_rcode rcode)
{
    memset(writer->data, 0, DNS_HEADER_SIZE);
    memcpy(writer->data, query, 2);
    writer->data[2] = (uint8_t)(FLAG_QR | (query[2] & (FLAG_OPCODE | FLAG_RD)));
    writer->data[3] = (uint8_t)(FLAG_RA | (query[3] & FLAG_CD) | (rcode & 0x0f));
    writer->data[5] = question ? 1 : 0;
    memcpy(writer->data + DNS_HEADER_SIZE, query + DNS_HEADER_SIZE, question);
    writer->length = DNS_HEADER_SIZE + question;
}

size_t dns_reply_build(const struct dns_request *request, enum dns_rcode rcode,
                       const struct dns_answer *answer, size_t limit, uint8_t *reply)
{
    if (limit > DNS_REPLY_MAX)
        limit = DNS_REPLY_MAX;
    struct writer writer = {.data = reply, .limit = limit - (request->has_edns ? OPT_SIZE : 0)};
    begin_reply(&writer, request->data, request->question_length, rcode);
    bool of_ours = rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN;
    unsigned answers = answer ? write_answer(&writer, request, answer) : 0;
    unsigned authorities = of_ours && answers == 0 && !writer.cut ? write_soa(&writer, request) : 0;
    if (request->has_edns)
        write_opt(&writer, request->dnssec_ok, rcode);
    if (of_ours)
        reply[2] |= FLAG_AA;
    if (writer.cut) /* RFC 1035 section 4.1.1: the asker comes again over TCP */
        reply[2] |= FLAG_TC;
    put_u16(reply + 6, answers);
    put_u16(reply + 8, authorities);
    put_u16(reply + 10, request->has_edns);
    return writer.length;
}

size_t dns_reply_error(const void *data, size_t length, enum dns_rcode rcode, uint8_t *reply)
{
    struct dns_name name;
    const uint8_t *query = data;
    if (length < DNS_HEADER_SIZE)
        return 0;
    struct writer writer = {.data = reply};
    size_t question = get_u16(query + 4) == 1 ? question_length(query, length, &name) : 0;
    begin_reply(&writer, query, question, rcode);
    if (rcode > 0x0f) { /* the rest of the code is in an OPT record */
        write_opt(&writer, false, rcode);
        put_u16(reply + 10, 1);
    }
    return writer.length;
}

size_t dns_reply_truncated(const void *data, size_t length, uint8_t *reply)
{
    size_t written = dns_reply_error(data, length, DNS_NOERROR, reply);
    if (written)
        reply[2] |= FLAG_TC;
    return written;
}

/* --- answers of others ---------------------------------------------------------------------- */

bool dns_is_same_question(const void *a, size_t a_length, const void *b, size_t b_length)
{
    struct dns_name first, second;
    size_t question = question_length(a, a_length, &first);
    size_t tail = DNS_HEADER_SIZE + question - QUESTION_TAIL;
    return question && question_length(b, b_length, &second) == question &&
           memcmp(first.bytes, second.bytes, first.length) == 0 &&
           memcmp((const uint8_t *)a + tail, (const uint8_t *)b + tail, QUESTION_TAIL) == 0;
}

bool dns_is_answer_to(const void *data, size_t length, const void *query, size_t query_length)
{
    const uint8_t *answer = data;
    if (length < DNS_HEADER_SIZE || !(answer[2] & FLAG_QR))
        return false;
    if (get_u16(answer + 4) == 0)
        return length == DNS_HEADER_SIZE; /* an error with nothing but a header */
    return dns_is_same_question(data, length, query, query_length);
}

enum dns_rcode dns_answer_rcode(const void *data)
{
    return ((const uint8_t *)data)[3] & 0x0f;
}

/* A's and AAAA's data as one kind of address. */
static bool address_of_record(const ldns_rr *record, struct in6_addr *ret_address)
{
    const ldns_rdf *data = ldns_rr_rdf(record, 0);
    if (ldns_rr_get_type(record) == LDNS_RR_TYPE_AAAA && data && ldns_rdf_size(data) == 16) {
        memcpy(ret_address, ldns_rdf_data(data), 16);
        return true;
    }
    if (ldns_rr_get_type(record) != LDNS_RR_TYPE_A || !data || ldns_rdf_size(data) != 4)
        return false;
    *ret_address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(ret_address->s6_addr + 12, ldns_rdf_data(data), 4);
    return true;
}

enum dns_answer_kind dns_answer_inspect(const void *data, size_t length,
                                        const struct dns_names *names, struct in6_addr *ret_address)
{
    ldns_pkt *packet = NULL;
    if (ldns_wire2pkt(&packet, data, length) != LDNS_STATUS_OK)
        return DNS_ANSWER_BROKEN;
    enum dns_answer_kind kind = DNS_ANSWER_GOOD;
    const ldns_rr_list *records = ldns_pkt_answer(packet);
    for (size_t i = 0; kind == DNS_ANSWER_GOOD && i < ldns_rr_list_rr_count(records); i++)
        if (address_of_record(ldns_rr_list_rr(records, i), ret_address) &&
            dns_names_owns_address(names, ret_address))
            kind = DNS_ANSWER_POINTS_IN;
    ldns_pkt_free(packet);
    return kind;
}
