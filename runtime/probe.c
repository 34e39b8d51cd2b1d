/* Probes on the host: runtime.h's functions on struct probe. The look itself is taken by the agent
 * (guest/probe.h), which has the deadline; ours is for an agent that does not keep it. */
#include "runtime/channel.h"

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/deadline.h"
#include "runtime/guest/wire.h"
#include "runtime/stream.h"

#include <errno.h>

/* A busy guest under emulation is late. */
#define GRACE_MS 10000

struct probe {
    struct stream stream; /* first */
    struct deadline *deadline;
    void (*on_done)(void *userdata, const struct probe_result *result, const struct error *err);
    void *userdata;
};

_Static_assert(PROBE_OUTPUT_MAX == PROBE_OUTPUT_LIMIT, "runtime.h and the protocol agree");

/* Of a stream that is closed. */
static void probe_finish(struct probe *probe, const struct probe_result *result,
                         const struct error *err)
{
    void (*on_done)(void *, const struct probe_result *, const struct error *) = probe->on_done;
    void *userdata = probe->userdata;
    deadline_free(probe->deadline);
    free(probe);
    on_done(userdata, result, err);
}

static void probe_fail(struct stream *stream, const struct error *err)
{
    probe_finish((struct probe *)stream, NULL, err);
}

static void probe_on_deadline(void *userdata)
{
    struct probe *probe = userdata;
    _cleanup_error_ struct error err = {0};
    error_set(&err, ETIMEDOUT, "the guest's agent does not answer");
    stream_abandon(&probe->stream);
    probe_finish(probe, NULL, &err);
}

static void probe_take(struct stream *stream, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length);
    if (message->type != MESSAGE_PROBE_END)
        return;
    uint8_t verdict = wire_get_u8(&reader);
    uint32_t exit_code = wire_get_u32(&reader);
    if (reader.bad || verdict > PROBE_SAYS_NOTHING || reader.left > PROBE_OUTPUT_MAX)
        return stream_break(stream, "a probe's end cannot be read");
    static const enum probe_outcome outcomes[] = {PROBE_GOOD, PROBE_BAD, PROBE_TIMED_OUT};
    bool killed = verdict == PROBE_SAYS_NOTHING;
    struct probe_result result = {.outcome = outcomes[verdict],
                                  .exit_code = killed ? -1 : (int)(exit_code & 0xff),
                                  .length = reader.left};
    result.output = (const char *)wire_get_bytes(&reader, reader.left);
    stream_close(stream);
    probe_finish((struct probe *)stream, &result, NULL);
}

static int put_options(struct strbuf *request, const struct probe_options *options,
                       struct error *err)
{
    static const char *const shell[] = {"/bin/sh", "-c", NULL};
    for (const char *const *item = options->argv; item && *item; item++)
        wire_put_text(request, PROBE_ARGUMENT, *item);
    for (const char *const *item = shell; options->shell && *item; item++)
        wire_put_text(request, PROBE_ARGUMENT, *item);
    if (options->shell)
        wire_put_text(request, PROBE_ARGUMENT, options->shell);
    if (options->http_url)
        wire_put_text(request, PROBE_HTTP_URL, options->http_url);
    if (options->tcp_port)
        wire_put_field_u32(request, PROBE_TCP_PORT, options->tcp_port);
    if (!request->length)
        return error_set(err, EINVAL, "health check: nothing to look at was given");
    wire_put_field_u32(request, PROBE_TIMEOUT_MS, options->timeout_ms);
    return 0;
}

int channel_probe_start(struct channel *channel, const struct probe_options *options,
                        void (*on_done)(void *userdata, const struct probe_result *result,
                                        const struct error *err),
                        void *userdata, struct probe **ret_probe, struct error *err)
{
    static const struct stream_type type = {.take = probe_take, .fail = probe_fail};
    _cleanup_strbuf_ struct strbuf request = {0};
    int r = put_options(&request, options, err);
    if (r < 0)
        return r;
    struct probe *probe = new0(struct probe);
    probe->on_done = on_done;
    probe->userdata = userdata;
    r = channel_open_stream(channel, &probe->stream, &type, MESSAGE_PROBE_START, &request, err);
    if (r < 0) {
        free(probe);
        return r;
    }
    probe->deadline = deadline_new(channel_loop(channel), probe_on_deadline, probe);
    deadline_set(probe->deadline, options->timeout_ms + GRACE_MS);
    *ret_probe = probe;
    return 0;
}

void runtime_probe_abandon(struct probe *probe)
{
    stream_abandon(&probe->stream);
    deadline_free(probe->deadline);
    free(probe);
}
