/* Tar -> entries; see tar.h. */
#include "cmd/tar.h"

#include "base/alloc.h"

#include <errno.h>

/* Names and pax records longer than this are nobody's. */
#define TEXT_LIMIT 1048576

enum tar_phase {
    TAR_HEADER,
    TAR_TEXT,    /* of a pax or GNU header: kept */
    TAR_CONTENT, /* of a file: handed on */
    TAR_PADDING,
    TAR_END, /* behind two blocks of zeros: the rest does not count */
};

struct tar_reader {
    struct tar_handlers handlers;
    void *userdata;
    enum tar_phase phase;
    char header[TAR_BLOCK];
    size_t header_length;
    uint64_t left, padding; /* of the content; behind it */
    char text_type;         /* 'x', 'L', 'K'; else what is kept is dropped */
    struct strbuf text;
    bool zero_block, in_entry;
    /* From pax and GNU headers, for the next entry. */
    char *name, *link;
    bool has_size, has_uid, has_gid;
    uint64_t size, uid, gid;
};

struct tar_reader *tar_reader_new(const struct tar_handlers *handlers, void *userdata)
{
    struct tar_reader *reader = new0(struct tar_reader);
    reader->handlers = *handlers;
    reader->userdata = userdata;
    return reader;
}

void tar_reader_free(struct tar_reader *reader)
{
    if (!reader)
        return;
    strbuf_done(&reader->text);
    free(reader->name);
    free(reader->link);
    free(reader);
}

/* Octal text, or GNU's binary with the first bit set. false: neither. */
static bool read_number(const char *field, size_t length, uint64_t *ret_value)
{
    uint64_t value = 0;
    if ((unsigned char)field[0] & 0x80) {
        for (size_t i = 1; i < length; i++) {
            if (value >> 55)
                return false;
            value = value << 8 | (unsigned char)field[i];
        }
        *ret_value = value;
        return true;
    }
    size_t i = 0;
    while (i < length && field[i] == ' ')
        i++;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (uint64_t)(field[i] - '0');
    *ret_value = value;
    return i == length || field[i] == '\0' || field[i] == ' ';
}

static bool checksum_fits(const char *header)
{
    uint64_t expected = 0, sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)header[i];
    return read_number(header + 148, 8, &expected) && sum == expected;
}

static bool is_zero(const char *header)
{
    for (size_t i = 0; i < TAR_BLOCK; i++)
        if (header[i])
            return false;
    return true;
}

static char *field_text(const char *field, size_t length)
{
    return xstrndup(field, strnlen(field, length));
}

/* ustar keeps the front of a long name apart. */
static char *header_name(const char *header)
{
    _cleanup_free_ char *name = field_text(header, 100);
    if (memcmp(header + 257, "ustar", 6) != 0 || !header[345])
        return TAKE_PTR(name);
    _cleanup_free_ char *prefix = field_text(header + 345, 155);
    return xasprintf("%s/%s", prefix, name);
}

static int begin_text(struct tar_reader *reader, char type, uint64_t size, struct error *err)
{
    if (size > TEXT_LIMIT)
        return error_set(err, EBADMSG, "the archive has a header of %llu bytes",
                         (unsigned long long)size);
    reader->text_type = type;
    strbuf_clear(&reader->text);
    reader->left = size;
    reader->padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
    reader->phase = TAR_TEXT;
    return 0;
}

static int begin_entry(struct tar_reader *reader, struct tar_entry *entry, struct error *err)
{
    int r = reader->handlers.on_entry(reader->userdata, entry, err);
    free(reader->name);
    free(reader->link);
    reader->name = reader->link = NULL;
    reader->has_size = reader->has_uid = reader->has_gid = false;
    reader->in_entry = true;
    reader->left = entry->size;
    reader->padding = (TAR_BLOCK - entry->size % TAR_BLOCK) % TAR_BLOCK;
    reader->phase = TAR_CONTENT;
    return r;
}

static int take_header(struct tar_reader *reader, struct error *err)
{
    const char *header = reader->header;
    uint64_t mode, uid, gid, size, mtime;
    if (is_zero(header)) {
        reader->phase = reader->zero_block ? TAR_END : TAR_HEADER;
        reader->zero_block = true;
        return 0;
    }
    reader->zero_block = false;
    if (!checksum_fits(header) || !read_number(header + 100, 8, &mode) ||
        !read_number(header + 108, 8, &uid) || !read_number(header + 116, 8, &gid) ||
        !read_number(header + 124, 12, &size) || !read_number(header + 136, 12, &mtime))
        return error_set(err, EBADMSG, "this is no tar archive, or a damaged one");
    char type = header[156] ? header[156] : TAR_FILE;
    if (strchr("xgLK", type))
        return begin_text(reader, type, size, err);
    bool has_content = strchr("123456", type) == NULL;
    _cleanup_(tar_entry_done) struct tar_entry entry = {
        .name = reader->name ? xstrdup(reader->name) : header_name(header),
        .link = reader->link ? xstrdup(reader->link) : field_text(header + 157, 100),
        .type = type,
        .mode = (mode_t)(mode & 07777),
        .uid = reader->has_uid ? reader->uid : uid,
        .gid = reader->has_gid ? reader->gid : gid,
        .size = !has_content       ? 0
                : reader->has_size ? reader->size
                                   : size,
        .mtime_s = (int64_t)mtime};
    if (entry.size > INT64_MAX)
        return error_set(err, EBADMSG, "the archive has an entry of impossible size: %s",
                         entry.name);
    return begin_entry(reader, &entry, err);
}

static void replace(char **text, const char *value)
{
    free(*text);
    *text = xstrdup(value);
}

static void take_record(struct tar_reader *reader, const char *key, const char *value)
{
    if (streq(key, "path"))
        replace(&reader->name, value);
    else if (streq(key, "linkpath"))
        replace(&reader->link, value);
    else if (streq(key, "size"))
        reader->has_size = str_to_u64(value, &reader->size) == 0;
    else if (streq(key, "uid"))
        reader->has_uid = str_to_u64(value, &reader->uid) == 0;
    else if (streq(key, "gid"))
        reader->has_gid = str_to_u64(value, &reader->gid) == 0;
}

/* "LENGTH KEY=VALUE\n", one behind the other. */
static int take_records(struct tar_reader *reader, struct error *err)
{
    const char *at = strbuf_text(&reader->text), *end = at + reader->text.length;
    while (at < end) {
        char *blank;
        unsigned long length = strtoul(at, &blank, 10);
        const char *equals = NULL;
        bool fits = length <= (size_t)(end - at) && *blank == ' ' && blank < at + length &&
                    at[length - 1] == '\n';
        if (fits)
            equals = memchr(blank, '=', (size_t)(at + length - blank));
        if (!equals)
            return error_set(err, EBADMSG, "the archive has a broken pax header");
        _cleanup_free_ char *key = xstrndup(blank + 1, (size_t)(equals - blank - 1));
        _cleanup_free_ char *value = xstrndup(equals + 1, (size_t)(at + length - 1 - (equals + 1)));
        take_record(reader, key, value);
        at += length;
    }
    return 0;
}

static int take_text(struct tar_reader *reader, struct error *err)
{
    if (reader->text_type == 'x')
        return take_records(reader, err);
    if (reader->text_type == 'L')
        replace(&reader->name, strbuf_text(&reader->text));
    else if (reader->text_type == 'K')
        replace(&reader->link, strbuf_text(&reader->text));
    return 0;
}

/* The content is complete. */
static int end_content(struct tar_reader *reader, struct error *err)
{
    int r = 0;
    if (reader->phase == TAR_TEXT)
        r = take_text(reader, err);
    else if (reader->in_entry)
        r = reader->handlers.on_entry_end(reader->userdata, err);
    reader->in_entry = false;
    reader->left = reader->padding;
    reader->phase = TAR_PADDING;
    return r;
}

static size_t at_most(size_t length, uint64_t left)
{
    return length < left ? length : (size_t)left;
}

static int feed_counted(struct tar_reader *reader, const char *data, size_t length,
                        size_t *ret_taken, struct error *err)
{
    size_t taken = at_most(length, reader->left);
    int r = 0;
    if (reader->phase == TAR_TEXT)
        strbuf_add(&reader->text, data, taken);
    else if (reader->phase == TAR_CONTENT && taken)
        r = reader->handlers.on_data(reader->userdata, data, taken, err);
    reader->left -= taken;
    *ret_taken = taken;
    if (r < 0 || reader->left)
        return r;
    if (reader->phase != TAR_PADDING)
        r = end_content(reader, err);
    if (reader->phase == TAR_PADDING && !reader->left)
        reader->phase = TAR_HEADER;
    return r;
}

int tar_reader_feed(struct tar_reader *reader, const char *data, size_t length, struct error *err)
{
    int r = 0;
    while (length > 0 && r == 0 && reader->phase != TAR_END) {
        size_t taken;
        if (reader->phase == TAR_HEADER) {
            taken = at_most(length, TAR_BLOCK - reader->header_length);
            memcpy(reader->header + reader->header_length, data, taken);
            reader->header_length += taken;
            if (reader->header_length == TAR_BLOCK) {
                reader->header_length = 0;
                r = take_header(reader, err);
                if (r == 0 && reader->phase != TAR_HEADER && reader->phase != TAR_END &&
                    reader->left == 0) { /* an empty one has no byte to wait for */
                    size_t none;
                    r = feed_counted(reader, data, 0, &none, err);
                }
            }
        } else {
            r = feed_counted(reader, data, length, &taken, err);
        }
        data += taken;
        length -= taken;
    }
    return r;
}

int tar_reader_finish(const struct tar_reader *reader, struct error *err)
{
    if (reader->phase == TAR_END || (reader->phase == TAR_HEADER && reader->header_length == 0))
        return 0;
    return error_set(err, EBADMSG, "the archive ends in the middle of an entry");
}
