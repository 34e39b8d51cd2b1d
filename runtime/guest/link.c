/* The reliable link, see link.h and the manual in protocol.h. */
#include "runtime/guest/link.h"

#include "base/alloc.h"
#include "runtime/guest/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* More frames that the peer does not acknowledge: it does not want to (a guest that never
 * acknowledges must not make the daemon grow). */
#define LINK_FRAMES_MAX 16384
/* Handshakes without one message in between before the host gives up. */
#define LINK_HANDSHAKES_MAX 64

struct link_frame {
    struct link_frame *next;
    uint64_t sequence;
    size_t size;
    uint8_t bytes[]; /* header and payload; the acknowledgement is filled in when it is written */
};

void link_init(struct link *link, enum link_role role, const struct link_callbacks *callbacks,
               void *userdata)
{
    *link = (struct link){.role = role, .callbacks = callbacks, .userdata = userdata};
    link->tail = &link->head;
    if (role == LINK_HOST && getrandom(&link->session, sizeof(link->session), 0) < 0)
        abort();
}

/* --- our frames ----------------------------------------------------------------------------- */

static void link_drop_head(struct link *link)
{
    struct link_frame *frame = link->head;
    link->head = frame->next;
    if (!link->head)
        link->tail = &link->head;
    link->frame_count--;
    free(frame);
}

static void link_drop_all(struct link *link)
{
    while (link->head)
        link_drop_head(link);
    link->next = NULL;
    link->offset = link->unsent_bytes = 0;
}

void link_done(struct link *link)
{
    link_drop_all(link);
    free(link->reserved);
    link->reserved = NULL;
    frame_scanner_done(&link->scanner);
    strbuf_done(&link->partial);
    strbuf_done(&link->control);
}

void link_stop(struct link *link)
{
    link->stopped = true;
    link->up = false;
}

static void link_break(struct link *link, const char *reason)
{
    if (link->stopped)
        return;
    link_stop(link);
    link->callbacks->on_broken(link->userdata, reason);
}

/* The peer has everything up to this sequence. A frame of which only a part is written cannot have
 * arrived, whatever the peer claims. */
static void link_acknowledged(struct link *link, uint64_t sequence)
{
    while (link->head && link->head != link->next && link->head->sequence <= sequence)
        link_drop_head(link);
}

static struct link_frame *link_frame_new(size_t payload_size)
{
    struct link_frame *frame = xmalloc(sizeof(*frame) + FRAME_HEADER_SIZE + payload_size);
    *frame = (struct link_frame){.next = NULL};
    return frame;
}

/* The payload is in the frame. Takes it. */
static void link_queue_frame(struct link *link, struct link_frame *frame,
                             struct frame_header header)
{
    const uint8_t *payload = frame->bytes + FRAME_HEADER_SIZE;
    header.sequence = frame->sequence = ++link->sequence;
    header.flags |= link->sums ? FRAME_SUM : 0;
    header.payload_crc =
        link->sums ? frame_sum(payload, header.length) : frame_crc(payload, header.length);
    frame->size = FRAME_HEADER_SIZE + header.length;
    frame_encode_header(&header, frame->bytes);
    *link->tail = frame;
    link->tail = &frame->next;
    if (!link->next)
        link->next = frame;
    link->frame_count++;
    link->unsent_bytes += frame->size;
}

uint8_t *link_reserve(struct link *link)
{
    if (!link->reserved)
        link->reserved = link_frame_new(FRAME_PAYLOAD_MAX);
    return link->reserved->bytes + FRAME_HEADER_SIZE;
}

/* A frame that is queued is as large as it must be, but for a little. */
void link_commit(struct link *link, enum message_type type, uint32_t stream, size_t length)
{
    if (link->stopped || !length)
        return;
    if (length < FRAME_PAYLOAD_MAX / 2)
        return link_send(link, type, stream, link_reserve(link), length);
    struct frame_header header = {
        .type = (uint8_t)type, .stream = stream, .length = (uint32_t)length};
    struct link_frame *frame = link->reserved;
    link->reserved = NULL;
    link_queue_frame(link, frame, header);
}

void link_send(struct link *link, enum message_type type, uint32_t stream, const void *data,
               size_t length)
{
    if (link->stopped)
        return;
    const uint8_t *bytes = data;
    do {
        size_t part = length < FRAME_PAYLOAD_MAX ? length : FRAME_PAYLOAD_MAX;
        struct frame_header header = {.type = (uint8_t)type,
                                      .flags = part < length ? FRAME_MORE : 0,
                                      .stream = stream,
                                      .length = (uint32_t)part};
        struct link_frame *frame = link_frame_new(part);
        if (part)
            memcpy(frame->bytes + FRAME_HEADER_SIZE, bytes, part);
        link_queue_frame(link, frame, header);
        bytes = part ? bytes + part : bytes;
        length -= part;
    } while (length);
}

size_t link_unsent(const struct link *link)
{
    return link->unsent_bytes + link->control.length - link->control_offset;
}

/* --- writing -------------------------------------------------------------------------------- */

static void link_put_control(struct link *link, enum message_type type, const void *data,
                             size_t length)
{
    uint8_t bytes[FRAME_HEADER_SIZE];
    struct frame_header header = {.type = (uint8_t)type,
                                  .length = (uint32_t)length,
                                  .acknowledged = link->received,
                                  .payload_crc = frame_crc(data, length)};
    frame_encode_header(&header, bytes);
    strbuf_add(&link->control, bytes, sizeof(bytes));
    if (length)
        strbuf_add(&link->control, data, length);
    link->unacknowledged_frames = link->unacknowledged_bytes = 0;
}

static void link_put_hello(struct link *link, enum message_type type,
                           const struct link_hello *hello)
{
    uint8_t bytes[LINK_HELLO_SIZE];
    wire_store_u32(bytes, hello->version);
    wire_store_u32(bytes + 4, hello->flags);
    wire_store_u64(bytes + 8, hello->session);
    wire_store_u64(bytes + 16, hello->nonce);
    wire_store_u64(bytes + 24, hello->received);
    wire_store_u64(bytes + 32, hello->log);
    link_put_control(link, type, bytes, sizeof(bytes));
}

/* Forgets what was being written: after a handshake the stream begins anew. */
static void link_restart_output(struct link *link)
{
    strbuf_clear(&link->control);
    link->control_offset = 0;
    link->next = link->head;
    link->offset = 0;
    link->unsent_bytes = 0;
    for (struct link_frame *frame = link->head; frame; frame = frame->next)
        link->unsent_bytes += frame->size;
}

/* Header of a frame that is about to be written: acknowledge what came since it was queued. */
static void link_stamp(struct link *link, struct link_frame *frame)
{
    wire_store_u64(frame->bytes + 24, link->received);
    wire_store_u32(frame->bytes + 36, frame_crc(frame->bytes, 36));
    link->unacknowledged_frames = link->unacknowledged_bytes = 0;
}

static void link_acknowledge_if_due(struct link *link)
{
    if (link->up && !link->next && link->control.length == link->control_offset &&
        (link->unacknowledged_frames >= LINK_ACK_FRAMES ||
         link->unacknowledged_bytes >= LINK_ACK_BYTES))
        link_put_control(link, MESSAGE_ACK, NULL, 0);
}

size_t link_output(struct link *link, const void **ret_data)
{
    if (link->stopped)
        return 0;
    link_acknowledge_if_due(link);
    if (!link->offset && link->control_offset < link->control.length) {
        *ret_data = link->control.data + link->control_offset;
        return link->control.length - link->control_offset;
    }
    if (!link->up || !link->next)
        return 0;
    if (!link->offset)
        link_stamp(link, link->next);
    *ret_data = link->next->bytes + link->offset;
    return link->next->size - link->offset;
}

void link_written(struct link *link, size_t length)
{
    if (!link->offset && link->control_offset < link->control.length) {
        link->control_offset += length;
        if (link->control_offset == link->control.length) {
            strbuf_clear(&link->control);
            link->control_offset = 0;
        }
        return;
    }
    link->offset += length;
    link->unsent_bytes -= length;
    if (link->offset == link->next->size) {
        link->next = link->next->next;
        link->offset = 0;
    }
}

/* --- handshake ------------------------------------------------------------------------------ */

void link_open(struct link *link, bool new_nonce)
{
    if (link->stopped)
        return;
    if (new_nonce && getrandom(&link->nonce, sizeof(link->nonce), 0) < 0)
        abort();
    link->up = false;
    link->scanner.only_type = MESSAGE_WELCOME;
    link->scanner.strict = false;
    link_restart_output(link);
    struct link_hello hello = {.version = PROTOCOL_VERSION,
                               .flags = HELLO_SUMS,
                               .session = link->session,
                               .nonce = link->nonce,
                               .received = link->received,
                               .log = link->log_stored};
    link_put_hello(link, MESSAGE_HELLO, &hello);
    memset(strbuf_reserve(&link->control, FRAME_SIZE_MAX), 0, FRAME_SIZE_MAX);
    link->control.length += FRAME_SIZE_MAX;
}

void link_hang_up(struct link *link)
{
    link->up = false;
}

static void link_resync(struct link *link)
{
    if (link->role == LINK_HOST) {
        if (++link->handshakes > LINK_HANDSHAKES_MAX)
            return link_break(link, "too many damaged frames in a row");
        link_open(link, true);
    } else if (!link->resync_asked) {
        link->resync_asked = true;
        link_put_control(link, MESSAGE_RESYNC, NULL, 0);
    }
}

static void link_take_hello(struct link *link, const struct link_hello *hello)
{
    bool new_session = hello->session != link->session;
    if (new_session) {
        link_drop_all(link);
        strbuf_clear(&link->partial);
        link->session = hello->session;
        link->received = link->sequence = 0;
    }
    link->nonce = hello->nonce;
    link->sums = hello->flags & HELLO_SUMS;
    link->next = NULL; /* nothing is half-written any more */
    link_acknowledged(link, hello->received);
    link_restart_output(link);
    link->resync_asked = false;
    struct link_hello welcome = {.version = PROTOCOL_VERSION,
                                 .flags = HELLO_SUMS | (new_session ? WELCOME_NEW_SESSION : 0),
                                 .session = link->session,
                                 .nonce = link->nonce,
                                 .received = link->received};
    link->callbacks->fill_welcome(link->userdata, &welcome);
    link_put_hello(link, MESSAGE_WELCOME, &welcome);
    link->up = true;
    link->callbacks->on_up(link->userdata, hello, new_session);
}

static void link_take_welcome(struct link *link, const struct link_hello *welcome)
{
    if (welcome->nonce != link->nonce || welcome->session != link->session || link->up)
        return;
    if (welcome->version != PROTOCOL_VERSION)
        return link_break(link, "the guest's agent speaks another version of the protocol");
    uint64_t oldest = link->head ? link->head->sequence : link->sequence + 1;
    if (welcome->received + 1 < oldest || welcome->received > link->sequence ||
        (link->received && (welcome->flags & WELCOME_NEW_SESSION)))
        return link_break(link, "the guest has forgotten the session: it was restarted inside");
    link->next = NULL;
    link_acknowledged(link, welcome->received);
    /* A HELLO that was only half written when its repetition's answer came must end first. */
    link->next = link->head;
    link->sums = welcome->flags & HELLO_SUMS;
    link->scanner.only_type = 0;
    link->scanner.strict = true;
    link->scanner.skipped = link->scanner.damaged = 0;
    link->up = true;
    link->callbacks->on_up(link->userdata, welcome, false);
}

static void link_take_control(struct link *link, const struct frame_header *header,
                              const uint8_t *payload)
{
    if (header->type == MESSAGE_RESYNC && link->role == LINK_HOST && link->up)
        link_resync(link);
    if (header->length != LINK_HELLO_SIZE)
        return;
    struct link_hello hello = {.version = wire_load_u32(payload),
                               .flags = wire_load_u32(payload + 4),
                               .session = wire_load_u64(payload + 8),
                               .nonce = wire_load_u64(payload + 16),
                               .received = wire_load_u64(payload + 24),
                               .log = wire_load_u64(payload + 32)};
    if (header->type == MESSAGE_HELLO && link->role == LINK_GUEST)
        link_take_hello(link, &hello);
    else if (header->type == MESSAGE_WELCOME && link->role == LINK_HOST)
        link_take_welcome(link, &hello);
}

/* --- receiving ------------------------------------------------------------------------------ */

static void link_deliver(struct link *link, const struct frame_header *header, const uint8_t *data,
                         size_t length)
{
    struct message message = {
        .type = header->type, .stream = header->stream, .data = data, .length = length};
    link->handshakes = 0;
    link->callbacks->on_message(link->userdata, &message);
}

/* The next frame in order: whole messages go up, parts are put together. */
static void link_take_frame(struct link *link, const struct frame_header *header,
                            const uint8_t *payload)
{
    size_t limit = link->role == LINK_HOST ? MESSAGE_TO_HOST_MAX : MESSAGE_TO_GUEST_MAX;
    link->received = header->sequence;
    link->unacknowledged_frames++;
    link->unacknowledged_bytes += header->length;
    if (link->partial.length + header->length > limit)
        return link_break(link, "a message is longer than the protocol allows");
    if (!link->partial.length && !(header->flags & FRAME_MORE))
        return link_deliver(link, header, payload, header->length);
    strbuf_add(&link->partial, payload, header->length);
    if (header->flags & FRAME_MORE)
        return;
    _cleanup_strbuf_ struct strbuf whole = link->partial;
    link->partial = (struct strbuf){0};
    link_deliver(link, header, (const uint8_t *)whole.data, whole.length);
}

static void link_take(struct link *link, const struct frame_header *header, const uint8_t *payload)
{
    if (link->up)
        link_acknowledged(link, header->acknowledged);
    if (header->sequence == 0)
        return link_take_control(link, header, payload);
    if (!link->up)
        return;
    if (link->frame_count > LINK_FRAMES_MAX)
        return link_break(link, "the other side acknowledges nothing");
    if (header->sequence == link->received + 1)
        link_take_frame(link, header, payload);
    else if (header->sequence > link->received)
        link_resync(link);
}

void *link_room(struct link *link, size_t *ret_size)
{
    return frame_scanner_room(&link->scanner, ret_size);
}

void link_received(struct link *link, size_t length)
{
    struct frame_scanner *scanner = &link->scanner;
    struct frame_header header;
    const uint8_t *payload;
    frame_scanner_added(scanner, length);
    while (!link->stopped && frame_scanner_next(scanner, &header, &payload))
        link_take(link, &header, payload);
    if (link->up && (link->role == LINK_HOST ? scanner->skipped : scanner->damaged))
        link_resync(link);
    scanner->damaged = 0;
    if (link->role == LINK_GUEST || !link->up)
        scanner->skipped = 0;
}

void link_receive(struct link *link, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    while (length && !link->stopped) {
        size_t size;
        void *room = link_room(link, &size);
        size_t part = length < size ? length : size;
        memcpy(room, bytes, part);
        link_received(link, part);
        bytes += part;
        length -= part;
    }
}
