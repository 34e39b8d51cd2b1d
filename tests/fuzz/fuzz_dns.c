/* What anybody may send to the DNS server, and what the host's resolvers may answer: the whole way
 * of a question, parsed, looked up and answered, and the look at an answer from outside. The first
 * byte says who asks, and over what. What comes out must be a message that libldns reads, with the
 * question's own letters, no longer than the asker takes. */
#include "fuzz.h"

#include "network/dns_respond.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_endpoint(struct dns_names *names, const char *network, int i)
{
    char instance[32], service[32], address[32], address6[32];
    snprintf(instance, sizeof(instance), "shop-s%d-%d", i % 3, i);
    snprintf(service, sizeof(service), "s%d", i % 3);
    snprintf(address, sizeof(address), "10.%d.0.%d", *network == 'f' ? 1 : 2, 2 + i);
    snprintf(address6, sizeof(address6), "fd00:%d::%x", *network == 'f' ? 1 : 2, 2 + i);
    dns_names_set_endpoint(names, &(struct dns_endpoint){.network = network,
                                                         .instance = instance,
                                                         .service = service,
                                                         .project = "shop",
                                                         .address = address,
                                                         .address6 = i % 2 ? address6 : NULL});
    dns_names_set_presence(names, instance, (enum instance_presence)((i + 1) % 3));
}

static struct dns_names *make_names(void)
{
    const struct dns_network networks[] = {
        {.name = "front",
         .gateways = (const char *const[]){"10.1.0.1", "fd00:1::1", NULL},
         .subnets = (const char *const[]){"10.1.0.0/24", "fd00:1::/64", NULL}},
        {.name = "back",
         .gateways = (const char *const[]){"10.2.0.1", NULL},
         .subnets = (const char *const[]){"10.2.0.0/23", NULL},
         .isolated = true},
    };
    struct dns_names *names = dns_names_new();
    for (size_t i = 0; i < 2; i++) {
        uint32_t number;
        if (dns_names_add_network(names, &networks[i], &number, NULL) < 0)
            abort();
        for (int k = 0; k < 120; k++)
            add_endpoint(names, networks[i].name, k);
    }
    return names;
}

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_reply(const uint8_t *query, size_t length, const uint8_t *reply,
                        size_t reply_length, size_t limit)
{
    check(length >= DNS_HEADER_SIZE && reply_length >= DNS_HEADER_SIZE && reply_length <= limit);
    check(reply[0] == query[0] && reply[1] == query[1] && reply[2] & 0x80);
    ldns_pkt *packet = NULL;
    check(ldns_wire2pkt(&packet, reply, reply_length) == LDNS_STATUS_OK);
    size_t questions = ldns_rr_list_rr_count(ldns_pkt_question(packet));
    check(questions <= 1);
    if (questions) { /* byte by byte: the length of the name, type and class are in it */
        size_t end = DNS_HEADER_SIZE;
        while (reply[end])
            end += reply[end] + 1U;
        check(end + 5 <= length && memcmp(reply + DNS_HEADER_SIZE, query + DNS_HEADER_SIZE,
                                          end + 5 - DNS_HEADER_SIZE) == 0);
    }
    ldns_pkt_free(packet);
}

static void ask(struct dns_names *names, unsigned how, const uint8_t *query, size_t length)
{
    static const char *const addresses[] = {"10.1.0.2",  "10.2.0.3",   "10.1.0.1", "127.0.0.1",
                                            "fd00:1::3", "10.1.0.250", "8.8.8.8",  "fe80::1"};
    struct dns_asker asker = {.network = how >> 3 & 3};
    bool tcp = how & 0x20;
    struct dns_request request;
    uint8_t reply[DNS_REPLY_MAX];
    size_t reply_length = 0;
    dns_address_from_text(addresses[how & 7], &asker.address);
    switch (dns_respond(names, &asker, query, length, tcp, &request, reply, &reply_length)) {
    case DNS_ANSWERED:
        check_reply(query, length, reply, reply_length, tcp ? DNS_REPLY_MAX : DNS_UDP_SIZE);
        break;
    case DNS_UNWORTHY:
        check(length < DNS_HEADER_SIZE || query[2] & 0x80);
        break;
    case DNS_ELSEWHERE: /* goes on as it is, and its reply is made later */
        check(request.udp_limit >= 512 && request.udp_limit <= DNS_UDP_SIZE);
        check(!request.edns_size_at || request.edns_size_at + 2 <= length);
        reply_length = dns_reply_error(query, length, DNS_SERVFAIL, reply);
        check_reply(query, length, reply, reply_length, DNS_UDP_SIZE);
        reply_length = dns_reply_truncated(query, length, reply);
        check_reply(query, length, reply, reply_length, DNS_UDP_SIZE);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dns_names *names;
    static const uint8_t asked[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\1x\7example\0\0\1\0";
    if (!names)
        names = make_names();
    if (!size)
        return 0;
    if (data[0] & 0x80) {
        struct in6_addr address;
        (void)dns_is_answer_to(data + 1, size - 1, asked, sizeof(asked));
        (void)dns_answer_inspect(data + 1, size - 1, names, &address);
    } else {
        ask(names, data[0], data + 1, size - 1);
    }
    return 0;
}
