/* One address that is asked: its UDP socket and its TCP port (RFC 7766). Questions come in by the
 * batch, and what is answered at once leaves the same way (dns_batch.h); what has to wait is
 * answered by dns_listener_reply(). A TCP connection has one question at a time and is not read
 * meanwhile.
 */
#pragma once

#include "base/error.h"
#include "network/dns_resolvers.h"

#include <uv.h>

struct dns_listener;
struct dns_connection;

/* Who asked what is to be answered. */
struct dns_peer {
    struct dns_listener *listener;
    struct dns_connection *connection; /* NULL: UDP */
    union dns_socket_address address;
};

enum dns_handled {
    DNS_REPLIED, /* reply holds the answer */
    DNS_IGNORED,
    DNS_WAITS, /* dns_listener_reply() comes later */
};

struct dns_listener_callbacks {
    /* peer and data are valid during the call; reply has room for DNS_REPLY_MAX bytes. */
    enum dns_handled (*on_question)(void *userdata, const struct dns_peer *peer, const void *data,
                                    size_t length, uint8_t *reply, size_t *ret_length);
    /* The connection of a question that waits is gone: nobody is to be answered any more. */
    void (*on_gone)(void *userdata, const struct dns_connection *connection);
};

/* What the listeners of one server share: room for a batch, and how many connections there are. */
struct dns_listeners;
struct dns_listeners *dns_listeners_new(uv_loop_t *loop,
                                        const struct dns_listener_callbacks *callbacks);
/* All of them are closed. Lives on until the last connection has closed. */
void dns_listeners_free(struct dns_listeners *listeners);

/* 0 or -errno. */
int dns_listener_open(struct dns_listeners *listeners, const union dns_socket_address *address,
                      void *userdata, struct dns_listener **ret_listener);
/* on_gone is called for those that wait over TCP. */
void dns_listener_close(struct dns_listener *listener);
void dns_listener_reply(const struct dns_peer *peer, const void *data, size_t length);
