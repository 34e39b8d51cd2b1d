/* Flows of relay.h: who asks from where, and a socket of its own towards the guest, whose answers
 * go back from the address that was asked. Ended by time, and the one used longest ago by want of
 * room, as in the kernel's connection tracking. */
#include "network/relay_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define DATAGRAM_MAX 65536
#define DATAGRAMS 64 /* at a time; others have their turn in between */

/* Both sides of a flow as the client sees it. */
struct flow_key {
    const struct relay_port *port;
    struct ip_address client, asked;
    uint16_t client_port;
    uint32_t link; /* of link-local addresses */
};

struct flow {
    TAILQ_ENTRY(flow) used;
    LIST_ENTRY(flow) bucket;
    struct relay *relay;
    struct flow_key key;
    struct sockaddr_storage client;
    socklen_t client_length;
    int fd;
    uv_poll_t poll;
    uint64_t active_ms;
    bool answered;
};

static char buffer[DATAGRAM_MAX]; /* of the loop's thread */

/* --- the table ------------------------------------------------------------------------------ */

static bool is_same_key(const struct flow_key *a, const struct flow_key *b)
{
    return a->port == b->port && a->client_port == b->client_port && a->link == b->link &&
           ip_address_compare(&a->client, &b->client) == 0 &&
           ip_address_compare(&a->asked, &b->asked) == 0;
}

static size_t bucket_of(const struct flow_key *key)
{
    uint64_t hash = (uintptr_t)key->port ^ key->client_port;
    for (size_t i = 0; i < sizeof(key->client.bytes); i++)
        hash = (hash ^ key->client.bytes[i]) * 0x100000001b3;
    hash = (hash ^ key->client_port) * 0x100000001b3;
    return (hash >> 16) % RELAY_FLOW_BUCKETS;
}

static struct flow *find_flow(struct relay *relay, const struct flow_key *key)
{
    struct flow *flow;
    LIST_FOREACH(flow, &relay->flow_buckets[bucket_of(key)], bucket)
    if (is_same_key(&flow->key, key))
        return flow;
    return NULL;
}

static void touch(struct flow *flow)
{
    flow->active_ms = clock_monotonic_ms();
    TAILQ_REMOVE(&flow->relay->flows, flow, used);
    TAILQ_INSERT_TAIL(&flow->relay->flows, flow, used);
}

static void on_flow_closed(uv_handle_t *handle)
{
    struct flow *flow = handle->data;
    relay_unref(flow->relay);
    free(flow);
}

static void flow_end(struct flow *flow)
{
    TAILQ_REMOVE(&flow->relay->flows, flow, used);
    LIST_REMOVE(flow, bucket);
    flow->relay->flow_count--;
    uv_close((uv_handle_t *)&flow->poll, on_flow_closed);
    close(flow->fd);
}

void relay_udp_end_all(struct relay *relay, const struct relay_port *port)
{
    struct flow *flow, *next;
    for (flow = TAILQ_FIRST(&relay->flows); flow; flow = next) {
        next = TAILQ_NEXT(flow, used);
        if (!port || flow->key.port == port)
            flow_end(flow);
    }
}

void relay_udp_look(struct relay *relay, uint64_t now_ms)
{
    struct flow *flow, *next;
    for (flow = TAILQ_FIRST(&relay->flows); flow; flow = next) {
        next = TAILQ_NEXT(flow, used);
        uint64_t silent_ms = now_ms - flow->active_ms;
        if (silent_ms < RELAY_FLOW_MS)
            break; /* those behind were used later */
        if (!flow->answered || silent_ms >= RELAY_FLOW_ANSWERED_MS)
            flow_end(flow);
    }
}

/* --- answers -------------------------------------------------------------------------------- */

/* The address to send from, as a control message. */
static void set_source(struct msghdr *message, const struct flow_key *key)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (key->asked.size == 16) {
        struct in6_pktinfo info = {.ipi6_ifindex = key->link};
        memcpy(&info.ipi6_addr, key->asked.bytes, sizeof(info.ipi6_addr));
        *header = (struct cmsghdr){CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO};
        memcpy(CMSG_DATA(header), &info, sizeof(info));
        message->msg_controllen = CMSG_SPACE(sizeof(info));
    } else {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, key->asked.bytes, sizeof(info.ipi_spec_dst));
        *header = (struct cmsghdr){CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO};
        memcpy(CMSG_DATA(header), &info, sizeof(info));
        message->msg_controllen = CMSG_SPACE(sizeof(info));
    }
}

static void send_answer(struct flow *flow, size_t length)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = {0};
    struct iovec part = {buffer, length};
    struct msghdr message = {.msg_name = &flow->client,
                             .msg_namelen = flow->client_length,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    set_source(&message, &flow->key);
    sendmsg(flow->key.port->fd, &message, MSG_DONTWAIT); /* else lost, as any datagram may be */
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
    struct flow *flow = poll->data;
    (void)events;
    ssize_t length = 0;
    for (int i = 0; i < DATAGRAMS && length >= 0; i++) {
        length = recv(flow->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (length < 0)
            break;
        flow->answered = true;
        touch(flow);
        send_answer(flow, (size_t)length);
    }
    if (status < 0 || (length < 0 && errno != EAGAIN && errno != EINTR)) /* nobody listens there */
        flow_end(flow);
}

/* --- questions ------------------------------------------------------------------------------ */

static int connect_guest(const struct relay_port *port)
{
    struct sockaddr_storage address;
    socklen_t length;
    if (!relay_find_guest(port, &address, &length))
        return -EHOSTUNREACH;
    _cleanup_close_ int fd =
        socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, length) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* NULL: there is no way to the guest, or no descriptor left. */
static struct flow *flow_start(const struct flow_key *key, const struct msghdr *question)
{
    struct relay *relay = key->port->relay;
    if (relay->flow_count >= relay->flow_limit)
        flow_end(TAILQ_FIRST(&relay->flows));
    int fd = connect_guest(key->port);
    if (fd < 0)
        return NULL;
    struct flow *flow = new0(struct flow);
    flow->relay = relay;
    flow->key = *key;
    flow->fd = fd;
    flow->client_length = question->msg_namelen;
    memcpy(&flow->client, question->msg_name, question->msg_namelen);
    flow->poll.data = flow;
    uv_poll_init(relay->loop, &flow->poll, fd);
    uv_poll_start(&flow->poll, UV_READABLE, on_answer);
    TAILQ_INSERT_TAIL(&relay->flows, flow, used);
    LIST_INSERT_HEAD(&relay->flow_buckets[bucket_of(key)], flow, bucket);
    relay->flow_count++;
    relay->references++;
    relay_keep_time(relay);
    return flow;
}

static bool is_link_local(const struct in6_addr *address)
{
    return IN6_IS_ADDR_LINKLOCAL(address);
}

/* Who asks, and which of our addresses. */
static struct flow_key read_key(const struct relay_port *port, struct msghdr *question)
{
    const struct sockaddr_in6 *from = question->msg_name; /* the port: at the same place in IPv4 */
    struct flow_key key = {.port = port,
                           .client = ip_address_from_socket(question->msg_name),
                           .client_port = from->sin6_port};
    for (struct cmsghdr *header = CMSG_FIRSTHDR(question); header;
         header = CMSG_NXTHDR(question, header)) {
        if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(header), sizeof(info));
            key.asked.size = 16;
            memcpy(key.asked.bytes, &info.ipi6_addr, sizeof(info.ipi6_addr));
            key.link = is_link_local(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
        } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(header), sizeof(info));
            key.asked.size = 4;
            memcpy(key.asked.bytes, &info.ipi_addr, sizeof(info.ipi_addr));
        }
    }
    return key;
}

static bool receive_one(struct relay_port *port)
{
    _Alignas(struct cmsghdr) char control[256];
    struct sockaddr_storage from = {0};
    struct iovec part = {buffer, sizeof(buffer)};
    struct msghdr question = {.msg_name = &from,
                              .msg_namelen = sizeof(from),
                              .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof(control)};
    ssize_t length = recvmsg(port->fd, &question, MSG_DONTWAIT);
    if (length < 0)
        return errno != EAGAIN; /* an earlier answer's fate, read away */
    struct flow_key key = read_key(port, &question);
    struct flow *flow = find_flow(port->relay, &key);
    if (!flow)
        flow = flow_start(&key, &question);
    if (!flow)
        return true;
    touch(flow);
    send(flow->fd, buffer, (size_t)length, MSG_DONTWAIT);
    return true;
}

void relay_udp_receive(struct relay_port *port)
{
    for (int i = 0; i < DATAGRAMS && receive_one(port); i++)
        ;
}
