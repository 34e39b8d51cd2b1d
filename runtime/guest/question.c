/* See question.h. */
#include "runtime/guest/question.h"

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/guest/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define TRIES 3
#define TRY_MS 400u
#define ECHO_SIZE 16

enum question_kind { QUESTION_PING_V4, QUESTION_PING_V6, QUESTION_NAME };

struct question {
    struct loop *loop;
    enum question_kind kind;
    struct watch watch;
    struct timer timer; /* the next try, the end, or a failure that was known at once */
    uint8_t packet[RESOLVE_PACKET_MAX];
    size_t length;
    uint16_t id;
    unsigned tries;
    uint64_t asked_ns;
    char *failure;
    question_fn *on_done;
    void *userdata;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void question_free(struct question *question)
{
    if (!question)
        return;
    loop_watch(question->loop, &question->watch, 0);
    loop_clear_timer(question->loop, &question->timer);
    if (question->watch.fd >= 0)
        close(question->watch.fd);
    free(question->failure);
    free(question);
}

static void tell(struct question *question, const char *failure, const char *address)
{
    const struct question_answer answer = {
        .failure = failure,
        .address = address,
        .elapsed_us = question->asked_ns ? (now_ns() - question->asked_ns) / 1000 : 0};
    question->on_done(question->userdata, &answer);
}

/* --- asking --------------------------------------------------------------------------------- */

static void fail_later(struct question *question, const char *why)
{
    question->failure = xstrdup(why);
    loop_set_timer(question->loop, &question->timer, 0);
}

static void ask(struct question *question)
{
    question->tries++;
    question->asked_ns = now_ns();
    if (send(question->watch.fd, question->packet, question->length, MSG_NOSIGNAL) < 0 &&
        errno != EAGAIN && errno != ECONNREFUSED)
        return fail_later(question, strerror(errno));
    loop_set_timer(question->loop, &question->timer, TRY_MS);
}

static void on_timer(void *userdata)
{
    struct question *question = userdata;
    if (question->failure)
        tell(question, question->failure, NULL);
    else if (question->tries == TRIES)
        tell(question, "no answer", NULL);
    else
        ask(question);
}

/* --- answers -------------------------------------------------------------------------------- */

/* A raw IPv4 socket gets the header too; the kernel hands us every echo of that peer. */
static void take_echo(struct question *question, const uint8_t *packet, size_t length)
{
    bool four = question->kind == QUESTION_PING_V4;
    size_t header = four && length ? (size_t)(packet[0] & 0x0f) * 4 : 0;
    if (length < header + ECHO_SIZE)
        return;
    const uint8_t *echo = packet + header;
    if (echo[0] == (four ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) &&
        memcmp(echo + 4, question->packet + 4, ECHO_SIZE - 4) == 0)
        tell(question, NULL, NULL);
}

static void take_name(struct question *question, const uint8_t *packet, size_t length)
{
    struct sockaddr_storage address;
    char text[INET6_ADDRSTRLEN];
    switch (resolve_decode_answer(packet, length, question->id, &address)) {
    case RESOLVE_FOUND:
        inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, text, sizeof(text));
        return tell(question, NULL, text);
    case RESOLVE_NOT_FOUND:
        return tell(question, "the nameserver answers, but knows no address", NULL);
    case RESOLVE_NO_ANSWER:
        return;
    }
}

static void on_ready(void *userdata, uint32_t events)
{
    struct question *question = userdata;
    uint8_t packet[RESOLVE_PACKET_MAX];
    (void)events;
    ssize_t length = recv(question->watch.fd, packet, sizeof(packet), MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length < 0)
        tell(question, strerror(errno), NULL);
    else if (question->kind == QUESTION_NAME)
        take_name(question, packet, (size_t)length);
    else
        take_echo(question, packet, (size_t)length);
}

/* --- making --------------------------------------------------------------------------------- */

static struct question *question_new(struct loop *loop, question_fn *on_done, void *userdata)
{
    struct question *question = new0(struct question);
    *question = (struct question){.loop = loop,
                                  .watch = {.fd = -1, .on_ready = on_ready, .userdata = question},
                                  .timer = {.on_deadline = on_timer, .userdata = question},
                                  .on_done = on_done,
                                  .userdata = userdata};
    if (getrandom(&question->id, sizeof(question->id), GRND_NONBLOCK) < 0)
        question->id = (uint16_t)loop_now_ms();
    return question;
}

static void begin(struct question *question, const struct sockaddr_storage *peer, int type,
                  int protocol)
{
    const void *address = peer;
    socklen_t size =
        peer->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    question->watch.fd = socket(peer->ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (question->watch.fd < 0 || connect(question->watch.fd, address, size) < 0)
        return fail_later(question, strerror(errno));
    loop_watch(question->loop, &question->watch, EPOLLIN);
    ask(question);
}

/* RFC 1071. */
static uint16_t checksum(const uint8_t *data, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Type, code, checksum (the kernel's for IPv6), id, sequence, eight bytes of our own. */
static void encode_echo(struct question *question)
{
    bool four = question->kind == QUESTION_PING_V4;
    question->packet[0] = four ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
    question->packet[4] = (uint8_t)(question->id >> 8);
    question->packet[5] = (uint8_t)question->id;
    memcpy(question->packet + 8, "vmstead?", 8);
    question->length = ECHO_SIZE;
    if (!four)
        return;
    uint16_t sum = checksum(question->packet, ECHO_SIZE);
    question->packet[2] = (uint8_t)(sum >> 8);
    question->packet[3] = (uint8_t)sum;
}

struct question *question_ping(struct loop *loop, const char *address, question_fn *on_done,
                               void *userdata)
{
    struct question *question = question_new(loop, on_done, userdata);
    struct sockaddr_storage peer = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&peer;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&peer;
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        peer.ss_family = AF_INET;
        question->kind = QUESTION_PING_V4;
    } else if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
        peer.ss_family = AF_INET6;
        question->kind = QUESTION_PING_V6;
    } else {
        fail_later(question, "it is no address");
        return question;
    }
    encode_echo(question);
    begin(question, &peer, SOCK_RAW,
          peer.ss_family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
    return question;
}

struct question *question_resolve(struct loop *loop, const char *name, question_fn *on_done,
                                  void *userdata)
{
    struct question *question = question_new(loop, on_done, userdata);
    struct sockaddr_storage server;
    question->kind = QUESTION_NAME;
    question->length = resolve_encode_query(name, question->id, question->packet);
    if (!resolve_nameserver(&server))
        fail_later(question, "/etc/resolv.conf names no nameserver");
    else if (!question->length)
        fail_later(question, "no name that DNS could know");
    else
        begin(question, &server, SOCK_DGRAM, 0);
    return question;
}
