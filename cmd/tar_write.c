/* Entries -> tar; see tar.h. */
#include "cmd/tar.h"

#include "base/alloc.h"

#include <stdio.h>

/* The header's fields: offset, length (IEEE 1003.1, ustar Interchange Format). */
#define NAME_LENGTH 100
#define LINK_LENGTH 100
#define OCTAL_7 07777777UL
#define OCTAL_11 077777777777ULL

void tar_entry_done(struct tar_entry *entry)
{
    free(entry->name);
    free(entry->link);
    *entry = (struct tar_entry){0};
}

static void put_octal(char *field, int digits, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%0*llo", digits, (unsigned long long)value);
    memcpy(field, text, (size_t)digits);
}

static void put_checksum(char *header)
{
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)header[i];
    put_octal(header + 148, 6, sum);
    header[154] = '\0';
}

static void add_block(struct strbuf *out, const struct tar_entry *entry)
{
    static const char magic[] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'}; /* and version */
    char header[TAR_BLOCK] = {0};
    size_t name_length = strlen(entry->name), link_length = entry->link ? strlen(entry->link) : 0;
    memcpy(header, entry->name, name_length < NAME_LENGTH ? name_length : NAME_LENGTH);
    put_octal(header + 100, 7, entry->mode & 07777);
    put_octal(header + 108, 7, entry->uid <= OCTAL_7 ? entry->uid : 0);
    put_octal(header + 116, 7, entry->gid <= OCTAL_7 ? entry->gid : 0);
    put_octal(header + 124, 11, entry->size <= OCTAL_11 ? entry->size : 0);
    put_octal(header + 136, 11, entry->mtime_s > 0 ? (uint64_t)entry->mtime_s & OCTAL_11 : 0);
    header[156] = entry->type;
    if (link_length)
        memcpy(header + 157, entry->link, link_length < LINK_LENGTH ? link_length : LINK_LENGTH);
    memcpy(header + 257, magic, sizeof(magic));
    put_checksum(header);
    strbuf_add(out, header, sizeof(header));
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
static void add_record(struct strbuf *records, const char *key, const char *value)
{
    size_t rest = strlen(key) + strlen(value) + 3, length;
    for (int digits = 1;; digits++) {
        length = rest + (size_t)digits;
        if (snprintf(NULL, 0, "%zu", length) == digits)
            break;
    }
    strbuf_addf(records, "%zu %s=%s\n", length, key, value);
}

static void add_number(struct strbuf *records, const char *key, uint64_t value, uint64_t limit)
{
    char text[24];
    if (value <= limit)
        return;
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    add_record(records, key, text);
}

void tar_add_header(struct strbuf *out, const struct tar_entry *entry)
{
    _cleanup_strbuf_ struct strbuf records = {0};
    if (strlen(entry->name) > NAME_LENGTH)
        add_record(&records, "path", entry->name);
    if (entry->link && strlen(entry->link) > LINK_LENGTH)
        add_record(&records, "linkpath", entry->link);
    add_number(&records, "size", entry->size, OCTAL_11);
    add_number(&records, "uid", entry->uid, OCTAL_7);
    add_number(&records, "gid", entry->gid, OCTAL_7);
    if (records.length) {
        char name[] = "PaxHeaders/entry";
        struct tar_entry extended = {.name = name, .type = 'x', .mode = 0644};
        extended.size = records.length;
        add_block(out, &extended);
        strbuf_add(out, records.data, records.length);
        tar_add_padding(out, records.length);
    }
    add_block(out, entry);
}

void tar_add_padding(struct strbuf *out, uint64_t size)
{
    static const char zeros[TAR_BLOCK];
    strbuf_add(out, zeros, (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK));
}

void tar_add_end(struct strbuf *out)
{
    static const char zeros[2 * TAR_BLOCK];
    strbuf_add(out, zeros, sizeof(zeros));
}
