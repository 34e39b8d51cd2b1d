/* See exec_session.h. */
#include "orchestrator/exec_session.h"

#include "base/alloc.h"
#include "base/signal_name.h"
#include "base/str.h"
#include "orchestrator/frame.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>

/* A client's frame as far as it has come. */
struct frame_reader {
    unsigned char header[FRAME_HEADER_SIZE];
    size_t header_length;
    struct frame_header frame; /* valid once header_length is FRAME_HEADER_SIZE */
    size_t left;               /* of its payload */
    struct strbuf control;     /* payload of a FRAME_CONTROL */
};

struct exec_session {
    struct exec_process process; /* lives until it has ended or was let go */
    struct http_tunnel *tunnel;
    enum exec_wire wire;
    bool stdin_open;
    bool keeps_stdin;               /* the client's end-of-file is not the service's */
    bool unwanted[EXEC_STDERR + 1]; /* by enum exec_stream: dropped */
    bool exited;
    size_t unconsumed; /* output that runtime counts as in flight */
    struct frame_reader reader;
    int exit_code;
    struct error exit_error;
    const struct exec_session_callbacks *callbacks;
    void *userdata;
};

static void session_destroy(struct exec_session *session)
{
    strbuf_done(&session->reader.control);
    error_done(&session->exit_error);
    free(session);
}

/* --- output ----------------------------------------------------------------------------------- */

static void session_write_frame(struct exec_session *session, unsigned type, const void *data,
                                size_t length)
{
    _cleanup_strbuf_ struct strbuf frame = {0};
    unsigned char header[FRAME_HEADER_SIZE];
    frame_write_header(header, type, length);
    strbuf_add(&frame, header, sizeof(header));
    strbuf_add(&frame, data, length);
    http_tunnel_write(session->tunnel, frame.data, frame.length);
}

/* What has left the tunnel may come again. Headers make the queue look a little longer than the
 * payload in it: credit comes later, never too early. */
static void session_give_back(struct exec_session *session)
{
    size_t waiting = session->tunnel ? http_tunnel_queued(session->tunnel) : 0;
    if (!exec_process_lives(&session->process) || session->unconsumed <= waiting)
        return;
    size_t left = session->unconsumed - waiting;
    session->unconsumed = waiting;
    exec_process_consumed(&session->process, left);
}

static void on_output(void *userdata, enum exec_stream stream, const void *data, size_t length)
{
    struct exec_session *session = userdata;
    session->unconsumed += length;
    bool wanted = session->tunnel && !session->unwanted[stream];
    if (wanted && session->wire == EXEC_WIRE_RAW)
        http_tunnel_write(session->tunnel, data, length);
    else if (wanted)
        session_write_frame(session, stream, data, length);
    session_give_back(session);
}

static void on_drain(void *userdata)
{
    session_give_back(userdata);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void session_write_end(struct exec_session *session)
{
    _cleanup_json_ cJSON *end = cJSON_CreateObject();
    if (session->exit_error.code) {
        json_set_string(end, "error", error_text(&session->exit_error));
        json_set_int(end, "code", session->exit_error.code);
    } else {
        json_set_int(end, "ExitCode", session->exit_code);
    }
    _cleanup_free_ char *text = json_print(end);
    session_write_frame(session, FRAME_END, text, strlen(text));
}

static void session_finish_tunnel(struct exec_session *session)
{
    if (session->wire == EXEC_WIRE_OWN)
        session_write_end(session);
    http_tunnel_end(session->tunnel);
}

static void session_close(struct exec_session *session)
{
    session->callbacks->on_close(session->userdata);
    session_destroy(session);
}

static void session_set_exited(struct exec_session *session, int exit_code, const struct error *err)
{
    session->exited = true;
    session->process = (struct exec_process){0};
    session->exit_code = exit_code;
    if (err && err->code)
        error_copy(&session->exit_error, err);
    session->callbacks->on_exit(session->userdata, exit_code, err);
}

static void on_exited(void *userdata, int exit_code, const struct error *err)
{
    struct exec_session *session = userdata;
    session_set_exited(session, exit_code, err);
    if (session->tunnel)
        session_finish_tunnel(session);
}

/* The process is not wanted any more: its client left, or broke the protocol. */
static void session_abandon(struct exec_session *session, const struct error *err)
{
    if (!exec_process_lives(&session->process))
        return;
    exec_process_abandon(&session->process);
    session_set_exited(session, -1, err);
}

static void on_close(void *userdata)
{
    struct exec_session *session = userdata;
    _cleanup_error_ struct error err = {0};
    error_set(&err, ECONNRESET, "the client went away");
    session_abandon(session, &err);
    session_close(session);
}

static void session_refuse(struct exec_session *session, const char *problem)
{
    _cleanup_error_ struct error err = {0};
    error_set(&err, EPROTO, "the client broke the exec protocol: %s", problem);
    session_abandon(session, &err);
    session_finish_tunnel(session);
}

/* --- input ------------------------------------------------------------------------------------ */

static size_t session_write_stdin(struct exec_session *session, const char *data, size_t length)
{
    if (!exec_process_lives(&session->process) || !session->stdin_open)
        return length; /* nobody will read it */
    size_t window = exec_process_window(&session->process);
    size_t taken = length < window ? length : window;
    if (taken > 0)
        exec_process_write(&session->process, data, taken);
    return taken;
}

static void session_close_stdin(struct exec_session *session)
{
    if (exec_process_lives(&session->process) && session->stdin_open && !session->keeps_stdin)
        exec_process_close_stdin(&session->process);
    session->stdin_open = false;
}

/* false: not a control message. */
static bool session_apply_control(struct exec_session *session, const struct strbuf *text)
{
    _cleanup_json_ cJSON *message = NULL;
    if (json_parse(strbuf_text(text), text->length, &message, NULL) < 0)
        return false;
    const cJSON *size = json_array(message, "resize");
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(message, "signal");
    if (cJSON_GetArraySize(size) == 2) {
        exec_session_resize(session, (uint16_t)cJSON_GetArrayItem(size, 0)->valueint,
                            (uint16_t)cJSON_GetArrayItem(size, 1)->valueint);
        return true;
    }
    int number = cJSON_IsNumber(name)   ? name->valueint
                 : cJSON_IsString(name) ? signal_from_name(name->valuestring)
                                        : 0;
    if (number <= 0 || number >= NSIG)
        return false;
    if (session->process.exec)
        runtime_exec_signal(session->process.exec, number);
    return true;
}

static size_t read_header(struct exec_session *session, const char *data, size_t length)
{
    struct frame_reader *reader = &session->reader;
    size_t missing = FRAME_HEADER_SIZE - reader->header_length;
    size_t taken = length < missing ? length : missing;
    memcpy(reader->header + reader->header_length, data, taken);
    reader->header_length += taken;
    if (reader->header_length < FRAME_HEADER_SIZE)
        return taken;
    if (!frame_read_header(reader->header, &reader->frame) ||
        reader->frame.length > FRAME_PAYLOAD_LIMIT ||
        (reader->frame.type != FRAME_STDIN && reader->frame.type != FRAME_CONTROL)) {
        session_refuse(session, "no frame of type 0 or 4 with at most 64 KiB");
        return taken;
    }
    reader->left = reader->frame.length;
    if (reader->frame.type == FRAME_STDIN && reader->left == 0)
        session_close_stdin(session);
    return taken;
}

static size_t read_payload(struct exec_session *session, const char *data, size_t length)
{
    struct frame_reader *reader = &session->reader;
    if (length > reader->left)
        length = reader->left;
    size_t taken = length;
    if (reader->frame.type == FRAME_STDIN)
        taken = session_write_stdin(session, data, length);
    else
        strbuf_add(&reader->control, data, length);
    reader->left -= taken;
    return taken;
}

/* A complete frame makes room for the next. */
static void finish_frame(struct exec_session *session)
{
    struct frame_reader *reader = &session->reader;
    if (reader->header_length < FRAME_HEADER_SIZE || reader->left > 0 || session->exited)
        return;
    reader->header_length = 0;
    if (reader->frame.type == FRAME_CONTROL && !session_apply_control(session, &reader->control))
        session_refuse(session, "a control frame that is neither resize nor signal");
    strbuf_clear(&reader->control);
}

static size_t session_read_frames(struct exec_session *session, const char *data, size_t length)
{
    size_t done = 0;
    while (done < length && !session->exited) {
        bool in_header = session->reader.header_length < FRAME_HEADER_SIZE;
        size_t taken = in_header ? read_header(session, data + done, length - done)
                                 : read_payload(session, data + done, length - done);
        done += taken;
        finish_frame(session);
        if (taken == 0)
            return done;
    }
    return session->exited ? length : done;
}

static size_t on_data(void *userdata, const void *data, size_t length)
{
    struct exec_session *session = userdata;
    if (session->wire == EXEC_WIRE_OWN)
        return session_read_frames(session, data, length);
    return session_write_stdin(session, data, length);
}

static void on_end_of_data(void *userdata)
{
    session_close_stdin(userdata);
}

static void on_writable(void *userdata, size_t window)
{
    struct exec_session *session = userdata;
    if (window > 0 && session->tunnel)
        http_tunnel_resume(session->tunnel);
}

/* --- life ------------------------------------------------------------------------------------- */

static const struct exec_callbacks process_callbacks = {
    .on_output = on_output, .on_writable = on_writable, .on_exit = on_exited};

static struct exec_session *session_new(enum exec_wire wire, bool stdin_open,
                                        const struct exec_session_callbacks *callbacks,
                                        void *userdata)
{
    struct exec_session *session = new0(struct exec_session);
    session->wire = wire;
    session->stdin_open = stdin_open;
    session->callbacks = callbacks;
    session->userdata = userdata;
    return session;
}

int exec_session_new(struct runtime *runtime, const char *instance,
                     const struct exec_options *options, enum exec_wire wire,
                     const struct exec_session_callbacks *callbacks, void *userdata,
                     struct exec_session **ret_session, struct error *err)
{
    struct exec_session *session = session_new(wire, options->attach_stdin, callbacks, userdata);
    struct exec *handle = NULL;
    int code =
        runtime_exec_start(runtime, instance, options, &process_callbacks, session, &handle, err);
    if (code < 0) {
        session_destroy(session);
        return code;
    }
    if (!session->exited)
        session->process.exec = handle;
    *ret_session = session;
    return 0;
}

int exec_session_join(struct runtime *runtime, const char *instance,
                      const struct exec_join_options *options, enum exec_wire wire,
                      const struct exec_session_callbacks *callbacks, void *userdata,
                      struct exec_session **ret_session, struct error *err)
{
    struct exec_session *session =
        session_new(wire, options->attach.attach_stdin, callbacks, userdata);
    session->keeps_stdin = options->keeps_stdin;
    session->unwanted[EXEC_STDOUT] = !options->wants_stdout;
    session->unwanted[EXEC_STDERR] = !options->wants_stderr;
    struct attach *handle = NULL;
    int code = runtime_attach_start(runtime, instance, &options->attach, &process_callbacks,
                                    session, &handle, err);
    if (code < 0) {
        session_destroy(session);
        return code;
    }
    if (!session->exited)
        session->process.attach = handle;
    *ret_session = session;
    return 0;
}

void exec_session_attach(struct exec_session *session, struct http_request *request)
{
    static const struct http_tunnel_callbacks callbacks = {.on_data = on_data,
                                                           .on_end_of_data = on_end_of_data,
                                                           .on_drain = on_drain,
                                                           .on_close = on_close};
    const char *type = session->wire == EXEC_WIRE_RAW ? "application/vnd.docker.raw-stream"
                                                      : "application/vnd.docker.multiplexed-stream";
    session->tunnel = http_respond_tunnel(request, type, &callbacks, session);
    if (session->exited)
        session_finish_tunnel(session);
}

void exec_session_resize(struct exec_session *session, uint16_t rows, uint16_t columns)
{
    if (exec_process_lives(&session->process))
        exec_process_resize(&session->process, rows, columns);
}

void exec_session_free(struct exec_session *session)
{
    if (exec_process_lives(&session->process))
        exec_process_abandon(&session->process);
    session_destroy(session);
}
