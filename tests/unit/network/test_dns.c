#include "network/dns_message.h"
#include "network/dns_names.h"

#include "../unit.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>

static struct in_addr ip(const char *text)
{
    struct in_addr address;
    assert_int_equal(inet_pton(AF_INET, text, &address), 1);
    return address;
}

static void add_endpoint(struct dns_names *names, const char *network, const char *instance,
                         const char *address, const char *service)
{
    const char *all[] = {service, instance,
                         "Alias.Of."
                         "Everyone",
                         NULL};
    dns_names_set_endpoint(
        names, &(struct dns_endpoint){
                   .network = network, .instance = instance, .address = address, .names = all});
    dns_names_set_running(names, instance, true);
}

/* The shop: web on front, api on both, cache on back, back internal. */
static struct dns_names *shop(void)
{
    struct error err = {0};
    struct dns_names *names = dns_names_new();
    assert_ok(dns_names_add_network(names, "front", ip("10.1.0.1"), "10.1.0.0/24", &err), &err);
    assert_ok(dns_names_add_network(names, "back", ip("10.2.0.1"), "10.2.0.0/24", &err), &err);
    dns_names_set_forwarding(names, "back", false);
    add_endpoint(names, "front", "shop-web-1", "10.1.0.2", "web");
    add_endpoint(names, "front", "shop-api-1", "10.1.0.3", "api");
    add_endpoint(names, "back", "shop-api-1", "10.2.0.3", "api");
    add_endpoint(names, "back", "shop-cache-1", "10.2.0.4", "cache");
    return names;
}

static enum dns_verdict ask(const struct dns_names *names, const char *from, const char *network,
                            const char *name, struct dns_answer *answer)
{
    struct dns_asker asker = {.address = ip(from), .network = network};
    return dns_names_lookup(names, &asker, name, answer);
}

static void a_guest_sees_all_its_networks_and_no_other(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    assert_int_equal(ask(names, "10.1.0.2", "front", "api", &answer), DNS_OURS);
    assert_int_equal(answer.address_count, 1);
    assert_int_equal(answer.addresses[0].s_addr, ip("10.1.0.3").s_addr);
    /* web is not on back: there is no cache for it, and what it asks goes upstream */
    assert_int_equal(ask(names, "10.1.0.2", "front", "cache", &answer), DNS_FORWARD);
    assert_int_equal(ask(names, "10.1.0.2", "back", "cache", &answer), DNS_FORWARD);
    /* api sees both, whichever gateway it asks */
    assert_int_equal(ask(names, "10.1.0.3", "front", "Cache.", &answer), DNS_OURS);
    assert_int_equal(answer.addresses[0].s_addr, ip("10.2.0.4").s_addr);
    assert_int_equal(ask(names, "10.1.0.3", "front", "alias.of.everyone", &answer), DNS_OURS);
    assert_int_equal(answer.address_count, 4);
}

static void the_host_sees_the_network_it_asks(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    assert_int_equal(ask(names, "10.1.0.1", "front", "shop-web-1", &answer), DNS_OURS);
    assert_int_equal(ask(names, "10.1.0.1", "front", "cache", &answer), DNS_FORWARD);
    assert_int_equal(ask(names, "10.2.0.1", "back", "cache", &answer), DNS_OURS);
}

static void an_internal_network_has_no_way_out(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    assert_int_equal(ask(names, "10.2.0.4", "back", "debian.org", &answer), DNS_REFUSE);
    assert_int_equal(ask(names, "10.2.0.3", "back", "debian.org", &answer), DNS_FORWARD);
}

static void who_does_not_run_is_known_but_not_named(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    dns_names_set_running(names, "shop-api-1", false);
    assert_int_equal(ask(names, "10.1.0.2", "front", "api", &answer), DNS_OURS);
    assert_int_equal(answer.address_count, 0);
    dns_names_remove_endpoint(names, "front", "shop-api-1");
    assert_int_equal(ask(names, "10.1.0.2", "front", "api", &answer), DNS_FORWARD);
    dns_names_remove_network(names, "front");
    assert_int_equal(ask(names, "10.1.0.2", "front", "web", &answer), DNS_REFUSE);
}

static void addresses_have_names_too(void **state)
{
    (void)state;
    _cleanup_(dns_names_freep) struct dns_names *names = shop();
    struct dns_answer answer;
    assert_int_equal(ask(names, "10.1.0.3", "front", "4.0.2.10.IN-ADDR.ARPA.", &answer), DNS_OURS);
    assert_string_equal(answer.instance, "shop-cache-1");
    assert_int_equal(ask(names, "10.1.0.2", "front", "4.0.2.10.in-addr.arpa", &answer), DNS_ABSENT);
    assert_int_equal(ask(names, "10.1.0.2", "front", "99.0.1.10.in-addr.arpa", &answer),
                     DNS_ABSENT);
    assert_int_equal(ask(names, "10.1.0.2", "front", "8.8.8.8.in-addr.arpa", &answer), DNS_FORWARD);
    assert_int_equal(ask(names, "10.1.0.2", "front", "x.4.0.2.10.in-addr.arpa", &answer),
                     DNS_FORWARD);
}

/* --- the wire ------------------------------------------------------------------------------- */

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

static ldns_pkt *reply_to(const char *name, ldns_rr_type type, size_t edns_size,
                          enum dns_rcode rcode, const struct dns_answer *answer)
{
    uint8_t query[512];
    size_t length = make_query(name, type, edns_size, query);
    struct dns_request request;
    _cleanup_strbuf_ struct strbuf reply = {0};
    assert_int_equal(dns_request_parse(query, length, &request, &reply), DNS_PARSED);
    dns_reply_build(&request, rcode, answer, request.udp_limit, &reply);
    dns_request_done(&request);
    assert_true(dns_is_answer_to(reply.data, reply.length, query, length));
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, (uint8_t *)reply.data, reply.length), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_id(packet), 0xbeef);
    return packet;
}

static void no_address_of_that_kind_is_no_data(void **state)
{
    (void)state;
    struct dns_answer answer = {.addresses = {ip("10.1.0.2")}, .address_count = 1};
    ldns_pkt *a = reply_to("Web.", LDNS_RR_TYPE_A, 0, DNS_NOERROR, &answer);
    assert_int_equal(ldns_pkt_ancount(a), 1);
    char *owner = ldns_rdf2str(ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_answer(a), 0)));
    assert_string_equal(owner, "Web."); /* the asker's spelling */
    free(owner);
    ldns_pkt_free(a);

    ldns_pkt *aaaa = reply_to("web.", LDNS_RR_TYPE_AAAA, 4096, DNS_NOERROR, &answer);
    assert_int_equal(ldns_pkt_get_rcode(aaaa), LDNS_RCODE_NOERROR);
    assert_int_equal(ldns_pkt_ancount(aaaa), 0);
    assert_int_equal(ldns_pkt_edns_udp_size(aaaa), DNS_UDP_SIZE);
    ldns_pkt_free(aaaa);

    ldns_pkt *absent = reply_to("nobody.", LDNS_RR_TYPE_A, 0, DNS_NXDOMAIN, NULL);
    assert_int_equal(ldns_pkt_get_rcode(absent), LDNS_RCODE_NXDOMAIN);
    ldns_pkt_free(absent);
}

static void too_much_for_udp_is_cut(void **state)
{
    (void)state;
    struct dns_answer answer = {.address_count = DNS_MAX_ADDRESSES};
    ldns_pkt *small =
        reply_to("everyone.of.a.large.service.", LDNS_RR_TYPE_A, 0, DNS_NOERROR, &answer);
    assert_true(ldns_pkt_tc(small));
    assert_int_equal(ldns_pkt_ancount(small), 0);
    ldns_pkt_free(small);
    ldns_pkt *large =
        reply_to("everyone.of.a.large.service.", LDNS_RR_TYPE_A, 1232, DNS_NOERROR, &answer);
    assert_false(ldns_pkt_tc(large));
    assert_int_equal(ldns_pkt_ancount(large), DNS_MAX_ADDRESSES);
    ldns_pkt_free(large);
}

static void broken_queries_get_an_error_or_nothing(void **state)
{
    (void)state;
    uint8_t query[512];
    size_t length = make_query("web.", LDNS_RR_TYPE_A, 0, query);
    struct dns_request request;
    _cleanup_strbuf_ struct strbuf reply = {0};
    assert_int_equal(dns_request_parse(query, 11, &request, &reply), DNS_DROPPED);

    query[2] |= 0x80; /* an answer */
    assert_int_equal(dns_request_parse(query, length, &request, &reply), DNS_DROPPED);
    query[2] &= 0x7f;
    assert_int_equal(reply.length, 0);

    query[5] = 2; /* QDCOUNT */
    assert_int_equal(dns_request_parse(query, length, &request, &reply), DNS_REJECTED);
    assert_int_equal(reply.data[3] & 15, DNS_FORMERR);
    query[5] = 1;

    strbuf_clear(&reply);
    query[2] |= 0x28; /* opcode UPDATE */
    assert_int_equal(dns_request_parse(query, length, &request, &reply), DNS_REJECTED);
    assert_int_equal(reply.data[3] & 15, DNS_NOTIMP);
    query[2] &= 0x07;

    strbuf_clear(&reply);
    assert_int_equal(dns_request_parse(query, length - 3, &request, &reply), DNS_REJECTED);
    assert_int_equal(reply.data[3] & 15, DNS_FORMERR);
    assert_int_equal(reply.length, 12); /* no half a question */
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_sees_all_its_networks_and_no_other),
        cmocka_unit_test(the_host_sees_the_network_it_asks),
        cmocka_unit_test(an_internal_network_has_no_way_out),
        cmocka_unit_test(who_does_not_run_is_known_but_not_named),
        cmocka_unit_test(addresses_have_names_too),
        cmocka_unit_test(no_address_of_that_kind_is_no_data),
        cmocka_unit_test(too_much_for_udp_is_cut),
        cmocka_unit_test(broken_queries_get_an_error_or_nothing),
        cmocka_unit_test(answers_to_other_questions_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
