/* See dns_batch.h. */
#include "network/dns_batch.h"

#include "base/alloc.h"

#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#define QUESTION_SIZE 4096      /* no question is longer */
#define SEGMENTS_SIZE_MAX 60000 /* of one message that is taken apart: an IP packet's room */

union segment_control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/* Only the pages that are written to take memory. */
struct dns_batch {
    struct mmsghdr questions[DNS_BATCH], messages[DNS_BATCH];
    struct iovec question_parts[DNS_BATCH], parts[DNS_BATCH];
    union dns_socket_address from[DNS_BATCH];
    union segment_control controls[DNS_BATCH];
    size_t replied[DNS_BATCH]; /* which questions are answered, in order */
    size_t reply_lengths[DNS_BATCH], reply_count;
    uint8_t question[DNS_BATCH][QUESTION_SIZE];
    uint8_t reply[DNS_BATCH][DNS_REPLY_MAX];
};

struct dns_batch *dns_batch_new(void)
{
    return new0(struct dns_batch);
}

void dns_batch_free(struct dns_batch *batch)
{
    free(batch);
}

size_t dns_batch_receive(struct dns_batch *batch, int fd)
{
    for (size_t i = 0; i < DNS_BATCH; i++) {
        batch->question_parts[i] = (struct iovec){batch->question[i], QUESTION_SIZE};
        batch->questions[i].msg_hdr = (struct msghdr){.msg_name = &batch->from[i],
                                                      .msg_namelen = sizeof(batch->from[i]),
                                                      .msg_iov = &batch->question_parts[i],
                                                      .msg_iovlen = 1};
    }
    batch->reply_count = 0;
    int count = recvmmsg(fd, batch->questions, DNS_BATCH, MSG_DONTWAIT, NULL);
    return count > 0 ? (size_t)count : 0;
}

struct dns_datagram dns_batch_get(const struct dns_batch *batch, size_t i)
{
    const struct mmsghdr *question = &batch->questions[i];
    bool cut = question->msg_hdr.msg_flags & MSG_TRUNC;
    return (struct dns_datagram){
        .data = batch->question[i], .length = cut ? 0 : question->msg_len, .from = &batch->from[i]};
}

uint8_t *dns_batch_reply_room(struct dns_batch *batch, size_t i)
{
    return batch->reply[i];
}

void dns_batch_add_reply(struct dns_batch *batch, size_t i, size_t length)
{
    batch->replied[batch->reply_count] = i;
    batch->reply_lengths[batch->reply_count++] = length;
}

/* --- sending -------------------------------------------------------------------------------- */

static bool go_together(const struct dns_batch *batch, size_t a, size_t b)
{
    return batch->reply_lengths[a] == batch->reply_lengths[b] &&
           dns_socket_address_equal(&batch->from[batch->replied[a]],
                                    &batch->from[batch->replied[b]]);
}

static void ask_for_segments(struct msghdr *header, union segment_control *control, size_t length)
{
    const uint16_t size = (uint16_t)length;
    control->header = (struct cmsghdr){
        .cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof(size))};
    memcpy(CMSG_DATA(&control->header), &size, sizeof(size));
    header->msg_control = control;
    header->msg_controllen = sizeof(control->bytes);
}

/* The messages, each of at least one reply. */
static unsigned make_messages(struct dns_batch *batch)
{
    bool taken[DNS_BATCH] = {false};
    unsigned messages = 0;
    struct iovec *part = batch->parts;
    for (size_t first = 0; first < batch->reply_count; first++) {
        if (taken[first])
            continue;
        size_t length = batch->reply_lengths[first], question = batch->replied[first];
        struct msghdr *header = &batch->messages[messages].msg_hdr;
        *header = (struct msghdr){.msg_name = &batch->from[question],
                                  .msg_namelen = batch->questions[question].msg_hdr.msg_namelen,
                                  .msg_iov = part};
        for (size_t i = first; i < batch->reply_count; i++) {
            if (taken[i] || !go_together(batch, first, i) ||
                (header->msg_iovlen + 1) * length > SEGMENTS_SIZE_MAX)
                continue;
            taken[i] = true;
            *part++ = (struct iovec){batch->reply[batch->replied[i]], length};
            header->msg_iovlen++;
        }
        if (header->msg_iovlen > 1)
            ask_for_segments(header, &batch->controls[messages], length);
        messages++;
    }
    return messages;
}

/* A message that the kernel cannot take apart, for a link whose MTU is below one reply, or with
 * IPsec in the way. */
static void send_one_by_one(int fd, const struct msghdr *header)
{
    for (size_t i = 0; i < header->msg_iovlen; i++)
        (void)!sendto(fd, header->msg_iov[i].iov_base, header->msg_iov[i].iov_len, MSG_DONTWAIT,
                      header->msg_name, header->msg_namelen);
}

void dns_batch_send(struct dns_batch *batch, int fd)
{
    unsigned count = make_messages(batch);
    for (unsigned sent = 0; sent < count;) {
        int n = sendmmsg(fd, batch->messages + sent, count - sent, MSG_DONTWAIT);
        if (n > 0) {
            sent += (unsigned)n;
            continue;
        }
        if (batch->messages[sent].msg_hdr.msg_control)
            send_one_by_one(fd, &batch->messages[sent].msg_hdr);
        sent++;
    }
}
