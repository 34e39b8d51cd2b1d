/* Frames and the reliable link of the agent's protocol, both ends in one process, bytes lost at
 * will. */
#include "runtime/guest/link.h"
#include "runtime/guest/wire.h"

#include "base/alloc.h"
#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t seed = 42;

/* splitmix64: the same bytes in every run. */
static uint64_t next_random(uint64_t limit)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % limit;
}

static void wire_reader_stays_in_bounds(void **state)
{
    struct strbuf buffer = {0};
    struct wire_reader field, reader;
    uint16_t tag;
    (void)state;
    wire_put_text(&buffer, 7, "text");
    wire_put_field_u64(&buffer, 8, 0x1122334455667788u);
    reader = wire_read(buffer.data, buffer.length);
    assert_true(wire_get_field(&reader, &tag, &field));
    _cleanup_free_ char *text = wire_get_text(&field);
    assert_string_equal(text, "text");
    assert_true(wire_get_field(&reader, &tag, &field));
    assert_int_equal(tag, 8);
    assert_true(wire_get_u64(&field) == 0x1122334455667788u);
    assert_int_equal(wire_get_u8(&field), 0);
    assert_true(field.bad);
    assert_false(wire_get_field(&reader, &tag, &field));
    assert_false(reader.bad);
    for (size_t cut = 1; cut < buffer.length; cut++) {
        reader = wire_read(buffer.data, cut);
        while (wire_get_field(&reader, &tag, &field))
            ;
        assert_int_equal(reader.bad, cut != 10); /* 10: exactly behind the first field */
    }
    strbuf_done(&buffer);
}

static void put_frame(struct strbuf *stream, uint8_t type, uint64_t sequence, const char *payload)
{
    uint8_t bytes[FRAME_HEADER_SIZE];
    struct frame_header header = {.type = type,
                                  .length = (uint32_t)strlen(payload),
                                  .sequence = sequence,
                                  .payload_crc = frame_crc(payload, strlen(payload))};
    frame_encode_header(&header, bytes);
    strbuf_add(stream, bytes, sizeof(bytes));
    strbuf_add_str(stream, payload);
}

static size_t feed(struct frame_scanner *scanner, const void *data, size_t length)
{
    size_t size;
    void *room = frame_scanner_room(scanner, &size);
    assert_true(size >= length);
    memcpy(room, data, length);
    frame_scanner_added(scanner, length);
    return length;
}

/* Good frames among garbage, magics and cut-off frames, fed in pieces of every size. */
static void scanner_finds_frames_in_garbage(void **state)
{
    struct strbuf stream = {0};
    (void)state;
    strbuf_add_str(&stream, "garbage VMSA and VMVMSA");
    put_frame(&stream, 20, 1, "first");
    strbuf_add(&stream, "\0\0VMS", 5);
    put_frame(&stream, 20, 2, "");
    struct strbuf cut = {0};
    put_frame(&cut, 20, 9, "a frame of which the end is lost");
    strbuf_add(&stream, cut.data, cut.length - 10);
    put_frame(&stream, 20, 3, "third");
    memset(strbuf_reserve(&stream, 64), 0, 64);
    stream.length += 64;
    for (size_t piece = 1; piece < 90; piece++) {
        struct frame_scanner scanner = {0};
        struct frame_header header;
        const uint8_t *payload;
        uint64_t found = 0;
        for (size_t at = 0; at < stream.length;) {
            size_t part = stream.length - at < piece ? stream.length - at : piece;
            at += feed(&scanner, stream.data + at, part);
            while (frame_scanner_next(&scanner, &header, &payload))
                assert_true(header.sequence == ++found);
        }
        assert_int_equal(found, 3);
        assert_int_equal(scanner.damaged, 1);
        frame_scanner_done(&scanner);
    }
    strbuf_done(&cut);
    strbuf_done(&stream);
}

static void check_flipped_bits(struct strbuf *stream)
{
    for (size_t bit = 0; bit < stream->length * 8; bit++) {
        struct frame_scanner scanner = {0};
        struct frame_header header;
        const uint8_t *payload;
        stream->data[bit / 8] ^= (char)(1 << bit % 8);
        feed(&scanner, stream->data, stream->length);
        assert_false(frame_scanner_next(&scanner, &header, &payload));
        stream->data[bit / 8] ^= (char)(1 << bit % 8);
        frame_scanner_done(&scanner);
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    static const char payload[] = "a payload of some words and three bytes more";
    struct strbuf with_crc = {0}, with_sum = {0};
    uint8_t bytes[FRAME_HEADER_SIZE];
    (void)state;
    put_frame(&with_crc, 20, 1, payload);
    check_flipped_bits(&with_crc);
    struct frame_header header = {.type = 20,
                                  .flags = FRAME_SUM,
                                  .sequence = 1,
                                  .length = (uint32_t)strlen(payload),
                                  .payload_crc = frame_sum(payload, strlen(payload))};
    frame_encode_header(&header, bytes);
    strbuf_add(&with_sum, bytes, sizeof(bytes));
    strbuf_add_str(&with_sum, payload);
    check_flipped_bits(&with_sum);
    strbuf_done(&with_crc);
    strbuf_done(&with_sum);
}

/* What a port does to a frame: its end is missing, and what comes instead is taken for it. */
static void a_sum_notices_what_a_port_loses(void **state)
{
    uint8_t data[4096], cut[4096];
    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 2654435761u >> 11);
    uint32_t sum = frame_sum(data, sizeof(data));
    for (size_t kept = 0; kept < sizeof(data); kept++) {
        memset(cut, 0, sizeof(cut)); /* HELLO's zeros */
        memcpy(cut, data, kept);
        assert_true(frame_sum(cut, sizeof(cut)) != sum || memcmp(cut, data, sizeof(cut)) == 0);
        memcpy(cut + kept, data, sizeof(cut) - kept); /* or the next frame's beginning */
        assert_true(frame_sum(cut, sizeof(cut)) != sum || memcmp(cut, data, sizeof(cut)) == 0);
    }
}

/* --- two links ------------------------------------------------------------------------------ */

struct end {
    struct link link;
    struct strbuf wire; /* written by this end, not yet at the other */
    uint64_t sent, received;
    bool new_session, broken;
};

/* Messages carry their number and a payload that follows from it. */
static size_t message_size(uint64_t number)
{
    return 8 + (number % 97 == 0 ? 50000 : number % 13 == 0 ? 3000 : number % 50);
}

static void send_next(struct end *end)
{
    size_t size = message_size(++end->sent);
    if (end->link.role == LINK_GUEST && size > FRAME_PAYLOAD_MAX)
        size = FRAME_PAYLOAD_MAX;
    uint8_t *data = xmalloc(size);
    memset(data, (int)(end->sent & 0xff), size);
    wire_store_u64(data, end->sent);
    link_send(&end->link, MESSAGE_EXEC_STDIN, (uint32_t)end->sent, data, size);
    free(data);
}

static void on_message(void *userdata, const struct message *message)
{
    struct end *end = userdata;
    size_t size = message_size(++end->received);
    if (end->link.role == LINK_HOST && size > FRAME_PAYLOAD_MAX)
        size = FRAME_PAYLOAD_MAX;
    assert_true(wire_load_u64(message->data) == end->received);
    assert_int_equal(message->stream, end->received);
    assert_int_equal(message->length, size);
    for (size_t i = 8; i < size; i++)
        assert_int_equal(message->data[i], end->received & 0xff);
}

static void on_up(void *userdata, const struct link_hello *hello, bool new_session)
{
    struct end *end = userdata;
    (void)hello;
    if (new_session) {
        end->new_session = true;
        end->sent = end->received = 0;
    }
}

static void fill_welcome(void *userdata, struct link_hello *welcome)
{
    (void)userdata;
    welcome->log = 5;
}

static void on_broken(void *userdata, const char *reason)
{
    (void)reason;
    ((struct end *)userdata)->broken = true;
}

static const struct link_callbacks callbacks = {
    .on_message = on_message, .on_up = on_up, .fill_welcome = fill_welcome, .on_broken = on_broken};

static void write_out(struct end *end, size_t limit)
{
    const void *data;
    size_t length;
    while (limit && (length = link_output(&end->link, &data))) {
        if (length > limit)
            length = limit;
        strbuf_add(&end->wire, data, length);
        link_written(&end->link, length);
        limit -= length;
    }
}

static void carry(struct end *from, struct end *to, size_t limit)
{
    size_t length = from->wire.length < limit ? from->wire.length : limit;
    if (!length)
        return;
    link_receive(&to->link, from->wire.data, length);
    strbuf_drop_front(&from->wire, length);
}

static void lose_tail(struct end *end)
{
    end->wire.length = (size_t)next_random(end->wire.length + 1);
}

static void settle(struct end *host, struct end *guest)
{
    for (int i = 0; i < 10000 && !(host->link.up && guest->link.up && !host->wire.length &&
                                   !guest->wire.length && !link_unsent(&host->link) &&
                                   !link_unsent(&guest->link));
         i++) {
        write_out(host, 100000);
        carry(host, guest, 100000);
        write_out(guest, 100000);
        carry(guest, host, 100000);
    }
}

static void ends_init(struct end *host, struct end *guest)
{
    *host = *guest = (struct end){0};
    link_init(&host->link, LINK_HOST, &callbacks, host);
    link_init(&guest->link, LINK_GUEST, &callbacks, guest);
    link_open(&host->link, true);
    settle(host, guest);
    assert_true(host->link.up && guest->link.up && guest->new_session);
    guest->new_session = false;
}

static void ends_done(struct end *host, struct end *guest)
{
    link_done(&host->link);
    link_done(&guest->link);
    strbuf_done(&host->wire);
    strbuf_done(&guest->wire);
}

/* Connections end at random bytes with traffic both ways: nothing is lost, nothing comes twice. */
static void reconnects_lose_nothing(void **state)
{
    struct end host, guest;
    (void)state;
    ends_init(&host, &guest);
    for (int reconnect = 0; reconnect < 3000; reconnect++) {
        for (uint64_t step = next_random(12); step; step--) {
            for (uint64_t i = next_random(6); i; i--)
                send_next(next_random(2) ? &host : &guest);
            write_out(&host, (size_t)next_random(60000));
            write_out(&guest, (size_t)next_random(60000));
            carry(&host, &guest, (size_t)next_random(60000));
            carry(&guest, &host, (size_t)next_random(60000));
        }
        /* What was on the way is lost from some byte on; the guest notices nothing and writes on.
         */
        lose_tail(&host);
        lose_tail(&guest);
        carry(&host, &guest, SIZE_MAX);
        link_hang_up(&host.link);
        write_out(&guest, (size_t)next_random(3000));
        guest.wire.length = 0;
        link_open(&host.link, true);
        if (next_random(4) == 0)
            settle(&host, &guest);
    }
    settle(&host, &guest);
    assert_int_equal(host.received, guest.sent);
    assert_int_equal(guest.received, host.sent);
    assert_true(host.sent > 3000 && guest.sent > 3000);
    assert_false(host.broken || guest.broken || guest.new_session);
    ends_done(&host, &guest);
}

/* A hole in the middle of a standing connection: noticed by what follows it. */
static void holes_are_mended(void **state)
{
    struct end host, guest;
    (void)state;
    ends_init(&host, &guest);
    for (int round = 0; round < 500; round++) {
        struct end *from = next_random(2) ? &host : &guest;
        struct end *to = from == &host ? &guest : &host;
        for (uint64_t i = 1 + next_random(5); i; i--)
            send_next(from);
        write_out(from, SIZE_MAX);
        carry(from, to, (size_t)next_random(from->wire.length + 1));
        if (from->wire.length)
            strbuf_drop_front(&from->wire, 1 + (size_t)next_random(from->wire.length));
        settle(&host, &guest);
        /* Whole frames up to the last may be what is missing: the next ones show it. */
        send_next(from);
        for (size_t cover = 0; cover < FRAME_SIZE_MAX; cover += 1000)
            send_next(from);
        settle(&host, &guest);
    }
    for (int i = 0; i < 40000 && (host.received < guest.sent || guest.received < host.sent); i++) {
        send_next(&host);
        send_next(&guest);
        settle(&host, &guest);
    }
    assert_int_equal(host.received, guest.sent);
    assert_int_equal(guest.received, host.sent);
    assert_false(host.broken || guest.broken || guest.new_session);
    ends_done(&host, &guest);
}

static void new_session_starts_at_one(void **state)
{
    struct end host, guest, second = {0};
    (void)state;
    ends_init(&host, &guest);
    for (int i = 0; i < 100; i++) {
        send_next(&host);
        send_next(&guest);
    }
    write_out(&host, 5000); /* it dies in the middle of a frame */
    carry(&host, &guest, 5000);
    link_init(&second.link, LINK_HOST, &callbacks, &second);
    link_open(&second.link, true);
    settle(&second, &guest);
    assert_true(guest.new_session && second.link.up);
    send_next(&guest);
    send_next(&second);
    settle(&second, &guest);
    assert_int_equal(guest.received, 1);
    assert_int_equal(second.received, 1);
    strbuf_done(&second.wire);
    link_done(&second.link);
    ends_done(&host, &guest);
}

/* Both sides' memory of what they sent is let go without any of them asking. */
static void acknowledged_frames_are_freed(void **state)
{
    struct end host, guest;
    (void)state;
    ends_init(&host, &guest);
    for (int i = 0; i < 5000; i++) {
        send_next(&guest);
        settle(&host, &guest);
    }
    assert_true(guest.link.frame_count <= LINK_ACK_FRAMES);
    ends_done(&host, &guest);
}

static void a_guest_that_acknowledges_nothing_is_left(void **state)
{
    struct end host, guest;
    (void)state;
    ends_init(&host, &guest);
    for (int i = 0; i < 20000 && !host.broken; i++) {
        link_send(&host.link, MESSAGE_LOG_ACK, 0, "12345678", 8);
        write_out(&host, SIZE_MAX);
        host.wire.length = 0;
        if (i % 100 == 0) {
            send_next(&guest);
            write_out(&guest, SIZE_MAX);
            carry(&guest, &host, SIZE_MAX);
        }
    }
    assert_true(host.broken);
    ends_done(&host, &guest);
}

/* A guest that has lost its memory (a reset inside the VM) is no resumed session. */
static void a_restarted_guest_is_noticed(void **state)
{
    struct end host, guest, fresh = {0};
    (void)state;
    ends_init(&host, &guest);
    send_next(&guest);
    settle(&host, &guest);
    link_init(&fresh.link, LINK_GUEST, &callbacks, &fresh);
    link_open(&host.link, true);
    settle(&host, &fresh);
    assert_true(host.broken);
    strbuf_done(&fresh.wire);
    link_done(&fresh.link);
    ends_done(&host, &guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire_reader_stays_in_bounds),
        cmocka_unit_test(scanner_finds_frames_in_garbage),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(a_sum_notices_what_a_port_loses),
        cmocka_unit_test(reconnects_lose_nothing),
        cmocka_unit_test(holes_are_mended),
        cmocka_unit_test(new_session_starts_at_one),
        cmocka_unit_test(acknowledged_frames_are_freed),
        cmocka_unit_test(a_guest_that_acknowledges_nothing_is_left),
        cmocka_unit_test(a_restarted_guest_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
