/* Probes over the network, see net_probe.h. */
#include "runtime/guest/net_probe.h"

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/guest/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

/* A status line is shorter. */
#define STATUS_MAX 512
#define QUERY_REPEAT_MS 1000u

enum net_phase { NET_RESOLVING, NET_CONNECTING, NET_SENDING, NET_READING };

struct net_probe {
    struct loop *loop;
    enum net_phase phase;
    struct watch watch;
    struct timer timer; /* the query once more; or the failure that was known at once */
    char *host, *path;  /* path NULL: only a connection */
    uint16_t port, query_id;
    uint8_t query[RESOLVE_PACKET_MAX];
    size_t query_length;
    struct strbuf request, status;
    size_t sent;
    char *failure;
    char waits_for[300];
    void (*on_done)(void *userdata, const char *failure, const char *output);
    void *userdata;
};

static void net_on_ready(void *userdata, uint32_t events);

static void net_close(struct net_probe *probe)
{
    loop_watch(probe->loop, &probe->watch, 0);
    if (probe->watch.fd >= 0)
        close(probe->watch.fd);
    probe->watch.fd = -1;
}

void net_probe_free(struct net_probe *probe)
{
    if (!probe)
        return;
    net_close(probe);
    loop_clear_timer(probe->loop, &probe->timer);
    strbuf_done(&probe->request);
    strbuf_done(&probe->status);
    free(probe->host);
    free(probe->path);
    free(probe->failure);
    free(probe);
}

const char *net_probe_waits_for(struct net_probe *probe)
{
    if (probe->phase == NET_RESOLVING)
        snprintf(probe->waits_for, sizeof(probe->waits_for), "no nameserver answers for \"%s\"",
                 probe->host);
    else
        snprintf(probe->waits_for, sizeof(probe->waits_for), "%s %s:%u",
                 probe->phase == NET_CONNECTING ? "no connection to" : "no answer from",
                 probe->host, probe->port);
    return probe->waits_for;
}

static void net_fail(struct net_probe *probe, const char *what, const char *why)
{
    _cleanup_free_ char *line = xasprintf("%s %s:%u: %s", what, probe->host, probe->port, why);
    probe->on_done(probe->userdata, line, NULL);
}

/* --- HTTP ----------------------------------------------------------------------------------- */

/* "HTTP/1.1 200 OK" (RFC 9112, 4). */
static void net_judge(struct net_probe *probe)
{
    char *line = probe->status.data;
    unsigned code = 0;
    line[strcspn(line, "\r\n")] = '\0';
    if (sscanf(line, "HTTP/%*u.%*u %3u", &code) != 1)
        return net_fail(probe, "no HTTP from", *line ? line : "an empty answer");
    if (code < 200 || code > 399)
        probe->on_done(probe->userdata, line, NULL);
    else
        probe->on_done(probe->userdata, NULL, line);
}

static void net_read(struct net_probe *probe)
{
    char data[STATUS_MAX];
    ssize_t length = read(probe->watch.fd, data, sizeof(data));
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length < 0)
        return net_fail(probe, "reading from", strerror(errno));
    if (length > 0)
        strbuf_add(&probe->status, data, (size_t)length);
    if (length > 0 && !memchr(probe->status.data, '\n', probe->status.length) &&
        probe->status.length < STATUS_MAX)
        return;
    if (!probe->status.length)
        return net_fail(probe, "connection to", "closed without an answer");
    net_judge(probe);
}

static void net_send(struct net_probe *probe)
{
    ssize_t length = send(probe->watch.fd, probe->request.data + probe->sent,
                          probe->request.length - probe->sent, MSG_NOSIGNAL);
    if (length < 0 && errno != EAGAIN && errno != EINTR)
        return net_fail(probe, "writing to", strerror(errno));
    probe->sent += length > 0 ? (size_t)length : 0;
    if (probe->sent < probe->request.length)
        return;
    probe->phase = NET_READING;
    loop_watch(probe->loop, &probe->watch, EPOLLIN);
}

static void net_begin_request(struct net_probe *probe)
{
    strbuf_addf(&probe->request,
                "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: vmstead-probe\r\n"
                "Accept: */*\r\nConnection: close\r\n\r\n",
                probe->path, probe->host, probe->port);
    probe->phase = NET_SENDING;
    net_send(probe);
}

/* --- connecting ----------------------------------------------------------------------------- */

static void net_connected(struct net_probe *probe)
{
    int code = 0;
    socklen_t size = sizeof(code);
    getsockopt(probe->watch.fd, SOL_SOCKET, SO_ERROR, &code, &size);
    if (code)
        return net_fail(probe, "connection to", strerror(code));
    if (probe->path)
        return net_begin_request(probe);
    _cleanup_free_ char *line = xasprintf("%s:%u takes connections", probe->host, probe->port);
    probe->on_done(probe->userdata, NULL, line);
}

/* What is known at once is told later: not from within net_probe_start(). */
static void net_fail_later(struct net_probe *probe, int code)
{
    probe->failure = xstrdup(strerror(code));
    loop_set_timer(probe->loop, &probe->timer, 0);
}

static void net_connect(struct net_probe *probe, struct sockaddr_storage *address)
{
    net_close(probe);
    loop_clear_timer(probe->loop, &probe->timer);
    probe->phase = NET_CONNECTING;
    if (address->ss_family == AF_INET)
        ((struct sockaddr_in *)address)->sin_port = htons(probe->port);
    else
        ((struct sockaddr_in6 *)address)->sin6_port = htons(probe->port);
    probe->watch.fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe->watch.fd < 0 ||
        (connect(probe->watch.fd, (struct sockaddr *)address, sizeof(*address)) < 0 &&
         errno != EINPROGRESS))
        return net_fail_later(probe, errno);
    loop_watch(probe->loop, &probe->watch, EPOLLOUT);
}

/* --- names ---------------------------------------------------------------------------------- */

static void net_ask(struct net_probe *probe)
{
    if (send(probe->watch.fd, probe->query, probe->query_length, MSG_NOSIGNAL) < 0 &&
        errno != EAGAIN)
        return net_fail_later(probe, errno);
    loop_set_timer(probe->loop, &probe->timer, QUERY_REPEAT_MS);
}

static void net_take_answer(struct net_probe *probe)
{
    uint8_t packet[RESOLVE_PACKET_MAX];
    struct sockaddr_storage address;
    ssize_t length = recv(probe->watch.fd, packet, sizeof(packet), 0);
    if (length < 0)
        return;
    switch (resolve_decode_answer(packet, (size_t)length, probe->query_id, &address)) {
    case RESOLVE_FOUND:
        return net_connect(probe, &address);
    case RESOLVE_NOT_FOUND:
        return net_fail(probe, "connection to", "the name is not known");
    case RESOLVE_NO_ANSWER:
        return;
    }
}

static void net_resolve(struct net_probe *probe)
{
    struct sockaddr_storage address;
    probe->phase = NET_RESOLVING;
    if (resolve_locally(probe->host, &address))
        return net_connect(probe, &address);
    if (getrandom(&probe->query_id, sizeof(probe->query_id), GRND_NONBLOCK) < 0)
        probe->query_id = (uint16_t)loop_now_ms();
    probe->query_length = resolve_encode_query(probe->host, probe->query_id, probe->query);
    if (!probe->query_length || !resolve_nameserver(&address))
        return net_fail_later(probe, ENOENT);
    probe->watch.fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe->watch.fd < 0 ||
        connect(probe->watch.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return net_fail_later(probe, errno);
    loop_watch(probe->loop, &probe->watch, EPOLLIN);
    net_ask(probe);
}

/* --- the outline ---------------------------------------------------------------------------- */

static void net_on_timer(void *userdata)
{
    struct net_probe *probe = userdata;
    if (probe->failure)
        net_fail(probe, "connection to", probe->failure);
    else
        net_ask(probe);
}

static void net_on_ready(void *userdata, uint32_t events)
{
    struct net_probe *probe = userdata;
    (void)events;
    switch (probe->phase) {
    case NET_RESOLVING:
        return net_take_answer(probe);
    case NET_CONNECTING:
        return net_connected(probe);
    case NET_SENDING:
        return net_send(probe);
    case NET_READING:
        return net_read(probe);
    }
}

/* "http://HOST[:PORT][/PATH]", the host an IPv6 address in brackets where it is one. */
static int net_parse_url(struct net_probe *probe, const char *url, struct error *err)
{
    const char *host = url ? str_after_prefix(url, "http://") : NULL;
    if (!host)
        return error_set(err, EINVAL, "\"%s\" is no http:// URL", url ? url : "");
    size_t authority = strcspn(host, "/?#"), length;
    const char *bracket = *host == '[' ? memchr(host, ']', authority) : NULL;
    const char *end = bracket ? bracket + 1 : host + strcspn(host, ":/?#");
    length = (size_t)(end - host);
    _cleanup_free_ char *port = xstrndup(end, authority - length);
    probe->host = bracket ? xstrndup(host + 1, length - 2) : xstrndup(host, length);
    probe->port = 80;
    if (!*probe->host || (*port && (*port != ':' || str_to_u16(port + 1, &probe->port) < 0)))
        return error_set(err, EINVAL, "the URL \"%s\" names no host and port", url);
    const char *path = host + authority;
    char *slashed = xasprintf("%s%s", *path == '/' ? "" : "/", path);
    slashed[strcspn(slashed, "# \r\n")] = '\0';
    probe->path = slashed;
    return 0;
}

int net_probe_start(struct loop *loop, const struct net_probe_target *target,
                    void (*on_done)(void *userdata, const char *failure, const char *output),
                    void *userdata, struct net_probe **ret_probe, struct error *err)
{
    struct net_probe *probe = new0(struct net_probe);
    *probe = (struct net_probe){.loop = loop, .on_done = on_done, .userdata = userdata};
    probe->watch = (struct watch){.fd = -1, .on_ready = net_on_ready, .userdata = probe};
    probe->timer = (struct timer){.on_deadline = net_on_timer, .userdata = probe};
    int result = 0;
    if (!target->url && target->port >= 1 && target->port <= 65535) {
        probe->host = xstrdup("127.0.0.1");
        probe->port = (uint16_t)target->port;
    } else {
        result = net_parse_url(probe, target->url, err);
    }
    if (result < 0) {
        net_probe_free(probe);
        return result;
    }
    net_resolve(probe);
    *ret_probe = probe;
    return 0;
}
