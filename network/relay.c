/* See relay.h. The ports and the clock; connections are relay_tcp.c, flows relay_udp.c. */
#include "network/relay_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>

#define LOOK_EVERY_MS 1000
#define BACKLOG 512
#define MOST_CONNECTIONS 4096
#define MOST_FLOWS 4096

/* A connection takes two sockets and two pipes, a flow one socket: together at most half of the
 * descriptors. */
static void set_limits(struct relay *relay)
{
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    relay->connection_limit = limit.rlim_cur / 3 / 6;
    relay->flow_limit = limit.rlim_cur / 6;
    if (relay->connection_limit > MOST_CONNECTIONS)
        relay->connection_limit = MOST_CONNECTIONS;
    if (relay->flow_limit > MOST_FLOWS)
        relay->flow_limit = MOST_FLOWS;
}

struct relay *relay_new(uv_loop_t *loop)
{
    struct relay *relay = new0(struct relay);
    relay->loop = loop;
    relay->references = 1;
    LIST_INIT(&relay->ports);
    LIST_INIT(&relay->connections);
    TAILQ_INIT(&relay->flows);
    uv_timer_init(loop, &relay->timer);
    relay->timer.data = relay;
    set_limits(relay);
    return relay;
}

void relay_unref(struct relay *relay)
{
    if (--relay->references == 0)
        free(relay);
}

static void on_timer_closed(uv_handle_t *handle)
{
    relay_unref(handle->data);
}

void relay_free(struct relay *relay)
{
    if (!relay)
        return;
    while (!LIST_EMPTY(&relay->ports))
        relay_close(LIST_FIRST(&relay->ports));
    uv_close((uv_handle_t *)&relay->timer, on_timer_closed);
}

/* --- time ----------------------------------------------------------------------------------- */

static bool resume_paused(struct relay *relay);

static void on_time(uv_timer_t *timer)
{
    struct relay *relay = timer->data;
    uint64_t now_ms = clock_monotonic_ms();
    relay_tcp_look(relay, now_ms);
    relay_udp_look(relay, now_ms);
    bool any = resume_paused(relay) || relay->connection_count > 0 || relay->flow_count > 0;
    if (!any)
        uv_timer_stop(timer);
}

void relay_keep_time(struct relay *relay)
{
    if (!uv_is_active((uv_handle_t *)&relay->timer))
        uv_timer_start(&relay->timer, on_time, LOOK_EVERY_MS, LOOK_EVERY_MS);
}

/* --- ports ---------------------------------------------------------------------------------- */

static void on_port(uv_poll_t *poll, int status, int events)
{
    struct relay_port *port = poll->data;
    (void)status, (void)events;
    if (port->udp)
        relay_udp_receive(port);
    else
        relay_tcp_accept(port);
    if (port->paused) {
        uv_poll_stop(&port->poll);
        relay_keep_time(port->relay);
    }
}

static bool resume_paused(struct relay *relay)
{
    struct relay_port *port;
    bool any = false;
    LIST_FOREACH(port, &relay->ports, link)
    {
        if (!port->paused)
            continue;
        port->paused = false;
        uv_poll_start(&port->poll, UV_READABLE, on_port);
        any = true;
    }
    return any;
}

/* UDP is answered from the address that was asked. */
static int prepare_socket(int fd, bool udp)
{
    int one = 1, family = AF_INET;
    socklen_t length = sizeof(family);
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
    if (udp)
        return family == AF_INET6
                   ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one))
                   : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
    /* What is left of connections must not keep the next daemon from the port. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    return listen(fd, BACKLOG);
}

int relay_open(struct relay *relay, int fd, bool udp, struct relay_port **ret_port)
{
    if (prepare_socket(fd, udp) < 0)
        return -errno;
    struct relay_port *port = new0(struct relay_port);
    port->relay = relay;
    port->fd = fd;
    port->udp = udp;
    int r = uv_poll_init(relay->loop, &port->poll, fd);
    if (r < 0) {
        free(port);
        return r;
    }
    port->poll.data = port;
    uv_poll_start(&port->poll, UV_READABLE, on_port);
    LIST_INSERT_HEAD(&relay->ports, port, link);
    relay->references++;
    *ret_port = port;
    return 0;
}

void relay_set_target(struct relay_port *port, const struct relay_target *target)
{
    bool same = port->target.port == target->port &&
                ip_address_compare(&port->target.address, &target->address) == 0;
    if (!same)
        relay_udp_end_all(port->relay, port);
    port->target = *target;
}

static void on_port_closed(uv_handle_t *handle)
{
    struct relay_port *port = handle->data;
    relay_unref(port->relay);
    free(port);
}

void relay_close(struct relay_port *port)
{
    if (!port)
        return;
    relay_tcp_end_all(port->relay, port);
    relay_udp_end_all(port->relay, port);
    LIST_REMOVE(port, link);
    uv_close((uv_handle_t *)&port->poll, on_port_closed);
}

/* A guest that is not there would be found out by ARP only, after seconds. */
bool relay_find_guest(const struct relay_port *port, struct sockaddr_storage *ret_address,
                      socklen_t *ret_length)
{
    const struct relay_target *target = &port->target;
    if (!ip_address_is_set(&target->address) ||
        (target->tap[0] && if_nametoindex(target->tap) == 0))
        return false;
    *ret_length = ip_address_to_socket(&target->address, target->port, ret_address);
    return true;
}
