/* See port_socket.h. */
#include "network/port_socket.h"

#include "base/cleanup.h"

#include <errno.h>
#include <sys/socket.h>

/* How often another port is chosen where IPv6 has not the one that IPv4 got. */
#define CHOICES 32

static int bind_plain(const struct ip_address *address, uint16_t port, bool udp, bool reuse)
{
    struct sockaddr_storage name;
    socklen_t length = ip_address_to_socket(address, port, &name);
    _cleanup_close_ int fd =
        socket(name.ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int one = 1;
    if (name.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (reuse)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&name, length) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* Connections in TIME_WAIT that an earlier listener left forbid the plain way for a minute. With
 * SO_REUSEADDR the port is free, and listening keeps it from others. */
static int bind_over_remains(const struct ip_address *address, uint16_t port)
{
    _cleanup_close_ int fd = bind_plain(address, port, false, true);
    if (fd < 0)
        return TAKE_FD(fd);
    if (listen(fd, 0) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int port_socket_bind(const struct ip_address *address, uint16_t port, bool udp)
{
    int fd = bind_plain(address, port, udp, false);
    return fd == -EADDRINUSE && !udp ? bind_over_remains(address, port) : fd;
}

uint16_t port_socket_number(int fd)
{
    struct sockaddr_in6 address = {0}; /* of either family: the port is at the same place */
    socklen_t length = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &length) < 0 ? 0 : ntohs(address.sin6_port);
}

static int bind_both(uint16_t port, bool udp, int ret_fds[IP_FAMILY_COUNT],
                     enum ip_family *ret_family)
{
    static const struct ip_address any[IP_FAMILY_COUNT] = {
        [IP_V4] = {.size = 4}, [IP_V6] = {.size = 16}};
    _cleanup_close_ int four = port_socket_bind(&any[IP_V4], port, udp);
    *ret_family = IP_V4;
    if (four < 0)
        return TAKE_FD(four);
    int six = port_socket_bind(&any[IP_V6], port_socket_number(four), udp);
    *ret_family = IP_V6;
    if (six < 0 && six != -EAFNOSUPPORT)
        return six;
    ret_fds[IP_V4] = TAKE_FD(four);
    ret_fds[IP_V6] = six < 0 ? -1 : six;
    return 0;
}

int port_socket_bind_all(const struct ip_address *host_ip, uint16_t port, bool udp,
                         int ret_fds[IP_FAMILY_COUNT], enum ip_family *ret_family)
{
    ret_fds[IP_V4] = ret_fds[IP_V6] = -1;
    if (!ip_address_is_set(host_ip)) {
        int r = bind_both(port, udp, ret_fds, ret_family);
        for (int i = 0; port == 0 && r == -EADDRINUSE && i < CHOICES; i++)
            r = bind_both(port, udp, ret_fds, ret_family);
        return r;
    }
    *ret_family = ip_family_of(host_ip);
    int fd = port_socket_bind(host_ip, port, udp);
    if (fd < 0)
        return fd;
    ret_fds[*ret_family] = fd;
    return 0;
}
