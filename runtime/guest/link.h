/* A reliable message link over the agent's port: sequence, acknowledgement, handshake and resending
 * of protocol.h, the same code on both ends. Between frame.h (bytes) and agent.c / ../channel.c
 * (meaning). No I/O: the owner moves bytes in with link_receive() and out with link_output() and
 * link_written().
 *
 * Invariant: within a session on_message sees each of the peer's messages once and in order,
 * whatever happened to the bytes. */
#pragma once

#include "base/str.h"
#include "runtime/guest/frame.h"

enum link_role { LINK_HOST, LINK_GUEST };

/* HELLO's and WELCOME's payload. */
struct link_hello {
    uint32_t version;
    uint32_t flags;
    uint64_t session;
    uint64_t nonce;
    uint64_t received;
    uint64_t log;
};

struct message {
    enum message_type type;
    uint32_t stream;
    const uint8_t *data;
    size_t length;
};

struct link_callbacks {
    void (*on_message)(void *userdata, const struct message *message);
    /* The handshake is done. new_session (guest only): what the old one knew is void; the log is to
     * be sent again from hello->log. */
    void (*on_up)(void *userdata, const struct link_hello *hello, bool new_session);
    /* Guest: adds flags to a WELCOME and fills in its log. NULL on the host. */
    void (*fill_welcome)(void *userdata, struct link_hello *welcome);
    /* The peer broke the protocol beyond repair; nothing comes any more. */
    void (*on_broken)(void *userdata, const char *reason);
};

struct link_frame;

struct link {
    enum link_role role;
    const struct link_callbacks *callbacks;
    void *userdata;
    bool up;      /* handshake done, connection believed to be there */
    bool stopped; /* broken, or link_stop() was called */
    bool sums;    /* the peer understands FRAME_SUM */
    uint64_t session, nonce;
    uint64_t log_stored; /* host: goes into HELLO */
    struct frame_scanner scanner;

    uint64_t received; /* the last of the peer's messages taken in order */
    uint32_t unacknowledged_frames, unacknowledged_bytes;
    bool resync_asked;
    uint32_t handshakes;   /* host: since a message came */
    struct strbuf partial; /* a message whose frames are not all here */

    uint64_t sequence;               /* the last one given to a frame of ours */
    struct link_frame *head, **tail; /* sent and not acknowledged, then not sent */
    struct link_frame *next;         /* the first that is not wholly written */
    struct link_frame *reserved;     /* link_reserve()'s; NULL: none */
    size_t frame_count, unsent_bytes;
    size_t offset;         /* of `next`: bytes of it that are written */
    struct strbuf control; /* link messages, written between frames */
    size_t control_offset;
};

void link_init(struct link *link, enum link_role role, const struct link_callbacks *callbacks,
               void *userdata);
void link_done(struct link *link);
/* Nothing is called any more. Safe inside callbacks, where link_done() is not. */
void link_stop(struct link *link);

/* Host: begins (or repeats) the handshake on a connection: new_nonce false repeats it. */
void link_open(struct link *link, bool new_nonce);
/* The connection is gone: messages wait for the next handshake. */
void link_hang_up(struct link *link);

/* Where the bytes that come are to be put, at most *ret_size; then link_received(). */
void *link_room(struct link *link, size_t *ret_size);
void link_received(struct link *link, size_t length);
/* The same with bytes that are somewhere else. */
void link_receive(struct link *link, const void *data, size_t length);
/* The bytes to be written next; 0: none. */
size_t link_output(struct link *link, const void **ret_data);
void link_written(struct link *link, size_t length);

/* Queues a message; it is cut into frames as needed. Nothing is called from within. */
void link_send(struct link *link, enum message_type type, uint32_t stream, const void *data,
               size_t length);
/* Room for a message of at most FRAME_PAYLOAD_MAX bytes, to be filled in place: what is read from a
 * file is not copied again. Then link_commit(), with nothing else in between; length 0 sends
 * nothing. */
uint8_t *link_reserve(struct link *link);
void link_commit(struct link *link, enum message_type type, uint32_t stream, size_t length);
/* Bytes queued and not written yet: a sender with more to say may wait until this is low. */
size_t link_unsent(const struct link *link);
