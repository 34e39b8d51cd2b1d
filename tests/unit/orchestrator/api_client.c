/* See api_client.h. */
#include "api_client.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

int client_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval limit = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail_msg("cannot connect to '%s': %s", path, strerror(errno));
    return fd;
}

void client_send(int fd, const char *method, const char *target, const char *headers,
                 const char *body)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_addf(&text, "%s %s HTTP/1.1\r\nHost: d\r\n%s", method, target, headers);
    if (body)
        strbuf_addf(&text, "Content-Length: %zu\r\n", strlen(body));
    strbuf_add_str(&text, "\r\n");
    if (body)
        strbuf_add_str(&text, body);
    assert_int_equal(fs_write_all(fd, text.data, text.length), 0);
}

static ssize_t receive(int fd, struct strbuf *buffer)
{
    ssize_t count = read(fd, strbuf_reserve(buffer, 65536), 65536);
    if (count < 0)
        fail_msg("reading the answer: %s", strerror(errno));
    buffer->length += (size_t)count;
    buffer->data[buffer->length] = '\0';
    return count;
}

void client_read_head(int fd, struct answer *answer)
{
    const char *end = NULL;
    while (!end) {
        if (receive(fd, &answer->head) == 0)
            fail_msg("the answer ends in its head: '%s'", strbuf_text(&answer->head));
        end = strstr(answer->head.data, "\r\n\r\n");
    }
    size_t length = (size_t)(end - answer->head.data) + 4;
    strbuf_add(&answer->body, answer->head.data + length, answer->head.length - length);
    answer->head.length = length;
    answer->head.data[length] = '\0';
    assert_non_null(str_after_prefix(answer->head.data, "HTTP/1.1 "));
    answer->status = atoi(answer->head.data + 9);
}

/* One chunk from the front of raw; false when there is more to read. */
static bool take_chunk(struct strbuf *raw, struct answer *answer)
{
    const char *line_end = strstr(strbuf_text(raw), "\r\n");
    if (!line_end)
        return false;
    size_t size = strtoul(raw->data, NULL, 16);
    size_t start = (size_t)(line_end - raw->data) + 2;
    if (raw->length < start + size + 2)
        return false;
    strbuf_add(&answer->body, raw->data + start, size);
    strbuf_drop_front(raw, start + size + 2);
    answer->complete = size == 0;
    return true;
}

static void read_chunks(int fd, struct answer *answer)
{
    _cleanup_strbuf_ struct strbuf raw = answer->body;
    answer->body = (struct strbuf){0};
    while (!answer->complete) {
        if (!take_chunk(&raw, answer) && receive(fd, &raw) == 0)
            return;
    }
}

void client_read(int fd, struct answer *answer)
{
    client_read_head(fd, answer);
    if (strcasestr(answer->head.data, "transfer-encoding: chunked")) {
        read_chunks(fd, answer);
        return;
    }
    const char *text = strcasestr(answer->head.data, "content-length: ");
    size_t length = text ? strtoul(text + 16, NULL, 10) : 0;
    while (answer->body.length < length)
        if (receive(fd, &answer->body) == 0)
            return;
    answer->complete = true;
}

void client_ask(const char *path, const char *method, const char *target, const char *headers,
                const char *body, struct answer *answer)
{
    _cleanup_close_ int fd = client_connect(path);
    client_send(fd, method, target, headers, body);
    client_read(fd, answer);
}

cJSON *client_ask_json(const char *path, const char *method, const char *target, const char *body,
                       int status)
{
    struct answer answer = {0};
    client_ask(path, method, target, "", body, &answer);
    if (answer.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, answer.status, status,
                 strbuf_text(&answer.body));
    cJSON *value = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(json_parse(strbuf_text(&answer.body), answer.body.length, &value, &err), &err);
    answer_done(&answer);
    return value;
}

bool client_read_exactly(int fd, struct answer *answer, void *data, size_t length)
{
    while (answer->body.length < length)
        if (receive(fd, &answer->body) == 0)
            return false;
    memcpy(data, strbuf_text(&answer->body), length);
    strbuf_drop_front(&answer->body, length);
    return true;
}

void answer_done(struct answer *answer)
{
    strbuf_done(&answer->head);
    strbuf_done(&answer->body);
    *answer = (struct answer){0};
}
