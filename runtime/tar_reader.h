/* A tar archive, as it comes, to messages of the agent's protocol (COPY_ENTRY, COPY_DATA).
 * libarchive wants to be fed when it asks, and the loop must not wait: so it runs in a thread of
 * its own, between two bounded queues. */
#pragma once

#include "base/error.h"
#include "runtime/guest/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/* Bytes of the archive that wait, at most. */
#define TAR_READER_INPUT (256u << 10)

struct tar_reader;

struct tar_message {
    enum message_type type;
    size_t length; /* at most FRAME_PAYLOAD_MAX */
    unsigned char data[];
};

/* on_change: there is a message, or room, or the end; on the loop. */
int tar_reader_new(uv_loop_t *loop, void (*on_change)(void *userdata), void *userdata,
                   struct tar_reader **ret_reader, struct error *err);
/* Waits for the thread, which waits for nobody. */
void tar_reader_free(struct tar_reader *reader);
size_t tar_reader_room(struct tar_reader *reader);
/* At most tar_reader_room() bytes. */
void tar_reader_write(struct tar_reader *reader, const void *data, size_t length);
/* There is no more of the archive. */
void tar_reader_finish(struct tar_reader *reader);
/* The next message, if it is no longer than that; the caller frees it. NULL: not now. */
struct tar_message *tar_reader_take(struct tar_reader *reader, size_t limit);
/* True once the archive has ended and all its messages were taken; err is set where it is none. */
bool tar_reader_ended(struct tar_reader *reader, struct error *err);
