/* The logs of several instances as one stream on stdout and stderr: a request to the daemon for
 * each, merged by time, shown by a log_view. Used by `logs` and by an attached `up`. */
#pragma once

#include "cmd/client.h"
#include "cmd/log_view.h"

struct log_feed;

struct log_feed_source {
    const char *instance, *label;
    size_t color_index;
    int64_t tail; /* -1: all */
    bool follow;
    const char *after; /* only lines later than this time; NULL: all */
    const char *since,
        *until; /* for the daemon, as time_point_format() spells them; NULL, "": none */
};

struct log_feed_callbacks {
    /* The source's stream has ended (err->code 0: at its end); its lines may still wait for their
     * turn. May be NULL. */
    void (*on_end)(void *userdata, size_t source, const struct error *err);
    /* Before lines are written: another display makes room. May be NULL. */
    void (*on_before_write)(void *userdata);
};

struct log_feed *log_feed_new(struct client *client, const struct log_view_options *options,
                              const struct log_feed_callbacks *callbacks, void *userdata);
/* Ends the requests. Call before client_free(). */
void log_feed_free(struct log_feed *feed);
DEFINE_FREEP(struct log_feed *, log_feed_free)
int log_feed_add(struct log_feed *feed, const struct log_feed_source *options, size_t *ret_source,
                 struct error *err);
/* Writes all that has come, in order. */
void log_feed_flush(struct log_feed *feed);
/* True when every source has ended. */
bool log_feed_has_ended(const struct log_feed *feed);
/* -errno of a write to stdout or stderr that failed (-EPIPE: the reader left), else 0. */
int log_feed_write_error(const struct log_feed *feed);
/* The time of the last line that came from a source; "" where there was none. */
const char *log_feed_last_time(const struct log_feed *feed, size_t source);
/* A line of ours about a source: "web-1 exited with code 0". */
void log_feed_note(struct log_feed *feed, size_t source, const char *text);
