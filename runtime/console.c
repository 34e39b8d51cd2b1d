/* See console.h. */
#include "runtime/console.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct console {
    uv_pipe_t pipe;
    uv_connect_t connect;
    char *file_path;
    int fd;
    off_t length;
    char buffer[4096];
    bool closed;
    void (*on_closed)(void *userdata);
    void *userdata;
};

static void on_handle_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void report_closed(struct console *console)
{
    uv_read_stop((uv_stream_t *)&console->pipe);
    if (!console->closed)
        console->on_closed(console->userdata);
    console->closed = true;
}

static int open_file(struct console *console, struct error *err)
{
    console->fd = open(console->file_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat status;
    if (console->fd < 0 || fstat(console->fd, &status) < 0)
        return error_set(err, errno, "cannot write '%s': %s", console->file_path, strerror(errno));
    console->length = status.st_size;
    return 0;
}

static void rotate(struct console *console)
{
    _cleanup_free_ char *old = xasprintf("%s.1", console->file_path);
    close(console->fd);
    if (rename(console->file_path, old) < 0)
        unlink(console->file_path);
    _cleanup_error_ struct error err = {0};
    if (open_file(console, &err) < 0)
        log_warning("%s", error_text(&err));
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct console *console = handle->data;
    *buffer = uv_buf_init(console->buffer, sizeof(console->buffer));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct console *console = stream->data;
    if (count < 0) {
        report_closed(console);
        return;
    }
    if (console->length + count > CONSOLE_FILE_LIMIT)
        rotate(console);
    /* A full disk costs the evidence, not the guest. */
    if (console->fd >= 0 && fs_write_all(console->fd, buffer->base, (size_t)count) == 0)
        console->length += count;
}

static void on_connected(uv_connect_t *request, int status)
{
    struct console *console = request->data;
    if (status == UV_ECANCELED)
        return;
    if (status < 0)
        report_closed(console);
    else
        uv_read_start((uv_stream_t *)&console->pipe, on_room, on_read);
}

int console_new(uv_loop_t *loop, const char *socket_path, const char *file_path,
                void (*on_closed)(void *userdata), void *userdata, struct console **ret_console,
                struct error *err)
{
    struct console *console = new0(struct console);
    console->file_path = xstrdup(file_path);
    int r = open_file(console, err);
    if (r < 0) {
        free(console->file_path);
        free(console);
        return r;
    }
    uv_pipe_init(loop, &console->pipe, 0);
    console->pipe.data = console->connect.data = console;
    console->on_closed = on_closed;
    console->userdata = userdata;
    uv_pipe_connect(&console->connect, &console->pipe, socket_path, on_connected);
    *ret_console = console;
    return 0;
}

void console_free(struct console *console)
{
    if (!console)
        return;
    console->closed = true;
    if (console->fd >= 0)
        close(console->fd);
    console->fd = -1;
    free(TAKE_PTR(console->file_path));
    uv_close((uv_handle_t *)&console->pipe, on_handle_closed);
}

static void add_printable(struct strbuf *out, const char *text, size_t length)
{
    bool pending_break = false, escape = false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (escape) { /* an ANSI sequence ends with a letter */
            escape = !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
        } else if (c == 0x1b) {
            escape = true;
        } else if (c == '\n') {
            pending_break = out->length > 0;
        } else if (c >= ' ' && c < 0x7f) {
            if (pending_break)
                strbuf_add_str(out, " | ");
            pending_break = false;
            strbuf_add_char(out, (char)c);
        }
    }
}

char *console_read_tail(const char *file_path, size_t limit)
{
    struct strbuf out = {0};
    _cleanup_free_ char *text = xmalloc(limit);
    _cleanup_close_ int fd = open(file_path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd >= 0 && fstat(fd, &status) == 0) {
        off_t start = status.st_size > (off_t)limit ? status.st_size - (off_t)limit : 0;
        ssize_t count = pread(fd, text, limit, start);
        if (count > 0)
            add_printable(&out, text, (size_t)count);
    }
    return strbuf_take(&out);
}
