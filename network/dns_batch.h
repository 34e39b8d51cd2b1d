/* Datagrams by the batch: what waits at a socket is taken in one call (recvmmsg), and what is
 * answered leaves in one (sendmmsg). Replies of one length to one asker are one message there,
 * which the kernel takes apart (UDP_SEGMENT, udp(7)): a busy asker costs half. The buffers belong
 * to the batch and are used for every socket in turn. */
#pragma once

#include "network/dns_message.h"
#include "network/dns_resolvers.h"

#define DNS_BATCH 64

struct dns_batch;

struct dns_batch *dns_batch_new(void);
void dns_batch_free(struct dns_batch *batch);

/* How many datagrams there are now, at most DNS_BATCH; forgets the replies of before. */
size_t dns_batch_receive(struct dns_batch *batch, int fd);

struct dns_datagram {
    const uint8_t *data;
    size_t length; /* 0: too long for a question */
    const union dns_socket_address *from;
};
struct dns_datagram dns_batch_get(const struct dns_batch *batch, size_t i);
/* Room of DNS_REPLY_MAX bytes for the answer to it; then, where there is one, its length. */
uint8_t *dns_batch_reply_room(struct dns_batch *batch, size_t i);
void dns_batch_add_reply(struct dns_batch *batch, size_t i, size_t length);
/* What does not go out is lost, as any datagram may be: the asker comes again. */
void dns_batch_send(struct dns_batch *batch, int fd);
