/* /containers/{id}/archive: files out of a guest and into it, as tar archives of any size. HEAD and
 * GET start with the path's stat, in a header, so that the answer waits for it; PUT takes its body
 * as it comes, so that nothing is collected here. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"
#include "orchestrator/api_path_stat.h"

#include <errno.h>

/* The instance that runs and the path in it; NULL: the error was answered. */
static cJSON *read_call(const struct api_call *call, const char **ret_path)
{
    cJSON *instance = api_find_instance(call);
    if (!instance)
        return NULL;
    *ret_path = http_request_query(call->request, "path");
    if (*ret_path && **ret_path && !api_refuse_unless_running(call->request, instance))
        return instance;
    if (!*ret_path || !**ret_path)
        http_respond_error(call->request, 400, EINVAL, "bad parameter: 'path' must not be empty");
    cJSON_Delete(instance);
    return NULL;
}

/* --- out ------------------------------------------------------------------------------------- */

struct archive_out {
    struct http_request *request; /* until it is answered */
    struct http_stream *stream;
    struct copy_out *copy; /* NULL once it has ended */
    char *path;
    bool only_stat;
    size_t held; /* bytes that are not given back to the guest while the client is behind */
};

static void out_free(struct archive_out *out)
{
    if (!out)
        return;
    if (out->copy)
        runtime_copy_out_abandon(out->copy);
    free(out->path);
    free(out);
}
DEFINE_FREEP(struct archive_out *, out_free)

static void out_give_back(struct archive_out *out)
{
    size_t held = out->held;
    out->held = 0;
    if (held > 0 && out->copy)
        runtime_copy_out_consumed(out->copy, held);
}

static void out_on_drain(void *userdata)
{
    out_give_back(userdata);
}

/* The client has left, or has everything. */
static void out_on_close(void *userdata)
{
    out_free(userdata);
}

static void out_on_stat(void *userdata, const struct copy_stat *stat)
{
    static const struct http_stream_callbacks callbacks = {.on_drain = out_on_drain,
                                                           .on_close = out_on_close};
    struct archive_out *out = userdata;
    _cleanup_free_ char *text = api_path_stat_encode(stat);
    http_request_add_header(out->request, "X-Docker-Container-Path-Stat", text);
    if (!out->only_stat)
        out->stream =
            http_respond_stream(TAKE_PTR(out->request), "application/x-tar", &callbacks, out);
}

static void out_on_data(void *userdata, const void *data, size_t length)
{
    struct archive_out *out = userdata;
    out->held += length;
    http_stream_write(out->stream, data, length);
    if (http_stream_queued(out->stream) < HTTP_QUEUE_HIGH)
        out_give_back(out);
}

static void out_respond_failure(struct archive_out *out, const struct error *err)
{
    if (err->code == ENOENT)
        http_respond_error(out->request, 404, ENOENT, "could not find the file %s: %s", out->path,
                           error_text(err));
    else
        api_respond_failure(out->request, err);
}

/* An archive that is not whole must not look so: its stream breaks off. */
static void out_on_end(void *userdata, const struct error *err)
{
    struct archive_out *out = userdata;
    bool failed = err && err->code;
    out->copy = NULL;
    if (out->stream && failed) {
        log_warning("copy of '%s': %s", out->path, error_text(err));
        http_stream_break(out->stream);
    } else if (out->stream) {
        http_stream_end(out->stream);
    } else {
        if (failed)
            out_respond_failure(out, err);
        else
            http_respond(out->request, 200, NULL, "");
        out_free(out);
    }
}

static void out_on_leave(void *userdata)
{
    out_free(userdata);
}

void api_archive_get(const struct api_call *call)
{
    static const struct copy_out_callbacks callbacks = {
        .on_stat = out_on_stat, .on_data = out_on_data, .on_end = out_on_end};
    const char *path = NULL;
    _cleanup_json_ cJSON *instance = read_call(call, &path);
    if (!instance)
        return;
    _cleanup_(out_freep) struct archive_out *out = new0(struct archive_out);
    out->request = call->request;
    out->path = xstrdup(path);
    out->only_stat = streq(http_request_method(call->request), "HEAD");
    const struct copy_out_options options = {.path = path,
                                             .follow = http_request_flag(call->request, "follow"),
                                             .contents = str_ends_with(path, "/."),
                                             .only_stat = out->only_stat};
    _cleanup_error_ struct error err = {0};
    if (runtime_copy_out_start(call->api->options.runtime, json_string(instance, "Name", ""),
                               &options, &callbacks, out, &out->copy, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    http_request_defer(call->request, out_on_leave, TAKE_PTR(out));
}

/* --- in -------------------------------------------------------------------------------------- */

struct archive_in {
    struct http_request *request;
    struct copy_in *copy; /* NULL once it has ended */
    bool body_ended, ended;
    struct error error;
};

static void in_free(struct archive_in *in)
{
    if (!in)
        return;
    if (in->copy)
        runtime_copy_in_abandon(in->copy);
    error_done(&in->error);
    free(in);
}
DEFINE_FREEP(struct archive_in *, in_free)

static void in_respond(struct archive_in *in)
{
    if (in->error.code == ENOTDIR)
        http_respond_error(in->request, 400, ENOTDIR, "%s", error_text(&in->error));
    else if (in->error.code)
        api_respond_failure(in->request, &in->error);
    else
        http_respond(in->request, 200, NULL, "");
}

/* An error before the body's end waits for it: libmicrohttpd takes no answer in between. */
static void in_on_end(void *userdata, const struct error *err)
{
    struct archive_in *in = userdata;
    in->copy = NULL;
    in->ended = true;
    if (err && err->code)
        error_copy(&in->error, err);
    if (in->body_ended)
        in_respond(in);
    else
        http_request_resume_body(in->request);
}

static void in_on_writable(void *userdata, size_t window)
{
    struct archive_in *in = userdata;
    if (window > 0 && !in->body_ended)
        http_request_resume_body(in->request);
}

static size_t in_on_data(void *userdata, const void *data, size_t length)
{
    struct archive_in *in = userdata;
    if (!in->copy)
        return length; /* it has failed */
    size_t window = runtime_copy_in_window(in->copy);
    size_t taken = length < window ? length : window;
    if (taken > 0)
        runtime_copy_in_write(in->copy, data, taken);
    return taken;
}

static void in_on_body_end(void *userdata)
{
    struct archive_in *in = userdata;
    in->body_ended = true;
    if (in->ended) {
        in_respond(in);
        return;
    }
    http_request_defer(in->request, NULL, NULL);
    runtime_copy_in_finish(in->copy);
}

static void in_on_close(void *userdata)
{
    in_free(userdata);
}

/* Called when the headers are here. */
void api_archive_put(const struct api_call *call)
{
    static const struct copy_in_callbacks callbacks = {.on_writable = in_on_writable,
                                                       .on_end = in_on_end};
    static const struct http_body_callbacks body_callbacks = {
        .on_data = in_on_data, .on_end = in_on_body_end, .on_close = in_on_close};
    const char *path = NULL;
    _cleanup_json_ cJSON *instance = read_call(call, &path);
    if (!instance)
        return;
    _cleanup_(in_freep) struct archive_in *in = new0(struct archive_in);
    in->request = call->request;
    const struct copy_in_options options = {
        .path = path,
        .no_overwrite = http_request_flag(call->request, "noOverwriteDirNonDir"),
        .keep_owners = http_request_flag(call->request, "copyUIDGID"),
    };
    _cleanup_error_ struct error err = {0};
    if (runtime_copy_in_start(call->api->options.runtime, json_string(instance, "Name", ""),
                              &options, &callbacks, in, &in->copy, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    http_request_take_body(call->request, &body_callbacks, TAKE_PTR(in));
}
