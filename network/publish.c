/* See publish.h. */
#include "network/publish.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "network/port_socket.h"
#include "network/relay.h"

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

/* A hold without a row gives way to another project after this time: the plan that checked it has
 * ended, or will find the port taken when it gets there. */
#define STALE_MS 60000

#define BUCKETS 1024

struct hold {
    LIST_ENTRY(hold) link;
    struct port_row row;
    uint64_t since_ms;
    int fds[IP_FAMILY_COUNT];                    /* -1: not of this family */
    struct relay_port *relayed[IP_FAMILY_COUNT]; /* NULL: the kernel does it all */
    struct port_ways ways[IP_FAMILY_COUNT];
};

struct publish {
    struct store *store;
    struct relay *relay;
    LIST_HEAD(hold_list, hold) buckets[BUCKETS]; /* by protocol and port */
};

struct publish *publish_new(uv_loop_t *loop, struct store *store)
{
    struct publish *publish = new0(struct publish);
    publish->store = store;
    publish->relay = relay_new(loop);
    return publish;
}

static struct hold_list *bucket_of(struct publish *publish, const struct port_row *row)
{
    return &publish->buckets[(row->published * 2u + row->udp) % BUCKETS];
}

static void hold_free(struct hold *hold)
{
    LIST_REMOVE(hold, link);
    for (enum ip_family family = IP_V4; family < IP_FAMILY_COUNT; family++) {
        relay_close(hold->relayed[family]);
        if (hold->fds[family] >= 0)
            close(hold->fds[family]);
    }
    port_row_done(&hold->row);
    free(hold);
}

/* Lets go of every hold that `matches`. */
static void free_holds(struct publish *publish,
                       bool (*matches)(struct publish *publish, const struct port_row *row,
                                       const char *text),
                       const char *text)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct hold *hold = LIST_FIRST(&publish->buckets[i]), *next; hold; hold = next) {
            next = LIST_NEXT(hold, link);
            if (matches(publish, &hold->row, text))
                hold_free(hold);
        }
}

static bool is_any_hold(struct publish *publish, const struct port_row *row, const char *text)
{
    (void)publish, (void)row, (void)text;
    return true;
}

void publish_free(struct publish *publish)
{
    if (!publish)
        return;
    free_holds(publish, is_any_hold, NULL);
    relay_free(publish->relay);
    free(publish);
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
static bool covers(const struct ip_address *a, const struct ip_address *b)
{
    bool same_family = !ip_address_is_set(b) || a->size == b->size;
    return !ip_address_is_set(a) || is_same(a, b) || (ip_address_is_any(a) && same_family);
}

static bool collide(const struct port_row *a, const struct port_row *b)
{
    return a->udp == b->udp && a->published == b->published &&
           (covers(&a->host_ip, &b->host_ip) || covers(&b->host_ip, &a->host_ip));
}

/* A hold that collides, or NULL. A stale one is dropped. */
static struct hold *find_collision(struct publish *publish, const struct port_row *row)
{
    struct hold *next;
    for (struct hold *hold = LIST_FIRST(bucket_of(publish, row)); hold; hold = next) {
        next = LIST_NEXT(hold, link);
        if (row->published == 0 || !collide(&hold->row, row))
            continue;
        bool stale = !streq(hold->row.instance, row->instance) && !has_row(publish, &hold->row) &&
                     clock_monotonic_ms() - hold->since_ms > STALE_MS;
        if (!stale)
            return hold;
        hold_free(hold);
    }
    return NULL;
}

/* The hold of just this row. */
static struct hold *find_hold(struct publish *publish, const struct port_row *row)
{
    struct hold *hold;
    LIST_FOREACH(hold, bucket_of(publish, row), link)
    if (hold->row.udp == row->udp && hold->row.published == row->published &&
        is_same(&hold->row.host_ip, &row->host_ip))
        return hold;
    return NULL;
}

bool publish_is_held(struct publish *publish, const struct port_row *row)
{
    return find_hold(publish, row) != NULL;
}

static void format_port(const struct ip_address *host_ip, const struct port_row *row, char *buffer,
                        size_t size)
{
    char address[IP_TEXT_SIZE] = "0.0.0.0";
    if (ip_address_is_set(host_ip))
        ip_address_format(host_ip, address);
    snprintf(buffer, size, strchr(address, ':') ? "[%s]:%u/%s" : "%s:%u/%s", address,
             row->published, row->udp ? "udp" : "tcp");
}

/* family: of the address that could not be had. */
static int bind_error(const struct port_row *row, enum ip_family family, int code,
                      struct error *err)
{
    char port[64];
    const struct ip_address any = {.size = family == IP_V6 ? 16 : 4};
    const struct ip_address *address = ip_address_is_set(&row->host_ip) ? &row->host_ip : &any;
    format_port(address, row, port, sizeof(port));
    if (code == EADDRINUSE) {
        _cleanup_free_ char *owner = publish_find_owner(address, row->published, row->udp);
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
    const struct hold *other = find_collision(publish, row);
    if (other) {
        if (streq(other->row.instance, row->instance) &&
            is_same(&other->row.host_ip, &row->host_ip))
            return 0;
        char port[64];
        format_port(&row->host_ip, row, port, sizeof(port));
        return error_set(err, EADDRINUSE,
                         "the port '%s' for '%s' is already published by '%s' of project '%s': "
                         "publish another port, or take that one down",
                         port, row->instance, other->row.instance, other->row.project);
    }
    int fds[IP_FAMILY_COUNT];
    enum ip_family family;
    int r = port_socket_bind_all(&row->host_ip, row->published, row->udp, fds, &family);
    if (r < 0)
        return bind_error(row, family, -r, err);
    row->published = port_socket_number(fds[IP_V4] >= 0 ? fds[IP_V4] : fds[IP_V6]);
    struct hold *hold = new0(struct hold);
    hold->row = *row;
    hold->row.instance = xstrdup(row->instance);
    hold->row.project = xstrdup(row->project);
    hold->since_ms = clock_monotonic_ms();
    memcpy(hold->fds, fds, sizeof(fds));
    LIST_INSERT_HEAD(bucket_of(publish, row), hold, link);
    return 0;
}

/* The port of the range that this instance already holds for the same target. */
static bool find_in_range(struct publish *publish, struct port_row *row)
{
    struct port_row candidate = *row;
    for (uint32_t port = row->published; port <= row->published_last; port++) {
        candidate.published = (uint16_t)port;
        const struct hold *hold = find_hold(publish, &candidate);
        if (hold && streq(hold->row.instance, row->instance) && hold->row.target == row->target) {
            row->published = candidate.published;
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
        bool taken = find_collision(publish, &candidate); /* by our own other targets, too */
        if (!taken && hold_one(publish, &candidate, NULL) == 0) {
            row->published = candidate.published;
            return 0;
        }
    }
    return error_set(err, EADDRINUSE,
                     "no port from %u to %u is free for '%s' (%s): publish another range",
                     row->published, row->published_last, row->instance, row->udp ? "udp" : "tcp");
}

static bool is_of_instance(struct publish *publish, const struct port_row *row,
                           const char *instance)
{
    (void)publish;
    return streq(row->instance, instance);
}

void publish_release(struct publish *publish, const char *instance)
{
    free_holds(publish, is_of_instance, instance);
}

static bool is_stale_of_project(struct publish *publish, const struct port_row *row,
                                const char *project)
{
    return streq(row->project, project) && !has_row(publish, row);
}

void publish_release_stale(struct publish *publish, const char *project)
{
    free_holds(publish, is_stale_of_project, project);
}

/* --- ways ----------------------------------------------------------------------------------- */

/* Where the guest is reached by those who come by a family: at its address of the same one, or, by
 * the relay, at the other. */
static struct relay_target target_of(const struct desired_port *port, enum ip_family family)
{
    const struct ip_address *same = &port->address[family];
    struct relay_target target = {
        .address = ip_address_is_set(same) ? *same : port->address[1 - family],
        .port = port->target,
    };
    memcpy(target.tap, port->tap, sizeof(target.tap));
    return target;
}

static void carry_one(struct publish *publish, struct hold *hold, const struct desired_port *port,
                      enum ip_family family)
{
    struct port_ways ways = hold->ways[family];
    struct relay_port **relayed = &hold->relayed[family];
    bool wanted =
        ways.outside == PORT_RELAY || ways.loopback == PORT_RELAY || ways.guests == PORT_RELAY;
    if (wanted && !*relayed) {
        int r = relay_open(publish->relay, hold->fds[family], hold->row.udp, relayed);
        if (r < 0)
            log_warning("the port %u of '%s' has no relay: %s", hold->row.published,
                        hold->row.instance, strerror(-r));
    }
    struct relay_target target = target_of(port, family);
    if (*relayed)
        relay_set_target(*relayed, &target);
}

void publish_carry(struct publish *publish, const struct desired_port *port, bool relay_own)
{
    const struct port_row row = {
        .host_ip = port->host_ip, .published = port->published, .udp = port->udp};
    struct hold *hold = find_hold(publish, &row);
    for (enum ip_family family = IP_V4; hold && family < IP_FAMILY_COUNT; family++) {
        hold->ways[family] = desired_port_ways(port, family, relay_own);
        if (hold->fds[family] >= 0)
            carry_one(publish, hold, port, family);
    }
}

struct port_ways publish_find_ways(struct publish *publish, const struct port_row *row,
                                   enum ip_family family)
{
    const struct hold *hold = find_hold(publish, row);
    return hold && hold->fds[family] >= 0 ? hold->ways[family] : (struct port_ways){0};
}
