/* See runtime.h and log_store.h: the reader's side. Reads a block per round of the loop, so that a
 * long log holds nobody up; at the end of a file it goes on with the next, at the end of the last
 * one a follower sleeps until the writer wakes it. */
#include "runtime/log_store.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "runtime/deadline.h"
#include "runtime/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define BLOCK 65536
#define HEAD 128 /* a line's head (time, stream, tags) is shorter */
#define LINE_LIMIT (1024 * 1024)
/* The guest's clock may differ from that of the files by as much. */
#define CLOCK_SLACK_NS (60 * INT64_C(1000000000))

struct log_reader {
    struct log_store *log;  /* NULL: the instance was removed */
    struct log_files files; /* as far as it is known here */
    uint64_t number;        /* of the file that is read */
    int fd;
    off_t offset;
    struct log_query query;
    int64_t boot;
    struct strbuf pending; /* read, not yet delivered */
    struct deadline *tick;
    struct deadline *until; /* a follower's end */
    bool paused, delivering, freed, ended;
    bool (*on_record)(void *userdata, const struct log_record *record);
    void (*on_end)(void *userdata, const struct error *err);
    void *userdata;
};

/* --- files ---------------------------------------------------------------------------------- */

static void learn_files(struct log_reader *reader)
{
    if (!reader->log)
        return;
    const struct log_files *files = log_store_files(reader->log);
    reader->files.first = files->first;
    reader->files.current = files->current;
}

/* The file comes with the instance's first start; until then there is nothing to read. */
static bool open_file(struct log_reader *reader)
{
    if (reader->fd >= 0)
        return true;
    _cleanup_free_ char *name = log_files_name(&reader->files, reader->number);
    reader->fd = open(name, O_RDONLY | O_CLOEXEC);
    return reader->fd >= 0;
}

/* At the end of a file that is not the last one. */
static bool go_to_next_file(struct log_reader *reader)
{
    learn_files(reader);
    if (reader->number >= reader->files.current)
        return false;
    if (reader->fd >= 0)
        close(reader->fd);
    reader->fd = -1;
    reader->offset = 0;
    reader->number++;
    if (reader->number < reader->files.first) /* it was too slow: those in between are gone */
        reader->number = reader->files.first;
    return true;
}

/* --- where to begin ------------------------------------------------------------------------- */

static bool ends_a_line(int fd, off_t start, off_t end)
{
    char head[HEAD];
    size_t size = end - start < HEAD ? (size_t)(end - start) : HEAD;
    ssize_t count = pread(fd, head, size, start);
    struct log_line line;
    return count > 0 && log_line_parse(head, (size_t)count, &line) && !line.record.partial;
}

/* Where the last *lines lines begin: behind the line that ends the one before them. Walks the
 * newlines from the end in blocks. False: there are not as many, *lines is what is missing. */
static bool find_tail(int fd, off_t file_size, int64_t *lines, off_t *ret_offset)
{
    _cleanup_free_ char *block = xmalloc(BLOCK);
    off_t line_end = -1; /* of the line that is looked at, behind its newline */
    *ret_offset = 0;
    for (off_t position = file_size; position > 0;) {
        off_t start = position > BLOCK ? position - BLOCK : 0;
        ssize_t count = pread(fd, block, (size_t)(position - start), start);
        if (count != position - start)
            return true;
        for (off_t i = position - 1; i >= start; i--) {
            if (block[i - start] != '\n')
                continue;
            if (line_end >= 0 && ends_a_line(fd, i + 1, line_end) && (*lines)-- == 0) {
                *ret_offset = line_end;
                return true;
            }
            line_end = i + 1;
        }
        position = start;
    }
    if (line_end >= 0 && ends_a_line(fd, 0, line_end) && (*lines)-- == 0) {
        *ret_offset = line_end;
        return true;
    }
    return false;
}

/* From the newest file back. */
static void seek_tail(struct log_reader *reader, int64_t lines)
{
    for (uint64_t number = reader->files.current;; number--) {
        _cleanup_free_ char *name = log_files_name(&reader->files, number);
        _cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC);
        struct stat status;
        reader->number = number;
        if (fd >= 0 && fstat(fd, &status) == 0 &&
            find_tail(fd, status.st_size, &lines, &reader->offset))
            return;
        reader->offset = 0;
        if (number <= reader->files.first)
            return;
    }
}

/* Past files that were last written before that time. */
static void seek_since(struct log_reader *reader)
{
    for (; reader->number < reader->files.current; reader->number++) {
        _cleanup_free_ char *name = log_files_name(&reader->files, reader->number);
        struct stat status;
        if (stat(name, &status) < 0)
            continue;
        int64_t written_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
        if (written_ns + CLOCK_SLACK_NS >= reader->query.since_ns)
            return;
        reader->offset = 0;
    }
}

static void find_beginning(struct log_reader *reader)
{
    learn_files(reader);
    reader->number = reader->files.first;
    if (reader->query.tail >= 0)
        seek_tail(reader, reader->query.tail);
    if (reader->query.since_ns)
        seek_since(reader);
}

/* --- delivering ----------------------------------------------------------------------------- */

static void destroy(struct log_reader *reader)
{
    if (reader->log)
        log_store_remove_reader(reader->log, reader);
    if (reader->fd >= 0)
        close(reader->fd);
    deadline_free(reader->tick);
    deadline_free(reader->until);
    strbuf_done(&reader->pending);
    log_files_done(&reader->files);
    free(reader);
}

static void end(struct log_reader *reader, const struct error *err)
{
    if (reader->ended)
        return;
    reader->ended = true;
    reader->on_end(reader->userdata, err);
}

static bool is_wanted(const struct log_reader *reader, const struct log_line *line)
{
    const struct log_query *query = &reader->query;
    int64_t time_ns = line->record.time_ns;
    return (!reader->boot || !line->boot || line->boot == reader->boot) &&
           time_ns >= query->since_ns && (!query->until_ns || time_ns < query->until_ns);
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
        if (log_line_parse(start, (size_t)(newline - start), &line) && is_wanted(reader, &line))
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
    do {
        if (!open_file(reader))
            continue;
        ssize_t count =
            pread(reader->fd, strbuf_reserve(&reader->pending, BLOCK), BLOCK, reader->offset);
        if (count < 0)
            return -errno;
        reader->pending.length += (size_t)count;
        reader->pending.data[reader->pending.length] = '\0';
        reader->offset += count;
        if (count > 0)
            return count;
    } while (go_to_next_file(reader));
    return 0;
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
        error_set(&err, (int)-count, "cannot read the log '%s': %s", reader->files.path,
                  strerror((int)-count));
        end(reader, &err);
    } else if (more && count > 0) {
        deadline_set(reader->tick, 0);
    } else if (more && (!reader->query.follow || !reader->log)) {
        end(reader, NULL);
    }
}

/* --- life ----------------------------------------------------------------------------------- */

static void on_until(void *userdata)
{
    log_reader_stop_following(userdata);
}

/* A follower ends when that time has come, also where nothing is written then. */
static void wait_until(struct log_reader *reader)
{
    if (!reader->query.follow || !reader->query.until_ns)
        return;
    int64_t left_ms = reader->query.until_ns / 1000000 - clock_realtime_ms();
    reader->until = deadline_new(log_store_loop(reader->log), on_until, reader);
    deadline_set(reader->until, left_ms > 0 ? (uint64_t)left_ms : 0);
}

int log_reader_new(struct log_store *log, const struct log_query *query, int64_t boot,
                   bool (*on_record)(void *userdata, const struct log_record *record),
                   void (*on_end)(void *userdata, const struct error *err), void *userdata,
                   struct log_reader **ret_reader, struct error *err)
{
    struct log_reader *reader = new0(struct log_reader);
    *reader = (struct log_reader){.log = log,
                                  .fd = -1,
                                  .query = *query,
                                  .boot = boot,
                                  .on_record = on_record,
                                  .on_end = on_end,
                                  .userdata = userdata};
    reader->files.path = xstrdup(log_store_files(log)->path);
    find_beginning(reader);
    if (!open_file(reader) && errno != ENOENT) {
        int r = error_set(err, errno, "cannot read the log '%s': %s", reader->files.path,
                          strerror(errno));
        reader->log = NULL;
        destroy(reader);
        return r;
    }
    log_store_add_reader(log, reader);
    reader->tick = deadline_new(log_store_loop(log), on_tick, reader);
    deadline_set(reader->tick, 0);
    wait_until(reader);
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
    learn_files(reader);
    reader->log = NULL;
    log_reader_wake(reader);
}

void log_reader_stop_following(struct log_reader *reader)
{
    reader->query.follow = false;
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
