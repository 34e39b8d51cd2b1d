/* See runtime.h and log_store.h: the reader's side. Reads a block per round of the loop, so that a
 * long log holds nobody up; at the end of the file a follower sleeps until the writer wakes it. */
#include "runtime/log_store.h"

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define BLOCK 65536
#define HEAD 128 /* a line's head (time, stream, tags) is shorter */
#define LINE_LIMIT (1024 * 1024)

struct log_reader {
    struct log_store *log; /* NULL: the instance was removed */
    char *path;
    int fd;
    off_t offset;
    struct log_query query;
    struct strbuf pending; /* read, not yet delivered */
    struct deadline *tick;
    bool paused, delivering, freed, ended;
    bool (*on_record)(void *userdata, const struct log_record *record);
    void (*on_end)(void *userdata, const struct error *err);
    void *userdata;
};

static bool ends_a_line(int fd, off_t start, off_t end)
{
    char head[HEAD];
    size_t size = end - start < HEAD ? (size_t)(end - start) : HEAD;
    ssize_t count = pread(fd, head, size, start);
    struct log_line line;
    return count > 0 && log_line_parse(head, (size_t)count, &line) && !line.record.partial;
}

/* Where the last `lines` lines begin: behind the line that ends the one before them. Walks the
 * newlines from the end in blocks. */
static off_t find_tail(int fd, off_t file_size, int64_t lines)
{
    _cleanup_free_ char *block = xmalloc(BLOCK);
    off_t line_end = -1; /* of the line that is looked at, behind its newline */
    for (off_t position = file_size; position > 0;) {
        off_t start = position > BLOCK ? position - BLOCK : 0;
        ssize_t count = pread(fd, block, (size_t)(position - start), start);
        if (count != position - start)
            return 0;
        for (off_t i = position - 1; i >= start; i--) {
            if (block[i - start] != '\n')
                continue;
            if (line_end >= 0 && ends_a_line(fd, i + 1, line_end) && lines-- == 0)
                return line_end;
            line_end = i + 1;
        }
        position = start;
    }
    if (line_end >= 0 && ends_a_line(fd, 0, line_end) && lines == 0)
        return line_end;
    return 0;
}

/* The file comes with the instance's first start; until then there is nothing to read. */
static bool open_file(struct log_reader *reader)
{
    if (reader->fd >= 0)
        return true;
    reader->fd = open(reader->path, O_RDONLY | O_CLOEXEC);
    return reader->fd >= 0;
}

static void destroy(struct log_reader *reader)
{
    if (reader->log)
        log_store_remove_reader(reader->log, reader);
    if (reader->fd >= 0)
        close(reader->fd);
    deadline_free(reader->tick);
    strbuf_done(&reader->pending);
    free(reader->path);
    free(reader);
}

static void end(struct log_reader *reader, const struct error *err)
{
    if (reader->ended)
        return;
    reader->ended = true;
    reader->on_end(reader->userdata, err);
}

/* False where the consumer wants no more for now. */
static bool deliver(struct log_reader *reader)
{
    size_t done = 0;
    reader->delivering = true;
    while (!reader->paused && !reader->freed && done < reader->pending.length) {
        const char *start = reader->pending.data + done;
        const char *newline = memchr(start, '\n', reader->pending.length - done);
        if (!newline)
            break;
        struct log_line line;
        done += (size_t)(newline - start) + 1;
        if (log_line_parse(start, (size_t)(newline - start), &line))
            reader->paused = !reader->on_record(reader->userdata, &line.record);
    }
    reader->delivering = false;
    strbuf_drop_front(&reader->pending, done);
    if (reader->pending.length > LINE_LIMIT) /* no line of ours */
        strbuf_clear(&reader->pending);
    return !reader->paused && !reader->freed;
}

/* Bytes read, 0 at the end (or while there is no file), -errno. */
static ssize_t read_block(struct log_reader *reader)
{
    if (!open_file(reader))
        return 0;
    ssize_t count =
        pread(reader->fd, strbuf_reserve(&reader->pending, BLOCK), BLOCK, reader->offset);
    if (count < 0)
        return -errno;
    reader->pending.length += (size_t)count;
    reader->pending.data[reader->pending.length] = '\0';
    reader->offset += count;
    return count;
}

static void on_tick(void *userdata)
{
    struct log_reader *reader = userdata;
    if (reader->ended || reader->paused)
        return;
    ssize_t count = deliver(reader) ? read_block(reader) : 0;
    bool more = !reader->freed && !reader->paused && deliver(reader);
    if (reader->freed) {
        destroy(reader);
    } else if (count < 0) {
        _cleanup_error_ struct error err = {0};
        error_set(&err, (int)-count, "cannot read the log '%s': %s", reader->path,
                  strerror((int)-count));
        end(reader, &err);
    } else if (more && count > 0) {
        deadline_set(reader->tick, 0);
    } else if (more && (!reader->query.follow || !reader->log)) {
        end(reader, NULL);
    }
}

int log_reader_new(struct log_store *log, const struct log_query *query,
                   bool (*on_record)(void *userdata, const struct log_record *record),
                   void (*on_end)(void *userdata, const struct error *err), void *userdata,
                   struct log_reader **ret_reader, struct error *err)
{
    struct log_reader *reader = new0(struct log_reader);
    reader->log = log;
    reader->path = xstrdup(log_store_path(log));
    reader->fd = -1;
    reader->query = *query;
    reader->on_record = on_record;
    reader->on_end = on_end;
    reader->userdata = userdata;
    struct stat status;
    if (!open_file(reader) && errno != ENOENT) {
        int r =
            error_set(err, errno, "cannot read the log '%s': %s", reader->path, strerror(errno));
        reader->log = NULL;
        destroy(reader);
        return r;
    }
    if (query->tail >= 0 && reader->fd >= 0 && fstat(reader->fd, &status) == 0)
        reader->offset = find_tail(reader->fd, status.st_size, query->tail);
    log_store_add_reader(log, reader);
    reader->tick = deadline_new(log_store_loop(log), on_tick, reader);
    deadline_set(reader->tick, 0);
    *ret_reader = reader;
    return 0;
}

void log_reader_wake(struct log_reader *reader)
{
    if (!reader->paused && !reader->ended && !reader->freed)
        deadline_set(reader->tick, 0);
}

void log_reader_resume(struct log_reader *reader)
{
    reader->paused = false;
    log_reader_wake(reader);
}

void log_reader_detach(struct log_reader *reader)
{
    reader->log = NULL;
    log_reader_wake(reader);
}

void log_reader_free(struct log_reader *reader)
{
    if (!reader)
        return;
    reader->freed = true;
    if (reader->delivering) /* on_tick destroys it on its way out */
        return;
    destroy(reader);
}
