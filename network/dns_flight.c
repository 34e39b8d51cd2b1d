/* See dns_flight.h. */
#include "network/dns_flight.h"

#include "base/alloc.h"
#include "network/dns_message.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct dns_port {
    LIST_ENTRY(dns_port) link;
    struct dns_flights *flights;
    union dns_socket_address server;
    uv_udp_t udp;
    LIST_HEAD(, dns_flight) waiting;
};

struct dns_flights {
    uv_loop_t *loop;
    LIST_HEAD(, dns_port) ports;
    size_t port_count;
    char buffer[DNS_MESSAGE_MAX]; /* for the datagram being read */
};

struct dns_flights *dns_flights_new(uv_loop_t *loop)
{
    struct dns_flights *flights = new0(struct dns_flights);
    flights->loop = loop;
    LIST_INIT(&flights->ports);
    return flights;
}

void dns_flights_free(struct dns_flights *flights)
{
    free(flights);
}

static void on_port_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void port_close(struct dns_port *port)
{
    LIST_REMOVE(port, link);
    port->flights->port_count--;
    uv_close((uv_handle_t *)&port->udp, on_port_closed);
}

void dns_flight_land(struct dns_flight *flight)
{
    struct dns_port *port = flight->port;
    if (!port)
        return;
    flight->port = NULL;
    LIST_REMOVE(flight, link);
    if (LIST_EMPTY(&port->waiting))
        port_close(port);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct dns_port *port = handle->data;
    *buffer = uv_buf_init(port->flights->buffer, sizeof(port->flights->buffer));
}

static struct dns_flight *find_flight(const struct dns_port *port, const void *data, size_t length)
{
    struct dns_flight *flight;
    LIST_FOREACH(flight, &port->waiting, link)
    if (length >= 2 && memcmp(flight->query, data, 2) == 0 &&
        dns_is_answer_to(data, length, flight->query, flight->length))
        return flight;
    return NULL;
}

static void on_datagram(uv_udp_t *udp, ssize_t count, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    struct dns_port *port = udp->data;
    struct dns_flight *flight;
    if (count < 0) { /* an ICMP error */
        while ((flight = LIST_FIRST(&port->waiting)))
            flight->on_lost(flight);
    } else if (from && !(flags & UV_UDP_PARTIAL) &&
               (flight = find_flight(port, buffer->base, (size_t)count))) {
        flight->on_answer(flight, buffer->base, (size_t)count);
    }
}

static int port_open(struct dns_flights *flights, const union dns_socket_address *server,
                     struct dns_port **ret_port)
{
    struct dns_port *port = new0(struct dns_port);
    port->flights = flights;
    port->server = *server;
    port->udp.data = port;
    LIST_INIT(&port->waiting);
    LIST_INSERT_HEAD(&flights->ports, port, link);
    flights->port_count++;
    int r = uv_udp_init(flights->loop, &port->udp);
    if (r == 0)
        r = uv_udp_connect(&port->udp, &server->any); /* a random port; only its answers come in */
    if (r == 0)
        r = uv_udp_recv_start(&port->udp, on_room, on_datagram);
    if (r < 0) {
        port_close(port);
        return r;
    }
    *ret_port = port;
    return 0;
}

/* One of those that lead to this server; NULL: none does. */
static struct dns_port *choose_port(const struct dns_flights *flights,
                                    const union dns_socket_address *server)
{
    struct dns_port *port, *chosen = NULL;
    uint32_t seen = 0, random = 0;
    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    LIST_FOREACH(port, &flights->ports, link)
    if (dns_socket_address_equal(&port->server, server))
        seen++;
    uint32_t wanted = seen ? random % seen : 0;
    LIST_FOREACH(port, &flights->ports, link)
    if (dns_socket_address_equal(&port->server, server) && wanted-- == 0) {
        chosen = port;
        break;
    }
    return chosen;
}

int dns_flight_start(struct dns_flights *flights, const union dns_socket_address *server,
                     struct dns_flight *flight)
{
    struct dns_port *port = NULL;
    int r = 0;
    if (flights->port_count >= DNS_MAX_PORTS)
        port = choose_port(flights, server);
    if (!port)
        r = port_open(flights, server, &port);
    if (r < 0)
        return r;
    flight->port = port;
    LIST_INSERT_HEAD(&port->waiting, flight, link);
    uv_buf_t message = uv_buf_init((char *)(uintptr_t)flight->query, (unsigned)flight->length);
    r = uv_udp_try_send(&port->udp, &message, 1, NULL);
    if (r < 0)
        dns_flight_land(flight);
    return r < 0 ? r : 0;
}
