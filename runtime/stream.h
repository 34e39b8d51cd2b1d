/* A stream of the channel: one exec, attachment, probe, list of processes, look or copy, from its
 * start message until the guest ends it or nobody listens any more. Private to runtime/. What the
 * streams of a channel have in common; what they mean is in exec.c, attach.c, probe.c, top.c,
 * inspect.c, copy_*.c, each of which embeds a struct stream as its first member.
 *
 * Ownership: the stream's module allocates and frees it; in a set it is from stream_open() to
 * stream_close(). Ids are never used twice in a session. */
#pragma once

#include "base/error.h"
#include "runtime/guest/link.h"

/* What a reader has taken goes back as credit in portions of at least this. */
#define STREAM_CREDIT_STEP (64u << 10)

struct stream;

struct stream_type {
    /* A message of the guest. May call its owner, who may free the stream and even the channel:
     * nothing is touched after that. */
    void (*take)(struct stream *stream, const struct message *message);
    /* The VM or the channel went away: tells the owner and frees the stream. */
    void (*fail)(struct stream *stream, const struct error *err);
};

struct stream_set {
    struct stream *first;
    struct link *link;
    void (*on_queued)(void *userdata); /* there is something to write */
    void *userdata;
    uint32_t last_id;
};

struct stream {
    struct stream *next;
    struct stream_set *set;
    const struct stream_type *type;
    uint32_t id;
    size_t limit;        /* of in_flight; STREAM_WINDOW where the module says nothing else */
    size_t in_flight;    /* bytes from the guest that its reader has not given back */
    size_t to_give_back; /* given back by the reader, not yet sent as credit */
};

void stream_open(struct stream *stream, struct stream_set *set, const struct stream_type *type);
/* Out of the set; the guest is not told. */
void stream_close(struct stream *stream);
/* Closes, and tells the guest that nobody listens. */
void stream_abandon(struct stream *stream);
void stream_send(struct stream *stream, enum message_type type, const void *data, size_t length);
struct stream *stream_find(const struct stream_set *set, uint32_t id);
void stream_fail_all(struct stream_set *set, const struct error *err);

/* Counts what has come; false: the guest had no credit for it. */
bool stream_count_received(struct stream *stream, size_t length);
/* The reader has taken so much; credit is sent when it is worth a message. */
void stream_give_back(struct stream *stream, size_t length);
/* Abandons the stream and fails it: the guest broke the rules. */
void stream_break(struct stream *stream, const char *reason);
