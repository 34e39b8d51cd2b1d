/* See log_store.h: the writer's side. */
#include "runtime/log_store.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define TAIL_BLOCK 65536
/* Of a log that is not kept: what followers may be behind. */
#define PASSING_BYTES (1u << 20)
/* Longer than any record the channel lets through, with its head. */
#define LINE_LIMIT (1024 * 1024)

struct log_store {
    uv_loop_t *loop;
    struct log_files files; /* path NULL: not looked at yet */
    char *path;
    struct log_limits limits;
    int fd; /* -1: closed */
    int64_t boot;
    uint64_t last_sequence;
    bool torn; /* a write failed half-way: what it left is cut off before the next */
    off_t length;
    struct strbuf pending; /* whole lines, taken and not written */
    uint64_t pending_sequence;
    uint64_t pending_records; /* in it, and those whose loss it tells of */
    uint64_t unwritten;       /* records given up that no line tells of yet */
    VEC(struct log_reader *) readers;
};

struct log_limits log_limits_read(const cJSON *logging)
{
    struct log_limits limits = {.max_bytes = LOG_MAX_BYTES,
                                .max_files = LOG_MAX_FILES,
                                .kept = !streq(json_string(logging, "driver", ""), "none")};
    int64_t bytes = json_int(logging, "max_bytes", 0), files = json_int(logging, "max_files", 0);
    if (bytes > 0)
        limits.max_bytes = (uint64_t)bytes;
    if (files > 0)
        limits.max_files = (uint64_t)files;
    if (!limits.kept)
        limits = (struct log_limits){.max_bytes = PASSING_BYTES, .max_files = 2};
    return limits;
}

struct log_store *log_store_new(uv_loop_t *loop, const char *path)
{
    struct log_store *log = new0(struct log_store);
    log->loop = loop;
    log->path = xstrdup(path);
    log->limits = log_limits_read(NULL);
    log->fd = -1;
    return log;
}

void log_store_free(struct log_store *log)
{
    if (!log)
        return;
    log_store_close(log);
    for (size_t i = 0; i < log->readers.count; i++)
        log_reader_detach(log->readers.items[i]);
    vec_done(&log->readers);
    strbuf_done(&log->pending);
    log_files_done(&log->files);
    free(log->path);
    free(log);
}

void log_store_set_limits(struct log_store *log, const struct log_limits *limits)
{
    log->limits = *limits;
}

bool log_store_is_kept(const struct log_store *log)
{
    return log->limits.kept;
}

const struct log_files *log_store_files(struct log_store *log)
{
    if (!log->files.path)
        log_files_init(&log->files, log->path);
    return &log->files;
}

uv_loop_t *log_store_loop(const struct log_store *log)
{
    return log->loop;
}

int64_t log_store_boot(const struct log_store *log)
{
    return log->boot;
}

uint64_t log_store_last_sequence(const struct log_store *log)
{
    return log->last_sequence;
}

/* --- opening -------------------------------------------------------------------------------- */

/* What stands in the file's last `size` bytes, which is at most what there is. */
static int read_tail(int fd, off_t file_size, size_t size, char **ret_tail, struct error *err)
{
    char *tail = xmalloc(size + 1);
    ssize_t count = pread(fd, tail, size, file_size - (off_t)size);
    if (count != (ssize_t)size) {
        free(tail);
        return error_set(err, count < 0 ? errno : EIO, "cannot read the log");
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
    int r = read_tail(log->fd, status.st_size, size, &tail, err);
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

/* The sequence number of the last line in tail that is of this boot. *ret_known: a line with our
 * tags was there, so there is none before it that counts. */
static uint64_t find_sequence(const struct log_store *log, const char *tail, size_t size,
                              bool *ret_known)
{
    const char *end = tail + size;
    while (end > tail) {
        const char *before = memrchr(tail, '\n', (size_t)(end - 1 - tail));
        const char *start = before ? before + 1 : tail;
        struct log_line line;
        if (log_line_parse(start, (size_t)(end - 1 - start), &line) && line.boot) {
            *ret_known = true;
            return line.boot == log->boot ? line.sequence : 0;
        }
        end = start;
    }
    return 0;
}

/* In one file, of that length. */
static int find_sequence_in(struct log_store *log, int fd, off_t length, bool *ret_known,
                            struct error *err)
{
    for (size_t size = TAIL_BLOCK;; size *= 2) {
        bool whole = (off_t)size >= length;
        if (whole)
            size = (size_t)length;
        _cleanup_free_ char *tail = NULL;
        int r = read_tail(fd, length, size, &tail, err);
        if (r < 0)
            return r;
        log->last_sequence = find_sequence(log, tail, size, ret_known);
        if (*ret_known || whole || size > LINE_LIMIT)
            return 0;
    }
}

/* A log that was rotated just before has its last line in the file before. */
static int find_last_sequence(struct log_store *log, struct error *err)
{
    bool known = false;
    struct stat status;
    log->last_sequence = 0;
    int r = find_sequence_in(log, log->fd, log->length, &known, err);
    if (r < 0 || known || log->files.current == log->files.first)
        return r;
    _cleanup_free_ char *older = log_files_name(&log->files, log->files.current - 1);
    _cleanup_close_ int fd = open(older, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return 0;
    return find_sequence_in(log, fd, status.st_size, &known, err);
}

static int open_current(struct log_store *log, struct error *err)
{
    log->fd = open(log->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log->fd < 0)
        return error_set(err, errno, "cannot open the log '%s': %s", log->path, strerror(errno));
    log->length = 0;
    return 0;
}

int log_store_open(struct log_store *log, int64_t boot, struct error *err)
{
    log_store_close(log);
    log_store_files(log);
    int r = open_current(log, err);
    if (r < 0)
        return r;
    log->boot = boot;
    log->torn = false;
    r = cut_torn_line(log, err);
    if (r == 0)
        r = find_last_sequence(log, err);
    log->pending_sequence = log->last_sequence;
    if (r < 0)
        log_store_close(log);
    return r;
}

static void wake_readers(struct log_store *log)
{
    for (size_t i = 0; i < log->readers.count; i++)
        log_reader_wake(log->readers.items[i]);
}

/* Readers have the file open: they get to its end. */
static void drop_files(struct log_store *log)
{
    struct error ignored = {0};
    log_files_rotate(&log->files, 1, &ignored);
    error_done(&ignored);
}

void log_store_close(struct log_store *log)
{
    if (log->fd < 0)
        return;
    _cleanup_error_ struct error err = {0};
    if (log_store_flush(log, &err) < 0)
        log_error("%s", error_text(&err));
    close(log->fd);
    log->fd = -1;
    if (!log->limits.kept)
        drop_files(log);
}

/* --- writing -------------------------------------------------------------------------------- */

static void format_note(struct log_store *log, int64_t time_ns, uint64_t lost)
{
    _cleanup_free_ char *text =
        xasprintf("[vmstead: %llu records were lost here: nobody fetched them in time]",
                  (unsigned long long)lost);
    struct log_line note = {
        .record = {
            .time_ns = time_ns, .stream = EXEC_STDERR, .text = text, .length = strlen(text)}};
    log_line_format(&note, &log->pending);
}

void log_store_append(struct log_store *log, uint64_t sequence, const struct log_record *record,
                      uint64_t dropped)
{
    if (sequence <= log->pending_sequence)
        return;
    dropped += log->unwritten;
    log->unwritten = 0;
    if (dropped)
        format_note(log, record->time_ns, dropped);
    log_line_format(&(struct log_line){.record = *record, .boot = log->boot, .sequence = sequence},
                    &log->pending);
    log->pending_sequence = sequence;
    log->pending_records += dropped + 1;
}

static int rotate(struct log_store *log, struct error *err)
{
    int r = log_files_rotate(&log->files, log->limits.max_files, err);
    if (r < 0)
        return r;
    close(log->fd);
    return open_current(log, err);
}

static int write_lines(struct log_store *log, const char *lines, size_t length, struct error *err)
{
    if (log->fd < 0) { /* the disk was full when it was rotated */
        int r = open_current(log, err);
        if (r < 0)
            return r;
    }
    if (log->torn && ftruncate(log->fd, log->length) < 0)
        return error_set(err, errno, "cannot mend the log '%s': %s", log->path, strerror(errno));
    log->torn = false;
    int r = fs_write_all(log->fd, lines, length);
    if (r < 0) {
        log->torn = true;
        return error_set(err, -r, "cannot write the log '%s': %s", log->path, strerror(-r));
    }
    log->length += (off_t)length;
    return 0;
}

/* How many of these bytes, whole lines, the current file still takes; 0: none. An empty file takes
 * one line, however long. */
static size_t fitting_length(const struct log_store *log, const char *lines, size_t length)
{
    uint64_t used = (uint64_t)log->length;
    size_t room = used < log->limits.max_bytes ? (size_t)(log->limits.max_bytes - used) : 0;
    if (length <= room)
        return length;
    const char *newline = room ? memrchr(lines, '\n', room) : NULL;
    if (!newline && !log->length)
        newline = memchr(lines, '\n', length);
    return newline ? (size_t)(newline - lines) + 1 : 0;
}

static int write_pending(struct log_store *log, struct error *err)
{
    int r = 0;
    for (size_t done = 0; r == 0 && done < log->pending.length;) {
        const char *lines = log->pending.data + done;
        size_t part = fitting_length(log, lines, log->pending.length - done);
        r = part ? write_lines(log, lines, part, err) : rotate(log, err);
        done += part;
    }
    return r;
}

int log_store_flush(struct log_store *log, struct error *err)
{
    if (!log->pending.length)
        return 0;
    int r = write_pending(log, err);
    if (r < 0)
        log->unwritten += log->pending_records;
    else
        log->last_sequence = log->pending_sequence;
    strbuf_clear(&log->pending);
    log->pending_records = 0;
    wake_readers(log);
    return r;
}

/* --- readers -------------------------------------------------------------------------------- */

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
