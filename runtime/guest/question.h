/* A question by one datagram, asked up to three times: an ICMP echo (RFC 792, RFC 4443), or a name
 * for the guest's nameserver, /etc/hosts not asked. About a second altogether. */
#pragma once

#include "runtime/guest/loop.h"

#include <stdint.h>

struct question;

struct question_answer {
    const char *failure; /* NULL: it was answered */
    const char *address; /* of the name */
    uint64_t elapsed_us; /* since it was asked */
};

/* on_done: once, never from within; it may free the question. What cannot be asked fails. */
typedef void question_fn(void *userdata, const struct question_answer *answer);
struct question *question_ping(struct loop *loop, const char *address, question_fn *on_done,
                               void *userdata);
struct question *question_resolve(struct loop *loop, const char *name, question_fn *on_done,
                                  void *userdata);
void question_free(struct question *question);
