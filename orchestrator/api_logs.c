/* GET /containers/{id}/logs: a log reader's records become frames of a stream; the reader pauses
 * while the client is behind. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/api_internal.h"
#include "orchestrator/frame.h"

#include <errno.h>

struct log_stream {
    struct log_reader *reader;
    struct http_stream *stream;
    bool wanted[EXEC_STDERR + 1]; /* by enum exec_stream */
    bool timestamps;
};

static bool on_record(void *userdata, const struct log_record *record)
{
    struct log_stream *logs = userdata;
    if (!logs->wanted[record->stream])
        return true;
    _cleanup_strbuf_ struct strbuf frame = {0};
    char time[CLOCK_TEXT_SIZE];
    strbuf_reserve(&frame, FRAME_HEADER_SIZE);
    frame.length = FRAME_HEADER_SIZE;
    if (logs->timestamps)
        strbuf_addf(&frame, "%s ", clock_format_ns(record->time_ns, time));
    strbuf_add(&frame, record->text, record->length);
    if (!record->partial)
        strbuf_add_char(&frame, '\n');
    frame_write_header((unsigned char *)frame.data, record->stream,
                       frame.length - FRAME_HEADER_SIZE);
    http_stream_write(logs->stream, frame.data, frame.length);
    return http_stream_queued(logs->stream) < HTTP_QUEUE_HIGH;
}

static void on_end(void *userdata, const struct error *err)
{
    struct log_stream *logs = userdata;
    if (err && err->code)
        log_warning("logs: %s", error_text(err));
    http_stream_end(logs->stream);
}

static void on_drain(void *userdata)
{
    struct log_stream *logs = userdata;
    log_reader_resume(logs->reader);
}

static void on_close(void *userdata)
{
    struct log_stream *logs = userdata;
    log_reader_free(logs->reader);
    free(logs);
}

/* tail: absent, "all", "-1" or a number. */
static bool read_tail(struct http_request *request, int64_t *ret_tail)
{
    const char *text = http_request_query(request, "tail");
    *ret_tail = -1;
    if (!text || !*text || streq(text, "all") || text[0] == '-')
        return true;
    uint64_t count;
    if (str_to_u64(text, &count) < 0 || count > INT64_MAX) {
        http_respond_error(request, 400, EINVAL, "invalid tail '%s': 'all' or a number", text);
        return false;
    }
    *ret_tail = (int64_t)count;
    return true;
}

static bool read_query(struct http_request *request, struct log_stream *logs,
                       struct log_query *query)
{
    logs->wanted[EXEC_STDOUT] = http_request_flag(request, "stdout");
    logs->wanted[EXEC_STDERR] = http_request_flag(request, "stderr");
    logs->timestamps = http_request_flag(request, "timestamps");
    query->follow = http_request_flag(request, "follow");
    if (!logs->wanted[EXEC_STDOUT] && !logs->wanted[EXEC_STDERR]) {
        http_respond_error(request, 400, EINVAL,
                           "choose at least one stream: stdout=1 or stderr=1");
        return false;
    }
    return api_query_time(request, "since", &query->since_ns) &&
           api_query_time(request, "until", &query->until_ns) && read_tail(request, &query->tail);
}

void api_container_logs(const struct api_call *call)
{
    static const struct http_stream_callbacks callbacks = {.on_drain = on_drain,
                                                           .on_close = on_close};
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    _cleanup_free_ struct log_stream *logs = new0(struct log_stream);
    struct log_query query = {0};
    if (!instance || !read_query(call->request, logs, &query))
        return;
    _cleanup_error_ struct error err = {0};
    if (runtime_logs_open(call->api->options.runtime, json_string(instance, "Name", ""), &query,
                          on_record, on_end, logs, &logs->reader, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    logs->stream = http_respond_stream(call->request, "application/vnd.docker.multiplexed-stream",
                                       &callbacks, logs);
    TAKE_PTR(logs);
}
