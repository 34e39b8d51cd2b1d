/* The bound sockets that hold published ports (publish.c). They are non-blocking and close-on-exec;
 * those of IPv6 are of IPv6 alone. */
#pragma once

#include "base/ip.h"

/* Port 0: the kernel chooses. -errno; -EAFNOSUPPORT where the kernel has no such family. */
int port_socket_bind(const struct ip_address *address, uint16_t port, bool udp);
/* Of all families that host_ip stands for ({0}: both), the same port for both; ret_fds has -1 for
 * what is not held. On failure ret_family is that of the address which could not be had. */
int port_socket_bind_all(const struct ip_address *host_ip, uint16_t port, bool udp,
                         int ret_fds[IP_FAMILY_COUNT], enum ip_family *ret_family);
uint16_t port_socket_number(int fd);
