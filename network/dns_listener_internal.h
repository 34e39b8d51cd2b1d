/* What dns_listener.c (UDP) and dns_connection.c (TCP) share; nobody else includes it. */
#pragma once

#include "network/dns_listener.h"

#include <sys/queue.h>

struct dns_batch;

struct dns_listeners {
    uv_loop_t *loop;
    struct dns_listener_callbacks callbacks;
    struct dns_batch *batch;
    size_t connection_count, handles_open;
    bool closing;
};
/* Each handle that still has a callback to come is one. */
void dns_listeners_unref(struct dns_listeners *listeners);

struct dns_listener {
    struct dns_listeners *all;
    void *userdata;
    int udp_fd;
    uv_poll_t udp;
    uv_tcp_t tcp;
    int handles_open;
    LIST_HEAD(, dns_connection) connections;
    size_t connection_count;
};

int dns_connections_listen(struct dns_listener *listener, const union dns_socket_address *address);
void dns_connections_close(struct dns_listener *listener);
void dns_connection_reply(struct dns_connection *connection, const void *data, size_t length);
