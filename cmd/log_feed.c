/* Log streams of the daemon -> lines in order on stdout and stderr; see log_feed.h. */
#include "cmd/log_feed.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/vec.h"
#include "cmd/log_merge.h"
#include "cmd/stream.h"

#include <inttypes.h>
#include <unistd.h>

#define FLUSH_MS 25        /* how long a line of a followed log waits for older ones of others */
#define QUEUE_HIGH 4096    /* lines of one source that wait at most for those of others */
#define LINE_LIMIT 1048576 /* a line longer than this is printed in pieces */

struct source {
    struct log_feed *feed;
    size_t index;
    struct client_request *request;
    struct strbuf pending;                             /* of a frame */
    struct strbuf partial[STREAM_STDERR + 1];          /* of a line, by stream */
    char *partial_time[STREAM_STDERR + 1], *last_time; /* NULL: none */
    char *after;
    bool follow, ended, paused;
};

struct log_feed {
    struct client *client;
    struct log_view *view;
    struct log_merge *merge;
    VEC(struct source *) sources;
    struct log_feed_callbacks callbacks;
    void *userdata;
    uv_timer_t *timer;
    bool timer_runs;
    int write_error;
};

static void write_out(struct log_feed *feed, int fd, struct strbuf *text)
{
    if (text->length == 0)
        return;
    int r = fs_write_all(fd, text->data, text->length);
    if (r < 0 && feed->write_error == 0)
        feed->write_error = r;
    strbuf_clear(text);
}

/* Neighbouring lines of one stream leave in one write. */
static void drain(struct log_feed *feed, bool force)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    int fd = STDOUT_FILENO;
    bool first = true;
    struct log_line line;
    while (log_merge_take(feed->merge, force, &line)) {
        if (first && feed->callbacks.on_before_write)
            feed->callbacks.on_before_write(feed->userdata);
        first = false;
        int line_fd = line.is_stderr ? STDERR_FILENO : STDOUT_FILENO;
        if (line_fd != fd || text.length > 65536)
            write_out(feed, fd, &text);
        fd = line_fd;
        log_view_print(feed->view, line.source, line.time, line.text, line.length, &text);
        log_line_done(&line);
    }
    write_out(feed, fd, &text);
    for (size_t i = 0; i < feed->sources.count; i++) {
        struct source *source = feed->sources.items[i];
        if (source->paused && log_merge_waiting(feed->merge, i) < QUEUE_HIGH / 2) {
            source->paused = false;
            client_request_pause(source->request, false);
        }
    }
}

void log_feed_flush(struct log_feed *feed)
{
    drain(feed, true);
}

static void on_timer(uv_timer_t *timer)
{
    struct log_feed *feed = timer->data;
    feed->timer_runs = false;
    drain(feed, true);
}

static void start_timer(struct log_feed *feed)
{
    if (feed->timer_runs)
        return;
    feed->timer_runs = true;
    uv_timer_start(feed->timer, on_timer, FLUSH_MS, 0);
}

struct log_feed *log_feed_new(struct client *client, const struct log_view_options *options,
                              const struct log_feed_callbacks *callbacks, void *userdata)
{
    struct log_feed *feed = new0(struct log_feed);
    feed->client = client;
    feed->view = log_view_new(options);
    feed->merge = log_merge_new();
    feed->callbacks = *callbacks;
    feed->userdata = userdata;
    feed->timer = new0(uv_timer_t);
    uv_timer_init(client_loop(client), feed->timer);
    feed->timer->data = feed;
    return feed;
}

static void source_free(struct source *source)
{
    client_request_cancel(source->request);
    strbuf_done(&source->pending);
    for (size_t i = 0; i <= STREAM_STDERR; i++) {
        strbuf_done(&source->partial[i]);
        free(source->partial_time[i]);
    }
    free(source->last_time);
    free(source->after);
    free(source);
}

void log_feed_free(struct log_feed *feed)
{
    if (!feed)
        return;
    for (size_t i = 0; i < feed->sources.count; i++)
        source_free(feed->sources.items[i]);
    vec_done(&feed->sources);
    uv_close((uv_handle_t *)feed->timer, (uv_close_cb)free);
    log_merge_free(feed->merge);
    log_view_free(feed->view);
    free(feed);
}

static void push_line(struct source *source, unsigned stream)
{
    struct log_line line = {.time = TAKE_PTR(source->partial_time[stream]),
                            .length = source->partial[stream].length,
                            .is_stderr = stream == STREAM_STDERR,
                            .source = source->index};
    line.text = strbuf_take(&source->partial[stream]);
    free(source->last_time);
    source->last_time = xstrdup(line.time);
    if (source->after && strcmp(line.time, source->after) <= 0)
        log_line_done(&line);
    else
        log_merge_push(source->feed->merge, line);
}

/* "TIME TEXT\n"; no newline where the line goes on in the next frame of the stream. */
static void on_frame(void *userdata, unsigned type, const char *payload, size_t length)
{
    struct source *source = userdata;
    const char *blank = length ? memchr(payload, ' ', length) : NULL;
    if ((type != STREAM_STDOUT && type != STREAM_STDERR) || !blank)
        return;
    if (!source->partial_time[type])
        source->partial_time[type] = xstrndup(payload, (size_t)(blank - payload));
    length -= (size_t)(blank + 1 - payload);
    payload = blank + 1;
    bool complete = length && payload[length - 1] == '\n';
    strbuf_add(&source->partial[type], payload, length - complete);
    if (complete || source->partial[type].length > LINE_LIMIT)
        push_line(source, type);
}

static void on_data(void *userdata, const char *data, size_t length)
{
    struct source *source = userdata;
    struct log_feed *feed = source->feed;
    if (stream_feed_frames(&source->pending, data, length, on_frame, source, NULL) < 0)
        return; /* not our daemon's stream: what was understood is shown */
    drain(feed, false);
    size_t waiting = log_merge_waiting(feed->merge, source->index);
    if (waiting > QUEUE_HIGH && source->follow) {
        drain(feed, true); /* a flood does not wait for those who are silent */
    } else if (waiting > QUEUE_HIGH && !source->paused) {
        source->paused = true;
        client_request_pause(source->request, true);
    } else if (waiting && source->follow) {
        start_timer(feed);
    }
}

static void on_end(void *userdata, const struct error *err)
{
    struct source *source = userdata;
    struct log_feed *feed = source->feed;
    source->request = NULL;
    source->ended = true;
    for (unsigned stream = STREAM_STDOUT; stream <= STREAM_STDERR; stream++)
        if (source->partial_time[stream])
            push_line(source, stream);
    log_merge_end_source(feed->merge, source->index);
    drain(feed, false);
    if (feed->callbacks.on_end)
        feed->callbacks.on_end(feed->userdata, source->index, err);
}

int log_feed_add(struct log_feed *feed, const struct log_feed_source *options, size_t *ret_source,
                 struct error *err)
{
    static const struct client_handlers handlers = {on_data, on_end};
    _cleanup_free_ char *instance = client_escape(options->instance);
    _cleanup_free_ char *path =
        xasprintf("/containers/%s/logs?stdout=1&stderr=1&timestamps=1&follow=%d&tail=%" PRId64
                  "&since=%s&until=%s",
                  instance, options->follow, options->tail, options->since ? options->since : "",
                  options->until ? options->until : "");
    struct source *source = new0(struct source);
    source->feed = feed;
    source->follow = options->follow;
    source->after = xstrdup(options->after);
    int r = client_start(feed->client, "GET", path, NULL, &handlers, source, &source->request, err);
    if (r < 0) {
        source_free(source);
        return r;
    }
    source->index = log_merge_add_source(feed->merge);
    log_view_add(feed->view, options->label, options->color_index);
    vec_add(&feed->sources, source);
    if (ret_source)
        *ret_source = source->index;
    return 0;
}

bool log_feed_has_ended(const struct log_feed *feed)
{
    for (size_t i = 0; i < feed->sources.count; i++)
        if (!feed->sources.items[i]->ended)
            return false;
    return true;
}

int log_feed_write_error(const struct log_feed *feed)
{
    return feed->write_error;
}

const char *log_feed_last_time(const struct log_feed *feed, size_t source)
{
    const char *time = feed->sources.items[source]->last_time;
    return time ? time : "";
}

void log_feed_note(struct log_feed *feed, size_t source, const char *text)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    log_feed_flush(feed);
    if (feed->callbacks.on_before_write)
        feed->callbacks.on_before_write(feed->userdata);
    log_view_print_note(feed->view, source, text, &out);
    write_out(feed, STDOUT_FILENO, &out);
}
