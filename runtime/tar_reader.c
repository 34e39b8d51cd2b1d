/* See tar_reader.h. Everything that both threads touch is under the lock. */
#include "runtime/tar_reader.h"

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/archive_name.h"
#include "runtime/guest/wire.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sys/stat.h>

/* Bytes of messages that wait before the thread does. */
#define OUTPUT_HIGH (512u << 10)

struct queued {
    struct queued *next;
    struct tar_message *message;
};

struct tar_reader {
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t changed; /* for the thread */
    uv_async_t *async; /* for the loop; frees itself */
    void (*on_change)(void *userdata);
    void *userdata;
    struct strbuf input;  /* not yet seen by the thread */
    struct strbuf parsed; /* the thread's own: what libarchive reads from */
    bool finished, cancelled, ended;
    struct queued *first, **last;
    size_t output_bytes;
    struct error err;
};

/* --- the thread ----------------------------------------------------------------------------- */

/* False: nobody wants the rest. */
static bool push(struct tar_reader *reader, enum message_type type, const void *data, size_t length)
{
    struct queued *queued = new0(struct queued);
    queued->message = xmalloc(sizeof(*queued->message) + length);
    *queued->message = (struct tar_message){.type = type, .length = length};
    memcpy(queued->message->data, data, length);
    uv_mutex_lock(&reader->lock);
    while (reader->output_bytes > OUTPUT_HIGH && !reader->cancelled)
        uv_cond_wait(&reader->changed, &reader->lock);
    *reader->last = queued;
    reader->last = &queued->next;
    reader->output_bytes += length;
    bool wanted = !reader->cancelled;
    uv_async_send(reader->async);
    uv_mutex_unlock(&reader->lock);
    return wanted;
}

static la_ssize_t on_input_wanted(struct archive *archive, void *userdata, const void **ret_data)
{
    struct tar_reader *reader = userdata;
    (void)archive;
    uv_mutex_lock(&reader->lock);
    while (!reader->input.length && !reader->finished && !reader->cancelled)
        uv_cond_wait(&reader->changed, &reader->lock);
    struct strbuf empty = reader->parsed;
    reader->parsed = reader->input;
    reader->input = empty;
    strbuf_clear(&reader->input);
    size_t length = reader->cancelled ? 0 : reader->parsed.length;
    uv_async_send(reader->async); /* there is room */
    uv_mutex_unlock(&reader->lock);
    *ret_data = reader->parsed.data;
    return (la_ssize_t)length;
}

static void put_xattrs(struct strbuf *message, struct archive_entry *entry)
{
    const char *name;
    const void *value;
    size_t size;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        _cleanup_strbuf_ struct strbuf field = {0};
        if (message->length + strlen(name) + size + 16 > ENTRY_MAX)
            continue;
        strbuf_add(&field, name, strlen(name) + 1);
        strbuf_add(&field, value, size);
        wire_put_field(message, ENTRY_XATTR, field.data, field.length);
    }
}

static int put_link(struct strbuf *message, struct archive_entry *entry, struct error *err)
{
    const char *symlink = archive_entry_symlink(entry), *link = archive_entry_hardlink(entry);
    _cleanup_free_ char *clean = NULL;
    if (!link) {
        if (symlink)
            wire_put_text(message, ENTRY_LINK, symlink);
        return 0;
    }
    int r = archive_name_clean(link, &clean, err);
    if (r == 0)
        wire_put_text(message, ENTRY_HARD_LINK, clean);
    return r;
}

static int put_entry(struct strbuf *message, struct archive_entry *entry, const char *name,
                     struct error *err)
{
    mode_t type = archive_entry_filetype(entry);
    bool hard_link = archive_entry_hardlink(entry) != NULL;
    if (hard_link && !type)
        type = S_IFREG;
    wire_put_text(message, ENTRY_NAME, name);
    wire_put_field_u32(message, ENTRY_MODE, (uint32_t)(type | (archive_entry_perm(entry) & 07777)));
    wire_put_field_u32(message, ENTRY_UID, (uint32_t)archive_entry_uid(entry));
    wire_put_field_u32(message, ENTRY_GID, (uint32_t)archive_entry_gid(entry));
    wire_put_field_u64(message, ENTRY_MTIME_NS,
                       (uint64_t)archive_entry_mtime(entry) * 1000000000u +
                           (uint64_t)archive_entry_mtime_nsec(entry));
    if (type == S_IFREG && !hard_link)
        wire_put_field_u64(message, ENTRY_SIZE, (uint64_t)archive_entry_size(entry));
    if (type == S_IFCHR || type == S_IFBLK)
        wire_put_field_u64(message, ENTRY_DEVICE,
                           (uint64_t)(uint32_t)archive_entry_rdevmajor(entry) |
                               (uint64_t)archive_entry_rdevminor(entry) << 32);
    int r = put_link(message, entry, err);
    put_xattrs(message, entry);
    return r == 0 && message->length > ENTRY_MAX
               ? error_set(err, ENAMETOOLONG, "the archive's entry \"%.200s\" has too long a name",
                           name)
               : r;
}

static bool push_data(struct tar_reader *reader, const char *data, size_t length)
{
    while (length) {
        size_t part = length < FRAME_PAYLOAD_MAX ? length : FRAME_PAYLOAD_MAX;
        if (!push(reader, MESSAGE_COPY_DATA, data, part))
            return false;
        data += part;
        length -= part;
    }
    return true;
}

static bool push_zeros(struct tar_reader *reader, int64_t length)
{
    static const char zeros[FRAME_PAYLOAD_MAX];
    for (; length > 0; length -= (int64_t)sizeof(zeros)) {
        size_t part = length < (int64_t)sizeof(zeros) ? (size_t)length : sizeof(zeros);
        if (!push(reader, MESSAGE_COPY_DATA, zeros, part))
            return false;
    }
    return true;
}

static int archive_failure(struct archive *archive, struct error *err)
{
    const char *text = archive_error_string(archive);
    return error_set(err, EINVAL, "what came is no archive that can be read: %s",
                     text ? text : "it is damaged");
}

/* The entry's data, holes filled in: as much as its size says. */
static int read_data(struct tar_reader *reader, struct archive *archive, int64_t size,
                     struct error *err)
{
    const void *block;
    size_t length;
    la_int64_t offset;
    int64_t done = 0;
    int r;
    while ((r = archive_read_data_block(archive, &block, &length, &offset)) == ARCHIVE_OK) {
        if (offset < done || offset > size || (int64_t)length > size - offset)
            return error_set(err, EINVAL, "the archive contradicts itself");
        if (!push_zeros(reader, offset - done) || !push_data(reader, block, length))
            return -ECANCELED;
        done = offset + (int64_t)length;
    }
    if (r != ARCHIVE_EOF)
        return archive_failure(archive, err);
    return push_zeros(reader, size - done) ? 0 : -ECANCELED;
}

static int read_entry(struct tar_reader *reader, struct archive *archive,
                      struct archive_entry *entry, struct error *err)
{
    const char *path = archive_entry_pathname(entry);
    _cleanup_free_ char *name = NULL;
    _cleanup_strbuf_ struct strbuf message = {0};
    int r = archive_name_clean(path ? path : "", &name, err);
    if (r < 0 || streq(name, ".")) /* the folder itself stays as it is */
        return r;
    r = put_entry(&message, entry, name, err);
    if (r < 0)
        return r;
    if (!push(reader, MESSAGE_COPY_ENTRY, message.data, message.length))
        return -ECANCELED;
    bool has_data = archive_entry_filetype(entry) == S_IFREG && !archive_entry_hardlink(entry);
    return has_data ? read_data(reader, archive, archive_entry_size(entry), err) : 0;
}

static int read_archive(struct tar_reader *reader, struct archive *archive, struct error *err)
{
    struct archive_entry *entry;
    int result = 0, r = ARCHIVE_OK;
    while (result == 0 && (r = archive_read_next_header(archive, &entry)) >= ARCHIVE_WARN &&
           r != ARCHIVE_EOF)
        result = read_entry(reader, archive, entry, err);
    return result == 0 && r != ARCHIVE_EOF ? archive_failure(archive, err) : result;
}

static void run(void *argument)
{
    struct tar_reader *reader = argument;
    struct error err = {0};
    struct archive *archive = archive_read_new();
    archive_read_support_format_tar(archive);
    archive_read_support_format_empty(archive);
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
    if (archive_read_open(archive, reader, NULL, on_input_wanted, NULL) < ARCHIVE_WARN)
        archive_failure(archive, &err);
    else
        read_archive(reader, archive, &err);
    archive_read_free(archive);
    uv_mutex_lock(&reader->lock);
    error_move(&reader->err, &err);
    reader->ended = true;
    uv_async_send(reader->async);
    uv_mutex_unlock(&reader->lock);
}

/* --- the loop ------------------------------------------------------------------------------- */

static void on_async(uv_async_t *async)
{
    struct tar_reader *reader = async->data;
    if (reader)
        reader->on_change(reader->userdata);
}

static void on_async_closed(uv_handle_t *handle)
{
    free(handle);
}

int tar_reader_new(uv_loop_t *loop, void (*on_change)(void *userdata), void *userdata,
                   struct tar_reader **ret_reader, struct error *err)
{
    struct tar_reader *reader = new0(struct tar_reader);
    reader->on_change = on_change;
    reader->userdata = userdata;
    reader->last = &reader->first;
    reader->async = new0(uv_async_t);
    reader->async->data = reader;
    uv_async_init(loop, reader->async, on_async);
    uv_mutex_init(&reader->lock);
    uv_cond_init(&reader->changed);
    int r = uv_thread_create(&reader->thread, run, reader);
    if (r == 0) {
        *ret_reader = reader;
        return 0;
    }
    uv_close((uv_handle_t *)reader->async, on_async_closed);
    uv_mutex_destroy(&reader->lock);
    uv_cond_destroy(&reader->changed);
    free(reader);
    return error_set(err, -r, "cannot start a thread: %s", uv_strerror(r));
}

void tar_reader_free(struct tar_reader *reader)
{
    if (!reader)
        return;
    uv_mutex_lock(&reader->lock);
    reader->cancelled = true;
    uv_cond_signal(&reader->changed);
    uv_mutex_unlock(&reader->lock);
    uv_thread_join(&reader->thread);
    reader->async->data = NULL;
    uv_close((uv_handle_t *)reader->async, on_async_closed);
    while (reader->first) {
        struct queued *queued = reader->first;
        reader->first = queued->next;
        free(queued->message);
        free(queued);
    }
    uv_mutex_destroy(&reader->lock);
    uv_cond_destroy(&reader->changed);
    strbuf_done(&reader->input);
    strbuf_done(&reader->parsed);
    error_done(&reader->err);
    free(reader);
}

size_t tar_reader_room(struct tar_reader *reader)
{
    uv_mutex_lock(&reader->lock);
    size_t used = reader->input.length;
    bool open = !reader->finished && !reader->ended;
    uv_mutex_unlock(&reader->lock);
    return open && used < TAR_READER_INPUT ? TAR_READER_INPUT - used : 0;
}

void tar_reader_write(struct tar_reader *reader, const void *data, size_t length)
{
    uv_mutex_lock(&reader->lock);
    strbuf_add(&reader->input, data, length);
    uv_cond_signal(&reader->changed);
    uv_mutex_unlock(&reader->lock);
}

void tar_reader_finish(struct tar_reader *reader)
{
    uv_mutex_lock(&reader->lock);
    reader->finished = true;
    uv_cond_signal(&reader->changed);
    uv_mutex_unlock(&reader->lock);
}

struct tar_message *tar_reader_take(struct tar_reader *reader, size_t limit)
{
    struct tar_message *message = NULL;
    uv_mutex_lock(&reader->lock);
    struct queued *queued = reader->first;
    if (queued && queued->message->length <= limit) {
        message = queued->message;
        reader->first = queued->next;
        if (!reader->first)
            reader->last = &reader->first;
        reader->output_bytes -= message->length;
        free(queued);
        uv_cond_signal(&reader->changed);
    }
    uv_mutex_unlock(&reader->lock);
    return message;
}

bool tar_reader_ended(struct tar_reader *reader, struct error *err)
{
    uv_mutex_lock(&reader->lock);
    bool ended = reader->ended && !reader->first;
    if (ended)
        error_copy(err, &reader->err);
    uv_mutex_unlock(&reader->lock);
    return ended;
}
