/* Blocking requests; see connection.h. */
#include "cmd/connection.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_SIZE 65536

static int send_all(int fd, const char *data, size_t length, struct error *err)
{
    while (length > 0) {
        ssize_t count = send(fd, data, length, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_set(err, errno == ECONNRESET ? EPIPE : errno,
                             "cannot send to the daemon: %s", strerror(errno));
        data += count;
        length -= (size_t)count;
    }
    return 0;
}

int connection_open(const char *socket_path, const struct http_request *request,
                    struct connection *ret_connection, struct error *err)
{
    _cleanup_free_ char *identity = client_identity_headers();
    _cleanup_strbuf_ struct strbuf text = {0};
    struct http_request identified = *request;
    identified.headers = identity;
    http_print_request(&identified, &text);
    _cleanup_close_ int fd = -1;
    int r = client_connect(socket_path, &fd, err);
    if (r == 0)
        r = send_all(fd, text.data, text.length, err);
    if (r < 0)
        return r;
    *ret_connection = (struct connection){
        .fd = TAKE_FD(fd), .reader = {.no_body = strcmp(request->method, "HEAD") == 0}};
    return 0;
}

int connection_send(struct connection *connection, const void *data, size_t length,
                    struct error *err)
{
    char size[24];
    int size_length = snprintf(size, sizeof(size), "%zx\r\n", length);
    int r = send_all(connection->fd, size, (size_t)size_length, err);
    if (r == 0)
        r = send_all(connection->fd, data, length, err);
    return r < 0 ? r : send_all(connection->fd, "\r\n", 2, err);
}

static void on_body(void *userdata, const char *data, size_t length)
{
    strbuf_add(userdata, data, length);
}

static bool has_ended(const struct connection *connection)
{
    return connection->reader.phase == HTTP_DONE;
}

/* Reads once. The end of the connection is where the body ends, or an error. */
static int receive(struct connection *connection, struct strbuf *data, struct error *err)
{
    char buffer[RECEIVE_SIZE];
    ssize_t count = recv(connection->fd, buffer, sizeof(buffer), 0);
    if (count < 0 && errno == EINTR)
        return 0;
    if (count < 0)
        return error_set(err, errno, "lost the daemon: %s", strerror(errno));
    if (count > 0)
        return http_reader_feed(&connection->reader, buffer, (size_t)count, on_body, data, err);
    int r = http_reader_finish(&connection->reader, err);
    if (r == 0)
        connection->reader.phase = HTTP_DONE;
    return r;
}

int connection_answer(struct connection *connection, struct error *err)
{
    int r = 0;
    while (r == 0 && connection->reader.phase == HTTP_HEAD)
        r = receive(connection, &connection->early, err);
    int status = connection->reader.status;
    if (r < 0 || (status >= 200 && status <= 299) || status == 101)
        return r;
    while (r == 0 && !has_ended(connection))
        r = receive(connection, &connection->early, err);
    return client_set_error(err, status, strbuf_text(&connection->early), connection->early.length);
}

int connection_receive(struct connection *connection, struct strbuf *ret_data, struct error *err)
{
    strbuf_clear(ret_data);
    if (connection->early.length) {
        strbuf_add(ret_data, connection->early.data, connection->early.length);
        strbuf_clear(&connection->early);
        return 0;
    }
    int r = 0;
    while (r == 0 && ret_data->length == 0 && !has_ended(connection))
        r = receive(connection, ret_data, err);
    return r;
}

void connection_done(struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
    http_reader_done(&connection->reader);
    strbuf_done(&connection->early);
}
