/* An instance's log: files (log_files.h) in the Kubernetes CRI logging format
 * (kubernetes/design-proposals "CRI: Log management"), one record per line, so that log collectors
 * read it as it is:
 *
 *     2026-01-02T03:04:05.123456789Z stdout F:boot=3:seq=17 the line
 *
 * F: the line ends here, P: it goes on in the stream's next record. The tags behind it are ours:
 * the guest's sequence number and which boot of the instance counted it. They are what makes a log
 * without a gap: after any crash the last stored number is found in the file's tail (a torn last
 * line is cut off), told to the guest, and the guest sends on from there.
 *
 *   channel -> log_store_append -> file -> readers (log_reader.c), woken by the writer */
#pragma once

#include "base/json.h"
#include "runtime/runtime.h"

/* --- the format, pure ----------------------------------------------------------------------- */

struct log_line {
    struct log_record record; /* text points into the line */
    int64_t boot;             /* 0: a line without our tags */
    uint64_t sequence;
};
/* A whole line with its newline, appended to out. Newlines inside the text become blanks: a guest
 * must not forge records. boot 0: without tags. */
struct strbuf;
void log_line_format(const struct log_line *line, struct strbuf *out);
/* text without its newline; false where it is not such a line. */
bool log_line_parse(const char *text, size_t length, struct log_line *ret_line);

/* --- the file ------------------------------------------------------------------------------- */

struct log_store;
struct log_files;

#define LOG_MAX_BYTES (20u << 20)
#define LOG_MAX_FILES 5u

/* What is kept, at most: max_files files, each of max_bytes or one line. */
struct log_limits {
    uint64_t max_bytes, max_files;
    /* Driver "none": what followers need for now, and nothing that could be read later. */
    bool kept;
};
/* From a spec's "logging": {"driver":S|null,"max_bytes":N,"max_files":N}; may be NULL. */
struct log_limits log_limits_read(const cJSON *logging);

/* Opens nothing yet. */
struct log_store *log_store_new(uv_loop_t *loop, const char *path);
/* Readers that are still there get on_end: the instance is removed. */
void log_store_free(struct log_store *log);
/* From the next record on. */
void log_store_set_limits(struct log_store *log, const struct log_limits *limits);
bool log_store_is_kept(const struct log_store *log);

/* Begins or (after a restart of the daemon) resumes the boot with that number, from 1: cuts a torn
 * last line; log_store_last_sequence() is the last one of that boot, 0 for none. */
int log_store_open(struct log_store *log, int64_t boot, struct error *err);
/* Flushes. What is not to be kept goes. */
void log_store_close(struct log_store *log);
int64_t log_store_boot(const struct log_store *log);
/* Of the records that are written. */
uint64_t log_store_last_sequence(const struct log_store *log);
/* Takes a record; written with the next flush. A sequence number that was taken already changes
 * nothing. dropped > 0: a line that says so goes before it. */
void log_store_append(struct log_store *log, uint64_t sequence, const struct log_record *record,
                      uint64_t dropped);
/* Written when it returns 0: may be acknowledged. Where it fails (a full disk), the records are
 * given up and counted, and the log tells of them as soon as one can be written: waiting would lose
 * others in the guest. */
int log_store_flush(struct log_store *log, struct error *err);

/* --- for log_reader.c ----------------------------------------------------------------------- */

/* boot: only records of that boot; 0: all. */
int log_reader_new(struct log_store *log, const struct log_query *query, int64_t boot,
                   bool (*on_record)(void *userdata, const struct log_record *record),
                   void (*on_end)(void *userdata, const struct error *err), void *userdata,
                   struct log_reader **ret_reader, struct error *err);
void log_reader_wake(struct log_reader *reader);
void log_reader_detach(struct log_reader *reader);
/* A follower gets to the end of what is there, and its on_end. */
void log_reader_stop_following(struct log_reader *reader);
const struct log_files *log_store_files(struct log_store *log);
uv_loop_t *log_store_loop(const struct log_store *log);
void log_store_add_reader(struct log_store *log, struct log_reader *reader);
void log_store_remove_reader(struct log_store *log, struct log_reader *reader);
