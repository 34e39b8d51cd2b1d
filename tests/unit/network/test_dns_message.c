#include "network/dns_message.h"

#include "../unit.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <string.h>

static size_t make_query(const char *name, ldns_rr_type type, size_t edns_size, uint8_t *out)
{
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_pkt_query_new_frm_str(&packet, name, type, LDNS_RR_CLASS_IN, LDNS_RD),
                     LDNS_STATUS_OK);
    ldns_pkt_set_id(packet, 0xbeef);
    if (edns_size)
        ldns_pkt_set_edns_udp_size(packet, (uint16_t)edns_size);
    uint8_t *wire = NULL;
    size_t length = 0;
    assert_int_equal(ldns_pkt2wire(&wire, packet, &length), LDNS_STATUS_OK);
    memcpy(out, wire, length);
    free(wire);
    ldns_pkt_free(packet);
    return length;
}

static struct dns_request parse(const uint8_t *query, size_t length)
{
    struct dns_request request;
    enum dns_rcode rcode;
    assert_int_equal(dns_request_parse(query, length, &request, &rcode), DNS_PARSED);
    return request;
}

/* What libldns, which has no part in writing it, reads in our reply. */
static ldns_pkt *reply_to(const char *name, ldns_rr_type type, size_t edns_size,
                          enum dns_rcode rcode, const struct dns_answer *answer)
{
    uint8_t query[512], reply[DNS_REPLY_MAX];
    size_t length = make_query(name, type, edns_size, query);
    struct dns_request request = parse(query, length);
    size_t written = dns_reply_build(&request, rcode, answer, request.udp_limit, reply);
    assert_true(written <= request.udp_limit);
    assert_true(dns_is_answer_to(reply, written, query, length));
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, reply, written), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_id(packet), 0xbeef);
    assert_int_equal(ldns_pkt_edns(packet), edns_size != 0);
    return packet;
}

static void assert_record(const ldns_rr_list *records, size_t i, const char *text)
{
    char *found = ldns_rr2str(ldns_rr_list_rr(records, i));
    assert_string_equal(found, text);
    free(found);
}

static void addresses_of_both_families(void **state)
{
    (void)state;
    struct dns_answer answer = {.ipv4_count = 1, .ipv6_count = 1};
    inet_pton(AF_INET, "10.1.0.2", &answer.ipv4[0]);
    inet_pton(AF_INET6, "fd00::2", &answer.ipv6[0]);
    ldns_pkt *a = reply_to("Web.Shop.", LDNS_RR_TYPE_A, 0, DNS_NOERROR, &answer);
    assert_true(ldns_pkt_aa(a) && ldns_pkt_ra(a) && ldns_pkt_rd(a));
    assert_int_equal(ldns_pkt_ancount(a), 1);
    assert_int_equal(ldns_pkt_nscount(a), 0);
    assert_record(ldns_pkt_answer(a), 0, "Web.Shop.\t1\tIN\tA\t10.1.0.2\n"); /* as it was asked */
    ldns_pkt_free(a);
    ldns_pkt *aaaa = reply_to("web.", LDNS_RR_TYPE_AAAA, 0, DNS_NOERROR, &answer);
    assert_int_equal(ldns_pkt_ancount(aaaa), 1);
    assert_record(ldns_pkt_answer(aaaa), 0, "web.\t1\tIN\tAAAA\tfd00::2\n");
    ldns_pkt_free(aaaa);
    ldns_pkt *any = reply_to("web.", LDNS_RR_TYPE_ANY, 4096, DNS_NOERROR, &answer);
    assert_int_equal(ldns_pkt_ancount(any), 2);
    ldns_pkt_free(any);
}

static void a_pointer(void **state)
{
    (void)state;
    struct dns_answer answer = {0};
    dns_name_from_text("shop-web-1.vm", &answer.pointer);
    ldns_pkt *ptr = reply_to("2.0.1.10.in-addr.arpa.", LDNS_RR_TYPE_PTR, 0, DNS_NOERROR, &answer);
    assert_int_equal(ldns_pkt_ancount(ptr), 1);
    assert_record(ldns_pkt_answer(ptr), 0, "2.0.1.10.in-addr.arpa.\t1\tIN\tPTR\tshop-web-1.vm.\n");
    ldns_pkt_free(ptr);
}

static void what_is_not_there_has_a_soa(void **state)
{
    (void)state;
    struct dns_answer answer = {.ipv4_count = 1};
    ldns_pkt *aaaa = reply_to("web.", LDNS_RR_TYPE_AAAA, 4096, DNS_NOERROR, &answer);
    assert_int_equal(ldns_pkt_get_rcode(aaaa), LDNS_RCODE_NOERROR);
    assert_int_equal(ldns_pkt_ancount(aaaa), 0);
    assert_int_equal(ldns_pkt_edns_udp_size(aaaa), DNS_UDP_SIZE);
    assert_record(ldns_pkt_authority(aaaa), 0,
                  ".\t1\tIN\tSOA\tlocalhost. nobody.invalid. 1 3600 1200 604800 1\n");
    ldns_pkt_free(aaaa);
    ldns_pkt *absent = reply_to("x.shop.vm.", LDNS_RR_TYPE_HTTPS, 0, DNS_NXDOMAIN, NULL);
    assert_int_equal(ldns_pkt_get_rcode(absent), LDNS_RCODE_NXDOMAIN);
    assert_record(ldns_pkt_authority(absent), 0,
                  "shop.vm.\t1\tIN\tSOA\tlocalhost. nobody.invalid. 1 3600 1200 604800 1\n");
    ldns_pkt_free(absent);
    ldns_pkt *root = reply_to(".", LDNS_RR_TYPE_NS, 0, DNS_NXDOMAIN, NULL);
    assert_int_equal(ldns_pkt_nscount(root), 1);
    ldns_pkt_free(root);
    ldns_pkt *refused = reply_to("x.", LDNS_RR_TYPE_A, 0, DNS_REFUSED, NULL);
    assert_int_equal(ldns_pkt_nscount(refused), 0);
    assert_false(ldns_pkt_aa(refused));
    ldns_pkt_free(refused);
}

static void too_much_for_udp_is_cut(void **state)
{
    (void)state;
    struct dns_answer answer = {.ipv4_count = DNS_MAX_ADDRESSES, .ipv6_count = DNS_MAX_ADDRESSES};
    static const char name[] = "everyone.of.a.large.service.";
    ldns_pkt *small = reply_to(name, LDNS_RR_TYPE_A, 0, DNS_NOERROR, &answer);
    assert_true(ldns_pkt_tc(small));
    assert_true(ldns_pkt_ancount(small) > 20); /* for those who do not know TC */
    ldns_pkt_free(small);
    ldns_pkt *large = reply_to(name, LDNS_RR_TYPE_AAAA, 1232, DNS_NOERROR, &answer);
    assert_false(ldns_pkt_tc(large));
    assert_int_equal(ldns_pkt_ancount(large), DNS_MAX_ADDRESSES);
    ldns_pkt_free(large);
    ldns_pkt *both = reply_to(name, LDNS_RR_TYPE_ANY, 65000, DNS_NOERROR, &answer);
    assert_true(ldns_pkt_tc(both)); /* 1232 is enough for anybody */
    ldns_pkt_free(both);

    uint8_t query[512], reply[DNS_REPLY_MAX];
    struct dns_request request = parse(query, make_query(name, LDNS_RR_TYPE_ANY, 512, query));
    dns_reply_build(&request, DNS_NOERROR, &answer, DNS_MESSAGE_MAX, reply);
    assert_int_equal(reply[7], 2 * DNS_MAX_ADDRESSES); /* over TCP */
    assert_false(reply[2] & 2);
}

static void edns_is_read(void **state)
{
    (void)state;
    uint8_t query[512];
    size_t length = make_query("web.", LDNS_RR_TYPE_A, 4096, query);
    struct dns_request request = parse(query, length);
    assert_true(request.has_edns && !request.dnssec_ok);
    assert_int_equal(request.udp_limit, DNS_UDP_SIZE);
    assert_int_equal(query[request.edns_size_at] << 8 | query[request.edns_size_at + 1], 4096);
    query[length - 4] = 0x80; /* DO */
    assert_true(parse(query, length).dnssec_ok);

    enum dns_rcode rcode;
    uint8_t reply[DNS_REPLY_MAX];
    query[length - 5] = 1; /* version */
    assert_int_equal(dns_request_parse(query, length, &request, &rcode), DNS_REJECTED);
    assert_int_equal(rcode, DNS_BADVERS);
    ldns_pkt *packet = NULL;
    size_t written = dns_reply_error(query, length, rcode, reply);
    assert_int_equal(ldns_wire2pkt(&packet, reply, written), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_edns_extended_rcode(packet), 1);
    ldns_pkt_free(packet);

    /* what is behind it is nobody's: libldns passes over it */
    query[length - 5] = 0;
    query[length] = 0;
    request = parse(query, length + 1);
    assert_true(request.has_edns);
    assert_int_equal(request.udp_limit, DNS_UDP_SIZE);
    assert_int_equal(request.edns_size_at, 0);
}

static void broken_queries_get_an_error_or_nothing(void **state)
{
    (void)state;
    uint8_t query[512], reply[DNS_REPLY_MAX];
    size_t length = make_query("web.", LDNS_RR_TYPE_A, 0, query);
    struct dns_request request;
    enum dns_rcode rcode;
    assert_int_equal(dns_request_parse(query, 11, &request, &rcode), DNS_DROPPED);
    query[2] |= 0x80; /* an answer */
    assert_int_equal(dns_request_parse(query, length, &request, &rcode), DNS_DROPPED);
    query[2] &= 0x7f;

    for (uint8_t count = 0; count < 3; count += 2) {
        query[5] = count; /* QDCOUNT */
        assert_int_equal(dns_request_parse(query, length, &request, &rcode), DNS_REJECTED);
        assert_int_equal(rcode, DNS_FORMERR);
    }
    query[5] = 1;
    query[2] |= 0x28; /* opcode UPDATE */
    assert_int_equal(dns_request_parse(query, length, &request, &rcode), DNS_REJECTED);
    assert_int_equal(rcode, DNS_NOTIMP);
    assert_int_equal(dns_reply_error(query, length, rcode, reply), length);
    assert_int_equal(reply[2], 0x80 | query[2]);
    query[2] &= 0x07;
    query[length - 1] = 3; /* class CH */
    assert_int_equal(dns_request_parse(query, length, &request, &rcode), DNS_REJECTED);
    assert_int_equal(rcode, DNS_REFUSED);
    query[length - 1] = 1;

    for (size_t cut = DNS_HEADER_SIZE; cut < length; cut++) {
        assert_int_equal(dns_request_parse(query, cut, &request, &rcode), DNS_REJECTED);
        assert_int_equal(rcode, DNS_FORMERR);
        assert_int_equal(dns_reply_error(query, cut, rcode, reply), 12); /* no half a question */
    }
    query[12] = 0xc0; /* a pointer */
    assert_int_equal(dns_request_parse(query, length, &request, &rcode), DNS_REJECTED);
}

static void answers_to_other_questions_do_not_count(void **state)
{
    (void)state;
    uint8_t query[512], other[512], answer[512];
    size_t length = make_query("debian.org.", LDNS_RR_TYPE_A, 0, query);
    size_t other_length = make_query("debian.com.", LDNS_RR_TYPE_A, 0, other);
    memcpy(answer, query, length);
    assert_false(dns_is_answer_to(answer, length, query, length)); /* QR is missing */
    answer[2] |= 0x80;
    assert_true(dns_is_answer_to(answer, length, query, length));
    answer[13] = 'D'; /* upstreams may change the case */
    assert_true(dns_is_answer_to(answer, length, query, length));
    other[2] |= 0x80;
    assert_false(dns_is_answer_to(other, other_length, query, length));
    assert_false(dns_is_answer_to(answer, 20, query, length));
    answer[length - 3] = 28; /* another type */
    assert_false(dns_is_answer_to(answer, length, query, length));
}

static enum dns_answer_kind inspect(const struct dns_names *names, const char *record)
{
    uint8_t query[512];
    ldns_pkt *packet = NULL;
    ldns_rr *rr = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, query, make_query("x.", LDNS_RR_TYPE_A, 0, query)),
                     LDNS_STATUS_OK);
    assert_int_equal(ldns_rr_new_frm_str(&rr, record, 0, NULL, NULL), LDNS_STATUS_OK);
    ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, rr);
    uint8_t *wire = NULL;
    size_t length = 0;
    struct in6_addr address;
    ldns_pkt2wire(&wire, packet, &length);
    ldns_pkt_free(packet);
    enum dns_answer_kind kind = dns_answer_inspect(wire, length, names, &address);
    assert_int_equal(dns_answer_inspect(wire, length - 1, names, &address), DNS_ANSWER_BROKEN);
    free(wire);
    return kind;
}

static void answers_that_point_in_are_known(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = dns_names_new();
    const struct dns_network network = {
        .name = "n",
        .gateways = (const char *const[]){"10.1.0.1", NULL},
        .subnets = (const char *const[]){"10.1.0.0/24", "fd00:1::/64", NULL}};
    uint32_t number;
    assert_int_equal(dns_names_add_network(names, &network, &number, NULL), 0);
    assert_int_equal(inspect(names, "x. 60 IN A 10.1.1.1"), DNS_ANSWER_GOOD);
    assert_int_equal(inspect(names, "x. 60 IN A 10.1.0.1"), DNS_ANSWER_POINTS_IN);
    assert_int_equal(inspect(names, "y. 60 IN AAAA fd00:1::77"), DNS_ANSWER_POINTS_IN);
    assert_int_equal(inspect(names, "y. 60 IN AAAA ::ffff:10.1.0.9"), DNS_ANSWER_POINTS_IN);
    assert_int_equal(inspect(names, "y. 60 IN AAAA fd00:2::77"), DNS_ANSWER_GOOD);
    assert_int_equal(inspect(names, "y. 60 IN TXT \"10.1.0.1\""), DNS_ANSWER_GOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_both_families),
        cmocka_unit_test(a_pointer),
        cmocka_unit_test(what_is_not_there_has_a_soa),
        cmocka_unit_test(too_much_for_udp_is_cut),
        cmocka_unit_test(edns_is_read),
        cmocka_unit_test(broken_queries_get_an_error_or_nothing),
        cmocka_unit_test(answers_to_other_questions_do_not_count),
        cmocka_unit_test(answers_that_point_in_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
