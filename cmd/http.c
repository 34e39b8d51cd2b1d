/* Requests and responses of HTTP/1.1; see http.h. */
#include "cmd/http.h"

#include "base/alloc.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* Longer lines are not from our daemon. */
#define LINE_LIMIT 8192

void http_print_request(const struct http_request *request, struct strbuf *out)
{
    strbuf_addf(out, "%s %s HTTP/1.1\r\nHost: vmstead\r\n", request->method, request->path);
    strbuf_add_str(out, request->upgrade ? "Connection: Upgrade\r\nUpgrade: tcp\r\n"
                                         : "Connection: close\r\n");
    if (request->headers)
        strbuf_add_str(out, request->headers);
    if (request->body)
        strbuf_addf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                    strlen(request->body));
    if (request->chunked)
        strbuf_add_str(out, "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n");
    strbuf_addf(out, "\r\n%s", request->body ? request->body : "");
}

static int read_status_line(struct http_reader *reader, const char *line, struct error *err)
{
    const char *rest = str_after_prefix(line, "HTTP/1.");
    if (!rest || !isdigit((unsigned char)rest[0]) || rest[1] != ' ' ||
        !isdigit((unsigned char)rest[2]) || !isdigit((unsigned char)rest[3]) ||
        !isdigit((unsigned char)rest[4]))
        return error_set(err, EPROTO, "the daemon does not speak HTTP: '%.40s'", line);
    reader->status = atoi(rest + 2);
    return 0;
}

/* The value of the header when the line is one of that name, else NULL. */
static const char *header_value(const char *line, const char *name)
{
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    return line + length + 1 + strspn(line + length + 1, " \t");
}

static int read_header(struct http_reader *reader, const char *line, struct error *err)
{
    const char *value = header_value(line, "Content-Length");
    if (value) {
        reader->has_length = true;
        if (str_to_u64(value, &reader->left) < 0)
            return error_set(err, EPROTO, "the daemon's answer has a bad length: '%s'", value);
    }
    value = header_value(line, "Transfer-Encoding");
    if (value)
        reader->chunked = strcasecmp(value, "chunked") == 0;
    value = header_value(line, "X-Docker-Container-Path-Stat");
    if (value) {
        free(reader->path_stat);
        reader->path_stat = xstrdup(value);
    }
    return 0;
}

/* Behind the empty line of the head: how the body ends (RFC 9112, section 6.3). */
static void begin_body(struct http_reader *reader)
{
    if (reader->status == 101)
        reader->phase = HTTP_UPGRADED;
    else if (reader->no_body || reader->status == 204 || reader->status == 304)
        reader->phase = HTTP_DONE;
    else if (reader->chunked)
        reader->phase = HTTP_CHUNK_SIZE;
    else if (reader->has_length)
        reader->phase = reader->left ? HTTP_BODY_LENGTH : HTTP_DONE;
    else
        reader->phase = HTTP_BODY_CLOSE;
}

static int read_head_line(struct http_reader *reader, const char *line, struct error *err)
{
    if (!reader->status)
        return read_status_line(reader, line, err);
    if (*line)
        return read_header(reader, line, err);
    if (reader->status == 100) /* "Continue": the real head follows */
        reader->status = 0;
    else
        begin_body(reader);
    return 0;
}

static int read_chunk_size(struct http_reader *reader, const char *line, struct error *err)
{
    char *end;
    errno = 0;
    unsigned long long size = strtoull(line, &end, 16);
    if (end == line || errno || (*end && *end != ';' && *end != ' '))
        return error_set(err, EPROTO, "the daemon's answer has a bad chunk: '%.40s'", line);
    reader->left = size;
    reader->phase = size ? HTTP_CHUNK_DATA : HTTP_TRAILER;
    return 0;
}

static int read_line(struct http_reader *reader, const char *line, struct error *err)
{
    switch (reader->phase) {
    case HTTP_HEAD:
        return read_head_line(reader, line, err);
    case HTTP_CHUNK_SIZE:
        return read_chunk_size(reader, line, err);
    case HTTP_CHUNK_END:
        reader->phase = HTTP_CHUNK_SIZE;
        return *line ? error_set(err, EPROTO, "the daemon's answer has a chunk without end") : 0;
    case HTTP_TRAILER:
        if (!*line)
            reader->phase = HTTP_DONE;
        return 0;
    case HTTP_BODY_LENGTH:
    case HTTP_BODY_CLOSE:
    case HTTP_CHUNK_DATA:
    case HTTP_DONE:
    case HTTP_UPGRADED:
    case HTTP_PHASE_COUNT:
        break;
    }
    assert(!"a phase without lines");
    return 0;
}

/* Collects one line; returns how many bytes it took. */
static size_t take_line(struct http_reader *reader, const char *data, size_t length,
                        int *ret_result, struct error *err)
{
    const char *newline = memchr(data, '\n', length);
    size_t taken = newline ? (size_t)(newline - data) + 1 : length;
    strbuf_add(&reader->line, data, taken);
    if (reader->line.length > LINE_LIMIT) {
        *ret_result = error_set(err, EPROTO, "the daemon's answer has a line that does not end");
        return taken;
    }
    if (!newline)
        return taken;
    _cleanup_free_ char *line = strbuf_take(&reader->line);
    line[strcspn(line, "\r\n")] = '\0';
    *ret_result = read_line(reader, line, err);
    return taken;
}

static size_t take_counted(struct http_reader *reader, const char *data, size_t length,
                           enum http_phase next, http_body_fn *on_body, void *userdata)
{
    size_t taken = length < reader->left ? length : (size_t)reader->left;
    reader->left -= taken;
    if (reader->left == 0)
        reader->phase = next;
    on_body(userdata, data, taken);
    return taken;
}

int http_reader_feed(struct http_reader *reader, const char *data, size_t length,
                     http_body_fn *on_body, void *userdata, struct error *err)
{
    int r = 0;
    while (length > 0 && r == 0) {
        size_t taken = length;
        switch (reader->phase) {
        case HTTP_HEAD:
        case HTTP_CHUNK_SIZE:
        case HTTP_CHUNK_END:
        case HTTP_TRAILER:
            taken = take_line(reader, data, length, &r, err);
            break;
        case HTTP_BODY_LENGTH:
            taken = take_counted(reader, data, length, HTTP_DONE, on_body, userdata);
            break;
        case HTTP_CHUNK_DATA:
            taken = take_counted(reader, data, length, HTTP_CHUNK_END, on_body, userdata);
            break;
        case HTTP_BODY_CLOSE:
        case HTTP_UPGRADED:
            on_body(userdata, data, length);
            break;
        case HTTP_DONE:
            break; /* what follows a complete answer is not ours */
        case HTTP_PHASE_COUNT:
            return -EPROTO;
        }
        data += taken;
        length -= taken;
    }
    return r;
}

int http_reader_finish(const struct http_reader *reader, struct error *err)
{
    if (reader->phase == HTTP_DONE || reader->phase == HTTP_BODY_CLOSE ||
        reader->phase == HTTP_UPGRADED)
        return 0;
    return error_set(err, ECONNRESET,
                     "the daemon closed the connection in the middle of an answer");
}

void http_reader_done(struct http_reader *reader)
{
    strbuf_done(&reader->line);
    free(reader->path_stat);
    reader->path_stat = NULL;
}
