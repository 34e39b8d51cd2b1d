/* What relay.c, relay_tcp.c and relay_udp.c share. */
#pragma once

#include "network/relay.h"

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define RELAY_CONNECT_MS 10000                 /* a guest without ARP answers has ended it before */
#define RELAY_HALF_CLOSED_MS (10u * 60 * 1000) /* one side has ended, the other is silent */
#define RELAY_SILENT_MS (24u * 60 * 60 * 1000) /* keepalive finds the dead long before */
#define RELAY_FLOW_MS (30u * 1000)             /* nobody has answered yet: conntrack's times */
#define RELAY_FLOW_ANSWERED_MS (120u * 1000)
#define RELAY_FLOW_BUCKETS 1024

struct connection;
struct flow;

struct relay {
    uv_loop_t *loop;
    uv_timer_t timer; /* every second while anything goes through */
    LIST_HEAD(, relay_port) ports;
    LIST_HEAD(, connection) connections;
    size_t connection_count, connection_limit;
    TAILQ_HEAD(flow_queue, flow) flows; /* the one used longest ago first */
    LIST_HEAD(, flow) flow_buckets[RELAY_FLOW_BUCKETS];
    size_t flow_count, flow_limit;
    size_t references; /* itself, and everything that has a handle on the loop */
};

struct relay_port {
    LIST_ENTRY(relay_port) link;
    struct relay *relay;
    uv_poll_t poll;
    int fd;
    bool udp, paused; /* paused: out of descriptors; the timer tries again */
    struct relay_target target;
};

/* For everything whose handle was closed. */
void relay_unref(struct relay *relay);
void relay_keep_time(struct relay *relay);
/* A guest that is there: its address. Otherwise false. */
bool relay_find_guest(const struct relay_port *port, struct sockaddr_storage *ret_address,
                      socklen_t *ret_length);

void relay_tcp_accept(struct relay_port *port);
void relay_tcp_end_all(struct relay *relay, const struct relay_port *port); /* NULL: of all */
void relay_tcp_look(struct relay *relay, uint64_t now_ms);

void relay_udp_receive(struct relay_port *port);
void relay_udp_end_all(struct relay *relay, const struct relay_port *port);
void relay_udp_look(struct relay *relay, uint64_t now_ms);
