/* Tar archives as `cp` sends and takes them: POSIX ustar with pax headers where a name or a number
 * does not fit (IEEE 1003.1, pax). Pure: bytes in, bytes out.
 *
 * Own code rather than libarchive: loading that library costs every command milliseconds (see
 * docs/ARCHITECTURE.md, Processes), and what is read here was written by our daemon. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

#define TAR_BLOCK 512

enum tar_type {
    TAR_FILE = '0',
    TAR_HARD_LINK = '1',
    TAR_SYMLINK = '2',
    TAR_CHARACTER_DEVICE = '3',
    TAR_BLOCK_DEVICE = '4',
    TAR_DIRECTORY = '5',
    TAR_FIFO = '6',
};

struct tar_entry {
    char *name, *link; /* link: the target of a link; NULL: none */
    char type;         /* enum tar_type, or what else stood there */
    mode_t mode;       /* permissions */
    uint64_t uid, gid;
    uint64_t size; /* bytes that follow; files only */
    int64_t mtime_s;
};
void tar_entry_done(struct tar_entry *entry);

void tar_add_header(struct strbuf *out, const struct tar_entry *entry);
/* Behind a file's bytes: zeros to the next block. */
void tar_add_padding(struct strbuf *out, uint64_t size);
void tar_add_end(struct strbuf *out);

struct tar_handlers {
    /* Any of them: 0, or -errno, which ends the reading. */
    int (*on_entry)(void *userdata, const struct tar_entry *entry, struct error *err);
    int (*on_data)(void *userdata, const char *data, size_t length, struct error *err);
    int (*on_entry_end)(void *userdata, struct error *err);
};

struct tar_reader;

struct tar_reader *tar_reader_new(const struct tar_handlers *handlers, void *userdata);
void tar_reader_free(struct tar_reader *reader);
DEFINE_FREEP(struct tar_reader *, tar_reader_free)
/* -EBADMSG where it is no tar. */
int tar_reader_feed(struct tar_reader *reader, const char *data, size_t length, struct error *err);
/* No more comes: -EBADMSG where something is missing. */
int tar_reader_finish(const struct tar_reader *reader, struct error *err);
