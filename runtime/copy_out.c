/* Copies out of a guest on the host: runtime.h's functions on struct copy_out. The agent walks the
 * tree (guest/sender.h) and sends entries; they become a tar archive here. A guest may say what it
 * likes: names that would lead out of where the archive is unpacked end the copy. */
#include "runtime/channel.h"

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/archive_name.h"
#include "runtime/guest/wire.h"
#include "runtime/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sys/stat.h>

/* What is missing of a file when a copy is given up is filled up by libarchive, however much the
 * guest had announced, and up to this it is let: cut short, it forgets to free its output filter
 * (3.6.2). */
#define FILL_MAX (256u << 20)

struct copy_out {
    struct stream stream; /* first */
    struct copy_out_callbacks callbacks;
    void *userdata;
    char *prefix; /* what entries are named below; "." for contents */
    char *base;   /* the path's last component */
    bool only_stat, stat_known, given_up;
    struct archive *archive;
    struct strbuf output; /* of the archive, not handed over yet */
    uint64_t left;        /* data that the current entry still takes */
    size_t unread;        /* bytes of the archive that the reader has not given back */
    size_t owed;          /* bytes of the guest that it gets credit for when the reader has read */
};

struct entry {
    char *name, *link, *hard_link;
    uint32_t mode, uid, gid;
    uint64_t size, device;
    int64_t mtime_ns;
    struct archive_entry *made;
};

/* --- life ----------------------------------------------------------------------------------- */

/* libarchive fills up the file that is not complete: into nothing. */
static void copy_out_free(struct copy_out *copy)
{
    copy->given_up = true;
    archive_write_free(copy->archive);
    strbuf_done(&copy->output);
    free(copy->prefix);
    free(copy->base);
    free(copy);
}

/* Of a stream that is closed. */
static void copy_out_end(struct copy_out *copy, const struct error *err)
{
    struct copy_out_callbacks callbacks = copy->callbacks;
    void *userdata = copy->userdata;
    copy_out_free(copy);
    callbacks.on_end(userdata, err);
}

static void copy_out_fail(struct stream *stream, const struct error *err)
{
    copy_out_end((struct copy_out *)stream, err);
}

/* Ours, not the guest's fault alone: err says what is wrong. */
static void copy_out_abort(struct copy_out *copy, const struct error *err)
{
    stream_abandon(&copy->stream);
    copy_out_end(copy, err);
}

/* --- the archive ---------------------------------------------------------------------------- */

static la_ssize_t on_archive_bytes(struct archive *archive, void *userdata, const void *data,
                                   size_t length)
{
    struct copy_out *copy = userdata;
    (void)archive;
    if (copy->given_up)
        return copy->left > FILL_MAX ? -1 : (la_ssize_t)length;
    strbuf_add(&copy->output, data, length);
    return (la_ssize_t)length;
}

static void open_archive(struct copy_out *copy)
{
    copy->archive = archive_write_new();
    archive_write_set_format_pax_restricted(copy->archive);
    archive_write_set_bytes_per_block(copy->archive, 0); /* nothing is held back */
    archive_write_open(copy->archive, copy, NULL, on_archive_bytes, NULL);
}

/* Last statement of its callers: the reader may abandon the copy. */
static void hand_over(struct copy_out *copy)
{
    if (!copy->output.length)
        return;
    struct strbuf output = copy->output;
    copy->output = (struct strbuf){0};
    copy->unread += output.length;
    copy->callbacks.on_data(copy->userdata, output.data, output.length);
    strbuf_done(&output);
}

static void give_credit(struct copy_out *copy)
{
    if (copy->unread > COPY_WINDOW / 2)
        return;
    size_t owed = copy->owed;
    copy->owed = 0;
    stream_give_back(&copy->stream, owed);
}

/* --- entries -------------------------------------------------------------------------------- */

static void entry_done(struct entry *entry)
{
    free(entry->name);
    free(entry->link);
    free(entry->hard_link);
    archive_entry_free(entry->made);
}

static void set_text(char **member, struct wire_reader *field)
{
    free(*member);
    *member = wire_get_text(field);
}

static void add_xattr(struct entry *entry, const struct wire_reader *field)
{
    const uint8_t *end = field->left ? memchr(field->data, 0, field->left) : NULL;
    if (end)
        archive_entry_xattr_add_entry(entry->made, (const char *)field->data, end + 1,
                                      field->left - (size_t)(end + 1 - field->data));
}

static void take_field(struct entry *entry, uint16_t tag, struct wire_reader *field)
{
    switch ((enum entry_tag)tag) {
    case ENTRY_NAME:
        set_text(&entry->name, field);
        break;
    case ENTRY_MODE:
        entry->mode = wire_get_u32(field) & (S_IFMT | 07777);
        break;
    case ENTRY_SIZE:
        entry->size = wire_get_u64(field) & INT64_MAX;
        break;
    case ENTRY_UID:
        entry->uid = wire_get_u32(field);
        break;
    case ENTRY_GID:
        entry->gid = wire_get_u32(field);
        break;
    case ENTRY_MTIME_NS:
        entry->mtime_ns = (int64_t)wire_get_u64(field);
        break;
    case ENTRY_LINK:
        set_text(&entry->link, field);
        break;
    case ENTRY_HARD_LINK:
        set_text(&entry->hard_link, field);
        break;
    case ENTRY_DEVICE:
        entry->device = wire_get_u64(field);
        break;
    case ENTRY_XATTR:
        add_xattr(entry, field);
        break;
    }
}

static void read_entry(struct entry *entry, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length), field;
    uint16_t tag;
    *entry = (struct entry){.made = archive_entry_new()};
    while (wire_get_field(&reader, &tag, &field))
        take_field(entry, tag, &field);
}

/* The name in the archive; the caller's. */
static int full_name(const struct copy_out *copy, const char *name, char **ret_name,
                     struct error *err)
{
    _cleanup_free_ char *clean = NULL;
    int r = archive_name_clean(name ? name : "", &clean, err);
    if (r == 0)
        *ret_name =
            streq(clean, ".") ? xstrdup(copy->prefix) : xasprintf("%s/%s", copy->prefix, clean);
    return r;
}

static int fill_entry(const struct copy_out *copy, struct entry *entry, struct error *err)
{
    _cleanup_free_ char *name = NULL, *hard_link = NULL;
    int r = full_name(copy, entry->name, &name, err);
    if (r == 0 && entry->hard_link)
        r = full_name(copy, entry->hard_link, &hard_link, err);
    if (r < 0)
        return r;
    struct archive_entry *made = entry->made;
    mode_t type = entry->mode & S_IFMT;
    archive_entry_set_pathname(made, name);
    archive_entry_set_mode(made, entry->mode);
    archive_entry_set_uid(made, entry->uid);
    archive_entry_set_gid(made, entry->gid);
    archive_entry_set_mtime(made, (time_t)(entry->mtime_ns / 1000000000),
                            (long)(entry->mtime_ns % 1000000000));
    archive_entry_set_size(made, type == S_IFREG && !hard_link ? (la_int64_t)entry->size : 0);
    if (hard_link)
        archive_entry_set_hardlink(made, hard_link);
    else if (type == S_IFLNK)
        archive_entry_set_symlink(made, entry->link ? entry->link : "");
    if (type == S_IFCHR || type == S_IFBLK) {
        archive_entry_set_rdevmajor(made, (dev_t)(uint32_t)entry->device);
        archive_entry_set_rdevminor(made, (dev_t)(entry->device >> 32));
    }
    return 0;
}

/* The size counts from before libarchive knows the entry: see FILL_MAX. */
static int write_entry(struct copy_out *copy, struct entry *entry, struct error *err)
{
    if (copy->left || !copy->stat_known)
        return error_set(err, EPROTO, "the guest broke off within a file");
    int r = fill_entry(copy, entry, err);
    if (r < 0)
        return r;
    copy->left = (uint64_t)archive_entry_size(entry->made);
    if (archive_write_header(copy->archive, entry->made) < ARCHIVE_WARN)
        return error_set(err, EIO, "cannot put \"%s\" into an archive: %s", entry->name,
                         archive_error_string(copy->archive));
    return 0;
}

static void take_entry(struct copy_out *copy, const struct message *message)
{
    struct entry entry;
    _cleanup_error_ struct error err = {0};
    read_entry(&entry, message);
    int r = write_entry(copy, &entry, &err);
    entry_done(&entry);
    if (r < 0)
        return copy_out_abort(copy, &err);
    copy->owed += message->length;
    hand_over(copy);
}

static void take_data(struct copy_out *copy, const struct message *message)
{
    _cleanup_error_ struct error err = {0};
    int r = 0;
    if (message->length > copy->left)
        r = error_set(&err, EPROTO, "the guest sent more of a file than it had announced");
    else if (archive_write_data(copy->archive, message->data, message->length) < 0)
        r = error_set(&err, EIO, "cannot write an archive: %s",
                      archive_error_string(copy->archive));
    if (r < 0)
        return copy_out_abort(copy, &err);
    copy->left -= message->length;
    copy->owed += message->length;
    hand_over(copy);
}

/* --- messages ------------------------------------------------------------------------------- */

static void take_stat(struct copy_out *copy, const struct message *message)
{
    struct entry entry;
    if (copy->stat_known)
        return;
    read_entry(&entry, message);
    copy->stat_known = true;
    struct copy_stat stat = {.name = copy->base,
                             .size = entry.size,
                             .mode = entry.mode,
                             .mtime_ns = entry.mtime_ns,
                             .link_target = entry.link ? entry.link : ""};
    struct copy_out_callbacks callbacks = copy->callbacks;
    _cleanup_free_ char *base = xstrdup(copy->base); /* the callback may abandon the copy */
    stat.name = base;
    callbacks.on_stat(copy->userdata, &stat);
    entry_done(&entry);
}

/* The archive's end comes before ours: on_data may abandon, and on_end ends all the same. */
static void take_end(struct copy_out *copy, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length);
    _cleanup_error_ struct error err = {0};
    uint32_t code = wire_get_u32(&reader);
    _cleanup_free_ char *text = wire_get_text(&reader);
    stream_close(&copy->stream);
    if (code)
        error_set(&err, code < 4096 ? (int)code : EIO, "%s", text && *text ? text : "it failed");
    else if (copy->left)
        error_set(&err, EPROTO, "the guest broke off within a file");
    else if (!copy->only_stat && archive_write_close(copy->archive) < ARCHIVE_WARN)
        error_set(&err, EIO, "cannot end an archive: %s", archive_error_string(copy->archive));
    if (!err.code && copy->output.length)
        copy->callbacks.on_data(copy->userdata, copy->output.data, copy->output.length);
    copy_out_end(copy, err.code ? &err : NULL);
}

static void copy_out_take(struct stream *stream, const struct message *message)
{
    struct copy_out *copy = (struct copy_out *)stream;
    bool counted = message->type == MESSAGE_COPY_ENTRY || message->type == MESSAGE_COPY_DATA;
    if (counted && !stream_count_received(stream, message->length))
        return stream_break(stream, "a copy has more than it has credit for");
    if (message->type == MESSAGE_COPY_STAT)
        take_stat(copy, message);
    else if (message->type == MESSAGE_COPY_ENTRY)
        take_entry(copy, message);
    else if (message->type == MESSAGE_COPY_DATA)
        take_data(copy, message);
    else if (message->type == MESSAGE_COPY_DONE)
        take_end(copy, message);
}

/* --- start ---------------------------------------------------------------------------------- */

/* "/a/b/" and "/a/b/." are b; "/" is "/". */
static char *last_component(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && (path[end - 1] == '/' || (path[end - 1] == '.' && path[end - 2] == '/')))
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return end > start ? xstrndup(path + start, end - start) : xstrdup("/");
}

int channel_copy_out_start(struct channel *channel, const struct copy_out_options *options,
                           const struct copy_out_callbacks *callbacks, void *userdata,
                           struct copy_out **ret_copy, struct error *err)
{
    static const struct stream_type type = {.take = copy_out_take, .fail = copy_out_fail};
    _cleanup_strbuf_ struct strbuf request = {0};
    _cleanup_free_ char *path =
        xasprintf("%s%s", options->path[0] == '/' ? "" : "/", options->path);
    wire_put_text(&request, COPY_PATH, path);
    if (options->follow)
        wire_put_field(&request, COPY_FOLLOW, NULL, 0);
    if (options->only_stat)
        wire_put_field(&request, COPY_ONLY_STAT, NULL, 0);
    struct copy_out *copy = new0(struct copy_out);
    copy->callbacks = *callbacks;
    copy->userdata = userdata;
    copy->only_stat = options->only_stat;
    copy->base = last_component(path);
    bool contents = options->contents || streq(copy->base, "/") || streq(copy->base, "..");
    copy->prefix = xstrdup(contents ? "." : copy->base);
    open_archive(copy);
    int r =
        channel_open_stream(channel, &copy->stream, &type, MESSAGE_COPY_OUT_START, &request, err);
    if (r < 0) {
        copy_out_free(copy);
        return r;
    }
    copy->stream.limit = COPY_WINDOW;
    *ret_copy = copy;
    return 0;
}

void runtime_copy_out_consumed(struct copy_out *copy, size_t length)
{
    copy->unread -= length < copy->unread ? length : copy->unread;
    give_credit(copy);
}

void runtime_copy_out_abandon(struct copy_out *copy)
{
    stream_abandon(&copy->stream);
    copy_out_free(copy);
}
