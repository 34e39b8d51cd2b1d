/* See log_store.h: the writer's side. */
#include "runtime/log_store.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define TAIL_BLOCK 65536
/* Longer than any record the channel lets through, with its head. */
#define LINE_LIMIT (1024 * 1024)

struct log_store {
    uv_loop_t *loop;
    char *path;
    int fd; /* -1: closed */
    int64_t boot;
    uint64_t last_sequence;
    bool torn; /* a write failed half-way: what it left is cut off before the next */
    off_t length;
    struct strbuf line; /* kept: no allocation per record */
    VEC(struct log_reader *) readers;
};

struct log_store *log_store_new(uv_loop_t *loop, const char *path)
{
    struct log_store *log = new0(struct log_store);
    log->loop = loop;
    log->path = xstrdup(path);
    log->fd = -1;
    return log;
}

void log_store_free(struct log_store *log)
{
    if (!log)
        return;
    for (size_t i = 0; i < log->readers.count; i++)
        log_reader_detach(log->readers.items[i]);
    vec_done(&log->readers);
    log_store_close(log);
    strbuf_done(&log->line);
    free(log->path);
    free(log);
}

const char *log_store_path(const struct log_store *log)
{
    return log->path;
}

uv_loop_t *log_store_loop(const struct log_store *log)
{
    return log->loop;
}

uint64_t log_store_last_sequence(const struct log_store *log)
{
    return log->last_sequence;
}

/* What stands in the file's last `size` bytes, which is at most what there is. */
static int read_tail(const struct log_store *log, off_t file_size, size_t size, char **ret_tail,
                     struct error *err)
{
    char *tail = xmalloc(size + 1);
    ssize_t count = pread(log->fd, tail, size, file_size - (off_t)size);
    if (count != (ssize_t)size) {
        free(tail);
        return error_set(err, count < 0 ? errno : EIO, "cannot read the log '%s'", log->path);
    }
    tail[size] = '\0';
    *ret_tail = tail;
    return 0;
}

static int cut_torn_line(struct log_store *log, struct error *err)
{
    struct stat status;
    if (fstat(log->fd, &status) < 0)
        return error_set(err, errno, "cannot read the log '%s': %s", log->path, strerror(errno));
    log->length = status.st_size;
    size_t size = status.st_size < LINE_LIMIT ? (size_t)status.st_size : LINE_LIMIT;
    _cleanup_free_ char *tail = NULL;
    int r = read_tail(log, status.st_size, size, &tail, err);
    if (r < 0)
        return r;
    const char *newline = memrchr(tail, '\n', size);
    off_t torn = newline ? tail + size - (newline + 1) : (off_t)size;
    if (torn == 0)
        return 0;
    log_info("log '%s': cut off %lld bytes of a torn last line", log->path, (long long)torn);
    log->length -= torn;
    if (ftruncate(log->fd, log->length) < 0)
        return error_set(err, errno, "cannot mend the log '%s': %s", log->path, strerror(errno));
    return 0;
}

/* The sequence number of the last line in tail that is of this boot. *ret_other: a line of an
 * earlier boot came first, so there is none before it. */
static uint64_t find_sequence(const struct log_store *log, const char *tail, size_t size,
                              bool *ret_other)
{
    const char *end = tail + size;
    while (end > tail) {
        const char *before = memrchr(tail, '\n', (size_t)(end - 1 - tail));
        const char *start = before ? before + 1 : tail;
        struct log_line line;
        if (log_line_parse(start, (size_t)(end - 1 - start), &line) && line.boot) {
            *ret_other = line.boot != log->boot;
            return line.boot == log->boot ? line.sequence : 0;
        }
        end = start;
    }
    return 0;
}

static int find_last_sequence(struct log_store *log, struct error *err)
{
    log->last_sequence = 0;
    for (size_t size = TAIL_BLOCK;; size *= 2) {
        bool whole = (off_t)size >= log->length, other = false;
        if (whole)
            size = (size_t)log->length;
        _cleanup_free_ char *tail = NULL;
        int r = read_tail(log, log->length, size, &tail, err);
        if (r < 0)
            return r;
        log->last_sequence = find_sequence(log, tail, size, &other);
        if (log->last_sequence || other || whole || size > LINE_LIMIT)
            return 0;
    }
}

int log_store_open(struct log_store *log, int64_t boot, struct error *err)
{
    log_store_close(log);
    log->fd = open(log->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log->fd < 0)
        return error_set(err, errno, "cannot open the log '%s': %s", log->path, strerror(errno));
    log->boot = boot;
    log->torn = false;
    int r = cut_torn_line(log, err);
    if (r == 0)
        r = find_last_sequence(log, err);
    if (r < 0)
        log_store_close(log);
    return r;
}

void log_store_close(struct log_store *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

static int write_line(struct log_store *log, struct error *err)
{
    if (log->torn && ftruncate(log->fd, log->length) < 0)
        return error_set(err, errno, "cannot mend the log '%s': %s", log->path, strerror(errno));
    log->torn = false;
    int r = fs_write_all(log->fd, log->line.data, log->line.length);
    if (r < 0) {
        log->torn = true;
        return error_set(err, -r, "cannot write the log '%s': %s", log->path, strerror(-r));
    }
    log->length += (off_t)log->line.length;
    return 0;
}

/* One write for both lines: the note never stands without what it is about. */
static void format_lines(struct log_store *log, uint64_t sequence, const struct log_record *record,
                         uint64_t dropped)
{
    strbuf_clear(&log->line);
    if (dropped) {
        _cleanup_free_ char *text =
            xasprintf("[vmstead: %llu records were lost here: nobody fetched them in time]",
                      (unsigned long long)dropped);
        log_line_format(&(struct log_line){.record = {.time_ns = record->time_ns,
                                                      .stream = EXEC_STDERR,
                                                      .text = text,
                                                      .length = strlen(text)}},
                        &log->line);
    }
    log_line_format(&(struct log_line){.record = *record, .boot = log->boot, .sequence = sequence},
                    &log->line);
}

int log_store_append(struct log_store *log, uint64_t sequence, const struct log_record *record,
                     uint64_t dropped, struct error *err)
{
    if (sequence <= log->last_sequence)
        return 0;
    if (log->fd < 0)
        return error_set(err, EBADF, "the log '%s' is closed", log->path);
    format_lines(log, sequence, record, dropped);
    int r = write_line(log, err);
    if (r < 0)
        return r;
    log->last_sequence = sequence;
    for (size_t i = 0; i < log->readers.count; i++)
        log_reader_wake(log->readers.items[i]);
    return 0;
}

void log_store_add_reader(struct log_store *log, struct log_reader *reader)
{
    vec_add(&log->readers, reader);
}

void log_store_remove_reader(struct log_store *log, struct log_reader *reader)
{
    for (size_t i = 0; i < log->readers.count; i++)
        if (log->readers.items[i] == reader) {
            log->readers.items[i] = log->readers.items[--log->readers.count];
            return;
        }
}
