/* See spawn.h. A spawn has three things to wait for (the process's end and the end of its two
 * output pipes) and perhaps stdin to write; spawn_advance() calls on_done when all are over. */
#include "base/spawn.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>

#define TAIL_KEPT 4096
#define KILL_AFTER_MS 2000
/* Grandchildren may hold the pipes open after the program itself has ended. */
#define LINGER_AFTER_EXIT_MS 500

struct spawn {
    uv_process_t process;
    uv_pipe_t input, output, errors;
    uv_timer_t timer;
    uv_write_t input_request;

    char *input_text;
    struct strbuf output_text, error_text;
    size_t output_limit, output_line_start, error_line_start;
    int handles_open; /* closed handles call back; the struct goes with the last */
    bool exited, output_ended, errors_ended, terminated, done;

    struct spawn_result result;
    void (*on_output_line)(void *userdata, const char *line);
    void (*on_error_line)(void *userdata, const char *line);
    void (*on_done)(void *userdata, const struct spawn_result *result);
    void *userdata;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct spawn *spawn = handle->data;
    if (--spawn->handles_open > 0)
        return;
    free(spawn->input_text);
    strbuf_done(&spawn->output_text);
    strbuf_done(&spawn->error_text);
    free(spawn);
}

static void close_handles(struct spawn *spawn)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&spawn->process, (uv_handle_t *)&spawn->input,
                              (uv_handle_t *)&spawn->output, (uv_handle_t *)&spawn->errors,
                              (uv_handle_t *)&spawn->timer};
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        if (!uv_is_closing(handles[i]))
            uv_close(handles[i], on_handle_closed);
}

static void trim_end(struct strbuf *text)
{
    while (text->length && strchr(" \r\n\t", text->data[text->length - 1]))
        text->data[--text->length] = '\0';
}

static void spawn_advance(struct spawn *spawn)
{
    if (spawn->done || !spawn->exited || !spawn->output_ended || !spawn->errors_ended)
        return;
    spawn->done = true;
    trim_end(&spawn->error_text);
    spawn->result.output = strbuf_text(&spawn->output_text);
    spawn->result.output_length = spawn->output_text.length;
    spawn->result.errors = strbuf_text(&spawn->error_text);
    spawn->on_done(spawn->userdata, &spawn->result);
    close_handles(spawn);
}

static void signal_group(struct spawn *spawn, int signal_number)
{
    if (!spawn->exited)
        kill(-spawn->process.pid, signal_number);
}

static void on_timer(uv_timer_t *timer)
{
    struct spawn *spawn = timer->data;
    if (spawn->exited) { /* somebody else keeps the pipes: what came is what there is */
        spawn->output_ended = spawn->errors_ended = true;
        spawn_advance(spawn);
    } else if (!spawn->terminated) {
        spawn->result.timed_out = true;
        spawn->terminated = true;
        signal_group(spawn, SIGTERM);
        uv_timer_start(timer, on_timer, KILL_AFTER_MS, 0);
    } else {
        signal_group(spawn, SIGKILL);
    }
}

static void on_exit_of_program(uv_process_t *process, int64_t exit_status, int term_signal)
{
    struct spawn *spawn = process->data;
    spawn->exited = true;
    spawn->result.exit_status = term_signal ? -1 : (int)exit_status;
    spawn->result.term_signal = term_signal;
    uv_timer_start(&spawn->timer, on_timer, LINGER_AFTER_EXIT_MS, 0);
    spawn_advance(spawn);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct spawn *spawn = handle->data;
    struct strbuf *text =
        handle == (uv_handle_t *)&spawn->output ? &spawn->output_text : &spawn->error_text;
    *buffer = uv_buf_init(strbuf_reserve(text, 16384), 16384);
}

/* Carriage returns end a line too: that is how programs redraw their progress. */
static void report_lines(struct spawn *spawn, struct strbuf *text, size_t *line_start,
                         void (*on_line)(void *userdata, const char *line))
{
    for (size_t i = *line_start; i < text->length; i++) {
        if (text->data[i] != '\n' && text->data[i] != '\r')
            continue;
        if (on_line && i > *line_start) {
            _cleanup_free_ char *line = xstrndup(text->data + *line_start, i - *line_start);
            on_line(spawn->userdata, line);
        }
        *line_start = i + 1;
    }
}

/* What stands behind the last newline, when nothing more comes. */
static void report_last_line(struct spawn *spawn, struct strbuf *text, size_t line_start,
                             void (*on_line)(void *userdata, const char *line))
{
    if (on_line && text->length > line_start)
        on_line(spawn->userdata, text->data + line_start);
}

static void keep_tail(struct strbuf *text, size_t *line_start)
{
    if (text->length <= TAIL_KEPT)
        return;
    size_t drop = text->length - TAIL_KEPT;
    strbuf_drop_front(text, drop);
    *line_start -= drop < *line_start ? drop : *line_start;
}

static void on_output(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)buffer;
    struct spawn *spawn = stream->data;
    if (count < 0) {
        spawn->output_ended = true;
        uv_read_stop(stream);
        report_last_line(spawn, &spawn->output_text, spawn->output_line_start,
                         spawn->on_output_line);
        spawn_advance(spawn);
        return;
    }
    struct strbuf *text = &spawn->output_text;
    text->length += (size_t)count;
    if (spawn->on_output_line) {
        report_lines(spawn, text, &spawn->output_line_start, spawn->on_output_line);
        keep_tail(text, &spawn->output_line_start);
    } else if (text->length > spawn->output_limit) {
        text->length = spawn->output_limit;
    }
    text->data[text->length] = '\0';
}

static void on_errors(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)buffer;
    struct spawn *spawn = stream->data;
    if (count < 0) {
        spawn->errors_ended = true;
        uv_read_stop(stream);
        report_last_line(spawn, &spawn->error_text, spawn->error_line_start, spawn->on_error_line);
        spawn_advance(spawn);
        return;
    }
    struct strbuf *text = &spawn->error_text;
    text->length += (size_t)count;
    text->data[text->length] = '\0';
    report_lines(spawn, text, &spawn->error_line_start, spawn->on_error_line);
    keep_tail(text, &spawn->error_line_start);
}

static void on_input_written(uv_write_t *request, int status)
{
    (void)status; /* a program may end without reading its stdin */
    struct spawn *spawn = request->handle->data;
    if (!uv_is_closing((uv_handle_t *)&spawn->input))
        uv_close((uv_handle_t *)&spawn->input, on_handle_closed);
}

static void start_streams(struct spawn *spawn)
{
    uv_read_start((uv_stream_t *)&spawn->output, on_room, on_output);
    uv_read_start((uv_stream_t *)&spawn->errors, on_room, on_errors);
    if (!spawn->input_text)
        return;
    uv_buf_t buffer = uv_buf_init(spawn->input_text, (unsigned)strlen(spawn->input_text));
    if (uv_write(&spawn->input_request, (uv_stream_t *)&spawn->input, &buffer, 1,
                 on_input_written) < 0)
        on_input_written(&spawn->input_request, 0);
}

static struct spawn *spawn_new(uv_loop_t *loop, const struct spawn_options *options)
{
    struct spawn *spawn = new0(struct spawn);
    spawn->output_limit = options->output_limit ? options->output_limit : 1 << 20;
    spawn->input_text = xstrdup(options->input);
    spawn->on_output_line = options->on_output_line;
    spawn->on_error_line = options->on_error_line;
    spawn->on_done = options->on_done;
    spawn->userdata = options->userdata;
    uv_pipe_init(loop, &spawn->input, 0);
    uv_pipe_init(loop, &spawn->output, 0);
    uv_pipe_init(loop, &spawn->errors, 0);
    uv_timer_init(loop, &spawn->timer);
    spawn->process.data = spawn->input.data = spawn->output.data = spawn->errors.data =
        spawn->timer.data = spawn;
    spawn->handles_open = 5;
    return spawn;
}

/* The caller's environment with options' "K=V"s put over it. */
static char **merge_environment(const char *const *additions)
{
    extern char **environ;
    char **merged = strv_copy((const char *const *)environ);
    for (size_t i = 0; additions && additions[i]; i++) {
        size_t key_length = strcspn(additions[i], "=") + 1;
        size_t j = 0;
        while (merged && merged[j] && strncmp(merged[j], additions[i], key_length) != 0)
            j++;
        if (merged && merged[j]) {
            free(merged[j]);
            merged[j] = xstrdup(additions[i]);
        } else {
            strv_add(&merged, xstrdup(additions[i]));
        }
    }
    return merged;
}

static int not_started(const char *program, int uv_code, struct error *err)
{
    if (uv_code == UV_ENOENT)
        return error_set(err, ENOENT, "the program '%s' is not installed", program);
    return error_set(err, -uv_code, "cannot start '%s': %s", program, uv_strerror(uv_code));
}

/* The program gets SIGTERM when we die, kill -9 included: nobody would take its result. uv_spawn()
 * has no way to ask for that; setpriv(1) (util-linux, so everywhere on Debian) asks and becomes it.
 */
static char **argv_that_ends_with_us(const char *program, const char *const *argv)
{
    char **wrapped = NULL;
    char *setpriv = fs_find_program("setpriv");
    if (setpriv) {
        strv_add(&wrapped, setpriv);
        strv_add(&wrapped, xstrdup("--pdeathsig"));
        strv_add(&wrapped, xstrdup("TERM"));
        strv_add(&wrapped, xstrdup("--"));
    }
    strv_add(&wrapped, xstrdup(program));
    for (size_t i = 1; argv[i]; i++)
        strv_add(&wrapped, xstrdup(argv[i]));
    return wrapped;
}

int spawn_start(uv_loop_t *loop, const struct spawn_options *options, struct spawn **ret_spawn,
                struct error *err)
{
    _cleanup_free_ char *program = fs_find_program(options->argv[0]);
    if (!program)
        return not_started(options->argv[0], UV_ENOENT, err);
    struct spawn *spawn = spawn_new(loop, options);
    _cleanup_strv_ char **environment = merge_environment(options->environment);
    _cleanup_strv_ char **argv = argv_that_ends_with_us(program, options->argv);
    uv_stdio_container_t stdio[] = {
        {.flags = options->input ? UV_CREATE_PIPE | UV_READABLE_PIPE : UV_IGNORE,
         .data.stream = (uv_stream_t *)&spawn->input},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&spawn->output},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&spawn->errors},
    };
    uv_process_options_t process_options = {
        .file = argv[0],
        .args = argv,
        .env = environment,
        .cwd = options->working_directory,
        .flags = UV_PROCESS_DETACHED, /* a group of its own: it ends as a whole */
        .stdio_count = 3,
        .stdio = stdio,
        .exit_cb = on_exit_of_program,
    };
    int r = uv_spawn(loop, &spawn->process, &process_options);
    if (r < 0) {
        close_handles(spawn);
        return not_started(options->argv[0], r, err);
    }
    start_streams(spawn);
    if (options->timeout_ms)
        uv_timer_start(&spawn->timer, on_timer, options->timeout_ms, 0);
    *ret_spawn = spawn;
    return 0;
}

void spawn_cancel(struct spawn *spawn)
{
    spawn->result.cancelled = true;
    spawn->terminated = true;
    signal_group(spawn, SIGTERM);
    if (!spawn->exited)
        uv_timer_start(&spawn->timer, on_timer, KILL_AFTER_MS, 0);
}

int spawn_check(const char *program, const struct spawn_result *result, struct error *err)
{
    if (result->cancelled)
        return error_set(err, ECANCELED, "'%s' was cancelled", program);
    if (result->timed_out)
        return error_set(err, ETIMEDOUT, "'%s' did not end in time", program);
    if (result->exit_status == 0)
        return 0;
    const char *newline = strrchr(result->errors, '\n');
    const char *last_line = newline ? newline + 1 : result->errors;
    if (result->term_signal)
        return error_set(err, EIO, "'%s' was ended by signal %d%s%s", program, result->term_signal,
                         *last_line ? ": " : "", last_line);
    return error_set(err, EIO, "'%s' failed with exit code %d%s%s", program, result->exit_status,
                     *last_line ? ": " : "", last_line);
}

/* --- detached ------------------------------------------------------------------------------- */

struct detached {
    uv_process_t process;
    void (*on_exit)(void *userdata, int exit_status, int term_signal);
    void *userdata;
};

static void on_detached_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_detached_exit(uv_process_t *process, int64_t exit_status, int term_signal)
{
    struct detached *detached = process->data;
    if (detached->on_exit)
        detached->on_exit(detached->userdata, term_signal ? -1 : (int)exit_status, term_signal);
    uv_close((uv_handle_t *)process, on_detached_closed);
}

int spawn_detached(uv_loop_t *loop, const struct spawn_detached_options *options, pid_t *ret_pid,
                   struct error *err)
{
    _cleanup_free_ char *program = fs_find_program(options->argv[0]);
    if (!program)
        return not_started(options->argv[0], UV_ENOENT, err);
    size_t stdio_count = 3 + options->fd_count;
    _cleanup_free_ uv_stdio_container_t *stdio = xcalloc(stdio_count, sizeof(*stdio));
    stdio[0].flags = UV_IGNORE;
    for (size_t i = 1; i < stdio_count; i++) {
        int fd = i < 3 ? options->log_fd : options->fds[i - 3];
        stdio[i].flags = fd < 0 ? UV_IGNORE : UV_INHERIT_FD;
        stdio[i].data.fd = fd;
    }
    unsigned flags = UV_PROCESS_DETACHED;
    if (options->uid || options->gid)
        flags |= UV_PROCESS_SETUID | UV_PROCESS_SETGID;
    uv_process_options_t process_options = {
        .file = program,
        .args = (char **)options->argv,
        .flags = flags,
        .stdio_count = (int)stdio_count,
        .stdio = stdio,
        .uid = options->uid,
        .gid = options->gid,
        .exit_cb = on_detached_exit,
    };
    struct detached *detached = new0(struct detached);
    detached->process.data = detached;
    detached->on_exit = options->on_exit;
    detached->userdata = options->userdata;
    int r = uv_spawn(loop, &detached->process, &process_options);
    if (r < 0) {
        uv_close((uv_handle_t *)&detached->process, on_detached_closed);
        return not_started(options->argv[0], r, err);
    }
    uv_unref((uv_handle_t *)&detached->process); /* it outlives the loop */
    *ret_pid = detached->process.pid;
    return 0;
}

static void forget_if_pid(uv_handle_t *handle, void *pid)
{
    if (handle->type == UV_PROCESS && ((uv_process_t *)handle)->pid == *(pid_t *)pid &&
        ((uv_process_t *)handle)->exit_cb == on_detached_exit)
        ((struct detached *)handle->data)->on_exit = NULL;
}

void spawn_detached_forget(uv_loop_t *loop, pid_t pid)
{
    uv_walk(loop, forget_if_pid, &pid);
}
