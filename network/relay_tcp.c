/* A connection of relay.h: two sockets, and each way a pipe. What one read of a socket has brought
 * into the pipe goes out before the next read: a slow reader so stops the writer by TCP itself. */
#include "network/relay_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define CHUNK 65536 /* a pipe's size */
#define ROUNDS 16   /* chunks at a time; others have their turn in between */
#define ACCEPTS 64

enum { CLIENT, GUEST, END_COUNT };

enum connection_phase {
    CONNECTION_CONNECTING, /* to the guest; nothing is read yet */
    CONNECTION_OPEN,
    CONNECTION_CLOSING, /* until the loop has let go of both ends */
};

struct end {
    struct connection *connection;
    uv_poll_t poll;
    int fd;
    int events; /* waited for */
};

/* From ends[i] to the other one. */
struct way {
    int pipe[2];
    size_t held; /* bytes in the pipe */
    bool ended;  /* no more to read */
    bool closed; /* and the other side knows */
};

struct connection {
    LIST_ENTRY(connection) link;
    struct relay *relay;
    const struct relay_port *port;
    enum connection_phase phase;
    bool failed; /* as the loop says */
    struct end ends[END_COUNT];
    struct way ways[END_COUNT];
    int handles;
    uint64_t active_ms;
};

/* --- the end -------------------------------------------------------------------------------- */

static void on_end_closed(uv_handle_t *handle)
{
    struct connection *connection = ((struct end *)handle->data)->connection;
    struct relay *relay = connection->relay;
    if (--connection->handles > 0)
        return;
    free(connection);
    relay_unref(relay);
}

/* abort: both sides get a reset, as they would of each other. */
static void connection_close(struct connection *connection, bool abort)
{
    const struct linger hard = {.l_onoff = 1};
    connection->phase = CONNECTION_CLOSING;
    LIST_REMOVE(connection, link);
    connection->relay->connection_count--;
    for (int i = 0; i < END_COUNT; i++) {
        struct end *end = &connection->ends[i];
        uv_close((uv_handle_t *)&end->poll, on_end_closed);
        if (abort)
            setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        close(end->fd);
        close(connection->ways[i].pipe[0]);
        close(connection->ways[i].pipe[1]);
    }
}

void relay_tcp_end_all(struct relay *relay, const struct relay_port *port)
{
    struct connection *connection, *next;
    for (connection = LIST_FIRST(&relay->connections); connection; connection = next) {
        next = LIST_NEXT(connection, link);
        if (!port || connection->port == port)
            connection_close(connection, true);
    }
}

static uint64_t time_limit(const struct connection *connection)
{
    switch (connection->phase) {
    case CONNECTION_CONNECTING:
        return RELAY_CONNECT_MS;
    case CONNECTION_OPEN:
        return connection->ways[CLIENT].ended || connection->ways[GUEST].ended
                   ? RELAY_HALF_CLOSED_MS
                   : RELAY_SILENT_MS;
    case CONNECTION_CLOSING:
        break;
    }
    return UINT64_MAX;
}

void relay_tcp_look(struct relay *relay, uint64_t now_ms)
{
    struct connection *connection, *next;
    for (connection = LIST_FIRST(&relay->connections); connection; connection = next) {
        next = LIST_NEXT(connection, link);
        if (now_ms - connection->active_ms > time_limit(connection))
            connection_close(connection, true);
    }
}

/* --- under way ------------------------------------------------------------------------------ */

static bool would_block(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Moves what can be moved. false: one of the sockets is broken. */
static bool pump(struct way *way, int from, int to)
{
    const unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
    for (int round = 0; round < ROUNDS; round++) {
        if (way->held == 0 && !way->ended) {
            ssize_t n = splice(from, NULL, way->pipe[1], NULL, CHUNK, flags);
            if (n < 0)
                return would_block(n);
            way->held = (size_t)n;
            way->ended = n == 0;
        }
        if (way->held > 0) {
            ssize_t n = splice(way->pipe[0], NULL, to, NULL, way->held, flags);
            if (n < 0)
                return would_block(n);
            way->held -= (size_t)n;
        }
        if (way->ended && way->held == 0) {
            if (!way->closed && shutdown(to, SHUT_WR) < 0)
                return false;
            way->closed = true;
            break;
        }
    }
    return true;
}

static void on_end(uv_poll_t *poll, int status, int events);

static void wait_for(struct end *end, int events)
{
    if (events == end->events)
        return;
    end->events = events;
    if (events)
        uv_poll_start(&end->poll, events, on_end);
    else
        uv_poll_stop(&end->poll);
}

static void wait_for_both(struct connection *connection)
{
    for (int i = 0; i < END_COUNT; i++) {
        const struct way *out = &connection->ways[i], *in = &connection->ways[1 - i];
        wait_for(&connection->ends[i], (!out->ended && out->held == 0 ? UV_READABLE : 0) |
                                           (in->held > 0 ? UV_WRITABLE : 0));
    }
}

static bool is_connected(const struct connection *connection)
{
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(connection->ends[GUEST].fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error == 0 && !connection->failed;
}

static void connection_advance(struct connection *connection)
{
    struct way *ways = connection->ways;
    bool good =
        connection->phase == CONNECTION_CONNECTING ? is_connected(connection) : !connection->failed;
    connection->phase = CONNECTION_OPEN;
    connection->active_ms = clock_monotonic_ms();
    for (int i = 0; good && i < END_COUNT; i++)
        good = pump(&ways[i], connection->ends[i].fd, connection->ends[1 - i].fd);
    if (!good || (ways[CLIENT].closed && ways[GUEST].closed))
        connection_close(connection, !good);
    else
        wait_for_both(connection);
}

static void on_end(uv_poll_t *poll, int status, int events)
{
    struct end *end = poll->data;
    (void)events;
    end->connection->failed = status < 0;
    connection_advance(end->connection);
}

/* --- the beginning -------------------------------------------------------------------------- */

/* Small packets at once; a peer that is gone is noticed after two minutes. */
static void tune(int fd)
{
    static const struct {
        int level, option, value;
    } options[] = {{IPPROTO_TCP, TCP_NODELAY, 1},
                   {SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, 60},
                   {IPPROTO_TCP, TCP_KEEPINTVL, 10},
                   {IPPROTO_TCP, TCP_KEEPCNT, 6}};
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        setsockopt(fd, options[i].level, options[i].option, &options[i].value,
                   sizeof(options[i].value));
}

/* A socket on its way to the guest, or -errno. */
static int connect_guest(const struct relay_port *port)
{
    struct sockaddr_storage address;
    socklen_t length;
    if (!relay_find_guest(port, &address, &length))
        return -EHOSTUNREACH;
    _cleanup_close_ int fd =
        socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    tune(fd);
    if (connect(fd, (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS)
        return -errno;
    return TAKE_FD(fd);
}

static void init_end(struct connection *connection, int which, int fd)
{
    struct end *end = &connection->ends[which];
    end->connection = connection;
    end->fd = fd;
    end->poll.data = end;
    uv_poll_init(connection->relay->loop, &end->poll, fd);
}

/* Takes both sockets, or neither: -errno. */
static int connection_start(struct relay_port *port, int client, int guest)
{
    struct connection *connection = new0(struct connection);
    struct way *ways = connection->ways;
    if (pipe2(ways[CLIENT].pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        free(connection);
        return -errno;
    }
    if (pipe2(ways[GUEST].pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        close(ways[CLIENT].pipe[0]);
        close(ways[CLIENT].pipe[1]);
        free(connection);
        return -errno;
    }
    connection->relay = port->relay;
    connection->port = port;
    connection->handles = END_COUNT;
    connection->active_ms = clock_monotonic_ms();
    init_end(connection, CLIENT, client);
    init_end(connection, GUEST, guest);
    LIST_INSERT_HEAD(&port->relay->connections, connection, link);
    port->relay->connection_count++;
    port->relay->references++;
    wait_for(&connection->ends[GUEST], UV_WRITABLE);
    relay_keep_time(port->relay);
    return 0;
}

/* A connection of the kernel's that leads nowhere: the client hears at once. */
static void refuse(int client)
{
    const struct linger hard = {.l_onoff = 1};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(client);
}

void relay_tcp_accept(struct relay_port *port)
{
    for (int i = 0; i < ACCEPTS; i++) {
        int client = accept4(port->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            port->paused = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
            return;
        }
        tune(client);
        int guest = port->relay->connection_count < port->relay->connection_limit
                        ? connect_guest(port)
                        : -EBUSY;
        if (guest >= 0 && connection_start(port, client, guest) == 0)
            continue;
        if (guest >= 0)
            close(guest);
        refuse(client);
    }
}
