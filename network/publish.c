/* See publish.h. */
#include "network/publish.h"

#include "base/clock.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

/* A hold without a row gives way to another project after this time: the plan that checked it has
 * ended, or will find the port taken when it gets there. */
#define STALE_MS 60000

struct hold {
    struct port_row row;
    uint64_t since_ms;
    int fd;
};

struct publish {
    struct store *store;
    VEC(struct hold) holds;
};

struct publish *publish_new(struct store *store)
{
    struct publish *publish = new0(struct publish);
    publish->store = store;
    return publish;
}

static void remove_hold(struct publish *publish, size_t index)
{
    struct hold *hold = &publish->holds.items[index];
    close(hold->fd);
    port_row_done(&hold->row);
    *hold = publish->holds.items[--publish->holds.count];
}

void publish_free(struct publish *publish)
{
    if (!publish)
        return;
    while (publish->holds.count > 0)
        remove_hold(publish, 0);
    vec_done(&publish->holds);
    free(publish);
}

size_t publish_count(const struct publish *publish)
{
    return publish->holds.count;
}

bool publish_is_held(const struct publish *publish, const struct port_row *row)
{
    for (size_t i = 0; i < publish->holds.count; i++) {
        const struct port_row *held = &publish->holds.items[i].row;
        if (held->udp == row->udp && held->published == row->published &&
            ip_address_compare(&held->host_ip, &row->host_ip) == 0)
            return true;
    }
    return false;
}

static bool has_row(struct publish *publish, const struct port_row *row)
{
    char address[IP_TEXT_SIZE] = "";
    if (ip_address_is_set(&row->host_ip))
        ip_address_format(&row->host_ip, address);
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        publish->store, NULL,
        "SELECT 1 FROM published_ports WHERE host_ip = ? AND protocol = ? AND published = ? "
        "AND instance = ?",
        "ssis", address, row->udp ? "udp" : "tcp", (int64_t)row->published, row->instance);
    return query && store_step(publish->store, query, NULL) > 0;
}

static bool is_same(const struct ip_address *a, const struct ip_address *b)
{
    return ip_address_compare(a, b) == 0;
}

/* Whether binding to a takes b as well. */
static bool is_any(const struct ip_address *a, const struct ip_address *b)
{
    static const struct ip_address none;
    return !ip_address_is_set(a) ||
           (a->size == b->size && memcmp(a->bytes, none.bytes, a->size) == 0);
}

static bool collide(const struct port_row *a, const struct port_row *b)
{
    return a->udp == b->udp && a->published == b->published &&
           (is_any(&a->host_ip, &b->host_ip) || is_any(&b->host_ip, &a->host_ip) ||
            is_same(&a->host_ip, &b->host_ip));
}

/* The index of a hold that collides, or -1. A stale one is dropped. */
static int64_t find_collision(struct publish *publish, const struct port_row *row)
{
    for (size_t i = 0; row->published != 0 && i < publish->holds.count; i++) {
        struct hold *hold = &publish->holds.items[i];
        if (!collide(&hold->row, row))
            continue;
        bool stale = !streq(hold->row.instance, row->instance) && !has_row(publish, &hold->row) &&
                     clock_monotonic_ms() - hold->since_ms > STALE_MS;
        if (!stale)
            return (int64_t)i;
        remove_hold(publish, i--);
    }
    return -1;
}

static void format_port(const struct port_row *row, char *buffer, size_t size)
{
    char address[IP_TEXT_SIZE] = "0.0.0.0";
    if (ip_address_is_set(&row->host_ip))
        ip_address_format(&row->host_ip, address);
    snprintf(buffer, size, strchr(address, ':') ? "[%s]:%u/%s" : "%s:%u/%s", address,
             row->published, row->udp ? "udp" : "tcp");
}

/* Bound and not listening is enough, as long as SO_REUSEADDR is off: then the kernel lets nobody
 * else bind, and refuses a connection that no rule has translated. */
static int bind_plain(const struct port_row *row, bool reuse)
{
    struct sockaddr_storage address;
    socklen_t length = ip_address_to_socket(&row->host_ip, row->published, &address);
    _cleanup_close_ int fd = socket(row->host_ip.size == 16 ? AF_INET6 : AF_INET,
                                    (row->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int one = 1;
    if (reuse)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, length) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* Connections in TIME_WAIT that an earlier listener left forbid the plain way for a minute. With
 * SO_REUSEADDR the port is free, and listening keeps it from others. */
static int bind_over_remains(const struct port_row *row)
{
    _cleanup_close_ int fd = bind_plain(row, true);
    if (fd < 0)
        return TAKE_FD(fd);
    if (listen(fd, 0) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 address = {0}; /* of either family: the port is at the same place */
    socklen_t length = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &length) < 0 ? 0 : ntohs(address.sin6_port);
}

static int bind_error(const struct port_row *row, int code, struct error *err)
{
    char port[64];
    format_port(row, port, sizeof(port));
    if (code == EADDRINUSE) {
        _cleanup_free_ char *owner = publish_find_owner(&row->host_ip, row->published, row->udp);
        return error_set(err, code,
                         "the port '%s' for '%s' is already in use by %s: stop it or publish "
                         "another port",
                         port, row->instance, owner ? owner : "a program that cannot be seen");
    }
    if (code == EADDRNOTAVAIL)
        return error_set(err, code,
                         "the port '%s' for '%s' cannot be published: the host has no such address",
                         port, row->instance);
    return error_set(err, code, "the port '%s' for '%s' cannot be published: %s", port,
                     row->instance, strerror(code));
}

static int hold_one(struct publish *publish, struct port_row *row, struct error *err)
{
    int64_t index = find_collision(publish, row);
    if (index >= 0) {
        const struct port_row *other = &publish->holds.items[index].row;
        if (streq(other->instance, row->instance) && is_same(&other->host_ip, &row->host_ip))
            return 0;
        char port[64];
        format_port(row, port, sizeof(port));
        return error_set(err, EADDRINUSE,
                         "the port '%s' for '%s' is already published by '%s' of project '%s': "
                         "publish another port, or take that one down",
                         port, row->instance, other->instance, other->project);
    }
    _cleanup_close_ int fd = bind_plain(row, false);
    if (fd == -EADDRINUSE && !row->udp)
        fd = bind_over_remains(row);
    if (fd < 0)
        return bind_error(row, -fd, err);
    row->published = port_of(fd);
    struct hold hold = {.row = *row, .since_ms = clock_monotonic_ms(), .fd = TAKE_FD(fd)};
    hold.row.instance = xstrdup(row->instance);
    hold.row.project = xstrdup(row->project);
    vec_add(&publish->holds, hold);
    return 0;
}

/* The port of the range that this instance already holds for the same target. */
static bool find_in_range(struct publish *publish, struct port_row *row)
{
    for (size_t i = 0; i < publish->holds.count; i++) {
        const struct port_row *held = &publish->holds.items[i].row;
        if (streq(held->instance, row->instance) && held->target == row->target &&
            held->udp == row->udp && is_same(&held->host_ip, &row->host_ip) &&
            held->published >= row->published && held->published <= row->published_last) {
            row->published = held->published;
            return true;
        }
    }
    return false;
}

int publish_hold(struct publish *publish, struct port_row *row, struct error *err)
{
    if (row->published_last <= row->published)
        return hold_one(publish, row, err);
    if (find_in_range(publish, row))
        return 0;
    for (uint32_t port = row->published; port <= row->published_last; port++) {
        struct port_row candidate = *row;
        candidate.published = (uint16_t)port;
        int64_t collision = find_collision(publish, &candidate); /* our own other targets' too */
        if (collision < 0 && hold_one(publish, &candidate, NULL) == 0) {
            row->published = candidate.published;
            return 0;
        }
    }
    return error_set(err, EADDRINUSE,
                     "no port from %u to %u is free for '%s' (%s): publish another range",
                     row->published, row->published_last, row->instance, row->udp ? "udp" : "tcp");
}

void publish_release(struct publish *publish, const char *instance)
{
    for (size_t i = publish->holds.count; i-- > 0;)
        if (streq(publish->holds.items[i].row.instance, instance))
            remove_hold(publish, i);
}

void publish_release_stale(struct publish *publish, const char *project)
{
    for (size_t i = publish->holds.count; i-- > 0;)
        if (streq(publish->holds.items[i].row.project, project) &&
            !has_row(publish, &publish->holds.items[i].row))
            remove_hold(publish, i);
}
